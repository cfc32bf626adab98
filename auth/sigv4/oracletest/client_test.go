package oracletest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/zot-artifact-store/zas/auth/sigv4"
)

// received is what the server has made of a request.
type received struct {
	path, data, payload string
	header, trailer     http.Header
	err                 error
}

// serve runs a server that verifies what it receives and answers as S3 does to PUT, HEAD and GET.
func serve(t *testing.T, start func(http.Handler) *httptest.Server) (*httptest.Server, func() received) {
	var last received
	server := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last = receive(r)
		if last.err != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("ETag", `"etag"`)
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
	}))
	t.Cleanup(server.Close)
	return server, func() received { return last }
}

func receive(r *http.Request) received {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return receiveForm(r)
	}
	result, err := verifier().Verify(r)
	if err != nil {
		return received{err: err}
	}
	data, err := io.ReadAll(result.Body)
	return received{
		path: r.URL.Path, data: string(data), payload: result.Body.Payload(), header: r.Header, trailer: result.Body.Trailer(), err: err,
	}
}

func receiveForm(r *http.Request) received {
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		return received{err: err}
	}
	_, err := verifier().VerifyPolicy(r.Context(), sigv4.PolicyForm{
		Policy: r.FormValue("policy"), Algorithm: r.FormValue("x-amz-algorithm"), Credential: r.FormValue("x-amz-credential"),
		Date: r.FormValue("x-amz-date"), Signature: r.FormValue("x-amz-signature"),
	})
	return received{path: r.FormValue("key"), err: err}
}

var starts = map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": httptest.NewTLSServer}

// keys are those that clients and servers disagree about.
var keys = []string{"plain", "a b", "a+b", "a%b", "a%2Fb", "ä/ö/€/😀", "a//b", "a/", "a/./b/../c", "~!*'()", "?#&=;:@$,", `"<>\^{|}` + "`", "=", "a\tb"}

func awsClient(server *httptest.Server) *s3.Client {
	return s3.New(s3.Options{
		Region: region, RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported, BaseEndpoint: aws.String(server.URL), UsePathStyle: true, HTTPClient: server.Client(), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, nil
		}),
	})
}

func minioClient(t *testing.T, server *httptest.Server, trailers bool) *minio.Client {
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(accessKey, secretKey, ""), Secure: u.Scheme == "https", Region: region,
		Transport: server.Client().Transport, TrailingHeaders: trailers, MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestTheS3ClientOfTheAWSSDK(t *testing.T) {
	content := bytes.Repeat([]byte("content "), 50_000)
	for scheme, start := range starts {
		server, last := serve(t, start)
		client := awsClient(server)
		for _, key := range keys {
			t.Run(fmt.Sprintf("%s, key %q", scheme, key), func(t *testing.T) {
				_, err := client.PutObject(t.Context(), &s3.PutObjectInput{
					Bucket: aws.String("bucket"), Key: aws.String(key), Body: bytes.NewReader(content),
					Metadata: map[string]string{"report": "annual  report"},
				})
				got := last()
				if err != nil || got.err != nil {
					t.Fatal(err, got.err)
				}
				if got.path != "/bucket/"+key || got.data != string(content) {
					t.Errorf("%q with %d bytes", got.path, len(got.data))
				}
			})
		}
	}
	t.Run("a stream goes over TLS with a trailer", func(t *testing.T) {
		server, last := serve(t, httptest.NewTLSServer)
		_, err := awsClient(server).PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("bucket"), Key: aws.String("key"), Body: io.MultiReader(bytes.NewReader(content)), ContentLength: aws.Int64(int64(len(content))),
		})
		got := last()
		if err != nil || got.err != nil || got.data != string(content) {
			t.Fatal(err, got.err, len(got.data))
		}
		if got.payload != sigv4.StreamingUnsignedTrailer || got.trailer.Get("x-amz-checksum-crc32") == "" {
			t.Error(got.payload, got.trailer)
		}
	})
	t.Run("a presigned PUT", func(t *testing.T) {
		server, last := serve(t, httptest.NewServer)
		request, err := s3.NewPresignClient(awsClient(server)).PresignPutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("bucket"), Key: aws.String("a key"), ContentType: aws.String("text/plain"), Metadata: map[string]string{"a": "b"}, Tagging: aws.String("k=v"),
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), request.Method, request.URL, bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = request.SignedHeader
		do(t, server, r)
		got := last()
		if got.err != nil || got.data != string(content) || got.header.Get("X-Amz-Tagging") != "k=v" {
			t.Error(got.err, len(got.data), got.header)
		}
	})
}

func do(t *testing.T, server *httptest.Server, r *http.Request) {
	t.Helper()
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

func TestTheClientOfMinioGo(t *testing.T) {
	content := bytes.Repeat([]byte("content "), 50_000)
	payloads := map[string]bool{}
	for scheme, start := range starts {
		server, last := serve(t, start)
		for _, trailers := range []bool{false, true} {
			client := minioClient(t, server, trailers)
			for _, body := range [][]byte{content, nil, []byte("short")} {
				for _, key := range keys {
					t.Run(fmt.Sprintf("%s, trailers %t, %d bytes, key %q", scheme, trailers, len(body), key), func(t *testing.T) {
						options := minio.PutObjectOptions{UserMetadata: map[string]string{"Report": "annual  report"}}
						if trailers {
							options.Checksum = minio.ChecksumCRC32C
						}
						_, err := client.PutObject(t.Context(), "bucket", key, bytes.NewReader(body), int64(len(body)), options)
						got := last()
						if err != nil || got.err != nil {
							t.Fatal(err, got.err)
						}
						if got.path != "/bucket/"+key || got.data != string(body) {
							t.Errorf("%q with %d bytes", got.path, len(got.data))
						}
						if trailers && len(body) > 0 && got.trailer.Get("x-amz-checksum-crc32c") == "" {
							t.Error("the checksum is missing")
						}
						payloads[got.payload] = true
					})
				}
			}
		}
	}
	for _, want := range []string{sigv4.StreamingSigned, sigv4.StreamingSignedTrailer, sigv4.StreamingUnsignedTrailer} {
		if !payloads[want] {
			t.Errorf("%s has not been met, only %v", want, payloads)
		}
	}
	t.Run("presigned", func(t *testing.T) {
		server, last := serve(t, httptest.NewServer)
		client := minioClient(t, server, false)
		u, err := client.PresignedPutObject(t.Context(), "bucket", "a key", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, u.String(), bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		do(t, server, r)
		if got := last(); got.err != nil || got.data != string(content) {
			t.Error(got.err, len(got.data))
		}
	})
	t.Run("a form", func(t *testing.T) {
		server, last := serve(t, httptest.NewServer)
		policy := minio.NewPostPolicy()
		for _, err := range []error{policy.SetBucket("bucket"), policy.SetKey("a key"), policy.SetExpires(time.Now().Add(time.Hour))} {
			if err != nil {
				t.Fatal(err)
			}
		}
		u, fields, err := minioClient(t, server, false).PresignedPostPolicy(t.Context(), policy)
		if err != nil {
			t.Fatal(err)
		}
		do(t, server, formRequest(t, u.String(), fields))
		if got := last(); got.err != nil || got.path != "a key" {
			t.Error(got.path, got.err)
		}
	})
}
