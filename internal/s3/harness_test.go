package s3_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/policy"
	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/extent/fileextent"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/internal/s3"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

var root = auth.Root{AccessKey: "root-access-key", SecretKey: "root-secret-key"}

const inlineMax = 1 << 10

// server is the protocol over the real domain, answering on a socket.
type server struct {
	t testing.TB
	*httptest.Server
	now     time.Time
	extents string        // directory
	policy  policy.Policy // to be changed before the first request
	options s3.Options
}

func newServer(t testing.TB) *server {
	return newServerOver(t, content.Options{InlineMax: inlineMax}, func() (*pebblemeta.Store, error) {
		return pebblemeta.Open("meta", pebblemeta.Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemTableBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
	})
}

func newServerOver(t testing.TB, o content.Options, open func() (*pebblemeta.Store, error)) *server {
	t.Helper()
	s := &server{t: t, now: time.Date(2026, 11, 2, 3, 4, 5, 0, time.UTC)}
	s.Server = httptest.NewServer(s.handler(o, open))
	s.Client().Transport.(*http.Transport).DisableCompression = true
	s.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(s.Close)
	return s
}

func (s *server) handler(o content.Options, open func() (*pebblemeta.Store, error)) *s3.Handler {
	m, err := open()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = m.Close() })
	s.extents = s.t.TempDir()
	e, err := fileextent.Open(s.extents, fileextent.Options{Floor: -1})
	if err != nil {
		s.t.Fatal(err)
	}
	clock := func() time.Time { return s.now }
	o.Now = clock
	c, err := content.Open(s.t.Context(), m, e, o)
	if err != nil {
		s.t.Fatal(err)
	}
	objects := object.New(c, object.Options{MinPart: 100, Now: clock})
	s.options = s3.Options{
		Objects:    objects,
		Verifier:   &sigv4.Verifier{Keys: root, Now: clock},
		Authorizer: policy.Guarded{Authorizer: &s.policy, Owners: objects},
		Domains:    s3.Domains{"deep.s3.example.com", "s3.example.com"},
	}
	return s3.New(s.options)
}

// request is one to be signed.
func (s *server) request(method, target, body string, headers ...string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+target, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// answer is a response read to its end.
type answer struct {
	*http.Response
	body string
}

func (s *server) send(r *http.Request) answer {
	s.t.Helper()
	resp, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp, string(body)}
}

// signed is a request of root's.
func (s *server) signed(method, target, body string, headers ...string) *http.Request {
	s.t.Helper()
	r := s.request(method, target, body, headers...)
	s.sign(r, sigv4.UnsignedPayload)
	return r
}

// do signs a request as root and sends it.
func (s *server) do(method, target, body string, headers ...string) answer {
	s.t.Helper()
	return s.send(s.signed(method, target, body, headers...))
}

// must is do for what has to succeed.
func (s *server) must(method, target, body string, headers ...string) answer {
	s.t.Helper()
	a := s.do(method, target, body, headers...)
	if a.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %s\n%s", method, target, a.Status, a.body)
	}
	return a
}
