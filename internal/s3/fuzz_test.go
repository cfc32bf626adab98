package s3

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/headertext"
	"github.com/zot-artifact-store/zas/internal/object"
)

// isFault says whether err is a failure that has an answer of its own: parsers report nothing else.
func isFault(err error) bool {
	return err == nil || fault.Of(err).Code != fault.Unexpected
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\n\r\n",
		"GET /bucket?list-type=2&prefix=a%2F&delimiter=/&max-keys=2&encoding-type=url HTTP/1.1\r\n\r\n",
		"PUT /bucket/a//b/../c%2F HTTP/1.1\r\nContent-MD5: XUFAKrxLKna5cZ2REBfFkg==\r\nx-amz-meta-a: b\r\nIf-None-Match: *\r\n\r\n",
		"PUT /bucket/key HTTP/1.1\r\nx-amz-copy-source: /other/key%20?versionId=null\r\nx-amz-metadata-directive: REPLACE\r\n\r\n",
		"PUT /bucket/key?partNumber=1&uploadId=x HTTP/1.1\r\nx-amz-copy-source: a/b\r\nx-amz-copy-source-range: bytes=0-9\r\n\r\n",
		"POST /bucket/key?uploadId=x HTTP/1.1\r\nx-amz-checksum-sha256: AAAA-3\r\nx-amz-mp-object-size: 5\r\n\r\n",
		"GET http://host/bucket/key?versioning HTTP/1.1\r\nRange: bytes=-5\r\n\r\n",
		"POST /bucket?delete HTTP/1.1\r\nx-amz-trailer: x-amz-checksum-crc32\r\nx-amz-sdk-checksum-algorithm: CRC32\r\n\r\n",
		"GET /bucket?tagging= HTTP/1.1\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			t.Skip()
		}
		rq, err := newRequest(r, nil)
		if err != nil {
			if !isFault(err) {
				t.Fatal(err)
			}
			return
		}
		op, err := parse(rq)
		if !isFault(err) || (op == nil) == (err == nil) {
			t.Fatalf("parsed as %v, %v", op, err)
		}
		if op == nil {
			return
		}
		for _, p := range rq.query {
			if absent[p.name] {
				t.Errorf("%s was taken although %q was asked for", op.name(), p.name)
			}
		}
		checkNeeds(t, rq, op)
	})
}

// checkNeeds sees to it that what is authorized is what was addressed.
func checkNeeds(t *testing.T, rq *request, op operation) {
	needs := op.needs()
	if len(needs) == 0 {
		switch op.(type) {
		case *deleteObjects, *postObject: // what they need stands in the body
		default:
			t.Errorf("%s needs nothing", op.name())
		}
		return
	}
	switch got := needs[0].resource; rq.level() {
	case atService:
		if got.Type != auth.Server {
			t.Errorf("%s needs %v", op.name(), got)
		}
	case atBucket:
		if got != (auth.Resource{Type: auth.Bucket, Name: rq.bucket}) {
			t.Errorf("%s needs %v", op.name(), got)
		}
	case atObject:
		if got != (auth.Resource{Type: auth.Object, Name: rq.bucket, Key: rq.key}) || object.CheckKey(rq.key) != nil {
			t.Errorf("%s needs %v", op.name(), got)
		}
	}
	if copies := rq.method == http.MethodPut && rq.header.Get("X-Amz-Copy-Source") != ""; copies != (len(needs) == 2) {
		t.Errorf("%s needs %v, copy: %v", op.name(), needs, copies)
	}
}

func FuzzXML(f *testing.F) {
	for _, seed := range []string{
		`<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet><Object><Key>a&amp;b</Key></Object></Delete>`,
		`<?xml version="1.0" encoding="UTF-8"?><Delete><Object><VersionId>null</VersionId><Key>a</Key></Object></Delete>`,
		`<CompleteMultipartUpload><Part><ETag>"x"</ETag><PartNumber>1</PartNumber><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part></CompleteMultipartUpload>`,
		`<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>`,
		`<!DOCTYPE x [<!ENTITY e "a">]><Delete><Object><Key>&e;</Key></Object></Delete>`,
		`<Delete><Object><Key><![CDATA[a]]></Key></Object></Delete><!-- end -->`,
		`<Delete></Delete><Delete></Delete>`,
		`<Tagging><TagSet><Tag><Value>v</Value><Key>k</Key></Tag></TagSet></Tagging>`,
		`<CORSConfiguration><CORSRule><AllowedOrigin>http://*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>-1</MaxAgeSeconds></CORSRule></CORSConfiguration>`,
		`<LifecycleConfiguration><Rule><Filter><And><Prefix>a</Prefix><Tag><Key>k</Key><Value/></Tag><ObjectSizeLessThan>5</ObjectSizeLessThan></And></Filter><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>`,
		`<LifecycleConfiguration><Rule><ID>i</ID><Prefix/><Status>Disabled</Status><Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>`,
		`<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>`,
		`<PublicAccessBlockConfiguration><BlockPublicAcls>TRUE</BlockPublicAcls></PublicAccessBlockConfiguration>`,
		`<AccessControlPolicy><AccessControlList><Grant><Grantee><ID>i</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var del deleteDocument
		var complete completeDocument
		var create createBucketConfiguration
		for root, v := range map[string]any{"Delete": &del, "CompleteMultipartUpload": &complete, "CreateBucketConfiguration": &create, "OwnershipControls": &ownershipDocument{},
			"PublicAccessBlockConfiguration": &publicAccessDocument{}, "AccessControlPolicy": &aclDocument{},
		} {
			err := decodeXML(raw, root, v)
			if err != nil && fault.Of(err).Code != fault.MalformedXML {
				t.Fatal(err)
			}
			if err == nil && bytes.Contains(raw, []byte("<!DOCTYPE")) && !bytes.Contains(raw, []byte("<!--")) && !bytes.Contains(raw, []byte("CDATA")) {
				t.Fatalf("a document type was accepted: %q", raw)
			}
		}
		for _, p := range complete.Part {
			if _, err := p.part(); !isFault(err) {
				t.Fatal(err)
			}
		}
	})
}

func FuzzXMLText(f *testing.F) {
	f.Add("a&b<c>\"'\r\n\t")
	f.Add("\x00\xff\ufffe é 𝄞")
	f.Fuzz(func(t *testing.T, s string) {
		x := newXML("R", namespace)
		x.text("T", s)
		x.close("R")
		var back struct{ T string }
		if err := xml.Unmarshal(x.b, &back); err != nil {
			t.Fatalf("%q: %v", x.b, err)
		}
		want := strings.Map(func(r rune) rune {
			if r == '\t' || r == '\n' || r == '\r' || 0x20 <= r && r <= 0xD7FF || 0xE000 <= r && r <= 0xFFFD || 0x10000 <= r {
				return r
			}
			return utf8.RuneError
		}, s)
		if back.T != want {
			t.Fatalf("%q came back as %q", s, back.T)
		}
		decoded, err := url.PathUnescape(string(appendURL(nil, s)))
		if err != nil || decoded != s {
			t.Fatalf("%q in a URL came back as %q, %v", s, decoded, err)
		}
	})
}

func FuzzCopySource(f *testing.F) {
	for _, seed := range []string{"/bucket/key", "bucket/a%2Fb", "bucket/key?versionId=null", "bucket/what?ever", "bucket/", "/", "%zz/x", "b/%FF"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		rq := &request{header: http.Header{"X-Amz-Copy-Source": {s}}}
		src, err := rq.copySource()
		if err != nil {
			if !isFault(err) {
				t.Fatal(err)
			}
			return
		}
		if src.Bucket == "" || src.Key == "" || strings.Contains(src.Bucket, "/") {
			t.Fatalf("%q is read as %+v", s, src)
		}
		again := &request{header: http.Header{"X-Amz-Copy-Source": {url.PathEscape(src.Bucket) + "/" + string(appendURL(nil, src.Key))}}}
		back, err := again.copySource()
		if err != nil || back.Bucket != src.Bucket || back.Key != src.Key {
			t.Fatalf("%+v, encoded, is read as %+v, %v", src, back, err)
		}
	})
}

// FuzzForm checks that what is kept of a form is bounded, and that the headers made of it are headers.
func FuzzForm(f *testing.F) {
	part := func(name, more, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"" + more + "\r\n\r\n" + value + "\r\n"
	}
	key, file := part("key", "", "a/${filename}"), part("file", `; filename="x\y"`, "content")+"--b--\r\n"
	for _, seed := range []string{
		key + file, key + part("x-amz-meta-a", "", "1") + part("X-Amz-Meta-A", "", "2") + part("acl", "", "private") + file,
		part("tagging", "", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>") + key + file,
		key + part("Content-Type", "", "a\r\nb") + file, key + part("x-amz-copy-source", "", "/a/b") + file,
		key + strings.Repeat("x", 30<<10), "--b--\r\n", key + "--b--\r\n", "",
	} {
		f.Add("multipart/form-data; boundary=b", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, contentType string, raw []byte) {
		form, err := readForm(contentType, bytes.NewReader(raw))
		if err != nil {
			if !isFault(err) {
				t.Fatal(err)
			}
			return
		}
		size := 0
		for name, value := range form.fields {
			size += len(value)
			if name == "" || name != strings.ToLower(name) {
				t.Fatalf("a field is called %q", name)
			}
		}
		if size > maxForm {
			t.Fatalf("%d bytes are kept", size)
		}
		put, err := form.put("bucket", "key")
		if err != nil {
			if !isFault(err) {
				t.Fatal(err)
			}
			return
		}
		if put.condition != (object.WriteCondition{}) || put.trailer != "" {
			t.Fatalf("a form has become %+v", put)
		}
		for name := range put.metadata.User {
			if !isToken(name) {
				t.Fatalf("metadata is called %q", name)
			}
		}
		if m := put.metadata; strings.ContainsFunc(m.ContentType+m.CacheControl+m.ContentDisposition+m.ContentLanguage+m.Expires, isControl) {
			t.Fatalf("control characters in %+v", m)
		}
	})
}

func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-", "bytes=-5", "bytes=2-4", "bytes=4-2", "bytes=0-1,3-4", "bytes=-0", "bytes=99999999999999999999-", "lines=1-2", "bytes= 1-2 "} {
		f.Add(seed, int64(10))
	}
	f.Fuzz(func(t *testing.T, s string, size int64) {
		if size < 0 {
			t.Skip()
		}
		r := parseRange(s)
		off, n, ok := r.in(size)
		if ok && (off < 0 || n < 0 || off+n > size || r.given && n == 0) {
			t.Fatalf("%q of %d bytes gives %d bytes from %d", s, size, n, off)
		}
		if !r.given && (!ok || off != 0 || n != size) {
			t.Fatalf("no range of %d bytes gives %d bytes from %d, %v", size, n, off, ok)
		}
		if copied, err := parseCopyRange(s); err == nil && (copied.First < 0 || copied.First > copied.Last) {
			t.Fatalf("%q is read as %+v", s, copied)
		}
	})
}

func FuzzUserMetadata(f *testing.F) {
	for _, seed := range []string{"plain", "Jürgen", "=?UTF-8?Q?J=C3=BCrgen?=", "\xfcber", "=?broken", "tab\tnew\nline", "日本語 with ascii", strings.Repeat("ü", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		stored := decodeMeta(s)
		if !utf8.ValidString(stored) {
			t.Fatalf("%q is stored as %q", s, stored)
		}
		sent := headertext.Encode(stored)
		for i := range len(sent) {
			if sent[i] < 0x20 || sent[i] > 0x7E {
				t.Fatalf("%q is sent as %q", stored, sent)
			}
		}
		if back := decodeMeta(strings.TrimSpace(sent)); back != stored {
			t.Fatalf("%q, sent as %q, is read as %q", stored, sent, back)
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add("a/b", "1YQ")
	f.Fuzz(func(t *testing.T, last, token string) {
		if got, err := readToken(makeToken(last)); err != nil || got != last && last != "" {
			if last != "" {
				t.Fatalf("%q came back as %q, %v", last, got, err)
			}
		}
		if _, err := readToken(token); !isFault(err) {
			t.Fatal(err)
		}
	})
}
