package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// nightlyTool is a program that takes so long to build that setup.sh installs it for the nightly run alone.
func nightlyTool(t *testing.T, path string) string {
	t.Helper()
	if os.Getenv("ZAS_NIGHTLY") == "" {
		t.Skip("takes long to build: set ZAS_NIGHTLY=1")
	}
	return tool(t, path)
}

func TestHelm(t *testing.T) {
	helm := nightlyTool(t, "bin/helm")
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		r := newRegistry(t, i)
		way := []string{"--plain-http"}
		if r.CertFile != "" {
			way = []string{"--ca-file", r.CertFile}
		}
		do := func(args ...string) string {
			t.Helper()
			return r.run(helm, slices.Concat(args, way)...)
		}
		r.run(helm, "create", "demo")
		r.run(helm, "package", "demo")
		do("registry", "login", r.Host, "--username", instance.AccessKey, "--password", instance.SecretKey)
		do("push", "demo-0.1.0.tgz", "oci://"+r.ref("charts"))
		if text := do("show", "chart", "oci://"+r.ref("charts/demo"), "--version", "0.1.0"); !strings.Contains(text, "name: demo") {
			t.Errorf("the chart is %s", text)
		}
		packed, err := os.ReadFile(r.dir + "/demo-0.1.0.tgz")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(r.dir+"/pulled", 0o700); err != nil {
			t.Fatal(err)
		}
		do("pull", "oci://"+r.ref("charts/demo"), "--version", "0.1.0", "--destination", "pulled")
		r.same("pulled/demo-0.1.0.tgz", packed)
		r.run(helm, slices.Concat([]string{"template", "oci://" + r.ref("charts/demo")}, way)...)
	})
}

// TestCosign signs an image with a key, without any service beside the registry, and verifies it where it is and where it was copied.
func TestCosign(t *testing.T) {
	cosign := nightlyTool(t, "bin/cosign")
	i := serve(t, false)
	r := newRegistry(t, i)
	r.env = append(r.env, "COSIGN_PASSWORD=")
	r.login()
	r.file("one.txt", []byte("to be signed"))
	r.oras("push", r.ref("team/app:v1"), "one.txt")
	signed := r.ref("team/app@" + r.crane("digest", r.ref("team/app:v1")))
	way := []string{"--allow-http-registry", "--registry-username", instance.AccessKey, "--registry-password", instance.SecretKey}

	r.run(cosign, "generate-key-pair")
	verify := append([]string{"verify", "--key", "cosign.pub", "--insecure-ignore-tlog"}, way...)
	r.fails(cosign, append(verify, signed)...)
	r.run(cosign, slices.Concat([]string{"sign", "--yes", "--key", "cosign.key", "--use-signing-config=false", "--tlog-upload=false"}, way, []string{signed})...)
	r.run(cosign, append(verify, signed)...)
	r.run(tool(t, "bin/oras"), "cp", "--recursive", "--from-plain-http", "--to-plain-http", r.ref("team/app:v1"), r.ref("prod/app:v1"))
	r.run(cosign, append(verify, r.ref("prod/app:v1"))...)
}
