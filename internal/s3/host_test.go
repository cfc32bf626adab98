package s3_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/internal/s3"
)

// at is a request of root's to a host name.
func (s *server) at(host, method, target, body string, headers ...string) *http.Request {
	s.t.Helper()
	r := s.request(method, target, body, headers...)
	r.Host = host
	s.sign(r, sigv4.UnsignedPayload)
	return r
}

func TestVirtualHostStyle(t *testing.T) {
	s := newServer(t)
	expect := func(t *testing.T, r *http.Request, status int, text string) answer {
		t.Helper()
		a := s.send(r)
		if a.StatusCode != status || !strings.Contains(a.body, text) {
			t.Errorf("%s %s%s: %s %s", r.Method, r.Host, r.URL.RequestURI(), a.Status, a.body)
		}
		return a
	}
	expect(t, s.at("bucket.s3.example.com", "PUT", "/", ""), 200, "")
	expect(t, s.at("with.dots.s3.example.com", "PUT", "/", ""), 200, "")
	t.Run("the host is the bucket and the whole path the key", func(t *testing.T) {
		for target, key := range map[string]string{
			"/key": "key", "/v2/": "v2/", "/livez": "livez", "/bucket/key": "bucket/key", "//a/../b": "/a/../b", "/a%2Fb%20c": "a/b c", "/zot/auth/token": "zot/auth/token",
		} {
			expect(t, s.at("bucket.s3.example.com", "PUT", target, key), 200, "")
			expect(t, s.at("bucket.s3.example.com", "GET", target, ""), 200, key)
			expect(t, s.at("s3.example.com", "GET", "/bucket"+target, ""), 200, key)
			expect(t, s.at(s.Listener.Addr().String(), "GET", "/bucket"+target, ""), 200, key)
		}
	})
	t.Run("a bucket is listed and deleted at the root of its host", func(t *testing.T) {
		expect(t, s.at("bucket.s3.example.com", "GET", "/?list-type=2", ""), 200, "<Key>a/b c</Key>")
		expect(t, s.at("with.dots.s3.example.com", "HEAD", "/", ""), 200, "")
		expect(t, s.at("with.dots.s3.example.com", "DELETE", "/", ""), 204, "")
	})
	t.Run("of two domains the longer one counts", func(t *testing.T) {
		expect(t, s.at("bucket.deep.s3.example.com", "GET", "/key", ""), 200, "key")
		expect(t, s.at("deep.s3.example.com", "GET", "/bucket/key", ""), 200, "key")
	})
	t.Run("the domain itself is path style", func(t *testing.T) {
		expect(t, s.at("s3.example.com", "GET", "/", ""), 200, "<Name>bucket</Name>")
	})
	t.Run("case, port and the dot at the end make no difference", func(t *testing.T) {
		for _, host := range []string{"bucket.s3.example.com:9000", "BUCKET.S3.Example.com", "bucket.s3.example.com.", "bucket.s3.example.com.:80"} {
			expect(t, s.at(host, "GET", "/key", ""), 200, "key")
		}
	})
	t.Run("presigned", func(t *testing.T) {
		r := s.request("GET", "/key", "")
		r.Host = "bucket.s3.example.com"
		signed := sigv4.Presign(r, credentials, sigv4.DefaultRegion, s.now, time.Minute)
		_, query, _ := strings.Cut(signed, "?")
		r.URL.RawQuery = query
		expect(t, r, 200, "key")
		r.Host = "other.s3.example.com"
		expect(t, r, 403, "SignatureDoesNotMatch")
	})
	t.Run("anonymous", func(t *testing.T) {
		s := openServer(t)
		r := s.request("GET", "/public/key", "")
		r.Host = "mixed.s3.example.com"
		if a := s.send(r); a.StatusCode != 200 {
			t.Errorf("%s %s", a.Status, a.body)
		}
		r = s.request("GET", "/private", "")
		r.Host = "mixed.s3.example.com"
		denied(t, s.send(r), "/private")
	})
	t.Run("where an upload in parts is found is its own address", func(t *testing.T) {
		a := expect(t, s.at("bucket.s3.example.com", "POST", "/parts?uploads", ""), 200, "<UploadId>")
		_, id, _ := strings.Cut(a.body, "<UploadId>")
		id, _, _ = strings.Cut(id, "<")
		etag := expect(t, s.at("bucket.s3.example.com", "PUT", "/parts?partNumber=1&uploadId="+id, "part"), 200, "").Header.Get("ETag")
		list := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + etag + "</ETag></Part></CompleteMultipartUpload>"
		expect(t, s.at("bucket.s3.example.com", "POST", "/parts?uploadId="+id, list), 200, "<Location>http://bucket.s3.example.com/parts</Location>")
	})
}

func TestHostsThatDisagree(t *testing.T) {
	s := newServer(t)
	for _, bucket := range []string{"one", "two"} {
		s.must("PUT", "/"+bucket, "")
		s.must("PUT", "/"+bucket+"/key", "in "+bucket)
	}
	t.Run("a sub-domain that is no bucket's name is refused", func(t *testing.T) {
		for _, host := range []string{"a_b.s3.example.com", "-.s3.example.com", ".s3.example.com", "..s3.example.com", "a..b.s3.example.com", "v2.s3.example.com", "livez.s3.example.com"} {
			if a := s.send(s.at(host, "GET", "/key", "")); a.StatusCode != 400 || !strings.Contains(a.body, "InvalidBucketName") {
				t.Errorf("%s: %s %s", host, a.Status, a.body)
			}
		}
	})
	t.Run("a sub-domain that is no bucket is no other bucket", func(t *testing.T) {
		if a := s.send(s.at("three.s3.example.com", "GET", "/one/key", "")); a.StatusCode != 404 || !strings.Contains(a.body, "<BucketName>three</BucketName>") {
			t.Errorf("%s %s", a.Status, a.body)
		}
	})
	t.Run("a name that only ends like the domain is not below it", func(t *testing.T) {
		if a := s.send(s.at("twos3.example.com", "GET", "/one/key", "")); a.body != "in one" {
			t.Errorf("%s %s", a.Status, a.body)
		}
	})
	t.Run("the bucket of the path does not count beside that of the host", func(t *testing.T) {
		if a := s.send(s.at("two.s3.example.com", "GET", "/one/key", "")); a.StatusCode != 404 || !strings.Contains(a.body, "<Key>one/key</Key>") {
			t.Errorf("%s %s", a.Status, a.body)
		}
	})
	t.Run("a signature for one host is none for another", func(t *testing.T) {
		r := s.at("one.s3.example.com", "GET", "/key", "")
		r.Host = "two.s3.example.com"
		if a := s.send(r); a.StatusCode != 403 || !strings.Contains(a.body, "SignatureDoesNotMatch") {
			t.Errorf("%s %s", a.Status, a.body)
		}
	})
	t.Run("forwarded hosts and overridden methods are not looked at", func(t *testing.T) {
		for _, header := range []string{"X-Forwarded-Host: two.s3.example.com", "X_Forwarded_Host: two.s3.example.com", "Forwarded: host=two.s3.example.com",
			"X-Original-Host: two.s3.example.com", "X-Host: two.s3.example.com", "X-HTTP-Method-Override: DELETE", "X-Original-URL: /two/key"} {
			if a := s.send(s.at("one.s3.example.com", "GET", "/key", "", header)); a.body != "in one" {
				t.Errorf("%s: %s %s", header, a.Status, a.body)
			}
		}
	})
	// What the standard library's client does not send.
	wire := func(t *testing.T, line string, signedFor *http.Request, hosts ...string) (int, string) {
		t.Helper()
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var head strings.Builder
		fmt.Fprintf(&head, "GET %s HTTP/1.1\r\n", line)
		for _, host := range hosts {
			fmt.Fprintf(&head, "Host: %s\r\n", host)
		}
		if err := signedFor.Header.Write(&head); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, head.String()+"\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	one, two := s.at("one.s3.example.com", "GET", "/key", ""), s.at("two.s3.example.com", "GET", "/key", "")
	t.Run("of a target in absolute form the host counts, for the signature too, and the Host header does not", func(t *testing.T) {
		if code, body := wire(t, "http://one.s3.example.com/key", one, "two.s3.example.com"); code != 200 || body != "in one" {
			t.Errorf("signed for the target: %d %s", code, body)
		}
		if code, body := wire(t, "http://one.s3.example.com/key", two, "two.s3.example.com"); code != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
			t.Errorf("signed for the header: %d %s", code, body)
		}
	})
	t.Run("two hosts, or none, are refused", func(t *testing.T) {
		for _, hosts := range [][]string{{"one.s3.example.com", "two.s3.example.com"}, {"one.s3.example.com", "one.s3.example.com"}, nil} {
			if code, body := wire(t, "/key", one, hosts...); code != 400 {
				t.Errorf("%v: %d %s", hosts, code, body)
			}
		}
	})
	t.Run("a host with what hosts do not have is refused", func(t *testing.T) {
		for _, host := range []string{"one.s3.example.com/", "a@one.s3.example.com", "one.s3.example.com:80:80", "one%2es3.example.com", "one.s3.example.com#"} {
			if code, body := wire(t, "/key", s.at("one.s3.example.com", "GET", "/key", ""), host); code == 200 {
				t.Errorf("%s: %d %s", host, code, body)
			}
		}
	})
}

func TestDomains(t *testing.T) {
	nested := s3.Domains{"example.com", "s3.example.com"}
	for host, claimed := range map[string]bool{
		"example.com": true, "a.example.com": true, "s3.example.com": true, "a.s3.example.com:80": true, "example.com.": true, "myexample.com": false, "com": false, "": false, "[::1]:80": false,
	} {
		if nested.Claim(host) != claimed {
			t.Errorf("%q is claimed: %v", host, !claimed)
		}
	}
	for _, bad := range []string{"", "S3.example.com", "s3.example.com:80", ".example.com", "a..b", "127.0.0.1", "*.example.com", "a_b.com", "-a.com", "a-.com", strings.Repeat("a.", 127) + "aa"} {
		if s3.CheckDomain(bad) == nil {
			t.Errorf("%q is taken for a domain", bad)
		}
	}
	if err := s3.CheckDomain("s3.localhost"); err != nil {
		t.Error(err)
	}
}
