package sigv4_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
)

var exampleCredentials = sigv4.Credentials{AccessKey: exampleKey, SecretKey: exampleSecret}

const exampleURL = "http://examplebucket.s3.amazonaws.com/a/key"

// newRequest is a request as a server receives it.
func newRequest(method, target string, body []byte) *http.Request {
	return httptest.NewRequestWithContext(context.Background(), method, target, bytes.NewReader(body))
}

// signed is newRequest, signed with headers of the form "Name: value", the hash of its body among them.
func signed(method, target string, body []byte, headers ...string) *http.Request {
	r := newRequest(method, target, body)
	addHeaders(r, headers)
	sigv4.Sign(r, exampleCredentials, "us-east-1", exampleTime, hexSHA256(body))
	return r
}

func addHeaders(r *http.Request, headers []string) {
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
}

// presigned is a request for a signed URL as a server receives it. edit may change the URL.
func presigned(method, target string, edit func(url string) string, headers ...string) *http.Request {
	r := newRequest(method, target, nil)
	addHeaders(r, headers)
	url := sigv4.Presign(r, exampleCredentials, "us-east-1", exampleTime, exampleExpiry)
	if edit != nil {
		url = edit(url)
	}
	received := newRequest(method, url, nil)
	addHeaders(received, headers)
	return received
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func hmacSHA256(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

// upload is a chunked upload in the making: an encoder of its own, so that the decoder is not tested against itself.
type upload struct {
	mode     string
	chunks   []string
	trailers []string // "name:value"
	declared int      // x-amz-decoded-content-length; the sum of chunks when zero

	announce string // x-amz-trailer; the names of trailers when empty
	headers  []string
}

// request signs the upload and frames its body, which edit may change.
func (u upload) request(edit func(body string) string) *http.Request {
	r := newRequest(http.MethodPut, exampleURL, nil)
	addHeaders(r, append(u.headers, "Content-Encoding: aws-chunked"))
	length := u.declared
	if length == 0 {
		length = len(strings.Join(u.chunks, ""))
	}
	r.Header.Set("X-Amz-Decoded-Content-Length", strconv.Itoa(length))
	if announce := u.announced(); announce != "" {
		r.Header.Set("X-Amz-Trailer", announce)
	}
	sigv4.Sign(r, exampleCredentials, "us-east-1", exampleTime, u.mode)
	body := u.body(r)
	if edit != nil {
		body = edit(body)
	}
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return r
}

func (u upload) announced() string {
	if u.announce != "" {
		return u.announce
	}
	var names []string
	for _, trailer := range u.trailers {
		name, _, _ := strings.Cut(trailer, ":")
		names = append(names, name)
	}
	return strings.Join(names, ",")
}

func (u upload) body(r *http.Request) string {
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	chain := chain{signature: signature}
	chunkSigned := u.mode == sigv4.StreamingSigned || u.mode == sigv4.StreamingSignedTrailer
	var b strings.Builder
	for _, chunk := range append(u.chunks, "") {
		fmt.Fprintf(&b, "%x", len(chunk))
		if chunkSigned {
			b.WriteString(";chunk-signature=" + chain.next("AWS4-HMAC-SHA256-PAYLOAD", hexSHA256(nil)+"\n"+hexSHA256([]byte(chunk))))
		}
		b.WriteString("\r\n" + chunk)
		if chunk != "" {
			b.WriteString("\r\n")
		}
	}
	for _, trailer := range u.trailers {
		b.WriteString(trailer + "\r\n")
	}
	if u.mode == sigv4.StreamingSignedTrailer {
		lines := strings.Join(u.trailers, "\n")
		if lines != "" {
			lines += "\n"
		}
		b.WriteString("x-amz-trailer-signature:" + chain.next("AWS4-HMAC-SHA256-TRAILER", hexSHA256([]byte(lines))) + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// chain signs one thing after the other.
type chain struct{ signature string }

func (c *chain) next(algorithm, what string) string {
	key := []byte("AWS4" + exampleSecret)
	for _, part := range []string{"20130524", "us-east-1", "s3", "aws4_request"} {
		key = hmacSHA256(key, part)
	}
	message := strings.Join([]string{algorithm, "20130524T000000Z", "20130524/us-east-1/s3/aws4_request", c.signature, what}, "\n")
	c.signature = hex.EncodeToString(hmacSHA256(key, message))
	return c.signature
}

// receive verifies r and reads its body to the end.
func receive(r *http.Request) (string, *sigv4.Body, error) {
	result, err := exampleVerifier().Verify(r)
	if err != nil {
		return "", nil, err
	}
	data, err := io.ReadAll(result.Body)
	return string(data), result.Body, err
}

func mustFail(t *testing.T, err error, want *fault.Code) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%v, want %s", err, want.Name())
	}
	if errors.Is(err, io.EOF) {
		t.Errorf("%v could be taken for the end", err)
	}
}
