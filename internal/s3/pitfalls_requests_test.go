package s3_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/internal/s3"
)

// keysOf are the keys and common prefixes of a list, in its order.
func keysOf(body string) []string {
	var all []string
	for part := range strings.SplitSeq(body, "<") {
		for _, element := range []string{"Key>", "Prefix>"} {
			if text, ok := strings.CutPrefix(part, element); ok && text != "" {
				all = append(all, text)
			}
		}
	}
	return all
}

func pitfallsOfReading() []pitfall {
	return []pitfall{
		{3, "keys are escaped in XML, and wholly encoded where the client asks for it", func(t *testing.T, s *server) {
			s.must(http.MethodPut, "/bucket/"+url.PathEscape("&<>'\"\r\n +/ü\x01"), "")
			s.do(http.MethodGet, "/bucket?list-type=2", "").want(t, 200, "<Key>&amp;&lt;&gt;&#39;&#34;&#xD;&#xA; +/ü\uFFFD</Key>")
			s.do(http.MethodGet, "/bucket?list-type=2&encoding-type=url&prefix=%26&start-after=%26&delimiter=%2B", "").want(t, 200,
				"<Prefix>%26</Prefix>", "<StartAfter>%26</StartAfter>", "<Delimiter>%2B</Delimiter>", "<EncodingType>url</EncodingType>",
				"<CommonPrefixes><Prefix>%26%3C%3E%27%22%0D%0A%20%2B</Prefix>")
			s.do(http.MethodGet, "/bucket?list-type=2&encoding-type=url", "").want(t, 200, "<Key>%26%3C%3E%27%22%0D%0A%20%2B/%C3%BC%01</Key>")
		}},
		{10, "an error of HEAD has no body, and every answer has a request id", func(t *testing.T, s *server) {
			head := s.do(http.MethodHead, "/bucket/absent", "")
			head.want(t, 404)
			if head.body != "" || head.Header.Get("x-amz-request-id") == "" {
				t.Error(head.body, head.Header)
			}
			get := s.do(http.MethodGet, "/bucket/absent", "")
			get.want(t, 404, "<RequestId>"+get.Header.Get("x-amz-request-id")+"</RequestId>")
		}},
		{11, "conditions are evaluated in the order of RFC 9110", func(t *testing.T, s *server) {
			tag := s.must(http.MethodPut, "/bucket/key", "body").Header.Get("ETag")
			early, late := "Mon, 02 Nov 2020 00:00:00 GMT", "Mon, 02 Nov 2026 03:04:05 GMT"
			get := func(headers ...string) answer { return s.do(http.MethodGet, "/bucket/key", "", headers...) }
			get(`If-Match: "other"`, "If-Unmodified-Since: "+late).want(t, 412)
			get("If-Match: "+tag, "If-Unmodified-Since: "+early).want(t, 200)
			get("If-None-Match: "+tag, "If-Modified-Since: "+early).want(t, 304)
			get(`If-None-Match: "other"`, "If-Modified-Since: "+late).want(t, 200)
			s.do(http.MethodPut, "/bucket/key", "", "If-None-Match: *").want(t, 412, "<Code>PreconditionFailed<")
			s.do(http.MethodPut, "/bucket/absent", "", "If-Match: "+tag).want(t, 404, "<Code>NoSuchKey<")
		}},
		{12, "a list is in the order of bytes, with common prefixes in their place", func(t *testing.T, s *server) {
			for _, key := range []string{"a/x", "a-b", "a.b", "a", "B", "\uFF5E", "😀", "é", "z"} {
				s.must(http.MethodPut, "/bucket/"+url.PathEscape(key), "")
			}
			want := []string{"B", "a", "a-b", "a.b", "a/x", "z", "é", "\uFF5E", "😀"}
			if got := keysOf(s.must(http.MethodGet, "/bucket?list-type=2", "").body); !slices.Equal(got, want) {
				t.Errorf("listed %q", got)
			}
			s.do(http.MethodGet, "/bucket?list-type=2&delimiter=/&max-keys=5", "").want(t, 200,
				"<IsTruncated>true<", "<KeyCount>5<", "<Key>a.b<", "<CommonPrefixes><Prefix>a/</Prefix>")
			s.do(http.MethodGet, "/bucket?delimiter=/&marker=a/&max-keys=1", "").want(t, 200, "<Key>z</Key>")
		}},
		{13, "max-keys has its limits and its echo", func(t *testing.T, s *server) {
			s.must(http.MethodPut, "/bucket/a", "")
			s.must(http.MethodPut, "/bucket/b/c", "")
			list := func(query string) answer { return s.do(http.MethodGet, "/bucket?"+query, "") }
			list("list-type=2&max-keys=0").want(t, 200, "<KeyCount>0<", "<IsTruncated>false<")
			list("list-type=2&max-keys=5000").want(t, 200, "<MaxKeys>1000<")
			list("list-type=2&max-keys=-1").want(t, 400, "<Code>InvalidArgument<")
			list("list-type=2&max-keys=x").want(t, 400, "<Code>InvalidArgument<")
			list("list-type=2&delimiter=/").want(t, 200, "<KeyCount>2<")
			if a := list("max-keys=1"); strings.Contains(a.body, "NextMarker") {
				t.Error("NextMarker without delimiter:", a.body)
			}
			list("max-keys=1&delimiter=/").want(t, 200, "<NextMarker>a</NextMarker>")
		}},
		{18, "one range is served, several or malformed ones are the whole", func(t *testing.T, s *server) {
			s.must(http.MethodPut, "/bucket/key", "0123456789")
			s.must(http.MethodPut, "/bucket/empty", "")
			for rng, want := range map[string]string{"bytes=0-": "0123456789", "bytes=-3": "789", "bytes=8-99": "89", "bytes=2-4": "234"} {
				if a := s.do(http.MethodGet, "/bucket/key", "", "Range: "+rng); a.StatusCode != 206 || a.body != want {
					t.Error(rng, a.Status, a.body)
				}
			}
			for _, rng := range []string{"bytes=0-1,4-5", "bytes=4-2", "bytes=x", "lines=1-2"} {
				if a := s.do(http.MethodGet, "/bucket/key", "", "Range: "+rng); a.StatusCode != 200 || a.body != "0123456789" {
					t.Error(rng, a.Status, a.body)
				}
			}
			outside := s.do(http.MethodGet, "/bucket/key", "", "Range: bytes=10-")
			outside.want(t, 416, "<Code>InvalidRange<")
			outside.wantHeader(t, "Content-Range", "bytes */10")
			s.do(http.MethodGet, "/bucket/empty", "", "Range: bytes=0-").want(t, 416)
			s.do(http.MethodGet, "/bucket/key?partNumber=1", "", "Range: bytes=0-").want(t, 400)
		}},
		{19, "signatures have their time", func(t *testing.T, s *server) {
			get, url := s.signed(http.MethodGet, "/bucket", ""), s.presigned(http.MethodGet, "/bucket", "", nil)
			s.now = s.now.Add(16 * time.Minute)
			s.send(get).want(t, 403, "<Code>RequestTimeTooSkewed<")
			s.send(url).want(t, 403, "<Code>AccessDenied<", "Request has expired")
			for _, expires := range []string{"0", "-1", "604801", "x"} {
				wrong := s.presigned(http.MethodGet, "/bucket", "", nil)
				wrong.URL.RawQuery = strings.Replace(wrong.URL.RawQuery, "X-Amz-Expires=60", "X-Amz-Expires="+expires, 1)
				s.send(wrong).want(t, 400, "<Code>AuthorizationQueryParametersError<")
			}
			day := s.signed(http.MethodGet, "/bucket", "")
			day.Header.Set("Authorization", strings.Replace(day.Header.Get("Authorization"), "/20261102/", "/20261101/", 1))
			s.send(day).want(t, 400, "<Code>AuthorizationHeaderMalformed<")
		}},
		{20, "the path is signed and handled as it was sent", func(t *testing.T, s *server) {
			s.must(http.MethodPut, "/bucket/a//b/../c", "body")
			s.do(http.MethodGet, "/bucket/a//b/../c", "").want(t, 200, "body")
			s.do(http.MethodGet, "/bucket/a/c", "").want(t, 404)
			for _, query := range []string{"location", "location="} {
				s.do(http.MethodGet, "/bucket?"+query, "").want(t, 200, "LocationConstraint")
			}
		}},
		{22, "who may not list learns nothing about keys and buckets", func(t *testing.T, s *server) {
			s.must(http.MethodPut, "/bucket/key", "")
			for _, target := range []string{"/bucket/key", "/bucket/absent", "/absent/key", "/bucket", "/absent"} {
				s.send(s.request(http.MethodGet, target, "")).want(t, 403, "<Code>AccessDenied<")
			}
			s.do(http.MethodGet, "/absent/key", "").want(t, 404, "<Code>NoSuchBucket<")
			s.do(http.MethodGet, "/bucket/absent", "").want(t, 404, "<Code>NoSuchKey<")
		}},
		{26, "empty elements are there", func(t *testing.T, s *server) {
			s.do(http.MethodGet, "/bucket", "").want(t, 200, "<Prefix></Prefix>", "<Marker></Marker>")
			s.do(http.MethodGet, "/bucket?list-type=2", "").want(t, 200, "<Prefix></Prefix>")
		}},
		{27, "a 304 carries ETag and Last-Modified, and no body", func(t *testing.T, s *server) {
			tag := s.must(http.MethodPut, "/bucket/key", "body").Header.Get("ETag")
			a := s.do(http.MethodGet, "/bucket/key", "", "If-None-Match: "+tag)
			a.want(t, 304)
			a.wantHeader(t, "ETag", tag)
			a.wantHeader(t, "Last-Modified", "Mon, 02 Nov 2026 03:04:05 GMT")
			a.wantHeader(t, "Content-Length", "")
			if a.body != "" {
				t.Error(a.body)
			}
		}},
		{32, "a key may be the beginning of another one", func(t *testing.T, s *server) {
			for _, key := range []string{"a/b/c", "a", "a/", "a/b"} {
				s.must(http.MethodPut, "/bucket/"+key, "of "+key)
			}
			for _, key := range []string{"a/b/c", "a", "a/", "a/b"} {
				if a := s.must(http.MethodGet, "/bucket/"+key, ""); a.body != "of "+key {
					t.Error(key, a.body)
				}
			}
		}},
	}
}

func pitfallsOfWriting() []pitfall {
	return []pitfall{
		{16, "Complete checks order, presence and size, and answers again", func(t *testing.T, s *server) {
			upload, long := s.begin("big"), strings.Repeat("x", 100)
			three, nine := s.part(upload, 3, long), s.part(upload, 9999, "old end")
			complete := func(list string) answer { return s.do(http.MethodPost, upload, list) }
			complete(partList(9999, nine, 3, three)).want(t, 400, "<Code>InvalidPartOrder<")
			complete(partList(3, three, 3, three)).want(t, 400, "<Code>InvalidPartOrder<")
			complete(partList(3, three, 4, three)).want(t, 400, "<Code>InvalidPart<")
			complete(partList(3, `"`+hexMD5("other")+`"`)).want(t, 400, "<Code>InvalidPart<")
			complete(partList()).want(t, 400, "<Code>MalformedXML<")
			short := s.part(upload, 1, "short")
			complete(partList(1, short, 3, three)).want(t, 400, "<Code>EntityTooSmall<")
			end := s.part(upload, 9999, "the end")
			complete(partList(3, three, 9999, nine)).want(t, 400, "<Code>InvalidPart<")
			first := complete(partList(3, three, 9999, end))
			first.want(t, 200)
			if again := complete(partList(3, three, 9999, end)); again.StatusCode != 200 || again.body != first.body {
				t.Errorf("again: %s %s", again.Status, again.body)
			}
			s.do(http.MethodGet, "/bucket/big", "").want(t, 200, long+"the end")
			s.do(http.MethodPost, "/bucket/big?uploadId=unknown", partList(3, three)).want(t, 404, "<Code>NoSuchUpload<")
		}},
		{17, "a copy onto itself has to change something, and its source is encoded once", func(t *testing.T, s *server) {
			s.must(http.MethodPut, "/bucket/"+url.PathEscape("a?b+c%25"), "odd")
			source := "x-amz-copy-source: bucket/" + url.PathEscape("a?b+c%25")
			s.do(http.MethodPut, "/bucket/copy", "", source).want(t, 200)
			s.do(http.MethodPut, "/bucket/copy", "", strings.Replace(source, " ", " /", 1)+"?versionId=null").want(t, 200)
			s.do(http.MethodGet, "/bucket/copy", "").want(t, 200, "odd")
			s.do(http.MethodPut, "/bucket/copy", "", "x-amz-copy-source: bucket/copy").want(t, 400, "<Code>InvalidRequest<")
			s.do(http.MethodPut, "/bucket/copy", "", "x-amz-copy-source: bucket/copy", "x-amz-metadata-directive: REPLACE").want(t, 200)
			for _, rng := range []string{"bytes=0-99", "bytes=2-1", "0-1"} {
				a := s.do(http.MethodPut, s.begin("big")+"&partNumber=1", "", "x-amz-copy-source: bucket/copy", "x-amz-copy-source-range: "+rng)
				if a.StatusCode != 400 && a.StatusCode != 416 {
					t.Error(rng, a.Status, a.body)
				}
			}
		}},
		{21, "metadata is in small letters, joined, limited, and replaced as a whole", func(t *testing.T, s *server) {
			s.must(http.MethodPut, "/bucket/key", "", "x-amz-meta-Colour: blue", "x-amz-meta-colour: green", "x-amz-meta-name: =?UTF-8?Q?J=C3=BCrgen?=")
			got := s.must(http.MethodGet, "/bucket/key", "")
			got.wantHeader(t, "x-amz-meta-colour", "blue,green")
			got.wantHeader(t, "x-amz-meta-name", "=?UTF-8?B?SsO8cmdlbg==?=")
			got.wantHeader(t, "Content-Type", "binary/octet-stream")
			got.wantHeader(t, "Last-Modified", "Mon, 02 Nov 2026 03:04:05 GMT")
			s.do(http.MethodGet, "/bucket?list-type=2", "").want(t, 200, "<LastModified>2026-11-02T03:04:05.000Z</LastModified>")
			s.must(http.MethodPut, "/bucket/key", "")
			s.must(http.MethodGet, "/bucket/key", "").wantHeader(t, "x-amz-meta-colour", "")
			s.do(http.MethodPut, "/bucket/key", "", "x-amz-meta-a: "+strings.Repeat("x", 2047)).want(t, 200)
			s.do(http.MethodPut, "/bucket/key", "", "x-amz-meta-a: "+strings.Repeat("x", 2048)).want(t, 400, "<Code>MetadataTooLarge<")
		}},
		{23, "DeleteObjects needs a checksum, takes a thousand keys and tells of each", func(t *testing.T, s *server) {
			doc := "<Delete><Object><Key>absent</Key></Object></Delete>"
			s.do(http.MethodPost, "/bucket?delete", doc).want(t, 400, "<Code>InvalidRequest<")
			s.do(http.MethodPost, "/bucket?delete", doc, contentMD5(doc)).want(t, 200, "<Deleted><Key>absent</Key></Deleted>")
			s.do(http.MethodPost, "/bucket?delete", doc, checksumHeader("SHA256", doc)).want(t, 200, "<Deleted><Key>absent</Key></Deleted>")
			quiet := strings.Replace(doc, "<Object>", "<Quiet>true</Quiet><Object>", 1)
			if a := s.must(http.MethodPost, "/bucket?delete", quiet, contentMD5(quiet)); strings.Contains(a.body, "absent") {
				t.Error(a.body)
			}
			many := "<Delete>" + strings.Repeat("<Object><Key>k</Key></Object>", 1001) + "</Delete>"
			s.do(http.MethodPost, "/bucket?delete", many, contentMD5(many)).want(t, 400, "<Code>MalformedXML<")
		}},
		{31, "a copy whose source is the one that must not be is 412, not 304", func(t *testing.T, s *server) {
			tag := s.must(http.MethodPut, "/bucket/key", "body").Header.Get("ETag")
			s.do(http.MethodPut, "/bucket/copy", "", "x-amz-copy-source: bucket/key", "x-amz-copy-source-if-none-match: "+tag).
				want(t, 412, "<Code>PreconditionFailed<")
		}},
	}
}

func pitfallsOfBuckets() []pitfall {
	return []pitfall{
		{24, "a bucket that is there is answered by whose it is and where", func(t *testing.T, s *server) {
			err := s.options.Objects.CreateBucket(t.Context(), object.CreateBucketRequest{By: object.Actor{Principal: "somebody"}, Bucket: "theirs"})
			if err != nil {
				t.Fatal(err)
			}
			s.do(http.MethodPut, "/theirs", "").want(t, 409, "<Code>BucketAlreadyExists<")
			s.do(http.MethodGet, "/bucket?location", "").want(t, 200, "></LocationConstraint>")
			s.do(http.MethodPut, "/new", "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>").
				want(t, 400, "<Code>IllegalLocationConstraintException<")
			o := s.options
			o.Region = "eu-west-1"
			elsewhere := httptest.NewServer(s3.New(o))
			defer elsewhere.Close()
			there := &server{t: t, Server: elsewhere, now: s.now}
			there.do(http.MethodPut, "/bucket", "").want(t, 409, "<Code>BucketAlreadyOwnedByYou<")
			there.do(http.MethodGet, "/bucket?location", "").want(t, 200, ">eu-west-1</LocationConstraint>")
		}},
		{30, "in us-east-1 a bucket may be created by its owner again", func(t *testing.T, s *server) {
			s.do(http.MethodPut, "/bucket", "").want(t, 200)
		}},
	}
}
