package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// peer is a server that speaks OCI.
type peer struct {
	client         *http.Client
	url            string
	user, password string
}

// olareg starts the registry of that name, which an author of the distribution specification keeps, with everything that is optional there.
func olareg(t *testing.T) peer {
	program := tool(t, "bin/olareg")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().(*net.TCPAddr)
	l.Close()
	c := exec.CommandContext(t.Context(), program, "serve", "--addr", "127.0.0.1", "--port", fmt.Sprint(address.Port), "--store-type", "mem", "--api-delete", "--api-blob-delete")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	r := peer{client: &http.Client{}, url: "http://" + address.String()}
	tick, end := time.Tick(20*time.Millisecond), time.After(20*time.Second)
	for {
		if conn, err := net.Dial("tcp", address.String()); err == nil {
			conn.Close()
			return r
		}
		select {
		case <-tick:
		case <-end:
			t.Fatal("olareg does not listen")
		}
	}
}

// exchange is a request of the comparison: `$` in its path stands for the location that the last upload of the server told.
type exchange struct {
	method, path string
	headers      map[string]string
	body         string
	differs      string // why the answers differ; empty: they do not
}

// told is what both servers must tell alike.
type told struct {
	Status  int
	Headers map[string]string
}

// compared are the headers whose values the specification fixes.
func compared() []string {
	return []string{"Docker-Content-Digest", "OCI-Subject", "OCI-Tag", "OCI-Filters-Applied", "Range", "Content-Range"}
}

func (r peer) send(t *testing.T, q exchange, location *string) told {
	t.Helper()
	target := r.url + q.path
	if rest, ok := strings.CutPrefix(q.path, "$"); ok {
		base, err := url.Parse(r.url)
		if err != nil {
			t.Fatal(err)
		}
		to, err := base.Parse(*location)
		if err != nil {
			t.Fatal(err)
		}
		target = to.String()
		if rest != "" && to.RawQuery != "" {
			rest = "&" + rest[1:]
		}
		target += rest
	}
	request, err := http.NewRequestWithContext(t.Context(), q.method, target, bytes.NewReader([]byte(q.body)))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range q.headers {
		request.Header.Set(name, value)
	}
	if r.user != "" {
		request.SetBasicAuth(r.user, r.password)
	}
	a, err := r.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if _, err := io.Copy(io.Discard, a.Body); err != nil {
		t.Fatal(err)
	}
	if to := a.Header.Get("Location"); to != "" && strings.Contains(q.path, "uploads") {
		*location = to
	} else if to != "" && q.method == http.MethodPatch {
		*location = to
	}
	out := told{Status: a.StatusCode, Headers: map[string]string{}}
	for _, name := range compared() {
		if value := a.Header.Get(name); value != "" {
			out.Headers[name] = value
		}
	}
	return out
}

// TestTheRegistryAnswersAsOlaregDoes sends the same requests to both.
func TestTheRegistryAnswersAsOlaregDoes(t *testing.T) {
	theirs := olareg(t)
	i := serve(t, false)
	ours := peer{i.Client(1), i.URL, instance.AccessKey, instance.SecretKey}
	const mediaType = "application/vnd.oci.image.manifest.v1+json"
	config, layer := digest.Of([]byte("{}")), digest.Of([]byte("layer"))
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":2},`+
		`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":5}]}`, mediaType, config, layer)
	subject := digest.Of([]byte(manifest))
	referrer := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"artifactType":"application/vnd.test","config":{"mediaType":"application/vnd.oci.empty.v1+json",`+
		`"digest":%q,"size":2},"layers":[{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2}],"subject":{"mediaType":%q,"digest":%q,"size":%d}}`,
		mediaType, config, config, mediaType, subject, len(manifest))
	typed := map[string]string{"Content-Type": mediaType}
	chunk := func(r string) map[string]string {
		return map[string]string{"Content-Type": "application/octet-stream", "Content-Range": r}
	}
	const started = "the answer to a started upload has a Range, which older clients expect"
	var at [2]string
	for _, q := range []exchange{
		{"GET", "/v2/", nil, "", ""},
		{"GET", "/v2/team/app/tags/list", nil, "", "a repository that is not there is NAME_UNKNOWN (specification, \"Listing Tags\")"},
		{"HEAD", "/v2/team/app/blobs/" + layer.String(), nil, "", ""},
		{"POST", "/v2/team/app/blobs/uploads/", nil, "", started},
		{"PUT", "$?digest=" + config.String(), nil, "{}", ""},
		{"POST", "/v2/team/app/blobs/uploads/?digest=" + layer.String(), nil, "layer", ""},
		{"POST", "/v2/team/app/blobs/uploads/?digest=" + layer.String(), nil, "other", "the bytes that come are compared with their digest, even if the blob is there"},
		{"HEAD", "/v2/team/app/blobs/" + layer.String(), nil, "", ""},
		{"GET", "/v2/team/app/blobs/" + layer.String(), map[string]string{"Range": "bytes=1-3"}, "", ""},
		{"GET", "/v2/team/app/blobs/" + layer.String(), map[string]string{"Range": "bytes=-2"}, "", ""},
		{"GET", "/v2/team/app/blobs/" + layer.String(), map[string]string{"Range": "bytes=9-"}, "", "nothing is sent, so nothing has a digest"},
		{"POST", "/v2/team/app/blobs/uploads/", nil, "", started},
		{"PATCH", "$", chunk("0-4"), "first", ""},
		{"PATCH", "$", chunk("9-13"), "wrong", ""},
		{"GET", "$", nil, "", ""},
		{"PATCH", "$", chunk("5-9"), "secnd", ""},
		{"PUT", "$?digest=" + digest.Of([]byte("firstsecnd")).String(), nil, "", ""},
		{"POST", "/v2/team/other/blobs/uploads/?mount=" + layer.String() + "&from=team/app", nil, "", ""},
		{"POST", "/v2/team/other/blobs/uploads/?mount=" + digest.Of([]byte("absent")).String() + "&from=team/app", nil, "", started},
		{"PUT", "/v2/team/app/manifests/v1", typed, manifest, "OCI-Tag tells the tags of parameters; the path has one already"},
		{"PUT", "/v2/team/app/manifests/v2", typed, "{", ""},
		{"PUT", "/v2/team/app/manifests/" + digest.Of([]byte("x")).String(), typed, manifest, ""},
		{"PUT", "/v2/team/app/manifests/" + subject.String() + "?tag=a&tag=b", typed, manifest, ""},
		{"HEAD", "/v2/team/app/manifests/v1", nil, "", ""},
		{"GET", "/v2/team/app/manifests/b", nil, "", ""},
		{"GET", "/v2/team/app/manifests/absent", nil, "", ""},
		{"GET", "/v2/team/app/tags/list?n=2", nil, "", ""},
		{"PUT", "/v2/team/app/manifests/" + digest.Of([]byte(referrer)).String(), typed, referrer, ""},
		{"GET", "/v2/team/app/referrers/" + subject.String(), nil, "", ""},
		{"GET", "/v2/team/app/referrers/" + subject.String() + "?artifactType=application/vnd.test", nil, "", ""},
		{"DELETE", "/v2/team/app/manifests/a", nil, "", ""},
		{"DELETE", "/v2/team/app/manifests/" + subject.String(), nil, "", ""},
		{"GET", "/v2/team/app/manifests/v1", nil, "", ""},
		{"DELETE", "/v2/team/app/blobs/" + layer.String(), nil, "", ""},
		{"HEAD", "/v2/team/app/blobs/" + layer.String(), nil, "", ""},
	} {
		want, got := theirs.send(t, q, &at[0]), ours.send(t, q, &at[1])
		d := diff.Diff(want, got)
		switch {
		case d == "" && q.differs != "":
			t.Errorf("%s %s is answered alike; it was to differ: %s", q.method, q.path, q.differs)
		case d != "" && q.differs == "":
			t.Errorf("%s %s (-olareg +zas):\n%s", q.method, q.path, d)
		}
	}
}
