package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// regctl runs regctl, which keeps its configuration in the command's home.
func (r registry) regctl(args ...string) string {
	r.t.Helper()
	return strings.TrimSpace(r.run(tool(r.t, "bin/regctl"), args...))
}

// TestRegctl uses the one client that sends large blobs in chunks, with sizes of its own choice.
func TestRegctl(t *testing.T) {
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		r := newRegistry(t, i)
		how := []string{"--tls", "disabled"}
		if r.CertFile != "" {
			cert, err := os.ReadFile(r.CertFile)
			if err != nil {
				t.Fatal(err)
			}
			how = []string{"--cacert", string(cert)}
		}
		r.regctl(append(how, "registry", "set", r.Host, "--skip-check", "--blob-chunk", "1000000", "--blob-max", "1500000")...)
		r.regctl("registry", "login", r.Host, "--user", instance.AccessKey, "--pass", instance.SecretKey)
		r.file("big.bin", pattern(5<<20+123))
		r.file("small.txt", []byte("small"))

		t.Run("an artifact is pushed, in chunks where it is large, and pulled", func(t *testing.T) {
			r.regctl("artifact", "put", "--artifact-type", "application/x-example", "--file-title",
				"--file", "big.bin", "--file-media-type", "application/octet-stream", "--file", "small.txt", "--file-media-type", "text/plain", r.ref("team/artifact:v1"))
			if err := os.Mkdir(r.dir+"/got", 0o700); err != nil {
				t.Fatal(err)
			}
			r.regctl("artifact", "get", "--output", "got", r.ref("team/artifact:v1"))
			r.same("got/big.bin", pattern(5<<20+123))
			r.same("got/small.txt", []byte("small"))
		})
		t.Run("its files are downloaded by their titles", func(t *testing.T) {
			curl := []string{"-fsS", "-u", instance.AccessKey + ":" + instance.SecretKey, "-OJ", i.URL + "/a/team/artifact:v1/big.bin"}
			if r.CertFile != "" {
				curl = append(curl, "--cacert", r.CertFile)
			}
			r.run(tool(t, "curl"), append(curl, "--create-dirs", "--output-dir", "elsewhere")...)
			r.same("elsewhere/big.bin", pattern(5<<20+123))
		})
		t.Run("referrers are listed", func(t *testing.T) {
			r.regctl("artifact", "put", "--artifact-type", "application/x-sbom", "--subject", r.ref("team/artifact:v1"),
				"--file", "small.txt", "--file-media-type", "text/plain")
			if list := r.regctl("artifact", "list", "--format", "{{range .Descriptors}}{{.ArtifactType}} {{end}}", r.ref("team/artifact:v1")); list != "application/x-sbom" {
				t.Errorf("the referrers are %q", list)
			}
		})
		t.Run("an image goes to another repository with what refers to it", func(t *testing.T) {
			r.regctl("image", "copy", "--referrers", r.ref("team/artifact:v1"), r.ref("prod/artifact:v1"))
			if a, b := r.regctl("manifest", "head", r.ref("team/artifact:v1")), r.regctl("manifest", "head", r.ref("prod/artifact:v1")); a != b || a == "" {
				t.Errorf("the digests are %q and %q", a, b)
			}
		})
		t.Run("tags and repositories are listed and deleted", func(t *testing.T) {
			r.regctl("image", "copy", r.ref("team/artifact:v1"), r.ref("team/artifact:v2"))
			if tags := strings.Fields(r.regctl("tag", "ls", r.ref("team/artifact"))); strings.Join(tags, " ") != "v1 v2" {
				t.Errorf("the tags are %q", tags)
			}
			r.regctl("tag", "delete", r.ref("team/artifact:v2"))
			if tags := r.regctl("tag", "ls", r.ref("team/artifact")); tags != "v1" {
				t.Errorf("the tags are %q", tags)
			}
			if repos := strings.Fields(r.regctl("repo", "ls", r.Host)); strings.Join(repos, " ") != "prod/artifact team/artifact" {
				t.Errorf("the repositories are %q", repos)
			}
		})
	})
}

// engine is a program that builds and runs containers, with a store of its own below the command's home.
type engine struct {
	registry
	program string
	flags   []string
}

func newEngine(t *testing.T, i *instance.Instance, name string, flags ...string) engine {
	program := tool(t, name)
	r := newRegistry(t, i)
	common := []string{"--root", r.dir + "/root", "--runroot", r.dir + "/run", "--storage-driver", "vfs"}
	return engine{r, program, append(common, flags...)}
}

func (e engine) do(args ...string) string {
	e.t.Helper()
	return strings.TrimSpace(e.run(e.program, slices.Concat(e.flags, args)...))
}

// access are the flags with which an engine talks to the server.
func access() []string {
	return []string{"--tls-verify=false", "--creds", instance.AccessKey + ":" + instance.SecretKey}
}

// with runs a sub-command that talks to the server.
func (e engine) with(subcommand string, args ...string) string {
	e.t.Helper()
	return e.do(slices.Concat(strings.Fields(subcommand), access(), args)...)
}

// TestBuildah builds an image and pushes it in every format and compression that buildah knows, each to a server of its own: buildah
// takes a layer that it has seen on a server for the one that it was about to compress.
func TestBuildah(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		want  string // in the manifest
	}{
		"oci":          {[]string{"--format", "oci"}, "application/vnd.oci.image.manifest.v1+json"},
		"docker":       {[]string{"--format", "docker"}, "application/vnd.docker.distribution.manifest.v2+json"},
		"zstd":         {[]string{"--format", "oci", "--compression-format", "zstd"}, "tar+zstd"},
		"zstd:chunked": {[]string{"--format", "oci", "--compression-format", "zstd:chunked"}, "io.containers.zstd-chunked.manifest"},
	} {
		t.Run("an image is pushed and pulled: "+name, func(t *testing.T) {
			i := serve(t, false)
			e := newEngine(t, i, "buildah")
			e.crane("auth", "login", e.Host, "-u", instance.AccessKey, "-p", instance.SecretKey)
			e.file("data", pattern(3<<20))
			container := e.do("from", "scratch")
			e.do("copy", container, "data", "/data")
			e.do("commit", container, "built")
			e.with("push", append(c.flags, "built", "docker://"+e.ref("built:v1"))...)
			e.crane("validate", "--fast", "--remote", e.ref("built:v1")) // it knows no zstd
			if text := e.crane("manifest", e.ref("built:v1")); !strings.Contains(text, c.want) {
				t.Errorf("the manifest is %s", text)
			}
			other := newEngine(t, i, "buildah")
			other.with("pull", e.ref("built:v1"))
			if list := other.do("images", "--format", "{{.Name}}:{{.Tag}}"); list != e.ref("built:v1") {
				t.Errorf("the images are %q", list)
			}
		})
	}
}

// TestPodman pulls, pushes and makes lists of images with podman.
func TestPodman(t *testing.T) {
	i := serve(t, false)
	r := newRegistry(t, i)
	r.crane("auth", "login", r.Host, "-u", instance.AccessKey, "-p", instance.SecretKey)
	r.file("layer.tar", layer(t, "file", pattern(1<<20)))
	r.crane("append", "--new_layer", "layer.tar", "--new_tag", r.ref("image:v1"))
	e := newEngine(t, i, "podman", "--tmpdir", r.dir+"/tmp", "--cgroup-manager", "cgroupfs", "--events-backend", "file")

	e.with("pull", r.ref("image:v1"))
	e.do("tag", r.ref("image:v1"), r.ref("deep/er/image:v2"))
	e.with("push", r.ref("deep/er/image:v2"))
	r.crane("validate", "--remote", r.ref("deep/er/image:v2"))
	e.do("manifest", "create", "list")
	e.with("manifest add", "list", "docker://"+r.ref("image:v1"))
	e.with("manifest push --all", "list", "docker://"+r.ref("list:v1"))
	if text := r.crane("manifest", r.ref("list:v1")); !strings.Contains(text, r.crane("digest", r.ref("image:v1"))) {
		t.Errorf("the list is %s", text)
	}
}
