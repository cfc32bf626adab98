package sigv4_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/auth/sigv4"
)

func BenchmarkVerifyHeader(b *testing.B) {
	r := signed(http.MethodGet, exampleURL, nil, "User-Agent: bench", "Accept: */*", "Range: bytes=0-99")
	benchmarkVerify(b, r)
}

func BenchmarkVerifyPresigned(b *testing.B) {
	benchmarkVerify(b, presigned(http.MethodGet, exampleURL+"?x-id=GetObject", nil))
}

func benchmarkVerify(b *testing.B, r *http.Request) {
	v := exampleVerifier()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBody decodes 64 MiB in chunks of the size that the mode's clients use.
func BenchmarkBody(b *testing.B) {
	const total = 64 << 20
	for _, c := range []struct {
		mode  string
		chunk int
	}{
		{sigv4.StreamingUnsignedTrailer, 64 << 10}, {sigv4.StreamingUnsignedTrailer, 1 << 20}, {sigv4.StreamingSigned, 64 << 10},
	} {
		b.Run(c.mode+"/"+strconv.Itoa(c.chunk), func(b *testing.B) {
			u := upload{mode: c.mode}
			for range total / c.chunk {
				u.chunks = append(u.chunks, strings.Repeat("x", c.chunk))
			}
			var framed string
			r := u.request(func(body string) string { framed = body; return body })
			b.SetBytes(total)
			b.ReportAllocs()
			buffer := make([]byte, 256<<10)
			for b.Loop() {
				r.Body = io.NopCloser(strings.NewReader(framed))
				result, err := exampleVerifier().Verify(r)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{result.Body}, buffer); err != nil || n != total {
					b.Fatal(n, err)
				}
			}
		})
	}
}
