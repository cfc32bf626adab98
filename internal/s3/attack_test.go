package s3_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/auth/sigv4"
)

// kept is what a bucket shows and what the directory of extents holds.
func (s *server) kept(bucket string) string {
	s.t.Helper()
	var all []string
	list := s.must(http.MethodGet, "/"+bucket+"?list-type=2", "").body
	for rest := list; ; {
		_, after, found := strings.Cut(rest, "<Key>")
		if !found {
			break
		}
		key, more, _ := strings.Cut(after, "<")
		all, rest = append(all, "key "+key), more
	}
	err := filepath.WalkDir(s.extents, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all = append(all, "extent "+d.Name())
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(all, ", ")
}

// chunkedPut is a PUT of body in signed chunks, framed by the real signer's chain; edit changes the framed body.
func (s *server) chunkedPut(target string, declared int, framed string, payload string, headers ...string) *http.Request {
	s.t.Helper()
	r := s.request(http.MethodPut, target, framed, append(headers, "Content-Encoding: aws-chunked",
		"x-amz-decoded-content-length: "+strconv.Itoa(declared))...)
	s.sign(r, payload)
	return r
}

// Attack 2: what is refused leaves nothing behind, neither a key nor bytes.
func TestARefusedBodyIsNotStored(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	const size = 5 * inlineMax
	body := strings.Repeat("x", size)
	zeros := strings.Repeat("0", 64)
	crc := base64.StdEncoding.EncodeToString(sumOf("CRC32", "another body"))
	trailed := func(framed string) *http.Request {
		return s.chunkedPut("/bucket/key", size, framed, sigv4.StreamingUnsignedTrailer, "x-amz-trailer: x-amz-checksum-crc32")
	}
	hashed := s.request(http.MethodPut, "/bucket/key", body)
	s.sign(hashed, zeros)
	whole := fmt.Sprintf("%x\r\n%s\r\n0\r\n", size, body)
	for name, tc := range map[string]struct {
		request *http.Request
		code    string
		status  int
	}{
		"a body of another hash": {hashed, "XAmzContentSHA256Mismatch", 400},
		"a chunk of another signature": {s.chunkedPut("/bucket/key", size, fmt.Sprintf("%x;chunk-signature=%s\r\n%s\r\n0;chunk-signature=%s\r\n\r\n",
			size, zeros, body, zeros), sigv4.StreamingSigned), "SignatureDoesNotMatch", 403},
		"a trailer of another checksum":           {trailed(whole + "x-amz-checksum-crc32:" + crc + "\r\n\r\n"), "BadDigest", 400},
		"a trailer that was announced is missing": {trailed(whole + "\r\n"), "MalformedTrailerError", 400},
		"a trailer of 5 KiB":                      {trailed(whole + "x-amz-checksum-crc32:" + strings.Repeat("A", 5<<10) + "\r\n\r\n"), "IncompleteBody", 400},
		"chunks that are longer than declared": {s.chunkedPut("/bucket/key", size-1, whole+"\r\n", sigv4.StreamingUnsignedTrailer),
			"IncompleteBody", 400},
		"chunks that are shorter than declared": {s.chunkedPut("/bucket/key", size+1, whole+"\r\n", sigv4.StreamingUnsignedTrailer),
			"IncompleteBody", 400},
		"the header of a chunk is 5 KiB long": {s.chunkedPut("/bucket/key", size, strings.Repeat("0", 5<<10)+whole,
			sigv4.StreamingUnsignedTrailer), "IncompleteBody", 400},
		"nine trailers are announced": {s.chunkedPut("/bucket/key", size, whole+"\r\n", sigv4.StreamingUnsignedTrailer,
			"x-amz-trailer: x-amz-checksum-a,x-amz-checksum-b,x-amz-checksum-c,x-amz-checksum-d,x-amz-checksum-e,x-amz-checksum-f,"+
				"x-amz-checksum-g,x-amz-checksum-h,x-amz-checksum-i"), "InvalidRequest", 400},
	} {
		t.Run(name, func(t *testing.T) {
			if a := s.send(tc.request); a.StatusCode != tc.status || !strings.Contains(a.body, "<Code>"+tc.code+"<") {
				t.Errorf("%s %s, want %d %s", a.Status, a.body, tc.status, tc.code)
			}
			if left := s.kept("bucket"); left != "" {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}

// Attack 4: the signature has no memory, so whoever has seen a request can send it again for fifteen minutes.
func TestARequestSentAgain(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	again := func(method, target, body string, headers ...string) (first, second answer) {
		r := s.signed(method, target, body, headers...)
		twin := r.Clone(t.Context())
		twin.Body = io.NopCloser(strings.NewReader(body))
		return s.send(r), s.send(twin)
	}
	t.Run("a PUT is done again, under another request id", func(t *testing.T) {
		first, second := again(http.MethodPut, "/bucket/key", "one")
		if first.StatusCode != 200 || second.StatusCode != 200 {
			t.Errorf("%s, %s", first.Status, second.Status)
		}
		if a, b := first.Header.Get("X-Amz-Request-Id"), second.Header.Get("X-Amz-Request-Id"); a == b || a == "" {
			t.Errorf("request ids %q and %q", a, b)
		}
	})
	t.Run("a PUT under If-None-Match is done once", func(t *testing.T) {
		first, second := again(http.MethodPut, "/bucket/once", "one", "If-None-Match: *")
		if first.StatusCode != 200 || second.StatusCode != 412 {
			t.Errorf("%s, %s", first.Status, second.Status)
		}
	})
	t.Run("a DELETE under If-Match does not touch what came after it", func(t *testing.T) {
		tag := s.must(http.MethodPut, "/bucket/gone", "one").Header.Get("ETag")
		r := s.signed(http.MethodDelete, "/bucket/gone", "", "If-Match: "+tag)
		twin := r.Clone(t.Context())
		if a := s.send(r); a.StatusCode != 204 {
			t.Error(a.Status, a.body)
		}
		s.must(http.MethodPut, "/bucket/gone", "two")
		if a := s.send(twin); a.StatusCode != 412 {
			t.Error(a.Status, a.body)
		}
	})
	t.Run("sixteen minutes later it is refused", func(t *testing.T) {
		r := s.signed(http.MethodDelete, "/bucket/key", "")
		s.now = s.now.Add(16 * 60e9)
		if a := s.send(r); a.StatusCode != 403 || !strings.Contains(a.body, "RequestTimeTooSkewed") {
			t.Error(a.Status, a.body)
		}
	})
}

// Attack 7: the query that is handled is the one that was signed.
func TestTheQueryIsReadAsItIsSigned(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	for _, key := range []string{"a+b", "a%20b", "a%3Bb"} {
		s.must(http.MethodPut, "/bucket/"+strings.ReplaceAll(key, "+", "%2B"), key)
	}
	for name, tc := range map[string]struct {
		query string
		want  string // the one key listed, or the code of the refusal
	}{
		"a blank as a plus":            {"list-type=2&prefix=a+", "a b"},
		"a blank encoded":              {"list-type=2&prefix=a%20", "a b"},
		"a plus encoded":               {"list-type=2&prefix=a%2B", "a+b"},
		"a semicolon is no separator":  {"list-type=2&prefix=a;", "a;b"},
		"names in any order":           {"prefix=a%2B&list-type=2", "a+b"},
		"a name twice":                 {"list-type=2&prefix=a&prefix=b", "InvalidRequest"},
		"a name twice, one valueless":  {"uploads&uploads=", "InvalidRequest"},
		"a name in two cases":          {"list-type=2&prefix=a&Prefix=b", "InvalidRequest"},
		"two operations at once":       {"list-type=2&uploads", "InvalidRequest"},
		"a name encoded, then again":   {"list-type=2&prefix=a&pre%66ix=b", "InvalidRequest"},
		"a percent that encodes none":  {"list-type=2&prefix=%", "InvalidRequest"},
		"a hundred and thirty of them": {"list-type=2" + strings.Repeat("&a", 130), "InvalidRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.request(http.MethodGet, "/bucket", "")
			r.URL.RawQuery = tc.query
			s.sign(r, sigv4.UnsignedPayload)
			a := s.send(r)
			if strings.HasPrefix(tc.want, "Invalid") {
				if a.StatusCode != 400 || !strings.Contains(a.body, "<Code>"+tc.want+"<") {
					t.Error(a.Status, a.body)
				}
				return
			}
			if strings.Count(a.body, "<Key>") != 1 || !strings.Contains(a.body, "<Key>"+tc.want+"</Key>") {
				t.Error(a.Status, a.body)
			}
		})
	}
}

// Attack 24: whatever the document, memory is bounded and the answer is clear.
func TestAnXMLBombIsRefused(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	_, id, _ := strings.Cut(s.must(http.MethodPost, "/bucket/big?uploads", "").body, "<UploadId>")
	id, _, _ = strings.Cut(id, "<")
	const most = 128 << 20 // bytes allocated in all while answering, most of them garbage by then
	for name, tc := range map[string]struct{ target, doc string }{
		"a document type": {"/bucket?delete", `<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&e;</Key></Object></Delete>`},
		"an entity of an entity": {"/bucket?delete", `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>` +
			`<Delete><Object><Key>&b;</Key></Object></Delete>`},
		"an entity that nobody declared":       {"/bucket?delete", `<Delete><Object><Key>&b;</Key></Object></Delete>`},
		"a million elements within another":    {"/bucket?delete", "<Delete>" + strings.Repeat("<a>", 1_000_000) + strings.Repeat("</a>", 1_000_000) + "</Delete>"},
		"seventeen elements within another":    {"/bucket?delete", "<Delete><Object><Key>k</Key></Object>" + strings.Repeat("<a>", 17) + strings.Repeat("</a>", 17) + "</Delete>"},
		"a thousand and one keys":              {"/bucket?delete", "<Delete>" + strings.Repeat("<Object><Key>k</Key></Object>", 1001) + "</Delete>"},
		"half a million empty keys":            {"/bucket?delete", "<Delete>" + strings.Repeat("<Object/>", 500_000) + "</Delete>"},
		"a million empty parts":                {"/bucket/big?uploadId=" + id, "<CompleteMultipartUpload>" + strings.Repeat("<Part/>", 1_000_000) + "</CompleteMultipartUpload>"},
		"a million attributes":                 {"/bucket?delete", "<Delete" + strings.Repeat(` a=""`, 1_000_000) + "><Object><Key>k</Key></Object></Delete>"},
		"bytes that are no UTF-8":              {"/bucket?delete", "<Delete><Object><Key>\xff</Key></Object></Delete>"},
		"another encoding":                     {"/bucket?delete", `<?xml version="1.0" encoding="UTF-7"?><Delete><Object><Key>k</Key></Object></Delete>`},
		"a million instructions to processors": {"/bucket?delete", "<Delete>" + strings.Repeat("<?a?>", 1_000_000) + "<Object><Key>k</Key></Object></Delete>"},
	} {
		t.Run(name, func(t *testing.T) {
			md5 := "Content-MD5: " + base64.StdEncoding.EncodeToString(sumOf("MD5", tc.doc))
			r := s.signed(http.MethodPost, tc.target, tc.doc, md5)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a := s.send(r)
			runtime.ReadMemStats(&after)
			if a.StatusCode != 400 || !strings.Contains(a.body, "<Code>MalformedXML<") {
				t.Errorf("%s %.300s", a.Status, a.body)
			}
			if cost := after.TotalAlloc - before.TotalAlloc; cost > most {
				t.Errorf("it allocates %d MiB", cost>>20)
			}
		})
	}
	t.Run("nine mebibytes of nothing", func(t *testing.T) {
		doc := "<Delete>" + string(bytes.Repeat([]byte(" "), 9<<20)) + "</Delete>"
		a := s.do(http.MethodPost, "/bucket?delete", doc, "Content-MD5: "+base64.StdEncoding.EncodeToString(sumOf("MD5", doc)))
		if a.StatusCode != 400 || !strings.Contains(a.body, "<Code>EntityTooLarge<") {
			t.Errorf("%s %.300s", a.Status, a.body)
		}
	})
}

// Attack 25: a key never becomes a path.
func TestNoKeyBecomesAPath(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	parent := filepath.Dir(s.extents)
	keys := map[string]string{
		"two dots": "../../../../tmp/x", "an absolute path": "/etc/passwd", "a NUL": "a\x00b", "a device": "CON", "a device with a name": "aux.txt",
		"a dot at the end": "name.", "a blank at the end": "name ", "small letters": "name", "capital letters": "NAME", "a thousand bytes": strings.Repeat("k", 1024),
		"a backslash": `..\..\x`, "a colon": "c:x", "composed letters": "\u00e9", "letters with combining marks": "e\u0301", "one dot": ".", "a line break": "a\r\nb",
		"a directory": "name/", "a file in it": "name/file", "a name of the store's own": "../meta/LOCK",
	}
	target := func(key string) string { return "/bucket/" + url.PathEscape(key) }
	for name, key := range keys {
		s.must(http.MethodPut, target(key), name+strings.Repeat(".", 2*inlineMax))
	}
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			if a := s.must(http.MethodGet, target(key), ""); !strings.HasPrefix(a.body, name+"..") {
				t.Errorf("%q holds %.40q", key, a.body)
			}
		})
	}
	t.Run("the files have names of their own", func(t *testing.T) {
		own := regexp.MustCompile(`^[0-9a-f]{2}/[0-9a-f]+$`)
		n := 0
		err := filepath.WalkDir(parent, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			n++
			if rest, err := filepath.Rel(s.extents, path); err != nil || !own.MatchString(filepath.ToSlash(rest)) {
				t.Errorf("there is a file %s", rest)
			}
			return nil
		})
		if err != nil || n != len(keys) {
			t.Errorf("%d files for %d keys, %v", n, len(keys), err)
		}
	})
}

// Attack 10: what a client chooses for the answer's headers ends no header.
func TestNoHeaderOfAnAnswerIsMadeByAnother(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	const evil = "a\r\nSet-Cookie: evil=1\r\n\r\n<script>"
	s.send(s.presigned(http.MethodPut, "/bucket/key?x-amz-meta-a="+url.QueryEscape(evil), "body", nil)).want(t, 200)
	for _, p := range []string{"content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires"} {
		t.Run("response-"+p, func(t *testing.T) {
			a := s.do(http.MethodGet, "/bucket/key?response-"+p+"="+url.QueryEscape(evil), "")
			if len(a.Header["Set-Cookie"]) > 0 || a.StatusCode == 200 && a.body != "body" {
				t.Errorf("%v %s", a.Header, a.body)
			}
		})
	}
}

// Attack 24: a length is believed only as far as it may be true.
func TestABodyOfMoreThanFiveGibibytesIsNotAskedFor(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	for _, length := range []int64{5<<30 + 1, 1 << 62} {
		r := s.request(http.MethodPut, "/bucket/key", "", "Expect: 100-continue")
		r.ContentLength = length
		s.sign(r, sigv4.UnsignedPayload)
		_, answers := s.raw(r)
		if a, err := http.ReadResponse(answers, r); err != nil || a.StatusCode != 400 {
			t.Errorf("a length of %d: %v, %v", length, a, err)
		}
		chunked := s.request(http.MethodPut, "/bucket/key", "", "Expect: 100-continue", "x-amz-decoded-content-length: "+strconv.FormatInt(length, 10))
		chunked.ContentLength = length
		s.sign(chunked, sigv4.StreamingUnsignedTrailer)
		_, answers = s.raw(chunked)
		if a, err := http.ReadResponse(answers, chunked); err != nil || a.StatusCode != 400 {
			t.Errorf("a decoded length of %d: %v, %v", length, a, err)
		}
	}
	if left := s.kept("bucket"); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// Attack 24: bytes that are no text, wherever they are stored, make neither the key nor a list that it is in unreadable.
func TestBytesThatAreNoTextDoNoHarm(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	for _, name := range []string{"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires", "x-amz-meta-a"} {
		t.Run(name, func(t *testing.T) {
			header := name + ": a\xff\xc3"
			s.do(http.MethodPut, "/bucket/key", "body", header).want(t, 200)
			s.do(http.MethodGet, "/bucket/key", "").want(t, 200, "body")
			s.do(http.MethodPut, "/bucket/copy", "", "x-amz-copy-source: bucket/key").want(t, 200)
			s.do(http.MethodGet, "/bucket?list-type=2", "").want(t, 200, "<Key>key</Key>")
			upload := s.begin("big", header)
			s.do(http.MethodGet, "/bucket?uploads", "").want(t, 200, "<Key>big</Key>")
			s.do(http.MethodPost, upload, partList(1, s.part(upload, 1, "body"))).want(t, 200)
			s.do(http.MethodGet, "/bucket/big", "").want(t, 200, "body")
		})
	}
	t.Run("tags", func(t *testing.T) {
		s.do(http.MethodPut, "/bucket/tagged", "body", "x-amz-tagging: a=%ff").want(t, 400)
	})
}
