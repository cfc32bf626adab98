package s3_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// anonymous sends a request without a signature.
func (s *server) anonymous(method, target string, headers ...string) answer {
	s.t.Helper()
	return s.send(s.request(method, target, "", headers...))
}

// openServer has a bucket whose public/ anybody may get, one that anybody may get and list, and one that is closed.
func openServer(t *testing.T) *server {
	s := newServer(t)
	s.policy.Objects("mixed", "public/*")
	s.policy.Objects("open", "*")
	s.policy.Listing("open")
	s.policy.Objects("absent", "*")
	for _, target := range []string{"/mixed", "/open", "/closed", "/mixed/public/key", "/mixed/private", "/open/key", "/closed/key"} {
		s.must(http.MethodPut, target, strings.Repeat("content", strings.Count(target, "/")-1))
	}
	return s
}

// denied says whether a is S3's denial, which tells nothing but what was asked for.
// strangerSentences are S3's own for some operations; they depend on the operation alone.
func strangerSentences() []string {
	return []string{
		"Anonymous users cannot invoke this API. Please authenticate.", "Anonymous users cannot initiate multipart uploads. Please authenticate.",
		"Anonymous users cannot copy objects. Please authenticate.",
	}
}

func denied(t *testing.T, a answer, target string) {
	t.Helper()
	path, _, _ := strings.Cut(target, "?")
	message := "Access Denied."
	for _, one := range strangerSentences() {
		if strings.Contains(a.body, "<Message>"+one+"</Message>") {
			message = one
		}
	}
	want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>AccessDenied</Code><Message>" + message + "</Message><Resource>" + path +
		"</Resource><RequestId>" + a.Header.Get("X-Amz-Request-Id") + "</RequestId><HostId>zas</HostId></Error>"
	if a.Request.Method == http.MethodHead {
		want = ""
	}
	if diff := cmp.Diff(want, a.body); a.StatusCode != 403 || diff != "" {
		t.Errorf("%s %s: %s\n%s", a.Request.Method, target, a.Status, diff)
	}
}

func TestAnonymousReading(t *testing.T) {
	s := openServer(t)
	t.Run("an object under an open prefix is downloaded, in part too", func(t *testing.T) {
		if a := s.anonymous(http.MethodGet, "/mixed/public/key"); a.StatusCode != 200 || a.body != "contentcontent" {
			t.Errorf("%s %q", a.Status, a.body)
		}
		if a := s.anonymous(http.MethodGet, "/mixed/public/key", "Range: bytes=7-9"); a.StatusCode != 206 || a.body != "con" {
			t.Errorf("%s %q", a.Status, a.body)
		}
		if a := s.anonymous(http.MethodHead, "/mixed/public/key"); a.StatusCode != 200 || a.ContentLength != 14 {
			t.Errorf("%s %d", a.Status, a.ContentLength)
		}
	})
	t.Run("a bucket that is to be listed is listed", func(t *testing.T) {
		for _, target := range []string{"/open", "/open?list-type=2", "/open/?list-type=2&prefix=k"} {
			if a := s.anonymous(http.MethodGet, target); a.StatusCode != 200 || !strings.Contains(a.body, "<Key>key</Key>") {
				t.Errorf("%s: %s %s", target, a.Status, a.body)
			}
		}
		if a := s.anonymous(http.MethodHead, "/open"); a.StatusCode != 200 {
			t.Errorf("HEAD: %s", a.Status)
		}
	})
	t.Run("who may list learns what is not there", func(t *testing.T) {
		if a := s.anonymous(http.MethodGet, "/open/none"); a.StatusCode != 404 || !strings.Contains(a.body, "NoSuchKey") {
			t.Errorf("%s %s", a.Status, a.body)
		}
	})
	t.Run("response headers cannot be chosen without a signature", func(t *testing.T) {
		if a := s.anonymous(http.MethodGet, "/open/key?response-content-type=text/html"); a.StatusCode != 400 {
			t.Errorf("%s %s", a.Status, a.body)
		}
	})
}

func TestAnonymousIsRefused(t *testing.T) {
	s := openServer(t)
	refused := func(name string, requests ...string) {
		t.Run(name, func(t *testing.T) {
			for _, request := range requests {
				method, target, _ := strings.Cut(request, " ")
				denied(t, s.anonymous(method, target), target)
			}
		})
	}
	refused("download never implies ListBucket", "GET /mixed", "GET /mixed/", "GET /mixed?list-type=2", "GET /mixed?list-type=2&prefix=public/", "HEAD /mixed")
	refused("the versions of an open bucket", "GET /mixed?versions", "GET /open?versions")
	refused("a version of an open object", "GET /open/key?versionId=null", "HEAD /open/key?versionId=null", "GET /open/key?versionId=none")
	refused("the uploads of an open bucket", "GET /mixed?uploads", "GET /open?uploads", "GET /open/key?uploadId=x", "POST /open/key?uploads")
	refused("the policy of an open bucket", "GET /open?policy", "GET /open?policyStatus", "PUT /open?policy")
	refused("the ACL of an open bucket or object", "GET /open?acl", "GET /open/key?acl", "PUT /open/key?acl")
	refused("the tags of an open bucket or object", "GET /open?tagging", "GET /open/key?tagging", "PUT /open/key?tagging")
	refused("every other sub-resource", "GET /open?location", "GET /open?versioning", "GET /open?lifecycle", "GET /open?cors", "GET /open?unknown",
		"GET /open/key?attributes", "GET /open/key?torrent", "GET /open/key?legal-hold", "GET /open/key?retention")
	refused("writing and deleting", "PUT /open/key", "PUT /open/new", "DELETE /open/key", "DELETE /open", "PUT /fresh", "POST /open?delete")
	refused("the list of buckets", "GET /")
	refused("an object beside the open prefix, there or not", "GET /mixed/private", "GET /mixed/none", "HEAD /mixed/private", "HEAD /mixed/none")
	refused("without ListBucket a key that is not there is denied, not missing", "GET /mixed/public/none", "HEAD /mixed/public/none")
	refused("a bucket that is not configured answers the same whether it is there or not", "GET /closed", "GET /nothing", "HEAD /closed", "HEAD /nothing",
		"GET /closed/key", "GET /closed/none", "GET /nothing/key", "HEAD /closed/key", "HEAD /nothing/key", "GET /closed?location", "GET /nothing?location")
	refused("an open bucket that is not there answers as one without the key", "GET /absent/key", "HEAD /absent/key")
	refused("a request whose form is wrong", "GET /open/key?partNumber=x")

	t.Run("the owner that is expected of a bucket tells nothing", func(t *testing.T) {
		for _, target := range []string{"/absent/key", "/mixed/public/key"} {
			denied(t, s.anonymous(http.MethodGet, target, "X-Amz-Expected-Bucket-Owner: somebody"), target)
		}
	})
	t.Run("a delete marker is as nothing", func(t *testing.T) {
		s.must(http.MethodPut, "/mixed?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
		s.must(http.MethodPut, "/mixed/public/gone", "gone")
		s.must(http.MethodDelete, "/mixed/public/gone", "")
		a := s.anonymous(http.MethodGet, "/mixed/public/gone")
		denied(t, a, "/mixed/public/gone")
		if a.Header.Get("X-Amz-Delete-Marker") != "" || a.Header.Get("X-Amz-Version-Id") != "" {
			t.Errorf("%v", a.Header)
		}
	})
	t.Run("copying from an open object", func(t *testing.T) {
		denied(t, s.anonymous(http.MethodPut, "/open/copy", "X-Amz-Copy-Source: /open/key"), "/open/copy")
	})
	t.Run("a wrong signature does not fall back to anonymous", func(t *testing.T) {
		r := s.signed(http.MethodGet, "/open/key", "")
		r.Header.Set("Authorization", r.Header.Get("Authorization")[:len(r.Header.Get("Authorization"))-1]+"x")
		if a := s.send(r); a.StatusCode != 403 || !strings.Contains(a.body, "SignatureDoesNotMatch") {
			t.Errorf("header: %s %s", a.Status, a.body)
		}
		r = s.presigned(http.MethodGet, "/open/key", "", nil)
		r.URL.Path = "/open/other"
		if a := s.send(r); a.StatusCode != 403 || !strings.Contains(a.body, "SignatureDoesNotMatch") {
			t.Errorf("presigned: %s %s", a.Status, a.body)
		}
	})
}
