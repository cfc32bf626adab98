package awssdk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

const mib = 1 << 20

// suite is one server, seen through the SDK with its defaults.
type suite struct {
	*testing.T
	s3 *s3.Client
	// web is an HTTP client without credentials that trusts the server.
	web    *http.Client
	secure bool // the server speaks https
}

// start is a suite with the environment's endpoint, credentials and certificates.
func start(t *testing.T) suite {
	t.Helper()
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	if endpoint == "" {
		t.Skip("AWS_ENDPOINT_URL names no server")
	}
	c, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	web, err := withCertificates(c)
	if err != nil {
		t.Fatal(err)
	}
	return suite{t, s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }), web, strings.HasPrefix(endpoint, "https:")}
}

// withCertificates is the SDK's own way to $AWS_CA_BUNDLE, for requests without the SDK.
func withCertificates(c aws.Config) (*http.Client, error) {
	client, ok := c.HTTPClient.(interface{ GetTransport() *http.Transport })
	if !ok {
		return nil, fmt.Errorf("%T has no transport", c.HTTPClient)
	}
	return &http.Client{Transport: client.GetTransport()}, nil
}

var buckets atomic.Int32

// bucket is a new bucket.
func (s suite) bucket() *string {
	s.Helper()
	name := aws.String(fmt.Sprintf("case-%d-%d", os.Getpid(), buckets.Add(1)))
	must(s, func() (*s3.CreateBucketOutput, error) {
		return s.s3.CreateBucket(s.Context(), &s3.CreateBucketInput{Bucket: name})
	})
	return name
}

func (s suite) put(bucket *string, key string, body []byte) *s3.PutObjectOutput {
	s.Helper()
	return must(s, func() (*s3.PutObjectOutput, error) {
		return s.s3.PutObject(s.Context(), &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(body)})
	})
}

// holds says whether key has this content. The SDK checks what it reads against the checksum that the server keeps.
func (s suite) holds(bucket *string, key string, want []byte) {
	s.Helper()
	o := must(s, func() (*s3.GetObjectOutput, error) {
		return s.s3.GetObject(s.Context(), &s3.GetObjectInput{Bucket: bucket, Key: &key})
	})
	got, err := io.ReadAll(o.Body)
	if err != nil || !bytes.Equal(got, want) {
		s.Errorf("%s holds %d bytes, not the %d that were stored (%v)", key, len(got), len(want), err)
	}
}

// must is what call returns, which must succeed.
func must[O any](s suite, call func() (O, error)) O {
	s.Helper()
	o, err := call()
	if err != nil {
		s.Fatal(err)
	}
	return o
}

// refused says whether err has this code of S3.
func (s suite) refused(err error, code string) {
	s.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		s.Errorf("got %v, want it refused with %s", err, code)
	}
}

// pattern is size bytes that do not repeat at part boundaries.
func pattern(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*131 + i>>8*17 + i>>16*29)
	}
	return b
}
