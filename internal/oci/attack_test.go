package oci_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/internal/repository"
)

// secret is what bob may not know of: a blob, a manifest and a tag of a repository that he may not read.
func secret(s *server) (blob, manifest string) {
	s.t.Helper()
	blob = s.push("private/app", "a secret that somebody might guess")
	text := fmt.Sprintf(`{"schemaVersion":2,"config":{"digest":%q,"size":34,"mediaType":"x/y"},"layers":[]}`, blob)
	manifest = s.want(http.StatusCreated, "PUT", "/v2/private/app/manifests/v1", text).Header.Get("Docker-Content-Digest")
	s.push("bob/app", "bob's own")
	return blob, manifest
}

// bob sends a request of bob's.
func (s *server) bob(method, target, body string) answer {
	s.t.Helper()
	return s.send(s.request("bob", method, target, strings.NewReader(body)))
}

// wantAlike checks that two answers cannot be told apart, but for what the requests said.
func wantAlike(t *testing.T, about, other string, a, b answer) {
	t.Helper()
	plain := func(one answer, name string) string {
		lines := slices.Sorted(func(yield func(string) bool) {
			for header, values := range maps.All(one.Header) {
				if header != "Date" && !yield(header+": "+strings.Join(values, ", ")) {
					return
				}
			}
		})
		text := fmt.Sprintln(one.StatusCode) + strings.Join(lines, "\n") + "\n" + one.body
		return session.ReplaceAllString(strings.ReplaceAll(text, name, "NAME"), "SESSION")
	}
	if x, y := plain(a, about), plain(b, other); x != y {
		t.Errorf("the answers differ:\n%s\n--\n%s", x, y)
	}
}

// Attack 17: mounting tells nothing of repositories that one may not read.
func TestMountingFromAForeignRepository(t *testing.T) {
	const nowhere = "sha256:00000000000000000000000000000000000000000000000000000000000000aa"
	s := newServer(t)
	blob, _ := secret(s)
	mount := func(d, from string) answer { return s.bob("POST", "/v2/bob/app/blobs/uploads/?mount="+d+from, "") }
	t.Run("is answered as if the blob were not there", func(t *testing.T) {
		a := mount(blob, "&from=private/app")
		if a.StatusCode != http.StatusAccepted {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		wantAlike(t, blob, nowhere, a, mount(nowhere, "&from=private/app"))
	})
	t.Run("is answered as if the repository were not there", func(t *testing.T) {
		wantAlike(t, blob, blob, mount(blob, "&from=private/app"), mount(blob, "&from=private/none"))
	})
	t.Run("does not find it from anywhere either", func(t *testing.T) {
		wantAlike(t, blob, nowhere, mount(blob, ""), mount(nowhere, ""))
	})
	t.Run("does not let it in", func(t *testing.T) {
		if a := s.bob("HEAD", "/v2/bob/app/blobs/"+blob, ""); a.StatusCode != http.StatusNotFound {
			t.Errorf("%d", a.StatusCode)
		}
	})
	t.Run("needs the right to push", func(t *testing.T) {
		a := s.send(s.request("reader", "POST", "/v2/public/app/blobs/uploads/?mount="+blob+"&from=private/app", nil))
		if a.StatusCode != http.StatusForbidden {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

// Attack 18: nobody learns from a digest whether others have stored the bytes.
func TestADigestIsNoOracle(t *testing.T) {
	s := newServer(t)
	blob, manifest := secret(s)
	nowhere := digestOf("what nobody has stored")
	for _, method := range []string{"HEAD", "GET"} {
		t.Run(method+" of a blob of another repository is like one of none", func(t *testing.T) {
			a := s.bob(method, "/v2/bob/app/blobs/"+blob, "")
			if a.StatusCode != http.StatusNotFound {
				t.Errorf("%d", a.StatusCode)
			}
			wantAlike(t, blob, nowhere, a, s.bob(method, "/v2/bob/app/blobs/"+nowhere, ""))
		})
		t.Run(method+" of a manifest of another repository is like one of none", func(t *testing.T) {
			a := s.bob(method, "/v2/bob/app/manifests/"+manifest, "")
			if a.StatusCode != http.StatusNotFound {
				t.Errorf("%d", a.StatusCode)
			}
			wantAlike(t, manifest, nowhere, a, s.bob(method, "/v2/bob/app/manifests/"+nowhere, ""))
		})
		t.Run(method+" of a download of another repository is like one of none", func(t *testing.T) {
			wantAlike(t, manifest, nowhere, s.bob(method, "/a/bob/app@"+manifest+"/content", ""), s.bob(method, "/a/bob/app@"+nowhere+"/content", ""))
		})
	}
	t.Run("bytes that are stored already must be sent all the same", func(t *testing.T) {
		for _, body := range []string{"", "a secret"} {
			a := s.bob("POST", "/v2/bob/app/blobs/uploads/?digest="+blob, body)
			wantAlike(t, blob, nowhere, a, s.bob("POST", "/v2/bob/app/blobs/uploads/?digest="+nowhere, body))
			if a.StatusCode != http.StatusBadRequest {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		}
	})
	t.Run("a session for them begins at nothing and does not end without them", func(t *testing.T) {
		begun := s.bob("POST", "/v2/bob/app/blobs/uploads/", "")
		at := begun.Header.Get("Location")
		if a := s.bob("PUT", at+"?digest="+blob, ""); begun.Header.Get("Range") != "0-0" || a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s, %d %s", begun.Header.Get("Range"), a.StatusCode, a.body)
		}
	})
	t.Run("a manifest that names them is refused like one that names nothing", func(t *testing.T) {
		push := func(d string) answer {
			return s.bob("PUT", "/v2/bob/app/manifests/v1", fmt.Sprintf(`{"schemaVersion":2,"config":{"digest":%q,"size":34,"mediaType":"x/y"}}`, d))
		}
		wantAlike(t, blob, nowhere, push(blob), push(nowhere))
		index := func(d string) answer {
			return s.bob("PUT", "/v2/bob/app/manifests/v1", fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"digest":%q,"size":34}]}`, d))
		}
		a := index(manifest)
		wantAlike(t, manifest, nowhere, a, index(nowhere))
		if a.StatusCode != http.StatusBadRequest {
			t.Errorf("%d", a.StatusCode)
		}
	})
	t.Run("a referrer of a foreign manifest stays in its own repository", func(t *testing.T) {
		text := fmt.Sprintf(`{"schemaVersion":2,"manifests":[],"artifactType":"x/forged","subject":{"digest":%q,"size":1,"mediaType":"x/y"}}`, manifest)
		if a := s.bob("PUT", "/v2/bob/app/manifests/"+digestOf(text), text); a.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		if a := s.do("GET", "/v2/private/app/referrers/"+manifest, ""); strings.Contains(a.body, "forged") {
			t.Error(a.body)
		}
	})
}

// Attack 18, by way of downloads: the bytes of an object are for who may get the object.
func TestADownloadOfAnObjectNeedsTheRightToGetIt(t *testing.T) {
	s := newServer(t)
	s.object("bucket", "hello\n")
	const artifact = "sha256:4feb923c86debbd610d705fec215b153f0686467ba15166433760eddd10389da"
	index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"digest":%q,"size":9}]}`, artifact)
	get := func(user, target string) answer { return s.send(s.request(user, "GET", target, nil)) }
	a := get("puller", "/a/bucket@"+artifact+"/content")
	if a.StatusCode != http.StatusNotFound {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	nowhere := digestOf("nothing")
	wantAlike(t, artifact, nowhere, a, get("puller", "/a/bucket@"+nowhere+"/content"))
	if a := s.send(s.request("puller", "PUT", "/v2/bucket/manifests/all", strings.NewReader(index))); a.StatusCode != http.StatusBadRequest {
		t.Errorf("an index of it: %d %s", a.StatusCode, a.body)
	}
	if a := get("root", "/a/bucket@"+artifact+"/content"); a.body != "hello\n" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// Attack 20: what is no name, tag or digest is refused before anything is looked up.
func TestNamesThatAreNone(t *testing.T) {
	s := newServer(t)
	long := strings.Repeat("a", 256)
	good := digestOf("")
	for name, target := range map[string]string{
		"a path that climbs":                    "/v2/a/../b/tags/list",
		"a path that climbs, escaped":           "/v2/a/%2e%2e/b/tags/list",
		"a path that stays":                     "/v2/a/./b/tags/list",
		"an empty component":                    "/v2/a//b/tags/list",
		"an escaped slash":                      "/v2/a%2fb/tags/list",
		"an escaped slash, in capitals":         "/v2/a%2Fb/manifests/v1",
		"an escaped slash in a reference":       "/v2/a/manifests/x%2fv1",
		"an escaped backslash":                  "/v2/a%5cb/tags/list",
		"an escaped NUL":                        "/v2/a%00/tags/list",
		"an escaped blank":                      "/v2/a%20b/tags/list",
		"an overlong slash":                     "/v2/a%c0%afb/tags/list",
		"capitals":                              "/v2/App/tags/list",
		"a letter that folds into ASCII":        "/v2/%e2%84%aa/tags/list",
		"a name of 256 characters":              "/v2/" + long + "/tags/list",
		"a reserved name":                       "/v2/api/tags/list",
		"a digest that is a path":               "/v2/a/blobs/sha256:..%5c..%5cx",
		"a digest with dots":                    "/v2/a/blobs/sha256:" + strings.Repeat(".", 64),
		"a digest of an unknown algorithm":      "/v2/a/blobs/md5:d41d8cd98f00b204e9800998ecf8427e",
		"a digest in capitals":                  "/v2/a/blobs/" + strings.Replace(good, "e3b0c4", "E3B0C4", 1),
		"a digest that is too short":            "/v2/a/manifests/" + good[:70],
		"a digest that is too long":             "/v2/a/manifests/" + good + "0",
		"a subject that is none":                "/v2/a/referrers/v1",
		"a tag of 129 characters":               "/v2/a/manifests/" + long[:129],
		"a tag that begins with a dot":          "/v2/a/manifests/.v1",
		"a tag that begins with a dash":         "/v2/a/manifests/-v1",
		"a tag with an at":                      "/v2/a/manifests/v1@x",
		"a tag of other letters":                "/v2/a/manifests/%c3%bc",
		"a download of a digest that is a path": "/a/app@sha256:..%5c..%5cx/title",
		"a download of a name that climbs":      "/a/a/../b:v1/title",
	} {
		t.Run(name, func(t *testing.T) {
			a := s.do("GET", target, "")
			if a.StatusCode != http.StatusBadRequest {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		})
	}
	t.Run("a digest whose path climbs is no blob", func(t *testing.T) {
		if a := s.do("GET", "/v2/a/blobs/sha256:../../x", ""); a.StatusCode != http.StatusNotFound {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("a name of 255 characters is one", func(t *testing.T) {
		s.want(http.StatusNotFound, "GET", "/v2/"+long[:255]+"/tags/list", "")
	})
	t.Run("a tag of 128 characters is one", func(t *testing.T) {
		s.want(http.StatusCreated, "PUT", "/v2/a/manifests/"+long[:128], `{"schemaVersion":2,"manifests":[]}`)
	})
}

// Attack 24, what concerns manifests: bounded time and memory, and a clear error. An index cannot name itself, nor in a circle: that would
// take a digest that is known before its text.
func TestManifestsThatTireTheServer(t *testing.T) {
	s := newServer(t)
	put := func(text string) answer { return s.do("PUT", "/v2/mirror/app/manifests/v1", text) }
	refused := func(t *testing.T, a answer, status int, code string) {
		t.Helper()
		if a.StatusCode != status || !strings.Contains(a.body, code) {
			t.Errorf("%d %.300s", a.StatusCode, a.body)
		}
	}
	const whole = repository.MaxManifest
	for name, text := range map[string]string{
		"arrays within arrays":                  strings.Repeat("[", whole),
		"arrays within arrays, in a field":      `{"schemaVersion":2,"x":` + strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000) + `}`,
		"objects within objects, in a field":    `{"schemaVersion":2,"x":` + strings.Repeat(`{"a":`, 500_000) + `1` + strings.Repeat(`}`, 500_000) + `}`,
		"objects within objects, as a layer":    `{"schemaVersion":2,"layers":[` + strings.Repeat(`{"platform":`, 1000) + `1` + strings.Repeat(`}`, 1000) + `]}`,
		"a number of a million digits":          `{"schemaVersion":` + strings.Repeat("9", 1_000_000) + `}`,
		"one string of four megabytes, unended": `{"schemaVersion":2,"x":"` + strings.Repeat("a", whole-30),
		"a key that stands twice, far away":     `{"schemaVersion":2,"manifests":[],"x":"` + strings.Repeat("a", whole-100) + `","x":1}`,
		"zstd, as it might be sent compressed":  "\x28\xb5\x2f\xfd" + strings.Repeat("\x00", 1000),
	} {
		t.Run(name, func(t *testing.T) { refused(t, put(text), http.StatusBadRequest, "MANIFEST_INVALID") })
	}
	t.Run("more bytes than the limit", func(t *testing.T) {
		refused(t, put(strings.Repeat(" ", whole+1)), http.StatusRequestEntityTooLarge, "MANIFEST_INVALID")
	})
	t.Run("more layers than the limit", func(t *testing.T) {
		layers := func(n int) string {
			var list []string
			for i := range n {
				list = append(list, fmt.Sprintf(`{"digest":"sha256:%064x","size":1}`, i))
			}
			return `{"schemaVersion":2,"manifests":[` + strings.Join(list, ",") + `]}`
		}
		refused(t, put(layers(10_001)), http.StatusBadRequest, "at most 10000")
		if a := put(layers(10_000)); a.StatusCode != http.StatusCreated {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("indexes that nest are kept one by one, and pulled the same", func(t *testing.T) {
		text := `{"schemaVersion":2,"manifests":[]}`
		for range 300 {
			d := s.want(http.StatusCreated, "PUT", "/v2/app/manifests/"+digestOf(text), text).Header.Get("Docker-Content-Digest")
			text = fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":"x/y","digest":%q,"size":%d}]}`, d, len(text))
		}
		d := s.want(http.StatusCreated, "PUT", "/v2/app/manifests/deep", text).Header.Get("Docker-Content-Digest")
		s.want(http.StatusOK, "GET", "/v2/app/manifests/"+d, "")
		s.want(http.StatusConflict, "GET", "/a/app:deep/title", "")
		s.want(http.StatusAccepted, "DELETE", "/v2/app/manifests/"+d, "")
	})
}
