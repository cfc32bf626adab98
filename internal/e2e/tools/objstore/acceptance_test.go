package objstore

import (
	"net/url"
	"os"
	"testing"

	"github.com/thanos-io/objstore"
	"github.com/thanos-io/objstore/providers/s3"
)

func TestAcceptance(t *testing.T) {
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	if endpoint == "" {
		t.Skip("AWS_ENDPOINT_URL names no server")
	}
	where, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c := s3.DefaultConfig
	c.Endpoint, c.Insecure, c.Region = where.Host, where.Scheme == "http", "us-east-1"
	c.AccessKey, c.SecretKey = os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	c.HTTPConfig.TLSConfig.CAFile = os.Getenv("AWS_CA_BUNDLE")
	bucket, remove, err := s3.NewTestBucketFromConfig(t, c.Region, c, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	objstore.AcceptanceTest(t, bucket)
}
