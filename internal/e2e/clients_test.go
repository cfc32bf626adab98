package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// registry is a server as the command lines of OCI clients see it.
type registry struct {
	command
	*instance.Instance
	plain []string // the flags of oras for http
}

func newRegistry(t *testing.T, i *instance.Instance) registry {
	r := registry{command: newCommand(t), Instance: i}
	if i.CertFile == "" {
		r.plain = []string{"--plain-http"}
	} else {
		r.env = append(r.env, "SSL_CERT_FILE="+i.CertFile)
	}
	return r
}

// ref is a name on the server.
func (r registry) ref(name string) string { return r.Host + "/" + name }

// oras runs oras, which is told its way to the server after the sub-command.
func (r registry) oras(subcommand string, args ...string) string {
	r.t.Helper()
	words := strings.Fields(subcommand)
	return r.run(tool(r.t, "bin/oras"), slices.Concat(words, r.plain, args)...)
}

func (r registry) crane(args ...string) string {
	r.t.Helper()
	if r.plain != nil {
		args = append([]string{"--insecure"}, args...)
	}
	return strings.TrimSpace(r.run(tool(r.t, "bin/crane"), args...))
}

func (r registry) login() {
	r.t.Helper()
	r.oras("login", "--username", instance.AccessKey, "--password", instance.SecretKey, r.Host)
}

func TestOras(t *testing.T) {
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		r := newRegistry(t, i)
		r.login()
		r.file("one.txt", []byte("first file"))
		r.file("two.bin", pattern(300_000))
		r.oras("push", "--artifact-type", "application/vnd.example", r.ref("team/app:v1"), "one.txt", "two.bin:application/x-two")

		t.Run("what was pushed is pulled", func(t *testing.T) {
			r.oras("pull", "--output", "pulled", r.ref("team/app:v1"))
			r.same("pulled/two.bin", pattern(300_000))
		})
		t.Run("a referrer is attached and discovered", func(t *testing.T) {
			r.file("sbom.json", []byte(`{"spdx":1}`))
			r.oras("attach", "--artifact-type", "application/spdx+json", r.ref("team/app:v1"), "sbom.json")
			if found := r.discover("team/app:v1"); !slices.Equal(found, []string{"application/spdx+json"}) {
				t.Errorf("discovered %v", found)
			}
		})
		t.Run("a copy takes its referrers along", func(t *testing.T) {
			args := []string{"--recursive", r.ref("team/app:v1"), r.ref("prod/app:v1")}
			if r.plain != nil {
				args = append([]string{"--from-plain-http", "--to-plain-http"}, args...)
			}
			r.run(tool(t, "bin/oras"), append([]string{"cp"}, args...)...)
			if found := r.discover("prod/app:v1"); len(found) != 1 {
				t.Errorf("discovered %v", found)
			}
		})
		t.Run("tags are added and listed", func(t *testing.T) {
			r.oras("tag", r.ref("team/app:v1"), "v2", "latest")
			if tags := strings.Fields(r.oras("repo tags", r.ref("team/app"))); !slices.Equal(tags, []string{"latest", "v1", "v2"}) {
				t.Errorf("tags are %v", tags)
			}
			if repos := r.oras("repo ls", r.Host); repos != "prod/app\nteam/app\n" {
				t.Errorf("repositories are %q", repos)
			}
		})
		t.Run("what is deleted is gone", func(t *testing.T) {
			r.oras("manifest delete", "--force", r.ref("team/app@"+r.crane("digest", r.ref("team/app:v1"))))
			if tags := r.oras("repo tags", r.ref("team/app")); tags != "" {
				t.Errorf("tags are %q", tags)
			}
			r.fails(tool(t, "bin/oras"), append([]string{"pull", r.ref("team/app:v1")}, r.plain...)...)
			r.oras("pull", "--output", "again", r.ref("prod/app:v1"))
			r.same("again/one.txt", []byte("first file"))
		})
		t.Run("blobs", func(t *testing.T) {
			d := digest.Of(pattern(300_000)).String()
			r.oras("blob push", r.ref("blobs@"+d), "two.bin")
			r.oras("blob fetch", "--output", "blob", r.ref("blobs@"+d))
			r.same("blob", pattern(300_000))
			r.oras("blob delete", "--force", r.ref("blobs@"+d))
			r.fails(tool(t, "bin/oras"), slices.Concat([]string{"blob", "fetch", "--output", "gone", r.ref("blobs@" + d)}, r.plain)...)
		})
	})
}

func TestCrane(t *testing.T) {
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		r := newRegistry(t, i)
		r.crane("auth", "login", r.Host, "-u", instance.AccessKey, "-p", instance.SecretKey)
		r.file("layer.tar", layer(t, "file", pattern(2<<20)))
		r.crane("append", "--new_layer", "layer.tar", "--new_tag", r.ref("image:v1"))

		t.Run("an image is pulled and pushed", func(t *testing.T) {
			r.crane("pull", r.ref("image:v1"), "image.tar")
			r.crane("push", "image.tar", r.ref("pushed:v1"))
			r.crane("validate", "--remote", r.ref("pushed:v1"))
			if r.crane("digest", r.ref("image:v1")) == "" {
				t.Error("no digest")
			}
		})
		t.Run("an image is copied", func(t *testing.T) {
			r.crane("copy", r.ref("image:v1"), r.ref("deep/er/copy:v1"))
			r.crane("validate", "--remote", r.ref("deep/er/copy:v1"))
			if a, b := r.crane("digest", r.ref("image:v1")), r.crane("digest", r.ref("deep/er/copy:v1")); a != b {
				t.Errorf("digests are %s and %s", a, b)
			}
		})
		t.Run("an index of two images", func(t *testing.T) {
			r.crane("index", "append", "-m", r.ref("image:v1"), "-m", r.ref("pushed:v1"), "-t", r.ref("index:v1"))
			r.crane("validate", "--remote", r.ref("index:v1"))
		})
		t.Run("tags and the catalogue are listed", func(t *testing.T) {
			r.crane("tag", r.ref("image:v1"), "v2")
			if tags := r.crane("ls", r.ref("image")); tags != "v1\nv2" {
				t.Errorf("tags are %q", tags)
			}
			if repos := r.crane("catalog", r.Host); repos != "deep/er/copy\nimage\nindex\npushed" {
				t.Errorf("repositories are %q", repos)
			}
		})
		t.Run("what is deleted is gone", func(t *testing.T) {
			r.crane("delete", r.ref("image@"+r.crane("digest", r.ref("image:v1"))))
			r.fails(tool(t, "bin/crane"), "--insecure", "manifest", r.ref("image:v1"))
		})
	})
}

func TestSkopeo(t *testing.T) {
	skopeo := tool(t, "skopeo")
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		r := newRegistry(t, i)
		r.file("layer.tar", layer(t, "file", pattern(1<<20)))
		r.crane("auth", "login", r.Host, "-u", instance.AccessKey, "-p", instance.SecretKey)
		r.crane("append", "--new_layer", "layer.tar", "--new_tag", r.ref("image:v1"))
		creds, name := instance.AccessKey+":"+instance.SecretKey, func(s string) string { return "docker://" + r.ref(s) }

		r.run(skopeo, "copy", "--src-tls-verify=false", "--src-creds", creds, name("image:v1"), "oci:layout:v1")
		r.run(skopeo, "copy", "--dest-tls-verify=false", "--dest-creds", creds, "oci:layout:v1", name("oci:v1"))
		r.run(skopeo, "copy", "--format", "v2s2", "--dest-tls-verify=false", "--dest-creds", creds, "oci:layout:v1", name("docker:v1"))
		r.run(skopeo, "copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--src-creds", creds, "--dest-creds", creds,
			name("docker:v1"), name("copied:v1"))
		for _, image := range []string{"oci:v1", "docker:v1", "copied:v1"} {
			r.crane("validate", "--remote", r.ref(image))
			r.run(skopeo, "inspect", "--tls-verify=false", "--creds", creds, name(image))
		}
		if tags := r.run(skopeo, "list-tags", "--tls-verify=false", "--creds", creds, name("oci")); !strings.Contains(tags, `"v1"`) {
			t.Errorf("tags are %s", tags)
		}
		r.run(skopeo, "delete", "--tls-verify=false", "--creds", creds, name("oci:v1"))
		r.fails(skopeo, "inspect", "--tls-verify=false", "--creds", creds, name("oci:v1"))
	})
}

// discover is the artifact types of what refers to name.
func (r registry) discover(name string) (types []string) {
	r.t.Helper()
	var found struct {
		Referrers []struct{ ArtifactType string }
	}
	out := r.oras("discover", "--format", "json", r.ref(name))
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		r.t.Fatal(err)
	}
	for _, one := range found.Referrers {
		types = append(types, one.ArtifactType)
	}
	return types
}

// same says whether a file has this content.
func (r registry) same(name string, want []byte) {
	r.t.Helper()
	got, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil || !bytes.Equal(got, want) {
		r.t.Errorf("%s is not what was stored (%v)", name, err)
	}
}

// pattern is size bytes that do not repeat at once.
func pattern(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*131 + i>>8*17)
	}
	return b
}

func layer(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
