package e2e

import (
	"bytes"
	"crypto/tls"
	bits "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/internal/e2e/instance"
	"github.com/zot-artifact-store/zas/internal/e2e/wire"
)

// memory is what a process has in memory, in bytes.
func memory(t *testing.T, i *instance.Instance) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.PID))
	if err != nil {
		t.Skip("SKIPPED, NOT TESTED: memory is read from /proc: ", err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// connect opens n connections, with TLS where i speaks it, each of which sends text.
func connect(t *testing.T, i *instance.Instance, n int, text string) []net.Conn {
	t.Helper()
	all := make([]net.Conn, n)
	secure := i.Client(1).Transport.(*http.Transport).TLSClientConfig
	fill(8, n, func(k int) {
		conn, err := net.Dial("tcp", i.Host)
		if err == nil && secure != nil {
			config := secure.Clone()
			config.ServerName = "127.0.0.1"
			with := tls.Client(conn, config)
			conn, err = with, with.HandshakeContext(t.Context())
		}
		if err == nil {
			_, err = io.WriteString(conn, text)
		}
		if err != nil {
			t.Errorf("connection %d: %v", k, err)
			return
		}
		all[k] = conn
	})
	t.Cleanup(func() {
		for _, conn := range all {
			if conn != nil {
				_ = conn.Close()
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return all
}

// mustServe checks that the server still does its work.
func mustServe(t *testing.T, i *instance.Instance) {
	t.Helper()
	begin := time.Now()
	a, err := wire.To(i, 1).S3(t.Context(), wire.Request{Method: http.MethodPut, Path: "/bucket"})
	if err == nil {
		err = a.Want(http.StatusOK)
	}
	if took := time.Since(begin); err != nil || took > 10*time.Second {
		t.Errorf("an ordinary request: %v after %v", err, took)
	}
}

// Attack 24: connections that do nothing, 10,000 of them at night.
func TestIdleConnectionsAreBoundedAndCheap(t *testing.T) {
	cert, err := instance.NewCert(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("over http", func(t *testing.T) { idle(t, nil, 32<<10) })
	t.Run("over https", func(t *testing.T) { idle(t, cert, 96<<10) })
}

// idle opens connections, of which each may take most bytes.
func idle(t *testing.T, cert *instance.Cert, most int64) {
	n := nightly(9_500) // the server may have 20,000 files open, as this process
	i := start(t, instance.Options{Binary: binary(t), Data: t.TempDir(), Cert: cert, Env: []string{fmt.Sprint("ZAS_HTTP_MAXCONNECTIONS=", n)}})
	mustServe(t, i)
	before := memory(t, i)
	silent := connect(t, i, n/2, "")
	connect(t, i, n-n/2, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	mustServe(t, i)
	each := (memory(t, i) - before) / int64(n)
	t.Logf("%d connections take %d KiB each", n, each>>10)
	const noise = 20 << 20 // what the process may take more of by itself
	if limit := most + int64(noise/n); each > limit {
		t.Errorf("each takes %d bytes, at most %d", each, limit)
	}
	t.Run("one too many cuts the one idle for longest", func(t *testing.T) {
		connect(t, i, n/10, "")
		_ = silent[0].SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := silent[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the first connection reads %v", err)
		}
		mustServe(t, i)
	})
}

// Attack 24: headers and bodies that do not end.
func TestSlowSendersAreGivenUp(t *testing.T) {
	i := start(t, instance.Options{Binary: binary(t), Data: t.TempDir(), Env: []string{"ZAS_HTTP_HEADERTIMEOUT=2s", "ZAS_HTTP_READTIMEOUT=2s"}})
	mustServe(t, i)
	before := memory(t, i)
	signed, err := http.NewRequestWithContext(t.Context(), http.MethodPut, i.URL+"/bucket/slow", nil)
	if err != nil {
		t.Fatal(err)
	}
	sigv4.Sign(signed, sigv4.Credentials{AccessKey: instance.AccessKey, SecretKey: instance.SecretKey}, "us-east-1", time.Now(), sigv4.UnsignedPayload)
	var head bytes.Buffer
	_ = signed.Header.Write(&head)
	put := "PUT /bucket/slow HTTP/1.1\r\nHost: " + i.Host + "\r\nContent-Length: 1000000\r\n"
	for name, text := range map[string]string{
		"half a header":            "GET /bucket/key HTTP/1.1\r\nHost: x\r\nX-",
		"a body without signature": put + "\r\nx",
		"a body with signature":    put + head.String() + "\r\n" + strings.Repeat("x", 100<<10),
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			all := connect(t, i, 50+nightly(1000), text)
			mustServe(t, i)
			for k, conn := range all {
				_ = conn.SetReadDeadline(begin.Add(30 * time.Second))
				if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("connection %d is still open", k)
				}
			}
			t.Logf("%d senders were given up after %v, the server has %d MiB more", len(all), time.Since(begin).Round(time.Millisecond), (memory(t, i)-before)>>20)
		})
	}
	if more := memory(t, i) - before; more > 256<<20 {
		t.Errorf("the server has %d MiB more in memory", more>>20)
	}
}

// h2 is one HTTP/2 connection, spoken by hand.
type h2 struct {
	net.Conn
	buf bytes.Buffer
}

// The frames that are sent (RFC 9113 section 6).
const (
	h2Headers, h2Reset, h2Settings, h2GoAway = 1, 3, 4, 7
	endHeaders                               = 4
	preface                                  = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

func dialH2(t *testing.T, i *instance.Instance) *h2 {
	t.Helper()
	config := i.Client(1).Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", i.Host, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := &h2{Conn: conn}
	c.buf.WriteString(preface)
	c.frame(h2Settings, 0, 0, nil)
	return c
}

func (c *h2) frame(kind, flags byte, stream uint32, payload []byte) {
	n := len(payload)
	c.buf.Write([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags})
	_ = bits.Write(&c.buf, bits.BigEndian, stream)
	c.buf.Write(payload)
}

func (c *h2) flush() error {
	_, err := c.Write(c.buf.Bytes())
	c.buf.Reset()
	return err
}

// read gives the kind, the stream and the payload of the next frame.
func (c *h2) read() (kind byte, stream uint32, payload []byte, err error) {
	var head [9]byte
	if _, err = io.ReadFull(c, head[:]); err != nil {
		return 0, 0, nil, err
	}
	payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(c, payload)
	return head[3], bits.BigEndian.Uint32(head[5:]) & (1<<31 - 1), payload, err
}

// fields is a header block without compression (RFC 7541 section 6.2.2).
func fields(pairs ...string) []byte {
	var b []byte
	for k, s := range pairs {
		if k%2 == 0 {
			b = append(b, 0)
		}
		n := len(s)
		if n < 127 {
			b = append(b, byte(n))
		} else {
			b = append(b, 127)
			for n -= 127; n >= 128; n >>= 7 {
				b = append(b, byte(n)|128)
			}
			b = append(b, byte(n))
		}
		b = append(b, s...)
	}
	return b
}

// Attack 24.
func TestHTTP2StreamsThatAreResetAtOnce(t *testing.T) {
	i := serve(t, true)
	mustServe(t, i)
	before := memory(t, i)
	block := fields(":method", "GET", ":scheme", "https", ":authority", i.Host, ":path", "/bucket/key")
	var all sync.WaitGroup
	for range 4 {
		c := dialH2(t, i)
		all.Go(func() {
			defer c.Close()
			for k := range uint32(5000 + nightly(100_000)) {
				c.frame(h2Headers, endHeaders, 2*k+1, block)
				c.frame(h2Reset, 0, 2*k+1, []byte{0, 0, 0, 8}) // CANCEL
				if c.buf.Len() > 32<<10 && c.flush() != nil {
					return // the server has had enough
				}
			}
			_ = c.flush()
		})
		all.Go(func() { _, _ = io.Copy(io.Discard, c) })
	}
	mustServe(t, i)
	all.Wait()
	if more := memory(t, i) - before; more > 128<<20 {
		t.Errorf("the server has %d MiB more in memory", more>>20)
	}
	mustServe(t, i)
}

// Attack 24.
func TestHTTP2StreamsAtATimeAreLimited(t *testing.T) {
	i := serve(t, true)
	mustServe(t, i)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, i.URL+"/bucket/slow", nil)
	if err != nil {
		t.Fatal(err)
	}
	sigv4.Sign(r, sigv4.Credentials{AccessKey: instance.AccessKey, SecretKey: instance.SecretKey}, "us-east-1", time.Now(), sigv4.UnsignedPayload)
	pairs := []string{":method", "PUT", ":scheme", "https", ":authority", i.Host, ":path", "/bucket/slow", "content-length", "1000"}
	for name, values := range r.Header {
		pairs = append(pairs, strings.ToLower(name), values[0])
	}
	c, block := dialH2(t, i), fields(pairs...)
	const streams = 300
	for k := range uint32(streams) {
		c.frame(h2Headers, endHeaders, 2*k+1, block)
	}
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	allowed, refused := 0, 0
	for allowed+refused < streams {
		kind, stream, payload, err := c.read()
		if err != nil {
			t.Fatalf("%d streams were refused: %v", refused, err)
		}
		switch {
		case kind == h2Settings && allowed == 0:
			for ; len(payload) >= 6; payload = payload[6:] {
				if payload[1] == 3 { // SETTINGS_MAX_CONCURRENT_STREAMS
					allowed = int(bits.BigEndian.Uint32(payload[2:]))
				}
			}
		case kind == h2Reset && bits.BigEndian.Uint32(payload) == 7 || kind == h2GoAway: // REFUSED_STREAM
			refused++
		case kind == h2Headers:
			t.Fatalf("stream %d was answered", stream)
		}
	}
	t.Logf("%d streams at a time; %d were refused", allowed, refused)
	mustServe(t, i)
}
