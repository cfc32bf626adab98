package standard_test

import (
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/internal/config"
	"github.com/zot-artifact-store/zas/internal/server"
	"github.com/zot-artifact-store/zas/module"
	"github.com/zot-artifact-store/zas/standard"
)

func TestAHostOfS3sIsS3WhateverThePath(t *testing.T) {
	s := startWith(t, filepath.Join(t.TempDir(), "data"), func(c *config.Config) {
		c.Extensions = map[string]map[string]any{"s3": {"domains": []any{"s3.example.com"}}}
	})
	defer s.stop()
	for _, host := range []string{"s3.example.com", "bucket.s3.example.com:80", "BUCKET.s3.example.com"} {
		for _, path := range []string{"/livez", "/readyz", "/metrics", "/v2/", "/v2/_catalog", "/zot/auth/token", "/"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || response.StatusCode != 403 || !strings.Contains(string(body), "<Code>AccessDenied</Code>") {
				t.Errorf("%s%s: %s %s", host, path, response.Status, body)
			}
		}
	}
	s.want(t, 200, http.MethodGet, "/livez", "")
	s.want(t, 200, http.MethodGet, "/v2/", "")
}

func TestAMistakeInS3sSettingsIsNamed(t *testing.T) {
	for want, settings := range map[string]map[string]any{
		`extensions.s3.anonymousRead[1]: "A" is not the name of a bucket`: {"anonymousRead": []any{"files/*", "A/*"}},
		`extensions.s3.anonymousRead[0]: "files/" ends with a slash`:      {"anonymousRead": []any{"files/"}},
		`extensions.s3.anonymousRead[0]: "files/*/x": a star`:             {"anonymousRead": []any{"files/*/x"}},
		`extensions.s3.anonymousRead[0]: "*" is not the name of a bucket`: {"anonymousRead": []any{"*"}},
		`extensions.s3.anonymousList[0]: "files/x" is not the name`:       {"anonymousList": []any{"files/x"}},
		`extensions.s3.anonymousWrite`:                                    {"anonymousWrite": []any{"files"}},
		`extensions.s3.domains[0]: "127.0.0.1" is not a host name`:        {"domains": []any{"127.0.0.1"}},
	} {
		c := config.Default()
		c.Storage.RootDirectory, c.HTTP.Port = t.TempDir(), "0"
		c.Extensions = map[string]map[string]any{"s3": settings}
		r := &module.Registry{}
		standard.Modules(r)
		_, err := server.Open(t.Context(), server.Options{Config: c, Modules: r, Logger: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open = %v, want %s", err, want)
		}
	}
}

func TestAPublicAccessBlockClosesABucketInAllItsFaces(t *testing.T) {
	s := startWith(t, filepath.Join(t.TempDir(), "data"), func(c *config.Config) {
		c.Extensions = map[string]map[string]any{"s3": {"anonymousRead": []any{"bucket"}, "anonymousList": []any{"bucket"}}}
		c.HTTP.AccessControl.Repositories = map[string]config.RepositoryAccess{"**": {AnonymousPolicy: []string{config.ReadAction}}}
	})
	defer s.stop()
	s.want(t, 200, http.MethodPut, "/bucket", "")
	s.want(t, 200, http.MethodPut, "/bucket/key", "content")
	wantAll := func(status map[string]int) {
		t.Helper()
		for path, want := range status {
			response, err := http.Get(s.url + path)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("GET %s answers %d, want %d", path, response.StatusCode, want)
			}
		}
	}
	manifests := "/v2/bucket/tags/list"
	wantAll(map[string]int{"/bucket/key": 200, "/bucket?list-type=2": 200, manifests: 200})
	s.want(t, 200, http.MethodPut, "/bucket?publicAccessBlock",
		"<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>")
	wantAll(map[string]int{"/bucket/key": 403, "/bucket?list-type=2": 403, manifests: 401})
	s.want(t, 200, http.MethodGet, "/bucket/key", "")
	s.want(t, 204, http.MethodDelete, "/bucket?publicAccessBlock", "")
	wantAll(map[string]int{"/bucket/key": 200, "/bucket?list-type=2": 200, manifests: 200})
}
