package standard_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/auth/sigv4"
)

// head is a request's head, signed by root over target as it stands and over these headers. The lines of send are added without being signed.
func (s store) head(t *testing.T, method, target string, signed []string, send ...string) string {
	t.Helper()
	at, err := url.Parse(s.url + target)
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{Method: method, URL: at, Host: at.Host, Header: http.Header{}}
	for _, line := range signed {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	sigv4.Sign(r, sigv4.Credentials{AccessKey: s.root.AccessKey, SecretKey: s.root.SecretKey}, sigv4.DefaultRegion, time.Now(), sigv4.UnsignedPayload)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", method, target)
	if !strings.HasPrefix(strings.Join(send, "\n"), "Host:") {
		fmt.Fprintf(&b, "Host: %s\r\n", at.Host)
	}
	for _, line := range send {
		b.WriteString(line + "\r\n")
	}
	_ = r.Header.Write(&b)
	return b.String() + "\r\n"
}

// exchange sends bytes on a connection of their own, and returns the answers, and whether the server then closed the connection.
func (s store) exchange(t *testing.T, text string) (answers []*http.Response, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Log("the server did not take everything:", err)
	}
	in := bufio.NewReader(conn)
	for {
		if len(answers) > 0 {
			_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond)) // for what should not come
		}
		a, err := http.ReadResponse(in, nil)
		if err != nil {
			var late net.Error
			return answers, !errors.As(err, &late) || !late.Timeout()
		}
		_, _ = io.Copy(io.Discard, a.Body)
		answers = append(answers, a)
	}
}

// ask is exchange of one request that is the last of its connection.
func (s store) ask(t *testing.T, text string) *http.Response {
	t.Helper()
	answers, _ := s.exchange(t, strings.Replace(text, "\r\n", "\r\nConnection: close\r\n", 1))
	if len(answers) != 1 {
		t.Fatalf("%d answers", len(answers))
	}
	return answers[0]
}

// with starts a server that has /bucket/kept.
func with(t *testing.T) store {
	t.Helper()
	s := start(t, t.TempDir(), 0)
	t.Cleanup(s.stop)
	for _, target := range []string{"/bucket", "/bucket/kept"} {
		if code, body := s.send(t, http.MethodPut, target, ""); code != 200 {
			t.Fatal(code, body)
		}
	}
	return s
}

// Attack 10: what two programs may read differently is refused, or ends the connection, so that no request hides in another one.
func TestSmuggledRequests(t *testing.T) {
	s := with(t)
	smuggled := s.head(t, http.MethodDelete, "/bucket/kept", nil)
	put := func(lines ...string) string { return s.head(t, http.MethodPut, "/bucket/key", nil, lines...) }
	get := func(lines ...string) string { return s.head(t, http.MethodGet, "/bucket/kept", nil, lines...) }
	for name, tc := range map[string]struct {
		text   string
		status int // of the one answer; 0: none
	}{
		"Transfer-Encoding beside Content-Length":      {put("Content-Length: 4", "Transfer-Encoding: chunked") + "0\r\n\r\n" + smuggled, 411},
		"a body in chunks alone":                       {put("Transfer-Encoding: chunked") + "0\r\n\r\n" + smuggled, 411},
		"a GET with a body in chunks":                  {get("Transfer-Encoding: chunked") + "0\r\n\r\n" + smuggled, 200},
		"a transfer encoding that is none":             {put("Transfer-Encoding: xchunked") + "0\r\n\r\n" + smuggled, 501},
		"two transfer encodings":                       {put("Transfer-Encoding: chunked", "Transfer-Encoding: identity") + "0\r\n\r\n" + smuggled, 501},
		"two Content-Lengths":                          {put("Content-Length: 0", "Content-Length: 4") + smuggled, 400},
		"a list of Content-Lengths":                    {put("Content-Length: 0, 4") + smuggled, 400},
		"a Content-Length with a sign":                 {put("Content-Length: +0") + smuggled, 400},
		"a negative Content-Length":                    {put("Content-Length: -1") + smuggled, 400},
		"a Content-Length that overflows":              {put("Content-Length: 18446744073709551616") + smuggled, 400},
		"a blank before the colon":                     {put("Content-Length : 4") + smuggled, 400},
		"a header that begins with a blank":            {strings.Replace(get(), "Host:", " X-A: 1\r\nHost:", 1) + smuggled, 400},
		"a carriage return in a header":                {get("X-A: 1\rX-B: 2") + smuggled, 400},
		"a NUL in a header":                            {get("X-A: 1\x00") + smuggled, 400},
		"a NUL in the path":                            {strings.Replace(get(), "/kept", "/kept\x00", 1) + smuggled, 400},
		"a control character in the method":            {"G\x01" + get()[1:] + smuggled, 400},
		"no Host":                                      {get("Host2: x")[:len("GET /bucket/kept HTTP/1.1\r\n")] + "\r\n" + smuggled, 400},
		"two Hosts":                                    {get("X-A: 1\r\nHost: other") + smuggled, 400},
		"HTTP/0.9":                                     {"GET /bucket/kept\r\n" + smuggled, 400},
		"a header of 70 KiB":                           {get("X-A: "+strings.Repeat("a", 70<<10)) + smuggled, 431},
		"twenty thousand headers":                      {get(strings.Repeat("a:\r\n", 20_000)+"b:") + smuggled, 431},
		"HTTP/2 without TLS, as if it had been agreed": {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + smuggled, 403},
	} {
		t.Run(name, func(t *testing.T) {
			answers, closed := s.exchange(t, tc.text)
			if len(answers) != 1 || answers[0].StatusCode != tc.status || !closed {
				t.Errorf("%d answers, closed: %t", len(answers), closed)
				for _, a := range answers {
					t.Log(a.Status)
				}
			}
			if code, _ := s.send(t, http.MethodGet, "/bucket/kept", ""); code != 200 {
				t.Errorf("the hidden request was served: the key answers %d", code)
			}
		})
	}
}

// Attack 10, the parts that HTTP lets a server read: there is one reading, and it is the one that the signature covers.
func TestHeadersThatAreReadInOneWay(t *testing.T) {
	s := with(t)
	t.Run("a folded header is one header", func(t *testing.T) {
		text := s.head(t, http.MethodPut, "/bucket/folded", []string{"X-Amz-Meta-A: 1 X-Amz-Meta-B: 2"}, "Content-Length: 0")
		text = strings.Replace(text, "1 X-Amz-Meta-B", "1\r\n X-Amz-Meta-B", 1)
		if a := s.ask(t, text); a.StatusCode != 200 {
			t.Error(a.Status)
		}
		a := s.ask(t, s.head(t, http.MethodGet, "/bucket/folded", nil))
		if a.Header.Get("X-Amz-Meta-A") != "1 X-Amz-Meta-B: 2" || a.Header.Get("X-Amz-Meta-B") != "" {
			t.Error(a.Header)
		}
	})
	t.Run("a line that ends without carriage return is a line", func(t *testing.T) {
		a := s.ask(t, s.head(t, http.MethodPut, "/bucket/key", nil, "Content-Length: 0", "X-A: 1\nX-Amz-Meta-B: 2"))
		if a.StatusCode != 403 {
			t.Errorf("an x-amz header that is not signed: %s", a.Status)
		}
	})
	t.Run("an upgrade to HTTP/2 without TLS is not taken", func(t *testing.T) {
		const upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"
		if a := s.ask(t, s.head(t, http.MethodGet, "/bucket/kept", nil, upgrade)); a.StatusCode != 200 || a.ProtoMajor != 1 {
			t.Error(a.Proto, a.Status)
		}
		if a := s.ask(t, "GET /bucket/kept HTTP/1.1\r\nHost: x\r\n"+upgrade+"\r\n\r\n"); a.StatusCode != 403 {
			t.Error(a.Proto, a.Status)
		}
	})
}

// Attack 9: there is one host, one method and one spelling of each header.
func TestTheRequestIsWhatItsFirstLineAndItsSignatureSay(t *testing.T) {
	s := with(t)
	host := strings.TrimPrefix(s.url, "http://")
	absolute := func(text, to string) string { return strings.Replace(text, " /", " "+to+"/", 1) }
	for name, tc := range map[string]struct {
		text   string
		status int
	}{
		"the host of an absolute target counts, not Host":  {absolute(s.head(t, http.MethodGet, "/bucket/kept", nil, "Host: other"), "http://"+host), 200},
		"another host in an absolute target is not signed": {absolute(s.head(t, http.MethodGet, "/bucket/kept", nil), "http://other"), 403},
		"another Host is not signed":                       {s.head(t, http.MethodGet, "/bucket/kept", nil, "Host: bucket."+host), 403},
		"X-Forwarded-Host does not count":                  {s.head(t, http.MethodGet, "/bucket/kept", nil, "X-Forwarded-Host: other"), 200},
		"X-Forwarded-Host does not make up for Host":       {s.head(t, http.MethodGet, "/bucket/kept", nil, "Host: other", "X-Forwarded-Host: "+host), 403},
		"X-HTTP-Method-Override does not count":            {s.head(t, http.MethodGet, "/bucket/kept", nil, "X-HTTP-Method-Override: DELETE"), 200},
		"an underscore makes another header":               {s.head(t, http.MethodPut, "/bucket/twin", nil, "Content-Length: 0", "x_amz_copy_source: /absent/key"), 200},
		"a method in small letters is none":                {strings.Replace(s.head(t, http.MethodGet, "/bucket/kept", nil), "GET", "get", 1), 403},
	} {
		t.Run(name, func(t *testing.T) {
			if a := s.ask(t, tc.text); a.StatusCode != tc.status {
				t.Errorf("%s, want %d", a.Status, tc.status)
			}
			if code, _ := s.send(t, http.MethodGet, "/bucket/kept", ""); code != 200 {
				t.Errorf("the key answers %d", code)
			}
		})
	}
}

// Attack 8: a path is decoded once and never cleaned; the key that is signed for, decided about and stored is the same one.
func TestAPathIsTakenAsItIsSent(t *testing.T) {
	s := with(t)
	for _, tc := range []struct{ name, path, key string }{
		{"two slashes are kept", "/bucket/a//b", "a//b"},
		{"a dot is kept", "/bucket/./c", "./c"},
		{"two dots are kept", "/bucket/../other/d", "../other/d"},
		{"encoded dots are kept", "/bucket/%2e%2e/e", "../e"},
		{"an encoded slash is a slash", "/bucket/f%2Fg", "f/g"},
		{"a backslash is kept", "/bucket/h%5ci", `h\i`},
		{"a question mark is part of a key", "/bucket/j%3Fk", "j?k"},
		{"a hash is part of a key", "/bucket/l%23m", "l#m"},
		{"a percent sign is decoded once", "/bucket/n%2525", "n%25"},
		{"a slash after the bucket may be encoded", "/bucket%2Fo", "o"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := s.ask(t, s.head(t, http.MethodPut, tc.path, nil, "Content-Length: 0")); a.StatusCode != 200 {
				t.Error("PUT:", a.Status)
			}
			encoded := "/bucket/" + url.PathEscape(tc.key)
			if a := s.ask(t, s.head(t, http.MethodGet, encoded, nil)); a.StatusCode != 200 {
				t.Error("GET of", encoded+":", a.Status)
			}
			_, list := s.send(t, http.MethodGet, "/bucket?list-type=2&encoding-type=url&prefix="+url.QueryEscape(tc.key), "")
			if want := "<Key>" + strings.ReplaceAll(url.PathEscape(tc.key), "%2F", "/") + "</Key>"; !strings.Contains(list, want) {
				t.Errorf("%s lacks %s", list, want)
			}
		})
	}
	t.Run("a NUL is part of a key", func(t *testing.T) {
		if a := s.ask(t, s.head(t, http.MethodPut, "/bucket/p%00", nil, "Content-Length: 0")); a.StatusCode != 200 {
			t.Error(a.Status)
		}
	})
	for name, path := range map[string]string{
		"an overlong slash is refused":               "/bucket/%c0%af",
		"a byte that is no UTF-8 is refused":         "/bucket/%ff",
		"a surrogate in UTF-8 is refused":            "/bucket/%ed%a0%80",
		"a bucket of dots is refused":                "/../kept",
		"an encoded /v2 is not the registry":         "/%76%32/_catalog",
		"the registry's paths are not cleaned":       "/v2/../bucket/kept",
		"nor those that look like S3's when decoded": "/v2/%2e%2e/bucket/kept",
	} {
		t.Run(name, func(t *testing.T) {
			if a := s.ask(t, s.head(t, http.MethodGet, path, nil)); a.StatusCode != 400 && a.StatusCode != 404 {
				t.Error(a.Status)
			}
		})
	}
}
