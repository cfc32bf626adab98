package s3_test

import (
	"net/http"
	"strings"
	"testing"
)

// versioning turns the versioning of /bucket to Enabled or Suspended.
func (s *server) versioning(status string) {
	s.t.Helper()
	s.must(http.MethodPut, "/bucket?versioning", "<VersioningConfiguration><Status>"+status+"</Status></VersioningConfiguration>")
}

func pitfallsOfVersions() []pitfall {
	return []pitfall{
		{14, "a DELETE in a versioned bucket makes a marker, which is told, addressed and deleted like a version", func(t *testing.T, s *server) {
			s.versioning("Enabled")
			s.must(http.MethodPut, "/bucket/key", "body")
			for _, key := range []string{"key", "never"} {
				deleted := s.do(http.MethodDelete, "/bucket/"+key, "")
				deleted.want(t, 204)
				deleted.wantHeader(t, "x-amz-delete-marker", "true")
				marker := deleted.Header.Get("x-amz-version-id")
				gone := s.do(http.MethodGet, "/bucket/"+key, "")
				gone.want(t, 404, "<Code>NoSuchKey<")
				gone.wantHeader(t, "x-amz-delete-marker", "true")
				named := s.do(http.MethodGet, "/bucket/"+key+"?versionId="+marker, "")
				named.want(t, 405, "<Code>MethodNotAllowed<")
				named.wantHeader(t, "Allow", "DELETE")
				undone := s.do(http.MethodDelete, "/bucket/"+key+"?versionId="+marker, "")
				undone.want(t, 204)
				undone.wantHeader(t, "x-amz-delete-marker", "true")
				undone.wantHeader(t, "x-amz-version-id", marker)
			}
			s.do(http.MethodGet, "/bucket/key", "").want(t, 200, "body")
			doc := "<Delete><Object><Key>key</Key></Object></Delete>"
			s.do(http.MethodPost, "/bucket?delete", doc, contentMD5(doc)).want(t, 200, "<DeleteMarker>true<", "<DeleteMarkerVersionId>")
		}},
		{15, "the null version is the one from before versioning and from its suspension, and there is one of it", func(t *testing.T, s *server) {
			s.do(http.MethodPut, "/bucket/key", "before").wantHeader(t, "x-amz-version-id", "")
			s.versioning("Enabled")
			second := s.must(http.MethodPut, "/bucket/key", "second").Header.Get("x-amz-version-id")
			if second == "" || second == "null" {
				t.Errorf("a version is called %q", second)
			}
			s.do(http.MethodGet, "/bucket/key?versionId=null", "").want(t, 200, "before")
			s.versioning("Suspended")
			s.do(http.MethodPut, "/bucket/key", "suspended").wantHeader(t, "x-amz-version-id", "") // S3 keeps it to itself here
			s.do(http.MethodGet, "/bucket/key", "").wantHeader(t, "x-amz-version-id", "null")
			s.do(http.MethodGet, "/bucket/key?versionId=null", "").want(t, 200, "suspended")
			s.do(http.MethodGet, "/bucket/key?versionId="+second, "").want(t, 200, "second")
			if list := s.must(http.MethodGet, "/bucket?versions", "").body; strings.Count(list, "<VersionId>null</VersionId>") != 1 || strings.Count(list, "<Version>") != 2 {
				t.Error(list)
			}
		}},
		{25, "what is locked stays, by each of its locks, and DELETE of the key still makes a marker", pitfallOfLocks},
		{28, "tags come in the order in which they were sent, and wrong ones are InvalidTag", func(t *testing.T, s *server) {
			const tags = "<TagSet><Tag><Key>z</Key><Value>1</Value></Tag><Tag><Key>a</Key><Value>2</Value></Tag><Tag><Key>m</Key><Value>3</Value></Tag></TagSet>"
			s.must(http.MethodPut, "/bucket/key", "")
			for _, target := range []string{"/bucket/key?tagging", "/bucket?tagging"} {
				s.must(http.MethodPut, target, "<Tagging>"+tags+"</Tagging>", contentMD5("<Tagging>"+tags+"</Tagging>"))
				s.do(http.MethodGet, target, "").want(t, 200, tags)
				twice := "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>a</Key><Value>2</Value></Tag></TagSet></Tagging>"
				s.do(http.MethodPut, target, twice, contentMD5(twice)).want(t, 400, "<Code>InvalidTag<")
				long := "<Tagging><TagSet><Tag><Key>" + strings.Repeat("k", 129) + "</Key><Value/></Tag></TagSet></Tagging>"
				s.do(http.MethodPut, target, long, contentMD5(long)).want(t, 400, "<Code>InvalidTag<")
			}
		}},
		{29, "a marker is told wherever it answers, and a thousand and one deletions are none", func(t *testing.T, s *server) {
			s.versioning("Enabled")
			marker := s.do(http.MethodDelete, "/bucket/key", "").Header.Get("x-amz-version-id")
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				for target, status := range map[string]int{"/bucket/key": 404, "/bucket/key?versionId=" + marker: 405} {
					a := s.do(method, target, "")
					a.want(t, status)
					a.wantHeader(t, "x-amz-delete-marker", "true")
					a.wantHeader(t, "x-amz-version-id", marker)
				}
			}
			doc := "<Delete><Object><Key>key</Key><VersionId>" + marker + "</VersionId></Object></Delete>"
			s.do(http.MethodPost, "/bucket?delete", doc, contentMD5(doc)).want(t, 200,
				"<VersionId>"+marker+"<", "<DeleteMarker>true<", "<DeleteMarkerVersionId>"+marker+"<")
			many := "<Delete>" + strings.Repeat("<Object><Key>k</Key></Object>", 1001) + "</Delete>"
			s.do(http.MethodPost, "/bucket?delete", many, contentMD5(many)).want(t, 400, "<Code>MalformedXML<")
		}},
	}
}

func pitfallOfLocks(t *testing.T, s *server) {
	s.must(http.MethodPut, "/locked", "", "x-amz-bucket-object-lock-enabled: true")
	send := func(method, target, body string, headers ...string) answer {
		return s.do(method, "/locked"+target, body, append(headers, contentMD5(body))...)
	}
	put := func(key string, headers ...string) (version string) {
		a := send(http.MethodPut, key, "body", headers...)
		a.want(t, 200)
		return key + "?versionId=" + a.Header.Get("x-amz-version-id")
	}
	const until = "x-amz-object-lock-retain-until-date: 2026-11-05T00:00:00Z"
	retention := func(mode, day string) string {
		return "<Retention><Mode>" + mode + "</Mode><RetainUntilDate>2026-11-" + day + "T00:00:00Z</RetainUntilDate></Retention>"
	}
	const bypass = "x-amz-bypass-governance-retention: true"

	governed := put("/governed", "x-amz-object-lock-mode: GOVERNANCE", until)
	send(http.MethodDelete, governed, "").want(t, 403, "<Code>AccessDenied<")
	send(http.MethodDelete, governed, "", bypass).want(t, 204)

	kept := put("/kept", "x-amz-object-lock-mode: COMPLIANCE", until)
	retain := strings.Replace(kept, "?", "?retention&", 1)
	send(http.MethodDelete, kept, "", bypass).want(t, 403, "<Code>AccessDenied<")
	send(http.MethodPut, retain, retention("COMPLIANCE", "04"), bypass).want(t, 403)
	send(http.MethodPut, retain, retention("GOVERNANCE", "06"), bypass).want(t, 403)
	send(http.MethodPut, retain, retention("COMPLIANCE", "06")).want(t, 200)
	marked := send(http.MethodDelete, "/kept", "")
	marked.want(t, 204)
	marked.wantHeader(t, "x-amz-delete-marker", "true")
	send(http.MethodGet, kept, "").want(t, 200, "body")

	held := put("/held", "x-amz-object-lock-legal-hold: ON")
	hold := strings.Replace(held, "?", "?legal-hold&", 1)
	send(http.MethodDelete, held, "", bypass).want(t, 403, "<Code>AccessDenied<")
	send(http.MethodPut, hold, "<LegalHold><Status>OFF</Status></LegalHold>").want(t, 200)
	send(http.MethodDelete, held, "").want(t, 204)

	send(http.MethodPut, "?versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>").
		want(t, 409, "<Code>InvalidBucketState<")
	s.do(http.MethodPut, "/bucket/key", "", "x-amz-object-lock-mode: COMPLIANCE", until, contentMD5("")).want(t, 400, "<Code>InvalidRequest<")
}
