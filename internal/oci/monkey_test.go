package oci_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
)

// causes keeps the error that an answer does not tell.
type causes struct {
	http.ResponseWriter
	last *error
}

func (causes) SetOperation(string)  {}
func (causes) SetPrincipal(string)  {}
func (c causes) SetError(err error) { *c.last = err }

// monkey types random words.
type monkey struct {
	*rand.Rand
	sessions []string
	bodies   []string
}

func (m *monkey) pick(words []string) string { return words[m.IntN(len(words))] }

func newMonkey(seed uint64) *monkey {
	const config = `{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"%s","size":4},"layers":[]%s}`
	blob := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("body")))
	manifest := fmt.Sprintf(config, blob, "")
	named := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(manifest)))
	return &monkey{Rand: rand.New(rand.NewPCG(seed, 0)), sessions: []string{"none"}, bodies: []string{"", "body", "body", manifest, manifest,
		fmt.Sprintf(config, blob, `,"subject":{"digest":"`+named+`","size":1},"artifactType":"c/d","annotations":{"a":"b"}`),
		`{"schemaVersion":2,"manifests":[{"digest":"` + named + `","size":1}]}`, "{", "\xff"}}
}

// target is a path and a query.
func (m *monkey) target() string {
	body := m.pick(m.bodies)
	d := m.pick([]string{fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(body))), "sha256:x", "sha512:" + strings.Repeat("0", 128), "md5:0"})
	repo := m.pick([]string{"a", "a", "b/c", "bucket", "A", "a//b", "..", "mirror/a", "frozen/a", "v2", "\xff", strings.Repeat("r", 300)})
	ref := m.pick([]string{"v1", "v1", "latest", d, d, "-", strings.Repeat("t", 129), "\xff"})
	path := m.pick([]string{"", "_catalog", repo + "/tags/list", repo + "/manifests/" + ref, repo + "/manifests/" + ref, repo + "/blobs/" + d, repo + "/blobs/" + d,
		repo + "/blobs/uploads/", repo + "/blobs/uploads/", repo + "/blobs/uploads/" + m.pick(m.sessions), repo + "/blobs/uploads/" + m.pick(m.sessions),
		repo + "/referrers/" + d, "_oci/ext/discover", "_zot/ext/mgmt", repo + "/" + ref})
	query := url.Values{}
	for range m.IntN(3) {
		query.Set(m.pick([]string{"digest", "mount", "from", "n", "last", "artifactType", "tag", "digest-algorithm", "scope", "x"}),
			m.pick([]string{d, "a", "b/c", "-1", "0", "1", "99999999999999999999", "sha512", "\xff", "c/d"}))
	}
	return "/v2/" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
}

func (m *monkey) headers() (all []string) {
	for range m.IntN(3) {
		all = append(all, m.pick([]string{"Content-Type", "Content-Range", "Range", "If-Match", "If-None-Match", "Accept", "OCI-Subject", "Docker-Content-Digest"})+": "+
			m.pick([]string{"application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json", "application/octet-stream", "0-3", "4-7", "9-1",
				"bytes=0-1", "bytes=9-", "*", `"x"`, "a/b; c=\xff", "99999999999999999999-99999999999999999999"}))
	}
	return all
}

// Whatever a client with all rights sends, nothing unexpected happens to the server.
func TestNoRequestMeetsAnUnexpectedCondition(t *testing.T) {
	n := 3_000
	if os.Getenv("ZAS_NIGHTLY") != "" {
		n *= 100
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	m, s := newMonkey(seed), newServer(t)
	var cause error
	s.wrap = func(w http.ResponseWriter) http.ResponseWriter { return causes{w, &cause} }
	done := 0
	for range n {
		method := m.pick(strings.Fields("GET GET HEAD PUT PUT POST POST PATCH PATCH DELETE OPTIONS"))
		target, body, headers := m.target(), m.pick(m.bodies), m.headers()
		a := s.do(method, target, body, headers...)
		if a.StatusCode < 300 {
			done++
		}
		if at := a.Header.Get("Location"); a.StatusCode == http.StatusAccepted && len(m.sessions) < 50 {
			m.sessions = append(m.sessions, at[strings.LastIndexByte(at, '/')+1:])
		}
		if a.StatusCode >= 500 && a.StatusCode != http.StatusNotImplemented {
			t.Fatalf("%s %s %q\n%q\n%s: %v", method, target, headers, body, a.Status, cause)
		}
	}
	if done*20 < n {
		t.Errorf("only %d of %d requests did something", done, n)
	}
}
