package object_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

// BenchmarkComplete is the end of an upload whose digest has been computed along the way.
func BenchmarkComplete(b *testing.B) {
	for _, parts := range []int{100, object.MaxParts} {
		b.Run(fmt.Sprint(parts, " parts"), func(b *testing.B) {
			m, err := pebblemeta.Open(b.TempDir(), pebblemeta.Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			s := newBenchWith(b, m, extenttest.NewMemory(), content.Options{})
			s.bucket("bucket")
			if err := s.content.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			defer s.content.Stop(b.Context()) //nolint:errcheck // it has none
			pieces := make([][]byte, parts)
			b.ReportAllocs()
			b.ResetTimer()
			for n := range b.N {
				b.StopTimer()
				for i := range pieces {
					pieces[i] = bytesOf(uint64(n*parts+i), 2*inlineMax)
				}
				u, list := s.upload(object.CreateUploadRequest{Bucket: "bucket", Key: "key"}, pieces...)
				b.StartTimer()
				if _, err := s.Complete(b.Context(), completeRequest(u, list)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
