package awssdk

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// send sends what was presigned, with the headers that its signature covers.
func (s suite) send(r *v4.PresignedHTTPRequest, body string) (int, string) {
	s.Helper()
	q := must(s, func() (*http.Request, error) {
		return http.NewRequestWithContext(s.Context(), r.Method, r.URL, strings.NewReader(body))
	})
	q.Header = r.SignedHeader.Clone()
	answer := must(s, func() (*http.Response, error) { return s.web.Do(q) })
	defer answer.Body.Close()
	text := must(s, func() ([]byte, error) { return io.ReadAll(answer.Body) })
	return answer.StatusCode, string(text)
}

func TestPresignedURLs(t *testing.T) {
	s := start(t)
	p := s3.NewPresignClient(s.s3, s3.WithPresignExpires(time.Minute))
	bucket, key := s.bucket(), aws.String("dir/a key+ä&")
	put := must(s, func() (*v4.PresignedHTTPRequest, error) {
		return p.PresignPutObject(t.Context(), &s3.PutObjectInput{
			Bucket: bucket, Key: key, ContentType: aws.String("text/x-one"), Metadata: map[string]string{"colour": "blue"},
		})
	})
	if status, text := s.send(put, "content"); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	get := must(s, func() (*v4.PresignedHTTPRequest, error) {
		return p.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key})
	})
	if status, text := s.send(get, ""); status != http.StatusOK || text != "content" {
		t.Errorf("%d %s", status, text)
	}
	put.URL = strings.Replace(put.URL, "/dir/", "/other/", 1)
	if status, text := s.send(put, "content"); status != http.StatusForbidden || !strings.Contains(text, "SignatureDoesNotMatch") {
		t.Errorf("%d %s", status, text)
	}
	head := must(s, func() (*s3.HeadObjectOutput, error) {
		return s.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: key})
	})
	if *head.ContentType != "text/x-one" || head.Metadata["colour"] != "blue" {
		t.Errorf("HEAD answers %v %v", *head.ContentType, head.Metadata)
	}
}
