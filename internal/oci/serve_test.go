package oci_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// large is content that is kept in an extent of its own.
func large(seed int, n int) string { return strings.Repeat(fmt.Sprintf("%07d\n", seed), n/8+1)[:n] }

func TestAnUploadGoesOnAfterTheProcessDied(t *testing.T) {
	s := newServer(t)
	whole := large(1, 300_000)
	location := s.want(http.StatusAccepted, "POST", "/v2/app/blobs/uploads/", "").Header.Get("Location")
	s.want(http.StatusAccepted, "PATCH", location, whole[:100_000], "Content-Range: 0-99999")
	s.restart()
	if got := s.want(http.StatusNoContent, "GET", location, "").Header.Get("Range"); got != "0-99999" {
		t.Fatalf("Range %s", got)
	}
	s.want(http.StatusAccepted, "PATCH", location, whole[100_000:200_000], "Content-Range: 100000-199999")
	s.restart()
	s.want(http.StatusCreated, "PUT", location+"?digest="+digestOf(whole), whole[200_000:], "Content-Range: 200000-299999")
	s.restart()
	if got := s.want(http.StatusOK, "GET", "/v2/app/blobs/"+digestOf(whole), ""); got.body != whole {
		t.Error("other bytes")
	}
}

// breaking is a body that breaks off.
type breaking struct {
	io.Reader
	broken chan struct{}
}

func (b *breaking) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		<-b.broken
		err = errors.New("the client gives up")
	}
	return n, err
}

func TestAStreamThatBreaksOffCanBeResumed(t *testing.T) {
	s := newServer(t)
	whole := large(2, 400_000)
	location := s.want(http.StatusAccepted, "POST", "/v2/app/blobs/uploads/", "").Header.Get("Location")
	received := func() (n int) {
		status := s.do("GET", location, "")
		if _, err := fmt.Sscanf(status.Header.Get("Range"), "0-%d", &n); err != nil {
			t.Errorf("%d, Range %s: %v", status.StatusCode, status.Header.Get("Range"), err)
			return len(whole)
		}
		return n + 1
	}
	body := &breaking{strings.NewReader(whole[:250_000]), make(chan struct{})}
	go func() {
		defer close(body.broken)
		for received() < 3*(64<<10) { // until three pieces are durable
		}
	}()
	if response, err := s.Client().Do(s.request("root", "PATCH", location, body)); err == nil {
		t.Fatalf("answered %d", response.StatusCode)
	}
	s.restart() // waits for the request
	at := received()
	if at < 3*(64<<10) || at > 250_000 {
		t.Fatalf("%d bytes received", at)
	}
	s.want(http.StatusAccepted, "PATCH", location, whole[at:], fmt.Sprintf("Content-Range: %d-%d", at, len(whole)-1))
	s.want(http.StatusCreated, "PUT", location+"?digest="+digestOf(whole), "")
}

func TestAChunkWithoutLengthIsHeldToItsRange(t *testing.T) {
	s := newServer(t)
	location := s.want(http.StatusAccepted, "POST", "/v2/app/blobs/uploads/", "").Header.Get("Location")
	patch := func(body, contentRange string) answer {
		return s.send(s.request("root", "PATCH", location, io.MultiReader(strings.NewReader(body)), "Content-Range: "+contentRange))
	}
	if a := patch("0123", "0-3"); a.StatusCode != http.StatusAccepted || a.Header.Get("Range") != "0-3" {
		t.Errorf("%d %s", a.StatusCode, a.Header.Get("Range"))
	}
	if a := patch("4567", "4-5"); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "SIZE_INVALID") {
		t.Errorf("too long: %d %s", a.StatusCode, a.body)
	}
	end := s.want(http.StatusNoContent, "GET", location, "").Header.Get("Range")
	if a := patch("x", strings.Replace(end, "0-", "", 1)+"-99"); a.StatusCode != http.StatusRequestedRangeNotSatisfiable && a.StatusCode != http.StatusBadRequest {
		t.Errorf("too short: %d %s", a.StatusCode, a.body)
	}
}

func TestManifestsLargerThanTheLimitAreRefused(t *testing.T) {
	s := newServer(t)
	text := `{"schemaVersion":2,"manifests":[],"x":"` + strings.Repeat("x", repository.MaxManifest) + `"}`
	s.want(http.StatusRequestEntityTooLarge, "PUT", "/v2/app/manifests/v1", text)
	a := s.send(s.request("root", "PUT", "/v2/app/manifests/v1", io.MultiReader(strings.NewReader(text))))
	if a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("without a length: %d", a.StatusCode)
	}
	fits := text[:repository.MaxManifest-2] + `"}`
	s.want(http.StatusCreated, "PUT", "/v2/app/manifests/v1", fits)
	if got := s.want(http.StatusOK, "GET", "/v2/app/manifests/v1", ""); got.body != fits {
		t.Error("other bytes")
	}
}

func TestSHA512ByEveryWayOfPushing(t *testing.T) {
	s := newServer(t)
	const data, name = "hello\n", "sha512:e7c22b994c59d9cf2b48e549b1e24666636045930d3da7c1acb299d1c3b7f931f94aae41edda2c2b207a36e10f8bcb8d45223e54878f5b316e7ce3b6bc019629"
	for repo, push := range map[string]func(repo string){
		"post": func(repo string) {
			s.want(http.StatusCreated, "POST", "/v2/"+repo+"/blobs/uploads/?digest="+name, data)
		},
		"put": func(repo string) {
			location := s.want(http.StatusAccepted, "POST", "/v2/"+repo+"/blobs/uploads/?digest-algorithm=sha512", "").Header.Get("Location")
			s.want(http.StatusCreated, "PUT", location+"?digest="+name, data)
		},
		"patch": func(repo string) {
			location := s.want(http.StatusAccepted, "POST", "/v2/"+repo+"/blobs/uploads/", "").Header.Get("Location")
			s.want(http.StatusAccepted, "PATCH", location, data[:3])
			s.want(http.StatusCreated, "PUT", location+"?digest="+name, data[3:])
		},
		"mount": func(repo string) {
			s.want(http.StatusCreated, "POST", "/v2/a/blobs/uploads/?digest="+name, data)
			s.want(http.StatusCreated, "POST", "/v2/"+repo+"/blobs/uploads/?mount="+name+"&from=a", "")
		},
	} {
		push(repo)
		a := s.want(http.StatusOK, "GET", "/v2/"+repo+"/blobs/"+name, "")
		if a.body != data || a.Header.Get("Docker-Content-Digest") != name {
			t.Errorf("%s: %q, %s", repo, a.body, a.Header.Get("Docker-Content-Digest"))
		}
		s.want(http.StatusAccepted, "DELETE", "/v2/"+repo+"/blobs/"+name, "")
		s.want(http.StatusNotFound, "GET", "/v2/"+repo+"/blobs/"+name, "")
	}
}

// spy is a response writer that notes what its ReadFrom is given, where net/http would call sendfile.
type spy struct {
	http.ResponseWriter
	mu   *sync.Mutex
	seen *[]io.Reader
}

func (s spy) ReadFrom(r io.Reader) (int64, error) {
	s.mu.Lock()
	*s.seen = append(*s.seen, r)
	s.mu.Unlock()
	return s.ResponseWriter.(io.ReaderFrom).ReadFrom(r)
}

func TestABlobReachesSendfile(t *testing.T) {
	s := newServer(t)
	data := large(3, 3<<20)
	d := s.push("app", data)
	s.want(http.StatusOK, "GET", "/v2/app/blobs/"+d, "") // the first read checks
	var mu sync.Mutex
	var seen []io.Reader
	s.wrap = func(w http.ResponseWriter) http.ResponseWriter { return spy{w, &mu, &seen} }
	for _, ranged := range []string{"", "bytes=5-2000000"} {
		seen = nil
		a := s.do("GET", "/v2/app/blobs/"+d, "", "Range: "+ranged)
		if ranged == "" && a.body != data || ranged != "" && a.body != data[5:2000001] {
			t.Errorf("%q: %d other bytes", ranged, len(a.body))
		}
		if len(seen) != 1 {
			t.Fatalf("%q: %d readers", ranged, len(seen))
		}
		limited, ok := seen[0].(*io.LimitedReader)
		if !ok {
			t.Fatalf("%q: %T", ranged, seen[0])
		}
		if _, ok := limited.R.(*os.File); !ok {
			t.Errorf("%q: %T behind the limit", ranged, limited.R)
		}
	}
}

// TestAskingForABlobKeepsItForWhoMayPush lets the lease of a blob run out unless somebody who may push has asked for it.
func TestAskingForABlobKeepsItForWhoMayPush(t *testing.T) {
	for user, kept := range map[string]bool{"root": true, "reader": false} {
		s := newServer(t)
		d := s.push("public/app", "a layer")
		s.now = s.now.Add(s.content.Lease() - time.Minute)
		s.send(s.request(user, "HEAD", "/v2/public/app/blobs/"+d, nil))
		s.now = s.now.Add(s.content.Lease() / 2)
		_, err := s.content.Collect(t.Context(), true)
		must(t, err)
		if a := s.do("HEAD", "/v2/public/app/blobs/"+d, ""); (a.StatusCode == http.StatusOK) != kept {
			t.Errorf("%s asked, and the blob is answered %d", user, a.StatusCode)
		}
	}
}

func TestDamageBeforeTheFirstByteIsAnError(t *testing.T) {
	s := newServer(t)
	d := s.push("app", large(4, 100_000))
	s.damage(0)
	a := s.do("GET", "/v2/app/blobs/"+d, "")
	if a.StatusCode != http.StatusInternalServerError || a.Header.Get("Docker-Content-Digest") != "" || a.Header.Get("Cache-Control") != "" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
}

func TestDamageWithinAnAnswerCutsTheConnection(t *testing.T) {
	s := newServer(t)
	d := s.push("app", large(5, 3<<20))
	s.damage(2 << 20)
	response, err := s.Client().Do(s.request("root", "GET", "/v2/app/blobs/"+d, nil))
	must(t, err)
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err == nil || n > 2<<20 {
		t.Errorf("%d bytes, then %v", n, err)
	}
}

// damage flips a bit of every extent.
func (s *server) damage(at int64) {
	s.t.Helper()
	found := 0
	must(s.t, filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		var b [1]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			return nil // too short
		}
		found++
		b[0] ^= 1
		_, err = f.WriteAt(b[:], at)
		return err
	}))
	if found == 0 {
		s.t.Fatal("no extent to damage")
	}
}

// observed is a response writer that takes what handlers tell.
type observed struct {
	*httptest.ResponseRecorder
	operation, principal string
	err                  error
}

func (o *observed) SetOperation(name string) { o.operation = name }
func (o *observed) SetPrincipal(id string)   { o.principal = id }
func (o *observed) SetError(err error)       { o.err = err }

func TestTheResponseWriterIsToldAboutTheRequest(t *testing.T) {
	s := newServer(t)
	var told *observed
	s.wrap = func(http.ResponseWriter) http.ResponseWriter {
		told = &observed{ResponseRecorder: httptest.NewRecorder()}
		return told
	}
	s.do("GET", "/v2/app/tags/list", "")
	if told.operation != "list tags" || told.principal != "root" || !errors.Is(told.err, fault.RepositoryNotFound) || told.Code != http.StatusNotFound {
		t.Errorf("%q by %q, %v, %d", told.operation, told.principal, told.err, told.Code)
	}
}

func TestAnUnreadBodyIsNoReasonToHang(t *testing.T) {
	s := newServer(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	must(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "PUT /v2/app/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
	must(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("%d", response.StatusCode)
	}
}
