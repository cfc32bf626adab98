package s3_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

// benchServer is a server on the disk, without a socket: requests are handed to the handler.
func benchServer(b *testing.B) *server {
	s := newServerOver(b, content.Options{}, func() (*pebblemeta.Store, error) {
		return pebblemeta.Open(b.TempDir(), pebblemeta.Options{Logger: slog.New(slog.DiscardHandler)})
	})
	s.must(http.MethodPut, "/bucket", "")
	return s
}

// discard is a ResponseWriter that keeps nothing but the status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// handle is one signed request through the handler.
func (s *server) handle(b *testing.B, method, target, body string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	s.sign(r, sigv4.UnsignedPayload)
	w := &discard{header: http.Header{}}
	s.Config.Handler.ServeHTTP(w, r)
	if w.status >= 300 {
		b.Errorf("%s %s: %d", method, target, w.status)
	}
}

func BenchmarkPut4KiB(b *testing.B) {
	s := benchServer(b)
	body := strings.Repeat("x", 4096)
	var next atomic.Int64
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := next.Add(1)
			s.handle(b, http.MethodPut, fmt.Sprintf("/bucket/some/prefix/object-%08d", n), fmt.Sprint(n)+body[:4084])
		}
	})
}

func BenchmarkGet4KiB(b *testing.B)  { benchRead(b, http.MethodGet) }
func BenchmarkHead4KiB(b *testing.B) { benchRead(b, http.MethodHead) }

func benchRead(b *testing.B, method string) {
	s := benchServer(b)
	s.handle(b, http.MethodPut, "/bucket/key", strings.Repeat("x", 4096))
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.handle(b, method, "/bucket/key", "")
		}
	})
}

func BenchmarkList1000(b *testing.B) {
	s := benchServer(b)
	for i := range 1000 {
		s.handle(b, http.MethodPut, fmt.Sprintf("/bucket/some/prefix/object-%08d", i), "")
	}
	b.ReportAllocs()
	for b.Loop() {
		s.handle(b, http.MethodGet, "/bucket?list-type=2", "")
	}
}
