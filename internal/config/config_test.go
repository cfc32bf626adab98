package config_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zot-artifact-store/zas/internal/config"
	"github.com/zot-artifact-store/zas/module"
)

func TestParse(t *testing.T) {
	t.Run("an empty file gives the defaults", func(t *testing.T) {
		got, err := config.Parse(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(config.Default(), got.Config); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a file of zot's starts", func(t *testing.T) {
		got, err := config.Parse([]byte(`{
			"distSpecVersion": "1.1.1",
			"storage": {"rootDirectory": "/tmp/zot", "dedupe": true, "GC": false, "gcDelay": "2h"},
			"http": {"address": "127.0.0.1", "port": "5000", "compat": ["docker2s2"]},
			"log": {"level": "debug", "output": "/dev/null"},
			"extensions": {"search": {"enable": false}}
		}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := config.Default()
		want.Storage.RootDirectory, want.Storage.GCDelay = "/tmp/zot", module.Duration(2*time.Hour)
		want.HTTP.Port = "5000"
		want.Log = config.Log{Level: "debug", Output: "/dev/null"}
		want.Extensions = map[string]map[string]any{}
		if diff := cmp.Diff(want, got.Config); diff != "" {
			t.Error(diff)
		}
		if len(got.Warnings) != 4 || !strings.Contains(got.Warnings[2], "storage.dedupe means nothing here: the same bytes are always stored once") {
			t.Errorf("warnings: %q", got.Warnings)
		}
	})
	t.Run("YAML is read, and a module's settings are left to it", func(t *testing.T) {
		got, err := config.Parse([]byte("http:\n  Port: 9000\nextensions:\n  S3:\n    Region: eu-1\n    labels: {Team: A}\n"), nil)
		want := map[string]map[string]any{"s3": {"region": "eu-1", "labels": map[string]any{"Team": "A"}}}
		if err != nil || got.Config.HTTP.Port != "9000" || !cmp.Equal(got.Config.Extensions, want) {
			t.Errorf("Parse = %+v, %v", got.Config, err)
		}
	})
	t.Run("anonymous reading of zot's, by pattern", func(t *testing.T) {
		got, err := config.Parse([]byte(`{"http": {"externalURL": "https://example.com:5000/", "accessControl": {"repositories": {
			"Pub/**": {"anonymousPolicy": ["read"], "defaultPolicy": [], "policies": []}, "**": {"AnonymousPolicy": []}}}}}`), nil)
		want := config.AccessControl{Repositories: map[string]config.RepositoryAccess{"Pub/**": {AnonymousPolicy: []string{"read"}}, "**": {}}}
		if diff := cmp.Diff(want, got.Config.HTTP.AccessControl, cmpopts.EquateEmpty()); err != nil || diff != "" || got.Config.HTTP.ExternalURL != "https://example.com:5000" {
			t.Errorf("%v\n%s\n%s", err, diff, got.Config.HTTP.ExternalURL)
		}
	})
	t.Run("the environment overrides the file", func(t *testing.T) {
		got, err := config.Parse([]byte("http: {port: 1}\n"), []string{"ZAS_HTTP_PORT=2", "ZAS_LOG_LEVEL=warn", "ZAS_STORAGE_FREESPACEFLOOR=1GiB",
			"ZAS_EXTENSIONS_S3_REGION=eu-1", "ZAS_ROOT_ACCESS_KEY=me", "PATH=/bin"})
		c := got.Config
		if err != nil || c.HTTP.Port != "2" || c.Log.Level != "warn" || c.Storage.FreeSpaceFloor != 1<<30 || c.Extensions["s3"]["region"] != "eu-1" {
			t.Errorf("Parse = %+v, %v", c, err)
		}
	})
}

func TestRulesForTagsAndIndexes(t *testing.T) {
	text := "storage:\n  immutableTags: [{repositories: [prod/**, app], patterns: ['v[0-9]+']}]\n  sparseRepositories: [mirror/**]\n"
	for _, parse := range []func() (config.Loaded, error){
		func() (config.Loaded, error) { return config.Parse([]byte(text), nil) },
		func() (config.Loaded, error) {
			return config.Parse(nil, []string{
				`ZAS_STORAGE_IMMUTABLETAGS=[{"Repositories":["prod/**","app"],"patterns":["v[0-9]+"]}]`, `ZAS_STORAGE_SPARSEREPOSITORIES=["mirror/**"]`})
		},
	} {
		got, err := parse()
		if err != nil {
			t.Fatal(err)
		}
		c := got.Config.Storage
		if len(c.ImmutableTags) != 1 || len(c.SparseRepositories) != 1 || !c.SparseRepositories[0].Match("mirror/a/b") {
			t.Fatalf("%+v", c)
		}
		rule := c.ImmutableTags[0]
		if len(rule.Repositories) != 2 || !rule.Repositories[0].Match("prod/a") || !rule.Patterns[0].Match("v10") || rule.Patterns[0].Match("v1x") {
			t.Errorf("%+v", rule)
		}
	}
}

func TestAMistakeIsNamedWithItsPlace(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"an unknown key", "storage: {rootDir: /x}", "storage.rootdir: unknown key"},
		{"an unknown section", "stroage: {}", "stroage: unknown key"},
		{"a key of zot's that is to come", "http: {auth: {htpasswd: {path: x}}}", "http.auth: not yet supported"},
		{"every such key", "http: {auth: {}, realm: x}", "http.realm: not yet supported\nhttp.auth: not yet supported"},
		{"a wrong type", "log: {output: 7}", "log.output: is a number, want a string"},
		{"a wrong duration", "storage: {GCdelay: 1 hour}", `storage.gcDelay: "1 hour" is not a duration`},
		{"a port out of range", "http: {port: 70000}", "http.port: 70000 is not a port"},
		{"half of a key pair", "http: {tls: {cert: x}}", "http.tls: needs both cert and key"},
		{"an administrator of zot's", "http: {accessControl: {adminPolicy: {users: [a]}}}", "http.accessControl.adminPolicy: not yet supported"},
		{"a group of zot's", "http: {accesscontrol: {Groups: {a: {}}}}", "http.accessControl.groups: not yet supported"},
		{"who may scrape", "http: {accesscontrol: {metrics: {users: [a]}}}", "http.accessControl.metrics: not yet supported"},
		{"a policy for users", "http: {accessControl: {repositories: {A/**: {Policies: [{users: [a], actions: [read]}]}}}}",
			"http.accessControl.repositories.A/**.policies: not yet supported"},
		{"a policy for all users", "http: {accessControl: {repositories: {a: {defaultPolicy: [read]}}}}",
			"http.accessControl.repositories.a.defaultPolicy: not yet supported"},
		{"a right to push for everybody", "http: {accessControl: {repositories: {a: {anonymousPolicy: [read, create]}}}}",
			"http.accessControl.repositories.a.anonymousPolicy: anonymous callers may be given `read` and nothing else, not create"},
		{"no pattern", "http: {accessControl: {repositories: {'a[': {anonymousPolicy: [read]}}}}", `http.accessControl.repositories.a[: "a[" is no pattern`},
		{"an unknown right", "http: {accessControl: {repositories: {a: {anonymous: [read]}}}}", "http.accesscontrol.repositories.a.anonymous[0]: unknown key"},
		{"an unknown rule", "http: {accessControl: {repository: {}}}", "http.accesscontrol.repository: unknown key"},
		{"no URL", "http: {externalUrl: registry.example.com}", "http.externalUrl: want a URL"},
		{"a URL with a password", "http: {externalUrl: 'https://a:b@example.com'}", "http.externalUrl: want a URL"},
		{"an unknown level", "log: {level: loud}", `log.level: "loud" is no level`},
		{"a timeout of nothing", "http: {readTimeout: 0s}", "http.readTimeout: must be more than zero"},
		{"a rule for no tags", "storage: {immutableTags: [{repositories: [a]}]}", "storage.immutableTags[0]: needs both repositories and patterns"},
		{"a malformed expression", "storage: {immutableTags: [{repositories: [a], patterns: ['(']}]}", "storage.immutabletags[0].patterns[0]: error parsing regexp"},
		{"a malformed glob", "storage: {sparseRepositories: ['{a,b}']}", "storage.sparserepositories[0]: a glob has no alternatives"},
		{"an unknown key of a rule", "storage: {immutableTags: [{tags: a}]}", "storage.immutabletags[0].tags: unknown key"},
		{"a name that is set twice", "log: {Level: info, level: warn}", "log.level: is set twice"},
		{"a list", "[1]", "is not a section of settings"},
		{"two documents", "log: {}\n---\nlog: {}\n", "more than one document"},
		{"an alias", "a: &x [1]\nb: *x\n", "line 1: anchors, aliases and tags are not supported"},
		{"no YAML at all", "a: [", "neither JSON nor YAML"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := config.Parse([]byte(test.text), nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %s", err, test.want)
			}
		})
	}
	t.Run("a misspelt variable", func(t *testing.T) {
		_, err := config.Parse(nil, []string{"ZAS_HTTP_PROT=1"})
		if err == nil || !strings.Contains(err.Error(), "ZAS_HTTP_PROT: this environment variable names no setting") {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("the file is named", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "zas.yaml")
		if err := os.WriteFile(path, []byte("x: 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Load(path, nil)
		if err == nil || !strings.Contains(err.Error(), "configuration zas.yaml:\nx: unknown key") {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestEverySettingIsListed(t *testing.T) {
	var tree map[string]any
	text, err := json.Marshal(config.Default())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	var fields, listed []string
	var walk func(path string, section map[string]any)
	walk = func(path string, section map[string]any) {
		for name, value := range section {
			if nested, ok := value.(map[string]any); ok {
				walk(path+name+".", nested)
				continue
			}
			fields = append(fields, path+name)
		}
	}
	walk("", tree)
	for _, s := range config.Settings() {
		listed = append(listed, s.Path)
	}
	slices.Sort(fields)
	slices.Sort(listed)
	if diff := cmp.Diff(fields, listed); diff != "" {
		t.Errorf("fields and Settings differ:\n%s", diff)
	}
}

func TestListenAddresses(t *testing.T) {
	for addr, want := range map[string]string{":9000": ":9000", "127.0.0.1:0": "127.0.0.1:0", "[::1]:80": "[::1]:80", "localhost:8080": "localhost:8080"} {
		h := config.Default().HTTP
		if err := h.SetListen(addr); err != nil || h.Listen() != want {
			t.Errorf("SetListen(%q): %q, %v", addr, h.Listen(), err)
		}
	}
	for _, addr := range []string{"", "9000", "host", "host:http", "host:70000"} {
		h := config.Default().HTTP
		if err := h.SetListen(addr); err == nil {
			t.Errorf("SetListen(%q) is accepted", addr)
		}
	}
}

func TestLogOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := config.Log{Level: "WARN", Output: path}
	if level, err := l.SlogLevel(); err != nil || level != slog.LevelWarn {
		t.Errorf("SlogLevel = %v, %v", level, err)
	}
	f, err := l.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode() != 0o600 {
		t.Errorf("the log's mode is %v, %v", info.Mode(), err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := config.Parse(text, nil)
		if err != nil {
			return
		}
		written, err := json.Marshal(got.Config)
		if err != nil {
			t.Fatalf("an accepted configuration cannot be written: %v", err)
		}
		again, err := config.Parse(written, nil)
		if err != nil {
			t.Fatalf("what was written is refused: %v\n%s", err, written)
		}
		if diff := cmp.Diff(got.Config, again.Config, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("written and read again it differs:\n%s", diff)
		}
	})
}
