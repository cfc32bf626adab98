package s3_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/auth/sigv4"
)

func TestChunksAreForTheBytesOfObjectsAndParts(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	for _, target := range []string{"/bucket?versioning", "/bucket?policy", "/bucket?tagging", "/bucket/key?tagging"} {
		a := s.send(s.chunkedPut(target, 5, "5\r\nhello\r\n0\r\n\r\n", sigv4.StreamingUnsignedTrailer))
		if a.StatusCode != 400 || !strings.Contains(a.body, "The value of x-amz-content-sha256 header is invalid.") {
			t.Errorf("%s: %s %s", target, a.Status, a.body)
		}
	}
}

func TestHeadersOfMoreThan8KiBAreRefused(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	a := s.do(http.MethodGet, "/bucket", "", "X-Much: "+strings.Repeat("x", 8<<10))
	if a.StatusCode != 400 || !strings.Contains(a.body, "<Code>RequestHeaderSectionTooLarge</Code>") || !strings.Contains(a.body, "<MaxSizeAllowed>8192</MaxSizeAllowed>") {
		t.Error(a.Status, a.body)
	}
	s.must(http.MethodGet, "/bucket", "", "X-Much: "+strings.Repeat("x", 6<<10))
}
