package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
)

var (
	content = []byte(strings.Repeat("plain ", 10_000))
	changed = bytes.Replace(content, []byte("plain"), []byte("plane"), 1)
)

func withBody(r *http.Request, body []byte) *http.Request {
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

func TestBodiesWithAHash(t *testing.T) {
	t.Run("a body with its hash is read to the end", func(t *testing.T) {
		data, body, err := receive(signed(http.MethodPut, exampleURL, content))
		if err != nil || data != string(content) || body.Length() != int64(len(content)) {
			t.Error(len(data), err)
		}
	})
	t.Run("a changed byte is found, and the last one withheld", func(t *testing.T) {
		data, _, err := receive(withBody(signed(http.MethodPut, exampleURL, content), changed))
		mustFail(t, err, fault.PayloadHashMismatch)
		if len(data) >= len(content) {
			t.Error("all bytes were handed out")
		}
	})
	t.Run("a reader that stops at the length notices a changed byte", func(t *testing.T) {
		result, err := exampleVerifier().Verify(withBody(signed(http.MethodPut, exampleURL, content), changed))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadFull(result.Body, make([]byte, len(content)))
		mustFail(t, err, fault.PayloadHashMismatch)
	})
	t.Run("an empty body that should not be empty is found", func(t *testing.T) {
		r := withBody(signed(http.MethodPut, exampleURL, content), nil)
		r.ContentLength = 0
		_, _, err := receive(r)
		mustFail(t, err, fault.PayloadHashMismatch)
	})
}

func TestTheCheckOfTheHashCanBeTakenOver(t *testing.T) {
	t.Run("before reading", func(t *testing.T) {
		result, err := exampleVerifier().Verify(withBody(signed(http.MethodPut, exampleURL, content), changed))
		if err != nil {
			t.Fatal(err)
		}
		sum, ok := result.Body.TakeSHA256()
		if !ok || sum != sha256.Sum256(content) {
			t.Error("the hash is not the stated one")
		}
		if _, again := result.Body.TakeSHA256(); again {
			t.Error("it can be taken twice")
		}
		if data, err := io.ReadAll(result.Body); err != nil || !bytes.Equal(data, changed) {
			t.Error(len(data), err)
		}
	})
	t.Run("not once reading has begun", func(t *testing.T) {
		result, err := exampleVerifier().Verify(signed(http.MethodPut, exampleURL, content))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := result.Body.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if _, ok := result.Body.TakeSHA256(); ok {
			t.Error("it can")
		}
	})
}

func TestTheEndOfABody(t *testing.T) {
	t.Run("a body that ends early is incomplete", func(t *testing.T) {
		for _, r := range []*http.Request{signed(http.MethodPut, exampleURL, content), presignedPut(content)} {
			_, _, err := receive(withBody(r, content[:100]))
			mustFail(t, err, fault.Incomplete)
		}
	})
	t.Run("errors of the connection stay what they are", func(t *testing.T) {
		r := signed(http.MethodPut, exampleURL, content)
		r.Body = io.NopCloser(iotest.ErrReader(io.ErrNoProgress))
		if _, _, err := receive(r); !errors.Is(err, io.ErrNoProgress) {
			t.Error(err)
		}
	})
	t.Run("a body of unknown length is verified at its end", func(t *testing.T) {
		for body, want := range map[string]*fault.Code{string(content): nil, string(changed): fault.PayloadHashMismatch} {
			r := signed(http.MethodPut, exampleURL, content)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), -1
			_, _, err := receive(r)
			if want != nil {
				mustFail(t, err, want)
			} else if err != nil {
				t.Error(err)
			}
		}
	})
}

func TestUnsignedPayloads(t *testing.T) {
	t.Run("an unsigned payload is taken as it comes", func(t *testing.T) {
		r := newRequest(http.MethodPut, exampleURL, content)
		sigv4.Sign(r, exampleCredentials, "us-east-1", exampleTime, sigv4.UnsignedPayload)
		data, body, err := receive(withBody(r, changed))
		if err != nil || data != string(changed) || body.Payload() != sigv4.UnsignedPayload {
			t.Error(len(data), err)
		}
	})
	t.Run("a presigned payload is taken as it comes", func(t *testing.T) {
		data, _, err := receive(withBody(presignedPut(content), changed))
		if err != nil || data != string(changed) {
			t.Error(len(data), err)
		}
	})
}

func TestBodiesAreClosed(t *testing.T) {
	closed := 0
	for _, mode := range []string{sigv4.UnsignedPayload, sigv4.StreamingSigned} {
		r := signed(http.MethodPut, exampleURL, nil, "X-Amz-Decoded-Content-Length: 0")
		sigv4.Sign(r, exampleCredentials, "us-east-1", exampleTime, mode)
		r.Body = closeFunc(func() error { closed++; return nil })
		result, err := exampleVerifier().Verify(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := result.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	if closed != 2 {
		t.Error(closed, "of 2 are closed")
	}
}

// closeFunc is an empty body.
type closeFunc func() error

func (closeFunc) Read([]byte) (int, error) { return 0, io.EOF }
func (f closeFunc) Close() error           { return f() }

func presignedPut(content []byte) *http.Request {
	r := presigned(http.MethodPut, exampleURL, nil)
	r.ContentLength = int64(len(content))
	return r
}

func TestAwsChunkedWithoutChunks(t *testing.T) {
	t.Run("the encoding alone does not mean chunks", func(t *testing.T) {
		data, _, err := receive(signed(http.MethodPut, exampleURL, []byte("plain"), "Content-Encoding: aws-chunked"))
		if err != nil || data != "plain" {
			t.Error(data, err)
		}
	})
	t.Run("a decoded length that is the length is fine", func(t *testing.T) {
		data, _, err := receive(signed(http.MethodPut, exampleURL, []byte("plain"), "X-Amz-Decoded-Content-Length: 5"))
		if err != nil || data != "plain" {
			t.Error(data, err)
		}
	})
	t.Run("another decoded length is refused: framing must not be stored", func(t *testing.T) {
		_, _, err := receive(signed(http.MethodPut, exampleURL, []byte("5\r\nplain\r\n0\r\n\r\n"), "X-Amz-Decoded-Content-Length: 5"))
		mustFail(t, err, fault.BadRequest)
	})
}

func TestUnsigned(t *testing.T) {
	var v sigv4.Verifier
	read := func(r *http.Request) (string, error) {
		body, err := v.Unsigned(r)
		if err != nil {
			return "", err
		}
		data, err := io.ReadAll(body)
		return string(data), err
	}
	request := func(payload, body string) *http.Request {
		r := newRequest(http.MethodPut, exampleURL, []byte(body))
		if payload != "" {
			r.Header.Set("X-Amz-Content-Sha256", payload)
		}
		return r
	}
	t.Run("a body without hash is taken as it comes", func(t *testing.T) {
		if data, err := read(request("", "plain")); err != nil || data != "plain" {
			t.Error(data, err)
		}
	})
	t.Run("a stated hash is verified", func(t *testing.T) {
		_, err := read(request(hexSHA256([]byte("plane")), "plain"))
		mustFail(t, err, fault.PayloadHashMismatch)
	})
	t.Run("unsigned chunks are decoded", func(t *testing.T) {
		r := request(sigv4.StreamingUnsignedTrailer, "5\r\nplain\r\n0\r\n\r\n")
		r.Header.Set("X-Amz-Decoded-Content-Length", "5")
		if data, err := read(r); err != nil || data != "plain" {
			t.Error(data, err)
		}
	})
	t.Run("signed chunks cannot be proven", func(t *testing.T) {
		for _, payload := range []string{sigv4.StreamingSigned, sigv4.StreamingSignedTrailer} {
			_, err := read(request(payload, ""))
			mustFail(t, err, fault.BadRequest)
		}
	})
	t.Run("a kind of body that does not exist is refused", func(t *testing.T) {
		_, err := read(request("STREAMING-NONSENSE", ""))
		mustFail(t, err, fault.ArgumentInvalid)
	})
}

func TestStripChunked(t *testing.T) {
	for want, values := range map[string][]string{
		"":        {"aws-chunked"},
		"gzip":    {"aws-chunked,gzip"},
		"gzip,br": {"gzip, aws-chunked", "AWS-Chunked", "br,aws-chunked"},
		"zstd":    {"zstd"},
	} {
		if got := sigv4.StripChunked(values); got != want {
			t.Errorf("%q leaves %q, want %q", values, got, want)
		}
	}
	if got := sigv4.StripChunked(nil); got != "" {
		t.Error(got)
	}
}

// A client that waits for `100 Continue` gets the refusal instead, since Verify does not touch the body.
func TestVerifyDoesNotTouchTheBody(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := exampleVerifier().Verify(r); err != nil {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/a/key", iotest.ErrReader(errors.New("the body was asked for")))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 1 << 20
	r.Header.Set("Expect", "100-continue")
	sigv4.Sign(r, sigv4.Credentials{AccessKey: "AKIANOBODY"}, "us-east-1", exampleTime, "")
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Error(response.Status)
	}
}
