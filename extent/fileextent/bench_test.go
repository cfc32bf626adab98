package fileextent_test

import (
	"crypto/sha256"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/extent/fileextent"
)

// cpu is the processor time of this process so far. What the kernel does on its own behalf is not in it.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// write stores size bytes in pieces of p, and deletes them. each sees a piece before it is written.
func write(b *testing.B, s *fileextent.Store, size int64, p []byte, each func([]byte)) {
	l := extent.NewLocation(epoch)
	w, err := s.Create(b.Context(), l, size)
	for n := int64(0); n < size && err == nil; n += int64(len(p)) {
		each(p)
		_, err = w.Write(p)
	}
	if err == nil {
		err = w.Commit(b.Context())
	}
	if err == nil {
		err = s.Delete(b.Context(), l)
	}
	if err != nil {
		b.Errorf("storing: %v", err)
	}
}

func BenchmarkStream64MiB(b *testing.B) {
	const size = 64 << 20
	piece := extenttest.Bytes("piece", 256<<10)
	for _, c := range []struct {
		name    string
		streams int
		each    func([]byte)
	}{
		{"direct", 0, func([]byte) {}},
		{"buffered", -1, func([]byte) {}},
		{"direct with SHA-256", 0, func(p []byte) { sha256.Sum256(p) }},
		{"buffered with SHA-256", -1, func(p []byte) { sha256.Sum256(p) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := fileextent.Open(b.TempDir(), fileextent.Options{DirectStreams: c.streams})
			if err != nil {
				b.Fatalf("Open: %v", err)
			}
			b.SetBytes(size)
			before := cpu()
			for b.Loop() {
				write(b, s, size, piece, c.each)
			}
			b.ReportMetric((cpu()-before).Seconds()/float64(b.N)*(1<<30/size), "cpu-s/GiB")
		})
	}
}

func BenchmarkExtents(b *testing.B) {
	for _, size := range []int{100 << 10, 256 << 10, 1 << 20} {
		for _, writers := range []int{1, 8} {
			b.Run(fmt.Sprintf("%d KiB, %d writers a core", size>>10, writers), func(b *testing.B) {
				s := openAt(b, b.TempDir())
				piece := extenttest.Bytes("piece", size)
				b.SetParallelism(writers)
				b.ReportAllocs()
				before := cpu()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						write(b, s, int64(size), piece, func([]byte) {})
					}
				})
				b.ReportMetric((cpu()-before).Seconds()/float64(b.N)*1e6, "cpu-µs/op")
			})
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	s := openAt(b, b.TempDir())
	l := extent.NewLocation(epoch)
	if err := put(b.Context(), s, l, 256<<10); err != nil {
		b.Fatalf("storing: %v", err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := s.Open(b.Context(), l, 4096, 1)
		if err != nil {
			b.Fatalf("Open: %v", err)
		}
		_ = r.Close()
	}
}
