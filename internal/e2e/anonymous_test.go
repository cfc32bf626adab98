package e2e

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// openly serves what anybody may read: repositories beneath open and conformance, and in the bucket anonymous the keys beneath public/; the bucket listed
// may also be listed. Buckets are found below instance.S3Domain, too.
func openly(t *testing.T, secure bool) *instance.Instance {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"http": map[string]any{"accessControl": map[string]any{"repositories": map[string]any{
			"open/**": map[string]any{"anonymousPolicy": []string{"read"}}, "conformance/**": map[string]any{"anonymousPolicy": []string{"read"}},
		}}},
		"extensions": map[string]any{"s3": map[string]any{
			"domains": []string{instance.S3Domain}, "anonymousRead": []string{"anonymous/public/*", "listed"}, "anonymousList": []string{"listed"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := instance.Options{Binary: binary(t), Data: t.TempDir(), Config: filepath.Join(t.TempDir(), "config.json")}
	if err := os.WriteFile(o.Config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if secure {
		if o.Cert, err = instance.NewCert(t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	return start(t, o)
}

func openlySecureAndNot(t *testing.T, test func(*testing.T, *instance.Instance)) {
	t.Run("over http", func(t *testing.T) { test(t, openly(t, false)) })
	t.Run("over https", func(t *testing.T) { test(t, openly(t, true)) })
}

// TestRegistryClientsWithoutCredentials has an owner push, and somebody with an empty home pull.
func TestRegistryClientsWithoutCredentials(t *testing.T) {
	openlySecureAndNot(t, func(t *testing.T, i *instance.Instance) {
		owner, anybody := newRegistry(t, i), newRegistry(t, i)
		owner.file("layer.tar", layer(t, "file", pattern(1<<20)))
		owner.crane("auth", "login", i.Host, "-u", instance.AccessKey, "-p", instance.SecretKey)
		owner.crane("append", "--new_layer", "layer.tar", "--new_tag", i.Host+"/open/image:v1")
		owner.crane("copy", owner.ref("open/image:v1"), owner.ref("closed/image:v1"))
		owner.file("one.txt", []byte("first file"))
		owner.oras("push", "--artifact-type", "application/vnd.example", owner.ref("open/files:v1"), "one.txt")
		owner.oras("attach", "--artifact-type", "application/spdx+json", owner.ref("open/files:v1"), "one.txt")
		anybody.file("layer.tar", layer(t, "file", pattern(1<<10)))
		anybody.file("two.txt", []byte("second file"))
		refused := func(t *testing.T, program string, args ...string) {
			t.Helper()
			if told := anybody.fails(tool(t, program), args...); !regexp.MustCompile(`(?i)unauthorized|authentication required|credential`).MatchString(told) {
				t.Errorf("%s %s says %s", program, args, told)
			}
		}

		t.Run("crane", func(t *testing.T) {
			anybody.crane("pull", anybody.ref("open/image:v1"), "image.tar")
			anybody.crane("validate", "--remote", anybody.ref("open/image:v1"))
			if tags := anybody.crane("ls", anybody.ref("open/image")); tags != "v1" {
				t.Errorf("tags are %q", tags)
			}
			if repos := anybody.crane("catalog", i.Host); repos != "open/files\nopen/image" {
				t.Errorf("repositories are %q", repos)
			}
			refused(t, "bin/crane", "--insecure", "pull", anybody.ref("closed/image:v1"), "closed.tar")
			refused(t, "bin/crane", "--insecure", "push", "image.tar", anybody.ref("open/image:v2"))
			refused(t, "bin/crane", "--insecure", "delete", anybody.ref("open/image:v1"))
		})
		t.Run("oras", func(t *testing.T) {
			anybody.oras("pull", "--output", "pulled", anybody.ref("open/files:v1"))
			anybody.same("pulled/one.txt", []byte("first file"))
			if found := anybody.discover("open/files:v1"); len(found) != 1 {
				t.Errorf("discovered %v", found)
			}
			refused(t, "bin/oras", append([]string{"push", anybody.ref("open/files:v2"), "two.txt"}, anybody.plain...)...)
			refused(t, "bin/oras", append([]string{"pull", anybody.ref("closed/image:v1")}, anybody.plain...)...)
		})
		t.Run("skopeo", func(t *testing.T) {
			skopeo := tool(t, "skopeo")
			name := func(s string) string { return "docker://" + anybody.ref(s) }
			anybody.run(skopeo, "copy", "--src-tls-verify=false", name("open/image:v1"), "oci:layout:v1")
			anybody.run(skopeo, "inspect", "--tls-verify=false", name("open/image:v1"))
			refused(t, "skopeo", "copy", "--src-tls-verify=false", name("closed/image:v1"), "oci:closed:v1")
			refused(t, "skopeo", "copy", "--dest-tls-verify=false", "oci:layout:v1", name("open/image:v2"))
		})
		t.Run("an owner goes on to push and delete, with a login that is checked", func(t *testing.T) {
			anybody.fails(tool(t, "bin/oras"), append([]string{"login", "--username", instance.AccessKey, "--password", "wrong password", i.Host}, anybody.plain...)...)
			anybody.fails(tool(t, "skopeo"), "login", "--tls-verify=false", "-u", instance.AccessKey, "-p", "wrong password", i.Host)
			owner.run(tool(t, "skopeo"), "login", "--tls-verify=false", "-u", instance.AccessKey, "-p", instance.SecretKey, i.Host)
			owner.run(tool(t, "skopeo"), "copy", "--src-tls-verify=false", "--dest-tls-verify=false",
				"docker://"+owner.ref("closed/image:v1"), "docker://"+owner.ref("closed/copy:v1"))
			owner.login()
			owner.oras("pull", "--output", "closed", owner.ref("closed/copy:v1"))
			owner.crane("delete", owner.ref("open/image@"+owner.crane("digest", owner.ref("open/image:v1"))))
			if repos := owner.crane("catalog", i.Host); !strings.Contains(repos, "closed/copy") {
				t.Errorf("repositories are %q", repos)
			}
		})
	})
}

// TestS3ClientsWithoutCredentials runs the cases about anonymous callers and about buckets as host names.
func TestS3ClientsWithoutCredentials(t *testing.T) {
	python := tool(t, "venv/bin/python")
	openlySecureAndNot(t, func(t *testing.T, i *instance.Instance) {
		out, err := s3Command(t, i).try(io.Discard, python, script(t, "run.py"), i.URL, "anonymous", "virtualhost")
		t.Log(out)
		if err != nil {
			t.Fatal("cases failed")
		}
		c := newCommand(t)
		if i.CertFile != "" {
			c.env = append(c.env, "CURL_CA_BUNDLE="+i.CertFile)
		}
		curl, port := tool(t, "curl"), i.Host[strings.LastIndex(i.Host, ":"):]
		scheme, _, _ := strings.Cut(i.URL, "://")
		for _, url := range []string{i.URL + "/anonymous/public/key", scheme + "://anonymous." + instance.S3Domain + port + "/public/key"} {
			if got := c.run(curl, "--fail", "--silent", "--show-error", "--noproxy", "*", url); got != "public content" {
				t.Errorf("curl %s: %q", url, got)
			}
		}
		c.fails(curl, "--fail", "--silent", "--noproxy", "*", i.URL+"/anonymous/private")
	})
}
