package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// dialer opens connections to handler, of which there may be limit.
func dialer(t *testing.T, limit int, handler http.HandlerFunc) (dial func() net.Conn, counts func() (open, cut float64)) {
	t.Helper()
	l := pipeListener{conns: make(chan net.Conn, 1)}
	many := newCrowd(limit)
	server := &http.Server{
		Handler: patience{read: time.Minute, write: time.Minute, now: time.Now}.wrap(handler), ConnState: many.observe, ReadHeaderTimeout: 30 * time.Second,
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		close(l.conns)
		_ = server.Close()
	})
	return func() net.Conn {
		client, far := net.Pipe()
		l.conns <- far
		t.Cleanup(func() { _ = client.Close() })
		synctest.Wait()
		return client
	}, many.counts
}

// alive says whether a request on conn is answered.
func alive(conn net.Conn) bool {
	go func() { _, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") }()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, response.Body)
	synctest.Wait()
	return response.StatusCode == http.StatusOK
}

func TestOneConnectionTooManyCutsTheOneIdleForLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, counts := dialer(t, 3, func(http.ResponseWriter, *http.Request) {})
		first, second, third := dial(), dial(), dial()
		if !alive(first) { // now it has waited for the shortest time
			t.Error("a connection below the limit is cut")
		}
		fourth := dial()
		if open, cut := counts(); open != 3 || cut != 1 {
			t.Errorf("%v connections are open, %v cut", open, cut)
		}
		if alive(second) {
			t.Error("the connection that waited longest is answered")
		}
		for _, conn := range []net.Conn{first, third, fourth} {
			if !alive(conn) {
				t.Error("another one is cut")
			}
		}
	})
}

func TestABusyConnectionIsNeverCutForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		dial, counts := dialer(t, 1, func(http.ResponseWriter, *http.Request) { <-release })
		busy := dial()
		_, _ = io.WriteString(busy, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		for range 5 {
			if _, err := dial().Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("one too many reads %v", err)
			}
		}
		close(release)
		if got := firstLine(t, busy); got != "HTTP/1.1 200 OK" {
			t.Errorf("answered %s", got)
		}
		if _, cut := counts(); cut != 5 {
			t.Errorf("%v were cut", cut)
		}
	})
}

func TestAHeaderThatTricklesIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, _ := dialer(t, 3, func(http.ResponseWriter, *http.Request) { t.Error("it was served") })
		conn, begin := dial(), time.Now()
		var sender sync.WaitGroup
		defer sender.Wait()
		sender.Go(func() {
			for range 100 {
				time.Sleep(time.Second)
				if _, err := io.WriteString(conn, "G"); err != nil {
					return
				}
			}
		})
		_, err := io.Copy(io.Discard, conn)
		if took := time.Since(begin); err != nil || took > 31*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// A sender who is refused is not heard out: what it still sends is read for a minute at most.
func TestARefusedSenderThatTricklesIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, _ := dialer(t, 3, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		conn, begin := dial(), time.Now()
		var sender sync.WaitGroup
		defer sender.Wait()
		sender.Go(func() {
			_, _ = io.WriteString(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
			for range 1000 {
				time.Sleep(10 * time.Second)
				if _, err := io.WriteString(conn, "x"); err != nil {
					return
				}
			}
		})
		answer, err := io.ReadAll(conn)
		if took := time.Since(begin); err != nil || took > 2*time.Minute || !strings.HasPrefix(string(answer), "HTTP/1.1 403 ") {
			t.Errorf("%.40q, %v after %v", answer, err, took)
		}
	})
}
