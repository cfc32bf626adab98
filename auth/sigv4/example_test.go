package sigv4_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/sigv4"
)

func ExampleSign() {
	r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://127.0.0.1:9000/bucket/key", nil)
	credentials := sigv4.Credentials{AccessKey: "root", SecretKey: "secret"}
	sigv4.Sign(r, credentials, sigv4.DefaultRegion, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "")

	fmt.Println(r.Header.Get("X-Amz-Date"))
	fmt.Println(r.Header.Get("Authorization"))
	// Output:
	// 20260102T030405Z
	// AWS4-HMAC-SHA256 Credential=root/20260102/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=495ccfbd0e0cfc1d822897805a795027c3078ec1db2c079ee10084f22489f991
}

func ExamplePresign() {
	r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://127.0.0.1:9000/bucket/a key", nil)
	credentials := sigv4.Credentials{AccessKey: "root", SecretKey: "secret"}
	fmt.Println(sigv4.Presign(r, credentials, sigv4.DefaultRegion, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Hour))
	// Output:
	// http://127.0.0.1:9000/bucket/a%20key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=root%2F20260102%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=0b87bcc45213185ebda7ee37c17dbb60a6c84d338e0f2657cbd94934f287fd80
}

func ExampleVerifier() {
	verifier := &sigv4.Verifier{Keys: auth.Root{AccessKey: "root", SecretKey: "secret"}}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "http://127.0.0.1:9000/bucket/key", nil)
	sigv4.Sign(r, sigv4.Credentials{AccessKey: "root", SecretKey: "secret"}, sigv4.DefaultRegion, time.Now(), "")

	result, err := verifier.Verify(r)
	fmt.Println(result.Principal.ID, err)

	r.Method = http.MethodDelete
	_, err = verifier.Verify(r)
	fmt.Println(err)
	// Output:
	// root <nil>
	// signature-mismatch: the signature does not match the request
}
