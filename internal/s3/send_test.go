package s3_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/internal/content"
)

var credentials = sigv4.Credentials{AccessKey: root.AccessKey, SecretKey: root.SecretKey}

func (s *server) sign(r *http.Request, payload string) {
	sigv4.Sign(r, credentials, sigv4.DefaultRegion, s.now, payload)
}

// presigned is a request by a URL that carries its signature.
func (s *server) presigned(method, target, body string, headers []string) *http.Request {
	s.t.Helper()
	r := s.request(method, target, body, headers...)
	signed, err := url.Parse(sigv4.Presign(r, credentials, sigv4.DefaultRegion, s.now, time.Minute))
	if err != nil {
		s.t.Fatal(err)
	}
	r.URL = signed
	return r
}

// sumOf is the checksum of body by the name that S3 has for it.
func sumOf(name, body string) []byte {
	h := map[string]content.Hashes{
		"MD5": content.MD5, "CRC32": content.CRC32, "CRC32C": content.CRC32C, "CRC64NVME": content.CRC64NVME,
		"SHA1": content.SHA1, "SHA256": content.SHA256,
	}[name].New()
	h.Write([]byte(body))
	return h.Sum(nil)
}

// sendTrailer sends the body in chunks, with a checksum behind them, as SDKs do by default.
func (s *server) sendTrailer(method, target, body string, headers []string, trailer, value string) answer {
	s.t.Helper()
	var framed strings.Builder
	if body != "" {
		fmt.Fprintf(&framed, "%x\r\n%s\r\n", len(body), body)
	}
	fmt.Fprintf(&framed, "0\r\n%s:%s\r\n\r\n", trailer, value)
	r := s.request(method, target, framed.String(), append(headers, "Content-Encoding: aws-chunked", "x-amz-trailer: "+trailer,
		"x-amz-decoded-content-length: "+strconv.Itoa(len(body)))...)
	s.sign(r, sigv4.StreamingUnsignedTrailer)
	return s.send(r)
}
