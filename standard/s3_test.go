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
