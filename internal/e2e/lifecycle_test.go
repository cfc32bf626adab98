package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/internal/e2e/wire"
)

// TestALifecycleRunsInTheServer gives the server days of half a second, and waits until everything that a configuration names is gone.
func TestALifecycleRunsInTheServer(t *testing.T) {
	i := serve(t, false, "ZAS_STORAGE_LIFECYCLEDAY=500ms", "ZAS_STORAGE_LIFECYCLEINTERVAL=100ms")
	c := wire.To(i, 1)
	send := func(method, path, body string, want ...int) string {
		t.Helper()
		a, err := c.S3(t.Context(), wire.Request{Method: method, Path: path, Body: []byte(body)})
		if err == nil {
			err = a.Want(want...)
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(a.Body)
	}
	send(http.MethodPut, "/bucket", "", 200)
	send(http.MethodPut, "/bucket?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", 200)
	send(http.MethodPut, "/bucket/tmp/before", "one", 200)
	send(http.MethodPut, "/bucket?lifecycle", `<LifecycleConfiguration>
<Rule><ID>a</ID><Status>Enabled</Status><Filter><Prefix>tmp/</Prefix></Filter><Expiration><Days>1</Days></Expiration>
<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>
<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>
<Rule><ID>b</ID><Status>Enabled</Status><Filter><Prefix>tmp/</Prefix></Filter>
<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule></LifecycleConfiguration>`, 200)
	send(http.MethodPut, "/bucket/tmp/after", "two", 200)
	send(http.MethodPut, "/bucket/tmp/after", "three", 200)
	send(http.MethodPut, "/bucket/kept", "four", 200)
	send(http.MethodPost, "/bucket/tmp/upload?uploads", "", 200)
	left := func() string {
		return send(http.MethodGet, "/bucket?versions", "", 200) + send(http.MethodGet, "/bucket?uploads", "", 200)
	}
	looks, end := time.Tick(200*time.Millisecond), time.After(time.Minute)
	for strings.Contains(left(), "tmp/") {
		select {
		case <-looks:
		case <-end:
			t.Fatalf("still there after a minute of such days:\n%s", left())
		}
	}
	if got := send(http.MethodGet, "/bucket/kept", "", 200); got != "four" {
		t.Errorf("kept is %q", got)
	}
	a, err := i.Client(1).Get(i.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	metrics, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"zas_lifecycle_objects_total 2", "zas_lifecycle_uploads_total 1"} {
		if !strings.Contains(string(metrics), want) {
			t.Errorf("the metrics do not tell %q", want)
		}
	}
}
