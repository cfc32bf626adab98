package s3_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/zot-artifact-store/zas/auth/sigv4"
)

// raw sends the head of a signed request on a connection of its own and returns what to read the answer from.
func (s *server) raw(r *http.Request) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", r.Method, r.URL.RequestURI(), r.URL.Host, r.ContentLength)
	if err := r.Header.Write(&head); err != nil {
		s.t.Fatal(err)
	}
	head.WriteString("\r\n")
	if _, err := conn.Write(head.Bytes()); err != nil {
		s.t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// expecting is a signed PUT that waits for permission to send its body.
func (s *server) expecting(target, body string, headers ...string) *http.Request {
	return s.signed(http.MethodPut, target, body, append(headers, "Expect: 100-continue")...)
}

func TestABodyThatWillBeRefusedIsNotAskedFor(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	s.must(http.MethodPut, "/bucket/key", "old")
	unknown := s.expecting("/bucket/key", "new")
	unknown.Header.Set("Authorization", strings.Replace(unknown.Header.Get("Authorization"), root.AccessKey, "nobody", 1))
	for name, tc := range map[string]struct {
		request *http.Request
		want    int
	}{
		"a condition that does not hold": {s.expecting("/bucket/key", "new", "If-None-Match: *"), 412},
		"a bucket that is not there":     {s.expecting("/absent/key", "new"), 404},
		"an unknown key":                 {unknown, 403},
		"a bad header":                   {s.expecting("/bucket/key", "new", "Content-MD5: x"), 400},
		"a key that is too long":         {s.expecting("/bucket/"+strings.Repeat("k", 1025), "new"), 400},
		"an upload that is not there":    {s.expecting("/bucket/key?partNumber=1&uploadId=x", "new"), 404},
	} {
		t.Run(name, func(t *testing.T) {
			_, answers := s.raw(tc.request)
			resp, err := http.ReadResponse(answers, tc.request)
			if err != nil || resp.StatusCode != tc.want {
				t.Errorf("answered %v, %v; want %d", resp, err, tc.want)
			}
		})
	}
}

func TestABodyThatIsWelcomeIsAskedFor(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	r := s.expecting("/bucket/key", "new")
	conn, answers := s.raw(r)
	line, err := answers.ReadString('\n')
	if err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "new"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(answers, r)
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("%v, %v", resp, err)
	}
}

func TestABodyNeedsALength(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	r := s.request(http.MethodPut, "/bucket/key", "x")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), -1
	s.sign(r, sigv4.UnsignedPayload)
	if a := s.send(r); a.StatusCode != 411 || !strings.Contains(a.body, "MissingContentLength") {
		t.Errorf("%s %s", a.Status, a.body)
	}
}

func TestABodyThatBreaksOffLeavesNothing(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	for _, size := range []int{10, 5 * inlineMax} {
		r := s.signed(http.MethodPut, "/bucket/key", strings.Repeat("x", size))
		conn, answers := s.raw(r)
		if _, err := io.WriteString(conn, strings.Repeat("x", size-1)); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(answers, r)
		if err != nil || resp.StatusCode != 400 {
			t.Errorf("%d bytes: %v, %v", size, resp, err)
		}
		if a := s.do(http.MethodGet, "/bucket/key", ""); a.StatusCode != 404 {
			t.Errorf("%d bytes: a part of them is visible: %s", size, a.Status)
		}
	}
}

func TestABodyThatIsNotTheSignedOneLeavesNothing(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	for name, target := range map[string]string{"an object": "/bucket/key", "a part": ""} {
		t.Run(name, func(t *testing.T) {
			if target == "" {
				begun := s.must(http.MethodPost, "/bucket/big?uploads", "").body
				_, id, _ := strings.Cut(begun, "<UploadId>")
				id, _, _ = strings.Cut(id, "<")
				target = "/bucket/big?partNumber=1&uploadId=" + id
			}
			for _, size := range []int{0, 10, 5 * inlineMax} {
				sum := sha256.Sum256([]byte("another body"))
				r := s.request(http.MethodPut, target, strings.Repeat("x", size))
				s.sign(r, hex.EncodeToString(sum[:]))
				a := s.send(r)
				if a.StatusCode != 400 || !strings.Contains(a.body, "XAmzContentSHA256Mismatch") {
					t.Errorf("%d bytes: %s %s", size, a.Status, a.body)
				}
			}
		})
	}
	if a := s.must(http.MethodGet, "/bucket?list-type=2", ""); strings.Contains(a.body, "<Key>") {
		t.Error(a.body)
	}
}

func TestOneOfSixteenWritersWins(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	for k := range 50 {
		target := fmt.Sprintf("/bucket/key-%d", k)
		var won sync.Map
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				a := s.do(http.MethodPut, target, fmt.Sprint("writer ", i), "If-None-Match: *")
				switch a.StatusCode {
				case 200:
					won.Store(i, true)
				case 412:
				default:
					t.Errorf("%s: %s", target, a.Status)
				}
			})
		}
		all.Wait()
		var winners []any
		won.Range(func(i, _ any) bool { winners = append(winners, i); return true })
		if len(winners) != 1 {
			t.Fatalf("%s: writers %v won", target, winners)
		}
		if a := s.must(http.MethodGet, target, ""); a.body != fmt.Sprint("writer ", winners[0]) {
			t.Errorf("%s has %q, writer %v won", target, a.body, winners[0])
		}
	}
}

// files is a ResponseWriter that notices whether a file reaches its ReadFrom, which is what becomes sendfile.
type files struct {
	*httptest.ResponseRecorder
	sent int64
}

func (f *files) ReadFrom(src io.Reader) (int64, error) {
	if l, ok := src.(*io.LimitedReader); ok {
		if _, isFile := l.R.(*os.File); isFile {
			n, err := io.Copy(io.Discard, src)
			f.sent += n
			return n, err
		}
	}
	return io.Copy(f.ResponseRecorder, src)
}

func TestAFileReachesTheConnectionAsAFile(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	body := strings.Repeat("x", 5*inlineMax)
	s.must(http.MethodPut, "/bucket/key", body)
	s.must(http.MethodGet, "/bucket/key", "") // the first read checks the bytes, so it copies them
	r := httptest.NewRequest(http.MethodGet, s.URL+"/bucket/key", nil)
	r.RequestURI, r.Host = "/bucket/key", s.Listener.Addr().String()
	s.sign(r, sigv4.UnsignedPayload)
	w := &files{ResponseRecorder: httptest.NewRecorder()}
	s.Config.Handler.ServeHTTP(w, r)
	if w.Code != 200 || w.sent != int64(len(body)) {
		t.Errorf("%d: %d bytes went as a file, %d as a copy", w.Code, w.sent, w.Body.Len())
	}
}

func TestDamagedBytesAreNeverSent(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	body := strings.Repeat("x", 3<<20)
	s.must(http.MethodPut, "/bucket/key", body)
	damage := func(at int64) {
		err := filepath.WalkDir(s.extents, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if info, err := d.Info(); err != nil || info.Size() != int64(len(body)) {
				return err
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt([]byte("y"), at)
			return errors.Join(err, f.Close())
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	damage(2<<20 + 5)
	resp, err := s.Client().Do(s.signed(http.MethodGet, "/bucket/key", ""))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil || strings.Contains(string(got), "y") {
		t.Errorf("damage in the third MiB: %d bytes, %v", len(got), err)
	}
	damage(5)
	if a := s.do(http.MethodGet, "/bucket/key", ""); a.StatusCode != 500 || !strings.Contains(a.body, "InternalError") || a.Header.Get("ETag") != "" {
		t.Errorf("damage in the first MiB: %s %s", a.Status, a.body)
	}
}

func TestADocumentIsLimited(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	var doc strings.Builder
	doc.WriteString("<Delete>")
	for i := range 1001 {
		fmt.Fprintf(&doc, "<Object><Key>%d</Key></Object>", i)
	}
	doc.WriteString("</Delete>")
	crc := func(s string) string {
		return "x-amz-checksum-crc32: " + base64.StdEncoding.EncodeToString(sumOf("CRC32", s))
	}
	if a := s.do(http.MethodPost, "/bucket?delete", doc.String(), crc(doc.String())); a.StatusCode != 400 || !strings.Contains(a.body, "MalformedXML") {
		t.Errorf("1001 keys: %s %s", a.Status, a.body)
	}
	full := strings.Replace(doc.String(), "<Object><Key>1000</Key></Object>", "", 1)
	if a := s.must(http.MethodPost, "/bucket?delete", full, crc(full)); strings.Count(a.body, "<Deleted>") != 1000 {
		t.Errorf("1000 keys: %s", a.body)
	}
	long := "<Delete>" + strings.Repeat(" ", 9<<20) + "</Delete>"
	if a := s.do(http.MethodPost, "/bucket?delete", long, crc(long)); a.StatusCode != 400 || !strings.Contains(a.body, "EntityTooLarge") {
		t.Errorf("9 MiB of XML: %s %s", a.Status, a.body)
	}
}
