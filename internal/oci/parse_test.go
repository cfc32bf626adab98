package oci_test

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/oci"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/meta"
)

func TestPathsAreSplitFromTheRight(t *testing.T) {
	for path, want := range map[string]string{
		"/v2":                                  "1  ",
		"/v2/":                                 "1  ",
		"/v2/_catalog":                         "2  ",
		"/v2/a/tags/list":                      "3 a ",
		"/v2/a/b/c/tags/list":                  "3 a/b/c ",
		"/v2/tags/tags/list":                   "3 tags ",
		"/v2/a/manifests/list":                 "4 a list",
		"/v2/a/tags/manifests/list":            "4 a/tags list",
		"/v2/a/manifests/manifests/x":          "4 a/manifests x",
		"/v2/a/blobs/sha256:1":                 "5 a sha256:1",
		"/v2/a/blobs/uploads/blobs/x":          "5 a/blobs/uploads x",
		"/v2/a/blobs/uploads":                  "6 a ",
		"/v2/a/blobs/uploads/":                 "6 a ",
		"/v2/a/blobs/uploads/blobs/uploads/":   "6 a/blobs/uploads ",
		"/v2/a/blobs/uploads/id":               "7 a id",
		"/v2/blobs/uploads/x/blobs/uploads/id": "7 blobs/uploads/x id",
		"/v2/a/referrers/sha256:1":             "8 a sha256:1",
		"/v2/a//manifests/x":                   "4 a/ x",
		"/v2/a/../manifests/x":                 "4 a/.. x",
		"/v2/a/_oci/tag-history/v1":            "9 a v1",
		"/v2/a/b/manifests/_oci/tag-history/x": "9 a/b/manifests x",
		"/zot/auth/token":                      "10  ",
		"/a/app:v1/title":                      "11 app v1|title",
		"/a/a/b:v1/dir/title:x@y/":             "11 a/b v1|dir/title:x@y/",
		"/a/a/b@sha256:1/title":                "11 a/b sha256:1|title",
		"/v2/_oci/ext/discover":                "12  ",
		"/v2/a/b/_oci/ext/discover":            "12 a/b ",
		"/v2/_zot/ext/mgmt":                    "13  ",
	} {
		kind, repo, ref, title, ok := oci.ParsePath(path)
		if got := strings.TrimSuffix(fmt.Sprintf("%d %s %s|%s", kind, repo, ref, title), "|"); !ok || got != want {
			t.Errorf("%s: %s, %v", path, got, ok)
		}
	}
	for _, path := range []string{"", "/", "/v1/", "v2/", "/v2x", "/v2/a", "/v2/a/b", "/v2/manifests/x", "/v2//manifests", "/v2/a/manifests/", "/v2/tags/list", "/v2/blobs/uploads/",
		"/a/", "/a/app", "/a/app/x", "/a/app:v1", "/a/app:v1/", "/a/app:/x", "/a/:v1/x", "/a/app@v1/x", "/a/app:sha256:1/x", "/v2/_oci/tag-history/x", "/v2/_zot/ext/mgmt/"} {
		if kind, repo, ref, _, ok := oci.ParsePath(path); ok {
			t.Errorf("%s is %d %s %s", path, kind, repo, ref)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, path := range []string{"/v2/", "/v2/_catalog", "/v2/a/tags/list", "/v2/a/b/manifests/v1", "/v2/a/blobs/uploads/id", "/v2/a/blobs/uploads/", "/v2/a/referrers/sha256:1", "/v2/a/blobs/uploads/blobs/x", "/v2//", "/v2/%2e",
		"/a/app:v1/dir/title", "/a/a/b@sha256:1/x:y@z/", "/v2/a/_oci/tag-history/v1", "/v2/a/_oci/ext/discover", "/v2/_zot/ext/mgmt"} {
		f.Add("GET", path, "n=1&last=x", "0-1")
		f.Add("PUT", path, "digest=sha256:1", "")
	}
	f.Fuzz(func(t *testing.T, method, path, query, contentRange string) {
		_, repo, ref, title, ok := oci.ParsePath(path)
		if ok && title != "" {
			before, found := strings.CutSuffix(path, "/"+title)
			if path = before; !found {
				t.Fatalf("%q: title %q", path, title)
			}
		}
		if ok && (repo+ref != "" && !strings.Contains(path, repo) || !strings.HasSuffix(strings.TrimSuffix(path, "/"), ref)) {
			t.Fatalf("%q: repository %q, reference %q", path, repo, ref)
		}
		if strings.Contains(ref, "/") {
			t.Fatalf("%q: reference %q", path, ref)
		}
		if title != "" {
			path += "/" + title
		}
		r := &http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{"Content-Range": {contentRange}}, ContentLength: 5}
		name, on, err := oci.Parse(r)
		if err != nil && fault.Of(err).Code.Kind() == fault.Internal {
			t.Fatal(err)
		}
		if err == nil && (name == "" || on != repo) {
			t.Fatalf("%q on %q, the path names %q", name, on, repo)
		}
	})
}

func FuzzCondition(f *testing.F) {
	for _, header := range []string{"", "*", `"a"`, `W/"a"`, `"a", "b"`, `a`, `"*"`, `"`, `""`, `,`, `"a`, `*, "a"`} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		c := oci.ParseCondition(&http.Request{Header: http.Header{"If-Match": {header, `"x"`}}})
		if n := len(c.Match); n < 2 || c.Match[n-1] != "x" || c.NoneMatch != nil {
			t.Fatalf("%q: %q", header, c)
		}
		for _, tag := range c.Match[:len(c.Match)-1] {
			quoted := strings.Contains(header, `"`+tag+`"`) && tag != "*" && !strings.Contains(tag, ",")
			any := tag == "*" && strings.Contains(header, "*")
			if tag != "" && !quoted && !any {
				t.Fatalf("%q names %q", header, tag)
			}
		}
	})
}

func FuzzAttachment(f *testing.F) {
	for _, title := range []string{"a", "dir/a b", `a"b\c`, "ü\r\nX: y", "/", "", "\xff", "a/../..", "..", "\u202egpj.exe"} {
		f.Add(title)
	}
	f.Fuzz(func(t *testing.T, title string) {
		header := oci.Attachment(title)
		if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q: %q", title, header)
		}
		kind, params, err := mime.ParseMediaType(header)
		if err != nil || kind != "attachment" || strings.ContainsAny(params["filename"], "/\\\r\n\x00") {
			t.Fatalf("%q: %q is %q, %v", title, header, params, err)
		}
	})
}

func TestRanges(t *testing.T) {
	type sections = []oci.Section
	for header, want := range map[string]sections{
		"bytes=0-0": {{0, 1}}, "bytes=2-4": {{2, 3}}, "bytes=7-": {{7, 3}}, "bytes=-2": {{8, 2}}, "bytes=-20": {{0, 10}}, "bytes=9-100": {{9, 1}},
		"bytes=0-1,4-5": {{0, 2}, {4, 2}}, "bytes=0-1 , ,4-": {{0, 2}, {4, 6}}, "bytes=20-30,1-2": {{1, 2}},
		"bytes=5-99999999999999999999999": {{5, 5}},
		// The whole, because it is cheaper or not understood.
		"": nil, "octets=1-2": nil, "bytes": nil, "bytes=0-8,0-8": nil, "bytes=" + strings.Repeat("0-0,", 65): nil,
	} {
		got, err := oci.ParseRange(header, 10)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v %s", header, err, diff)
		}
	}
	for _, header := range []string{"bytes=", "bytes=10-", "bytes=5-2", "bytes=a-b", "bytes=-", "bytes=1", "bytes=+1-2", "bytes=-0", "bytes=0x1-2", "bytes=1-2,x", "bytes=99999999999999999999-"} {
		if got, err := oci.ParseRange(header, 10); !errors.Is(err, fault.RangeNotSatisfiable) {
			t.Errorf("%q: %v, %v", header, got, err)
		}
	}
}

func FuzzRange(f *testing.F) {
	for _, header := range []string{"bytes=0-0", "bytes=-5", "bytes=7-", "bytes=0-1,4-5,", "bytes=1-0", "lines=1", "bytes=9223372036854775807-"} {
		f.Add(header, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		size = max(size, 0)
		parts, err := oci.ParseRange(header, size)
		if err != nil && !errors.Is(err, fault.RangeNotSatisfiable) {
			t.Fatal(err)
		}
		var total int64
		for _, p := range parts {
			if p.Off < 0 || p.N <= 0 || p.Off > size-p.N {
				t.Fatalf("%q of %d bytes: %+v", header, size, p)
			}
			total += p.N
		}
		if len(parts) > 1 && (total > size || total < 0) {
			t.Fatalf("%q of %d bytes: %d bytes in parts", header, size, total)
		}
	})
}

func TestContentRanges(t *testing.T) {
	for header, want := range map[string]oci.Section{
		"0-0": {0, 1}, "4-9": {4, 6}, "bytes 4-9/10": {4, 6}, "bytes=4-9": {4, 6}, "bytes 4-9/*": {4, 6},
	} {
		if got, err := oci.ParseContentRange(header); err != nil || got != want {
			t.Errorf("%q: %v, %v", header, got, err)
		}
	}
	for _, header := range []string{"", "-", "5", "5-", "-5", "5-4", "a-b", "0-9223372036854775807", "0--1", "0-1-2"} {
		if got, err := oci.ParseContentRange(header); !errors.Is(err, fault.SessionRange) {
			t.Errorf("%q: %v, %v", header, got, err)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	for _, header := range []string{"0-0", "bytes 4-9/10", "bytes=4-9", "9223372036854775806-9223372036854775806", "1-0"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		p, err := oci.ParseContentRange(header)
		if err != nil && !errors.Is(err, fault.SessionRange) {
			t.Fatal(err)
		}
		if err == nil && (p.Off < 0 || p.N <= 0 || p.Off+p.N < 0) {
			t.Fatalf("%q: %+v", header, p)
		}
	})
}

// FuzzMark checks that the place in a list that a link names is read back, whatever the artifact type is, and that nothing else is understood otherwise.
func FuzzMark(f *testing.F) {
	f.Add("application/x", "sha256:1", "YQBi")
	f.Add("", "", "!")
	f.Add("a b&c=%", "d", "")
	f.Fuzz(func(t *testing.T, artifactType, digest, other string) {
		mark := repository.Mark{ArtifactType: artifactType, Digest: digest}
		link, err := url.Parse("/v2/a/referrers/x?" + url.Values{"last": {oci.FormatMark(mark)}}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		got, err := oci.ParseMark(link.Query().Get("last"))
		if !strings.Contains(artifactType, "\x00") && (err != nil || got != mark) {
			t.Fatalf("%+v became %+v, %v", mark, got, err)
		}
		if _, err := oci.ParseMark(other); err != nil && !errors.Is(err, fault.ArgumentInvalid) {
			t.Fatal(err)
		}
	})
}

func TestEveryFaultHasAForm(t *testing.T) {
	known := " BLOB_UNKNOWN BLOB_UPLOAD_INVALID BLOB_UPLOAD_UNKNOWN DIGEST_INVALID MANIFEST_BLOB_UNKNOWN MANIFEST_INVALID MANIFEST_UNKNOWN " +
		"NAME_INVALID NAME_UNKNOWN SIZE_INVALID UNAUTHORIZED DENIED UNSUPPORTED TOOMANYREQUESTS "
	for _, c := range fault.All() {
		status, code := oci.Form(c)
		switch {
		case status < 400 || status > 599 || http.StatusText(status) == "":
			t.Errorf("%s: status %d", c.Name(), status)
		case status < 500 && !strings.Contains(known, " "+code+" "):
			t.Errorf("%s: the specification has no code %s", c.Name(), code)
		case (status == http.StatusUnauthorized) != (code == "UNAUTHORIZED"):
			t.Errorf("%s: %d %s", c.Name(), status, code)
		case (c.Kind() == fault.Internal || c.Kind() == fault.Overload || c.Kind() == fault.Full) != (status >= 500 && status != 501):
			t.Errorf("%s: a failure of kind %d is answered with %d", c.Name(), c.Kind(), status)
		}
	}
}

func TestFailuresOfOtherPackagesAreToldApart(t *testing.T) {
	h := oci.New(oci.Options{})
	for want, err := range map[int]error{
		http.StatusServiceUnavailable:  fmt.Errorf("commit: %w", meta.ErrStale),
		http.StatusRequestTimeout:      fmt.Errorf("read: %w", os.ErrDeadlineExceeded),
		http.StatusInternalServerError: fmt.Errorf("commit: %w", meta.ErrUnknownOutcome),
		http.StatusInsufficientStorage: fault.StorageFull.With("", errors.New("disk")),
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Length", "7")
		h.Fail(w, httptest.NewRequest(http.MethodGet, "/v2/", nil), err)
		if w.Code != want || (want == http.StatusServiceUnavailable) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%v: %d, Retry-After %q", err, w.Code, w.Header().Get("Retry-After"))
		}
		if got := w.Body.String(); strings.Contains(got, "commit") || strings.Contains(got, "disk") || w.Header().Get("Content-Length") != fmt.Sprint(len(got)) {
			t.Errorf("%v: answered with %s", err, got)
		}
	}
}
