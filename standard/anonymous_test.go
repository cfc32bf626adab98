package standard_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/internal/config"
)

// openStore has a bucket whose repository anybody may pull from, and of whose objects anybody may get those under public/.
func openStore(t *testing.T) store {
	t.Helper()
	s := startWith(t, filepath.Join(t.TempDir(), "data"), func(c *config.Config) {
		c.HTTP.AccessControl.Repositories = map[string]config.RepositoryAccess{
			"bucket": {AnonymousPolicy: []string{"read"}}, "open/**": {AnonymousPolicy: []string{"read"}},
		}
		c.Extensions = map[string]map[string]any{"s3": {"anonymousRead": []any{"bucket/public/*", "files"}}}
	})
	t.Cleanup(s.stop)
	s.want(t, 200, http.MethodPut, "/bucket", "")
	s.want(t, 200, http.MethodPut, "/files", "")
	return s
}

// nobody is the status of a request without credentials, but with a token for repo where that can be had.
func (s store) nobody(t *testing.T, method, repo, path string) int {
	t.Helper()
	token := s.tokenFor(t, "", repo)
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+"/v2/"+repo+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func (s store) tokenFor(t *testing.T, user, repo string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/zot/auth/token?scope=repository:"+repo+":pull,push", nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		r.SetBasicAuth(s.root.AccessKey, s.root.SecretKey)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Token string }
	if response.StatusCode == http.StatusOK {
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
	} else if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return answer.Token
}

func blobPath(content string) string {
	return "/blobs/" + digest.Of([]byte(content)).String()
}

func manifestPath(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "/manifests/" + artifact.Digest(digest.Digest("sha256:"+hex.EncodeToString(sum[:])), int64(len(content))).String()
}

func TestAnonymousPullsOfObjects(t *testing.T) {
	s := openStore(t)
	sizes := map[string]func(string) string{
		"inline":                 func(s string) string { return s },
		"inline, after a use":    func(s string) string { return s + " used" },
		"in extents":             func(s string) string { return strings.Repeat(s+" ", 20_000) },
		"in extents after a use": func(s string) string { return strings.Repeat(s+" used ", 20_000) },
	}
	visible := func(t *testing.T, content string, want int) {
		t.Helper()
		for _, path := range []string{blobPath(content), manifestPath(content)} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				if got := s.nobody(t, method, "bucket", path); got != want {
					t.Errorf("%s %s: %d, want %d", method, path, got, want)
				}
			}
		}
	}
	for name, sized := range sizes {
		t.Run(name, func(t *testing.T) {
			put := func(key, content string) {
				t.Helper()
				s.want(t, 200, http.MethodPut, "/bucket/"+key, content)
				if strings.HasSuffix(name, "after a use") { // somebody who may push gets a lease by asking
					s.want(t, 200, http.MethodHead, "/v2/bucket"+blobPath(content), "")
				}
			}
			open, closed, both, old := sized("open"), sized("closed"), sized("both"), sized("old")
			put("public/a", open)
			put("private/a", closed)
			put("private/b", both)
			put("public/b", both)
			t.Run("an object that anybody may get is there", func(t *testing.T) { visible(t, open, 200) })
			t.Run("one that is closed is not", func(t *testing.T) { visible(t, closed, 404) })
			t.Run("one with an open and a closed key is", func(t *testing.T) { visible(t, both, 200) })
			s.want(t, 204, http.MethodDelete, "/bucket/public/b", "")
			t.Run("until the open key is gone", func(t *testing.T) { visible(t, both, 404) })

			s.want(t, 200, http.MethodPut, "/bucket?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
			put("public/c", old)
			t.Run("the current version of an open key is there", func(t *testing.T) { visible(t, old, 200) })
			put("public/c", sized("new"))
			t.Run("an earlier version is not, as S3 does not send it", func(t *testing.T) { visible(t, old, 404) })
			t.Run("the newer one is", func(t *testing.T) { visible(t, sized("new"), 200) })
			s.want(t, 204, http.MethodDelete, "/bucket/public/c", "")
			t.Run("a version behind a delete marker is not", func(t *testing.T) { visible(t, sized("new"), 404) })
			s.want(t, 200, http.MethodHead, "/v2/bucket"+blobPath(closed), "")
			s.want(t, 200, http.MethodHead, "/v2/bucket"+manifestPath(old), "")
		})
	}
}

func TestAnonymousPullsOfRepositories(t *testing.T) {
	s := openStore(t)
	s.want(t, 200, http.MethodPut, "/files/key", "content")
	for _, repo := range []string{"open/app", "team/app"} {
		content := "blob of " + repo
		s.want(t, 201, http.MethodPost, "/v2/"+repo+"/blobs/uploads/?digest="+digest.Of([]byte(content)).String(), content)
		s.want(t, 201, http.MethodPut, "/v2/"+repo+"/manifests/v1", manifest(content))
	}
	for _, test := range []struct {
		name, method, repo, path string
		status                   int
	}{
		{"a manifest", "GET", "open/app", "/manifests/v1", 200},
		{"a blob that it names", "GET", "open/app", blobPath("blob of open/app"), 200},
		{"tags", "GET", "open/app", "/tags/list", 200},
		{"referrers", "GET", "open/app", "/referrers/" + digest.Of([]byte("x")).String(), 200},
		{"a blob of another repository", "GET", "open/app", blobPath("blob of team/app"), 404},
		{"another repository", "GET", "team/app", "/manifests/v1", 401},
		{"one that is not there", "GET", "team/none", "/manifests/v1", 401},
		{"the repository of a bucket that is open, and it is not", "GET", "files", blobPath("content"), 401},
		{"pushing", "POST", "open/app", "/blobs/uploads/", 401},
		{"a manifest by PUT", "PUT", "open/app", "/manifests/v2", 401},
		{"deleting", "DELETE", "open/app", "/manifests/v1", 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := s.nobody(t, test.method, test.repo, test.path); got != test.status {
				t.Errorf("%d, want %d", got, test.status)
			}
		})
	}
	t.Run("an upload that nothing names yet", func(t *testing.T) {
		s.want(t, 201, http.MethodPost, "/v2/open/app/blobs/uploads/?digest="+digest.Of([]byte("unnamed")).String(), "unnamed")
		if got := s.nobody(t, "GET", "open/app", blobPath("unnamed")); got != 200 {
			t.Errorf("%d", got)
		}
	})
}

// manifest is one with content as its layer.
func manifest(content string) string {
	text, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": "application/x-test",
		"config": map[string]any{"mediaType": "application/vnd.oci.empty.v1+json", "digest": artifact.EmptyDigest, "size": 2},
		"layers": []any{map[string]any{"mediaType": "text/plain", "digest": digest.Of([]byte(content)), "size": len(content)}},
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestATokenOutlivesARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	open := func(c *config.Config) {
		c.HTTP.AccessControl.Repositories = map[string]config.RepositoryAccess{"open": {AnonymousPolicy: []string{"read"}}}
	}
	s := startWith(t, dir, open)
	token := s.tokenFor(t, "root", "team/app")
	s.stop()
	s = startWith(t, dir, open)
	defer s.stop()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v2/team/app/blobs/uploads/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		t.Error(response.Status)
	}
}
