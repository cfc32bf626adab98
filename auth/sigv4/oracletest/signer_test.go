package oracletest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"github.com/minio/minio-go/v7/pkg/signer"
	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/sigv4"
)

const (
	accessKey = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	region    = "eu-test-1"
)

func verifier() *sigv4.Verifier {
	return &sigv4.Verifier{Keys: auth.Root{AccessKey: accessKey, SecretKey: secretKey}, Region: region, Strict: true}
}

// drawRequest is a request as a client makes it, and its body.
func drawRequest(t *rapid.T) (*http.Request, []byte) {
	text := rapid.String()
	value := rapid.StringMatching(`[!-~]([ -~]{0,20}[!-~])?`)
	body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
	// The path as minio-go and the AWS SDKs escape it.
	path := s3utils.EncodePath("/bucket/" + text.Draw(t, "key"))
	var query []string
	// S3 has no parameter with other letters; minio-go sorts such names by their decoded form.
	name := rapid.StringMatching(`[A-Za-z-]{1,12}`)
	for _, name := range rapid.SliceOfNDistinct(name, 0, 3, strings.ToLower).Draw(t, "names") {
		query = append(query, url.QueryEscape(name)+"="+url.QueryEscape(text.Draw(t, "value")))
	}
	u, err := url.Parse("http://s3.example.com:9000" + path + "?" + strings.Join(query, "&"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPut, u.String(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}`), 0, 3, rapid.ID).Draw(t, "headers") {
		r.Header.Set("X-Amz-Meta-"+name, value.Draw(t, "header value"))
	}
	return r, body
}

// send puts r on the wire and takes it off again, as a server does.
func send(t interface{ Fatal(args ...any) }, r *http.Request) *http.Request {
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	received, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return received
}

func mustReceive(t interface{ Fatal(args ...any) }, r *http.Request, body []byte) {
	received := send(t, r)
	result, err := verifier().Verify(received)
	if err != nil {
		t.Fatal(received.RequestURI, received.Header, err)
	}
	data, err := io.ReadAll(result.Body)
	if err != nil || !bytes.Equal(data, body) {
		t.Fatal(len(data), err)
	}
}

func hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// s3Options is how the SDK's S3 client signs.
func s3Options(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }

func TestWhatTheAWSSDKSignsVerifies(t *testing.T) {
	credentials := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	t.Run("in a header", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			r, body := drawRequest(t)
			r.Header.Set("X-Amz-Content-Sha256", hash(body))
			if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hash(body), "s3", region, time.Now(), s3Options); err != nil {
				t.Fatal(err)
			}
			mustReceive(t, r, body)
		})
	})
	t.Run("in a query", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			r, body := drawRequest(t)
			query := r.URL.Query()
			query.Set("X-Amz-Expires", "60")
			r.URL.RawQuery = query.Encode()
			signed, header, err := v4.NewSigner().PresignHTTP(t.Context(), credentials, r, sigv4.UnsignedPayload, "s3", region, time.Now(), s3Options)
			if err != nil {
				t.Fatal(err)
			}
			sent, err := http.NewRequestWithContext(t.Context(), r.Method, signed, bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			sent.Header = header
			mustReceive(t, sent, body)
		})
	})
}

func TestWhatMinioGoSignsVerifies(t *testing.T) {
	t.Run("in a header", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			r, body := drawRequest(t)
			r.Header.Set("X-Amz-Content-Sha256", hash(body))
			mustReceive(t, signer.SignV4(*r, accessKey, secretKey, "", region), body)
		})
	})
	t.Run("in a query", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			r, body := drawRequest(t)
			mustReceive(t, signer.PreSignV4(*r, accessKey, secretKey, "", region, 60), body)
		})
	})
}

// What we sign is what they sign.
func TestSignAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, body := drawRequest(t)
		theirs := r.Clone(t.Context())
		at := time.Now()
		sigv4.Sign(r, sigv4.Credentials{AccessKey: accessKey, SecretKey: secretKey}, region, at, hash(body))
		theirs.ContentLength = 0 // the SDK signs the length, we do not
		theirs.Header.Set("X-Amz-Content-Sha256", hash(body))
		credentials := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
		if err := v4.NewSigner().SignHTTP(t.Context(), credentials, theirs, hash(body), "s3", region, at, s3Options); err != nil {
			t.Fatal(err)
		}
		if ours, want := r.Header.Get("Authorization"), theirs.Header.Get("Authorization"); ours != want {
			t.Fatal(r.URL, "\n", ours, "\n", want)
		}
	})
}
