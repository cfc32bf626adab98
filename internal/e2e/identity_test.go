package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
	"github.com/zot-artifact-store/zas/internal/e2e/wire"
)

// TestAnObjectIsAnArtifact uploads a file by S3 and works on it as an artifact, by the digest that zas digest computes from the file.
func TestAnObjectIsAnArtifact(t *testing.T) {
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		for name, content := range map[string][]byte{"small": []byte("a small object\n"), "large": pattern(3 << 20)} {
			t.Run(name, func(t *testing.T) { testObjectAsArtifact(t, i, name, content) })
		}
	})
}

func testObjectAsArtifact(t *testing.T, i *instance.Instance, bucket string, content []byte) {
	r := newRegistry(t, i)
	r.login()
	file := r.file("file", content)
	client := wire.To(i, 1)
	send := func(q wire.Request, status int) wire.Answer {
		t.Helper()
		a, err := client.S3(t.Context(), q)
		if err == nil {
			err = a.Want(status)
		}
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	send(wire.Request{Method: http.MethodPut, Path: "/" + bucket}, http.StatusOK)
	put := send(wire.Request{Method: http.MethodPut, Path: "/" + bucket + "/a%20key", Body: content}, http.StatusOK)

	lines := strings.Split(r.run(binary(t), "digest", file), "\n")
	contentDigest, artifactDigest := strings.TrimPrefix(lines[0], "content "), strings.TrimPrefix(lines[1], "artifact ")
	if got := put.Header.Get("x-zas-content-digest"); got != contentDigest {
		t.Errorf("PUT answers content %s, zas digest prints %s", got, contentDigest)
	}
	if got := put.Header.Get("x-zas-artifact-digest"); got != artifactDigest {
		t.Errorf("PUT answers artifact %s, zas digest prints %s", got, artifactDigest)
	}

	name := bucket + "@" + artifactDigest
	r.oras("pull", "--output", "pulled", r.ref(name))
	r.same("pulled/content", content)

	r.file("sbom.json", []byte(`{"spdxVersion":"SPDX-2.3"}`))
	r.oras("attach", "--artifact-type", "application/spdx+json", r.ref(name), "sbom.json")
	if found := r.discover(name); !slices.Equal(found, []string{"application/spdx+json"}) {
		t.Errorf("discovered %v", found)
	}

	r.fails(tool(t, "bin/oras"), slices.Concat([]string{"manifest", "delete", "--force", r.ref(name)}, r.plain)...)
	if got := send(wire.Request{Method: http.MethodGet, Path: "/" + bucket + "/a%20key"}, http.StatusOK); string(got.Body) != string(content) {
		t.Error("the object is not what was stored")
	}
	send(wire.Request{Method: http.MethodDelete, Path: "/" + bucket + "/a%20key"}, http.StatusNoContent)
	r.fails(tool(t, "bin/oras"), slices.Concat([]string{"blob", "fetch", "--output", "gone", r.ref(bucket + "@" + contentDigest)}, r.plain)...)
}
