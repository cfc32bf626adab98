package s3_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/auth/sigv4"
)

// pitfall is one thing that S3 servers get wrong and clients rely on.
type pitfall struct {
	number int
	says   string
	test   func(t *testing.T, s *server)
}

// The pitfalls are numbered as in the list that they were collected in. Each has a server with /bucket.
func TestPitfalls(t *testing.T) {
	all := slices.Concat(pitfallsOfBodies(), pitfallsOfReading(), pitfallsOfWriting(), pitfallsOfBuckets(), pitfallsOfVersions())
	slices.SortFunc(all, func(a, b pitfall) int { return a.number - b.number })
	for i, p := range all {
		if p.number != i+1 {
			t.Fatalf("pitfall %d stands in place %d", p.number, i+1)
		}
	}
	for _, p := range all {
		t.Run(fmt.Sprintf("%02d %s", p.number, p.says), func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.must(http.MethodPut, "/bucket", "")
			p.test(t, s)
		})
	}
}

// want checks the status, and that the body has each of these.
func (a answer) want(t *testing.T, status int, has ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%s %s: %s, want %d: %.300s", a.Request.Method, a.Request.URL.RequestURI(), a.Status, status, a.body)
	}
	for _, text := range has {
		if !strings.Contains(a.body, text) {
			t.Errorf("%s %s: no %s in %s", a.Request.Method, a.Request.URL.RequestURI(), text, a.body)
		}
	}
}

// wantHeader checks a header; an empty value: that it is not there.
func (a answer) wantHeader(t *testing.T, name, value string) {
	t.Helper()
	if got := a.Header.Get(name); got != value {
		t.Errorf("%s %s: %s is %q, want %q", a.Request.Method, a.Request.URL.RequestURI(), name, got, value)
	}
}

// begin is a multipart upload of key; it returns the target of its requests.
func (s *server) begin(key string, headers ...string) string {
	s.t.Helper()
	_, id, _ := strings.Cut(s.must(http.MethodPost, "/bucket/"+key+"?uploads", "", headers...).body, "<UploadId>")
	id, _, _ = strings.Cut(id, "<")
	return "/bucket/" + key + "?uploadId=" + id
}

// part sends one part and returns its ETag.
func (s *server) part(upload string, number int, body string, headers ...string) string {
	s.t.Helper()
	return s.must(http.MethodPut, upload+"&partNumber="+strconv.Itoa(number), body, headers...).Header.Get("ETag")
}

// partList is the body of Complete, of numbers and ETags in turn.
func partList(pairs ...any) string {
	var b strings.Builder
	b.WriteString("<CompleteMultipartUpload>")
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", pairs[i], pairs[i+1])
	}
	return b.String() + "</CompleteMultipartUpload>"
}

func hexMD5(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func checksumHeader(algorithm, body string) string {
	return "x-amz-checksum-" + strings.ToLower(algorithm) + ": " + base64.StdEncoding.EncodeToString(sumOf(algorithm, body))
}

func contentMD5(body string) string {
	return "Content-MD5: " + base64.StdEncoding.EncodeToString(sumOf("MD5", body))
}

func pitfallsOfBodies() []pitfall {
	return []pitfall{
		{1, "the ETag of a multipart upload is the MD5 of its parts' MD5s and their number", func(t *testing.T, s *server) {
			upload, first := s.begin("big"), strings.Repeat("x", 100)
			list := partList(1, s.part(upload, 1, first), 2, s.part(upload, 2, "end"))
			s.do(http.MethodPost, upload, list).want(t, 200)
			one, two := md5.Sum([]byte(first)), md5.Sum([]byte("end"))
			want := `"` + hexMD5(string(one[:])+string(two[:])) + `-2"`
			s.do(http.MethodGet, "/bucket/big", "").wantHeader(t, "ETag", want)
		}},
		{2, "ETags are quoted in headers and XML, and taken without quotes", func(t *testing.T, s *server) {
			tag := hexMD5("body")
			s.do(http.MethodPut, "/bucket/key", "body").wantHeader(t, "ETag", `"`+tag+`"`)
			s.do(http.MethodGet, "/bucket?list-type=2", "").want(t, 200, "<ETag>&quot;"+tag+"&quot;</ETag>")
			s.do(http.MethodGet, "/bucket/key", "", "If-Match: "+tag).want(t, 200)
			s.do(http.MethodGet, "/bucket/key", "", `If-Match: W/"`+tag+`"`).want(t, 412)
			for _, form := range []string{"%s", `"%s"`, "&quot;%s&quot;"} {
				upload := s.begin("big")
				part := strings.Trim(s.part(upload, 1, "body"), `"`)
				s.do(http.MethodPost, upload, partList(1, fmt.Sprintf(form, part))).want(t, 200)
			}
		}},
		{4, "XML is taken with and without namespace, in any order, but without document type", func(t *testing.T, s *server) {
			for _, root := range []string{"<Delete>", `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`, `<a:Delete xmlns:a="http://s3.amazonaws.com/doc/2006-03-01/">`} {
				end := strings.Replace(strings.Fields(root)[0], "<", "</", 1)
				doc := root + "<Unknown/><Object><VersionId>null</VersionId><Key>k</Key></Object><Quiet>false</Quiet>" + strings.TrimSuffix(end, ">") + ">"
				s.do(http.MethodPost, "/bucket?delete", doc, contentMD5(doc)).want(t, 200, "<Deleted><Key>k</Key>")
			}
			doc := "<!DOCTYPE a><Delete><Object><Key>k</Key></Object></Delete>"
			s.do(http.MethodPost, "/bucket?delete", doc, contentMD5(doc)).want(t, 400, "MalformedXML")
		}},
		{5, "aws-chunked is how a body travelled: the object is what was in the chunks", func(t *testing.T, s *server) {
			sum := base64.StdEncoding.EncodeToString(sumOf("CRC32", "hello"))
			sent := s.sendTrailer(http.MethodPut, "/bucket/key", "hello", []string{"Content-Encoding: gzip,aws-chunked"}, "x-amz-checksum-crc32", sum)
			sent.want(t, 200)
			got := s.do(http.MethodGet, "/bucket/key", "")
			got.want(t, 200, "hello")
			got.wantHeader(t, "Content-Length", "5")
			got.wantHeader(t, "Content-Encoding", "gzip")
			s.do(http.MethodPut, "/bucket/bare", "hello", "Content-Encoding: aws-chunked").want(t, 200)
			got = s.do(http.MethodGet, "/bucket/bare", "")
			if _, there := got.Header["Content-Encoding"]; there || got.body != "hello" {
				t.Error(got.Header, got.body)
			}
			const small = "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n"
			s.send(s.chunkedPut("/bucket/small", 5, small, sigv4.StreamingUnsignedTrailer)).want(t, 400)
			s.send(s.chunkedPut("/bucket/short", 6, "5\r\nhello\r\n0\r\n\r\n", sigv4.StreamingUnsignedTrailer)).want(t, 400, "IncompleteBody")
			s.send(s.chunkedPut("/bucket/open", 5, "5\r\nhello\r\n", sigv4.StreamingUnsignedTrailer)).want(t, 400, "IncompleteBody")
		}},
		{6, "a body of another hash than x-amz-content-sha256 never becomes visible", func(t *testing.T, s *server) {
			s.must(http.MethodPut, "/bucket/key", "old")
			r := s.request(http.MethodPut, "/bucket/key", "new")
			s.sign(r, strings.Repeat("0", 64))
			s.send(r).want(t, 400, "<Code>XAmzContentSHA256Mismatch<")
			s.do(http.MethodGet, "/bucket/key", "").want(t, 200, "old")
			s.send(s.presigned(http.MethodPut, "/bucket/key", "any", nil)).want(t, 200)
			r = s.request(http.MethodPut, "/bucket/key", "new")
			s.sign(r, "STREAMING-NONSENSE")
			s.send(r).want(t, 400)
		}},
		{7, "one checksum at most, well-formed, and of the body", func(t *testing.T, s *server) {
			put := func(headers ...string) answer { return s.do(http.MethodPut, "/bucket/key", "body", headers...) }
			put("Content-MD5: short").want(t, 400, "<Code>InvalidDigest<")
			put(contentMD5("other")).want(t, 400, "<Code>BadDigest<")
			put(checksumHeader("CRC32", "other")).want(t, 400, "<Code>BadDigest<")
			put(checksumHeader("CRC32", "body"), checksumHeader("SHA1", "body")).want(t, 400, "<Code>InvalidRequest<")
			s.sendTrailer(http.MethodPut, "/bucket/key", "body", []string{checksumHeader("CRC32", "body")}, "x-amz-checksum-sha1", "x").
				want(t, 400, "<Code>InvalidRequest<")
			s.do(http.MethodGet, "/bucket/key", "").want(t, 404)
			put().wantHeader(t, "x-amz-checksum-crc64nvme", base64.StdEncoding.EncodeToString(sumOf("CRC64NVME", "body")))
		}},
		{8, "checksums of the whole are combined from the parts', composites have the number of parts, and ranges have none", func(t *testing.T, s *server) {
			first, last := strings.Repeat("x", 100), "end"
			for _, tc := range []struct{ algorithm, kind, want string }{
				{"CRC32", "FULL_OBJECT", base64.StdEncoding.EncodeToString(sumOf("CRC32", first+last))},
				{"CRC64NVME", "FULL_OBJECT", base64.StdEncoding.EncodeToString(sumOf("CRC64NVME", first+last))},
				{"CRC32C", "COMPOSITE", base64.StdEncoding.EncodeToString(sumOf("CRC32C", string(sumOf("CRC32C", first))+string(sumOf("CRC32C", last)))) + "-2"},
			} {
				upload := s.begin("big", "x-amz-checksum-algorithm: "+tc.algorithm, "x-amz-checksum-type: "+tc.kind)
				sum := func(body string) string {
					_, value, _ := strings.Cut(checksumHeader(tc.algorithm, body), ": ")
					return "<Checksum" + tc.algorithm + ">" + value + "</Checksum" + tc.algorithm + ">"
				}
				one, two := s.part(upload, 1, first, checksumHeader(tc.algorithm, first)), s.part(upload, 2, last, checksumHeader(tc.algorithm, last))
				list := strings.ReplaceAll(partList(1, one+"</ETag>"+sum(first), 2, two+"</ETag>"+sum(last)), "></ETag>", ">")
				s.do(http.MethodPost, upload, list).want(t, 200)
				name := "x-amz-checksum-" + strings.ToLower(tc.algorithm)
				s.do(http.MethodHead, "/bucket/big", "", "x-amz-checksum-mode: ENABLED").wantHeader(t, name, tc.want)
				s.do(http.MethodHead, "/bucket/big", "").wantHeader(t, name, "")
				s.do(http.MethodGet, "/bucket/big", "", "x-amz-checksum-mode: ENABLED", "Range: bytes=0-4").wantHeader(t, name, "")
			}
			for _, no := range [][2]string{{"CRC64NVME", "COMPOSITE"}, {"SHA256", "FULL_OBJECT"}} {
				s.do(http.MethodPost, "/bucket/big?uploads", "", "x-amz-checksum-algorithm: "+no[0], "x-amz-checksum-type: "+no[1]).want(t, 400)
			}
		}},
		{9, "a refusal comes before 100 Continue", func(t *testing.T, s *server) {
			r := s.expecting("/absent/key", "body")
			_, answers := s.raw(r)
			if a, err := http.ReadResponse(answers, r); err != nil || a.StatusCode != 404 {
				t.Error(a, err)
			}
		}},
		{33, "a body of unknown length needs a decoded length", func(t *testing.T, s *server) {
			send := func(body string, headers ...string) answer {
				r := s.request(http.MethodPut, "/bucket/key", "", headers...)
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), -1
				payload := sigv4.UnsignedPayload
				if len(headers) > 0 {
					payload = sigv4.StreamingUnsignedTrailer
				}
				s.sign(r, payload)
				return s.send(r)
			}
			send("hello").want(t, 411, "<Code>MissingContentLength<")
			send("5\r\nhello\r\n0\r\n\r\n", "x-amz-decoded-content-length: 5").want(t, 200)
		}},
		{34, "a wrong checksum is BadDigest, a malformed one InvalidRequest or InvalidDigest", func(t *testing.T, s *server) {
			for header, code := range map[string]string{
				contentMD5("other"): "BadDigest", "Content-MD5: ====": "InvalidDigest", checksumHeader("SHA256", "other"): "BadDigest",
				"x-amz-checksum-sha256: AAAA": "InvalidRequest", "x-amz-checksum-crc32: ====": "InvalidRequest",
			} {
				s.do(http.MethodPut, "/bucket/key", "body", header).want(t, 400, "<Code>"+code+"<")
			}
		}},
	}
}
