package client_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/client"
	"github.com/zot-artifact-store/zas/internal/config"
	"github.com/zot-artifact-store/zas/internal/server"
	"github.com/zot-artifact-store/zas/module"
	"github.com/zot-artifact-store/zas/standard"
)

const mib = 1 << 20

var root = client.KeyPair{AccessKey: "root", SecretKey: "root-secret"}

// serve runs the standard server until the end of ctx, over a new directory. stop waits for its end.
func serve(ctx context.Context) (url string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "zas-client-*")
	if err != nil {
		return "", nil, err
	}
	c := config.Default()
	c.Storage.RootDirectory, c.Storage.FreeSpaceFloor, c.HTTP.Port = filepath.Join(dir, "data"), 0, "0"
	r := &module.Registry{}
	standard.Modules(r)
	s, err := server.Open(ctx, server.Options{
		Config: c, Modules: r, Root: auth.Root{AccessKey: root.AccessKey, SecretKey: root.SecretKey}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return "", nil, err
	}
	running, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(running, ctx) }()
	return "http://" + s.Address().String(), func() {
		cancel()
		<-done
		_ = os.RemoveAll(dir)
	}, nil
}

// suite is a client of a real server, with a bucket.
type suite struct {
	*testing.T
	*client.Client
	url    string
	config client.Config
	log    *traffic
}

// traffic is what passes between a client and its server. Its rules may change it.
type traffic struct {
	next http.RoundTripper
	mu   sync.Mutex
	seen []string
	// rule may answer itself: a nil answer lets the request pass.
	rule func(*http.Request) (*http.Response, error)
	// after may lose an answer.
	after func(*http.Request, *http.Response) error
}

// RoundTrip implements http.RoundTripper.
func (l *traffic) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	l.seen = append(l.seen, r.Method+" "+r.URL.RequestURI())
	rule, after := l.rule, l.after
	l.mu.Unlock()
	if rule != nil {
		if a, err := rule(r); a != nil || err != nil {
			if r.Body != nil {
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
			return a, err
		}
	}
	a, err := l.next.RoundTrip(r)
	if err == nil && after != nil {
		if err := after(r, a); err != nil {
			_, _ = io.Copy(io.Discard, a.Body)
			a.Body.Close()
			return nil, err
		}
	}
	return a, err
}

// count is how many requests held all of these words; then it begins anew.
func (l *traffic) count(words ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.seen {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			n++
		}
	}
	l.seen = nil
	return n
}

func (l *traffic) set(rule func(*http.Request) (*http.Response, error), after func(*http.Request, *http.Response) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rule, l.after, l.seen = rule, after, nil
}

const bucket = "bucket"

func newSuite(t *testing.T) *suite {
	t.Helper()
	url, stop, err := serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	transport := &http.Transport{MaxIdleConnsPerHost: 8, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	s := &suite{T: t, url: url, log: &traffic{next: transport}}
	s.config = client.Config{Server: url, Credentials: root, Transport: s.log, Retry: client.Retry{First: time.Millisecond, Longest: 20 * time.Millisecond}}
	s.Client = s.newClient(s.config)
	s.ok(s.CreateBucket(t.Context(), bucket, client.BucketOptions{}))
	return s
}

func (s *suite) newClient(c client.Config) *client.Client {
	s.Helper()
	made, err := client.New(c)
	s.ok(err)
	return made
}

func (s *suite) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// get is must for what a call returns.
func get[T any](v T, err error) func(*suite) T {
	return func(s *suite) T {
		s.Helper()
		s.ok(err)
		return v
	}
}

func (s *suite) put(key, content string) client.Info {
	s.Helper()
	return get(s.Upload(s.Context(), client.At(bucket, key), strings.NewReader(content), client.UploadOptions{}))(s)
}

// holds says whether key has this content.
func (s *suite) holds(key string, want []byte) {
	s.Helper()
	var got buffer
	get(s.Download(s.Context(), client.At(bucket, key), &got, client.DownloadOptions{}))(s)
	if !bytes.Equal(got.b, want) {
		s.Errorf("%s holds %d bytes, not the %d that were stored", key, len(got.b), len(want))
	}
}

// buffer is memory that can be written anywhere, in order only.
type buffer struct{ b []byte }

// WriteAt implements io.WriterAt.
func (w *buffer) WriteAt(p []byte, off int64) (int, error) {
	if need := int(off) + len(p); need > len(w.b) {
		w.b = append(w.b, make([]byte, need-len(w.b))...)
	}
	return copy(w.b[off:], p), nil
}

// random is n bytes that nothing has twice.
func random(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b)
	return b
}

// proxy passes TCP connections on to a server, and does them harm.
type proxy struct {
	url  string
	l    net.Listener
	to   string
	next atomic.Pointer[harm]
	hurt atomic.Int32 // connections that came to harm
}

// harm is what happens to a connection once so many bytes have passed.
type harm struct {
	up    bool // counts what the client sends, else what it gets
	after int64
	flip  bool // one bit of the next byte, else the connection is cut
	hang  bool // nothing passes any more
	times atomic.Int32
}

func newProxy(t *testing.T, url string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{url: "http://" + l.Addr().String(), l: l, to: strings.TrimPrefix(url, "http://")}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.pass(c)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return p
}

// harms does h to the next n connections.
func (p *proxy) harms(n int, h *harm) {
	h.times.Store(int32(n))
	p.next.Store(h)
	p.hurt.Store(0)
}

func (p *proxy) pass(c net.Conn) {
	s, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = c.Close()
		return
	}
	end := sync.OnceFunc(func() {
		_ = c.Close()
		_ = s.Close()
	})
	go p.copy(s, c, true, end)
	p.copy(c, s, false, end)
}

func (p *proxy) copy(to, from net.Conn, up bool, end func()) {
	defer end()
	b, passed := make([]byte, 32<<10), int64(0)
	hurt := false
	for {
		n, err := from.Read(b)
		if h := p.next.Load(); h != nil && h.up == up && !hurt && n > 0 && passed <= h.after && h.after < passed+int64(n) && h.times.Add(-1) >= 0 {
			hurt = true
			p.hurt.Add(1)
			switch {
			case h.flip:
				b[h.after-passed] ^= 1
			case h.hang:
				_, _ = io.Copy(io.Discard, from)
				return
			default:
				_, _ = to.Write(b[:h.after-passed])
				return
			}
		}
		passed += int64(n)
		if _, failed := to.Write(b[:n]); failed != nil || err != nil {
			return
		}
	}
}

// through is a client of the suite's server behind a proxy.
func (s *suite) through(change func(*client.Config)) (*client.Client, *proxy) {
	s.Helper()
	p := newProxy(s.T, s.url)
	c := s.config
	t := &http.Transport{DisableKeepAlives: true, DisableCompression: true} // harm is counted by connection
	c.Server, c.Transport = p.url, t
	if change != nil {
		change(&c)
	}
	return s.newClient(c), p
}
