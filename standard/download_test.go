package standard_test

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/digest"
)

func TestAnObjectIsDownloadedUnderItsKey(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"), 0)
	defer s.stop()
	const text = "<p>hello</p>"
	s.want(t, 200, http.MethodPut, "/bucket", "")
	page, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.url+"/bucket/site/the%20page.html", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	page.Header.Set("Content-Type", "text/html")
	sigv4.Sign(page, sigv4.Credentials{AccessKey: s.root.AccessKey, SecretKey: s.root.SecretKey}, sigv4.DefaultRegion, time.Now(), "")
	if a, err := http.DefaultClient.Do(page); err != nil || a.Body.Close() != nil || a.StatusCode != 200 {
		t.Fatal(a, err)
	}
	s.want(t, 200, http.MethodPut, "/bucket/other", "other")
	d := artifact.Digest(digest.Of([]byte(text)), int64(len(text))).String()
	get := func(path string, signed bool) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if signed {
			r.SetBasicAuth(s.root.AccessKey, s.root.SecretKey)
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		body, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a, string(body)
	}
	a, body := get("/a/bucket@"+d+"/site/the%20page.html", true)
	if a.StatusCode != 200 || body != text {
		t.Fatalf("%s: %s", a.Status, body)
	}
	for name, want := range map[string]string{
		"Content-Disposition": `attachment; filename="the page.html"`, "Content-Type": "text/html", "X-Content-Type-Options": "nosniff",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for what, path := range map[string]string{
		"a key with other bytes": "/a/bucket@" + d + "/other", "an absent key": "/a/bucket@" + d + "/absent", "a key of no bucket": "/a/team/app@" + d + "/other",
	} {
		if a, body := get(path, true); a.StatusCode != 404 {
			t.Errorf("%s: %s %s", what, a.Status, body)
		}
	}
	if a, _ := get("/a/bucket@"+d+"/site/the%20page.html", false); a.StatusCode != 401 {
		t.Errorf("without credentials: %s", a.Status)
	}
}
