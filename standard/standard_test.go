package standard_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/internal/config"
	"github.com/zot-artifact-store/zas/internal/server"
	"github.com/zot-artifact-store/zas/module"
	"github.com/zot-artifact-store/zas/standard"
)

// store is the standard build as a running server.
type store struct {
	url  string
	root auth.Root
	stop func()
}

func start(t *testing.T, dir string, floor module.Size) store {
	t.Helper()
	return startWith(t, dir, func(c *config.Config) { c.Storage.FreeSpaceFloor = floor })
}

func startWith(t *testing.T, dir string, set func(*config.Config)) store {
	t.Helper()
	c := config.Default()
	c.Storage.RootDirectory, c.Storage.FreeSpaceFloor, c.HTTP.Port = dir, 0, "0"
	set(&c)
	r := &module.Registry{}
	standard.Modules(r)
	root := auth.Root{AccessKey: "root", SecretKey: "root-secret"}
	s, err := server.Open(t.Context(), server.Options{Config: c, Modules: r, Root: root, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, t.Context()) }()
	return store{url: "http://" + s.Address().String(), root: root, stop: func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}}
}

// send is the status and body of a request, signed for S3 or with Basic credentials for OCI.
func (s store) send(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum([]byte(body))
	r.Header.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	if strings.HasPrefix(path, "/v2/") {
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(s.root.AccessKey+":"+s.root.SecretKey)))
	} else {
		sigv4.Sign(r, sigv4.Credentials{AccessKey: s.root.AccessKey, SecretKey: s.root.SecretKey}, sigv4.DefaultRegion, time.Now(), "")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (s store) want(t *testing.T, status int, method, path, body string) string {
	t.Helper()
	code, text := s.send(t, method, path, body)
	if code != status {
		t.Errorf("%s %s answers %d, want %d\n%s", method, path, code, status, text)
	}
	return text
}

func TestAFullDiskStopsWritesAndNothingElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir, 0)
	s.want(t, 200, http.MethodPut, "/bucket", "")
	s.want(t, 200, http.MethodPut, "/bucket/one", "1")
	s.want(t, 200, http.MethodPut, "/bucket/two", "2")
	s.stop()

	s = start(t, dir, 1<<60) // more than any disk has
	defer s.stop()
	if text := s.want(t, 507, http.MethodPut, "/bucket/three", "3"); !strings.Contains(text, "<Code>InsufficientStorage</Code>") {
		t.Errorf("the answer is %s", text)
	}
	s.want(t, 507, http.MethodPost, "/bucket/three?uploads", "")
	form, err := http.Post(s.url+"/bucket", "multipart/form-data; boundary=x", strings.NewReader("--x--"))
	if err != nil {
		t.Fatal(err)
	}
	if form.Body.Close(); form.StatusCode != 507 {
		t.Errorf("a form is answered %d", form.StatusCode)
	}
	if text := s.want(t, 507, http.MethodPost, "/v2/team/app/blobs/uploads/", ""); !strings.Contains(text, "no free space") {
		t.Errorf("the answer is %s", text)
	}
	s.want(t, 401, http.MethodPost, "/zot/auth/token", "") // it is looked at: a token takes no room
	if text := s.want(t, 200, http.MethodGet, "/bucket/one", ""); text != "1" {
		t.Errorf("the object is %q", text)
	}
	s.want(t, 200, http.MethodPost, "/bucket?delete", "<Delete><Object><Key>one</Key></Object></Delete>")
	s.want(t, 204, http.MethodDelete, "/bucket/two", "")
	s.want(t, 200, http.MethodGet, "/readyz", "")
}

func TestEachPathGoesToItsProtocol(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "data"), 0)
	defer s.stop()
	for path, want := range map[string]string{
		"/v2/":          "{}",
		"/v2/_catalog":  "repositories",
		"/":             "ListAllMyBucketsResult",
		"/v2x/key":      "NoSuchBucket",
		"/livezz/key":   "NoSuchBucket",
		"//livez":       "<Error>",
		"/livez":        `"status":"ok"`,
		"/%6Civez/key":  "<Error>", // nothing is decoded before the dispatch
		"/metrics":      "zas_build_info",
		"/metrics/more": "<Error>",
	} {
		if _, text := s.send(t, http.MethodGet, path, ""); !strings.Contains(text, want) {
			t.Errorf("GET %s answers %.200s, want %s", path, text, want)
		}
	}
}
