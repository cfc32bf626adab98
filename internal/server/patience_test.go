package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zot-artifact-store/zas/fault"
)

// pipeListener hands out one end of a pipe for each connection, so that a test's clock rules both ends.
type pipeListener struct{ conns chan net.Conn }

func (l pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l pipeListener) Close() error   { return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// overPipe serves handler with a minute of patience, and gives the client's end of one connection.
func overPipe(t *testing.T, handler http.HandlerFunc) net.Conn {
	t.Helper()
	l := pipeListener{conns: make(chan net.Conn, 1)}
	server := &http.Server{Handler: patience{read: time.Minute, write: time.Minute, now: time.Now}.wrap(handler)}
	go func() { _ = server.Serve(l) }()
	client, far := net.Pipe()
	l.conns <- far
	t.Cleanup(func() {
		_ = client.Close()
		close(l.conns)
		_ = server.Close()
	})
	return client
}

func firstLine(t *testing.T, client net.Conn) string {
	t.Helper()
	line, err := bufio.NewReader(client).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func TestASenderMayBeSlowForAsLongAsItLikes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := overPipe(t, func(w http.ResponseWriter, r *http.Request) {
			if n, err := io.Copy(io.Discard, r.Body); n != 60 || err != nil {
				t.Errorf("read %d, %v", n, err)
			}
		})
		go func() {
			_, _ = io.WriteString(client, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n")
			for range 60 {
				time.Sleep(50 * time.Second)
				_, _ = io.WriteString(client, "x")
			}
		}()
		if got := firstLine(t, client); got != "HTTP/1.1 200 OK" {
			t.Errorf("answered %s", got)
		}
	})
}

func TestAnIdleSenderIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		client := overPipe(t, func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			if took := time.Since(begin); n != 1 || !errors.Is(err, fault.Timeout) || took < time.Minute || took > 2*time.Minute {
				t.Errorf("read %d, %v after %v", n, err, took)
			}
			w.WriteHeader(http.StatusRequestTimeout)
		})
		go func() { _, _ = io.WriteString(client, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\nx") }()
		if got := firstLine(t, client); got != "HTTP/1.1 408 Request Timeout" {
			t.Errorf("answered %s", got)
		}
	})
}

func TestARefusalDoesNotWaitForABodyThatAwaitsItsLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := overPipe(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPreconditionFailed) })
		begin := time.Now()
		fmt.Fprint(client, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
		if line := firstLine(t, client); line != "HTTP/1.1 412 Precondition Failed" || !time.Now().Equal(begin) {
			t.Errorf("%q after %v", line, time.Since(begin))
		}
	})
}

func TestASenderThatLeavesIsToldFromOneThatIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		client := overPipe(t, func(_ http.ResponseWriter, r *http.Request) {
			defer close(done)
			if _, err := io.Copy(io.Discard, r.Body); !errors.Is(err, fault.Incomplete) {
				t.Errorf("the error is %v", err)
			}
		})
		_, _ = io.WriteString(client, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\nx")
		_ = client.Close()
		<-done
	})
}

func TestAHandlerMayTakeLongAfterTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := overPipe(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			_, _ = r.Body.Read(make([]byte, 1)) // past the end, as many readers do
			time.Sleep(time.Hour)
			if err := r.Context().Err(); err != nil {
				t.Errorf("the request was cancelled: %v", err)
			}
		})
		go func() { _, _ = io.WriteString(client, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx") }()
		if got := firstLine(t, client); got != "HTTP/1.1 200 OK" {
			t.Errorf("answered %s", got)
		}
	})
}

func TestAReceiverMayBeSlowForAsLongAsItLikes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		client := overPipe(t, func(w http.ResponseWriter, _ *http.Request) {
			if n, err := w.Write(make([]byte, size)); n != size || err != nil {
				t.Errorf("wrote %d, %v", n, err)
			}
		})
		_, _ = io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		total := 0
		for buffer := make([]byte, 2<<10); ; {
			time.Sleep(time.Second) // 64 KiB, one deadline, take 32 s
			n, err := client.Read(buffer)
			total += n
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if total < size {
			t.Errorf("received %d", total)
		}
	})
}

func TestAnIdleReceiverIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, done := time.Now(), make(chan struct{})
		client := overPipe(t, func(w http.ResponseWriter, _ *http.Request) {
			defer close(done)
			_, err := w.Write(make([]byte, 1<<20))
			if took := time.Since(begin); !errors.Is(err, os.ErrDeadlineExceeded) || took > 2*time.Minute {
				t.Errorf("the error is %v after %v", err, took)
			}
		})
		_, _ = io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		_, _ = client.Read(make([]byte, 100))
		<-done
	})
}

// sendFile serves a file of size bytes by sendfile with little patience, over a connection with small buffers, and tells how the sending ended.
func sendFile(t *testing.T, size int64, limit time.Duration) (client *net.TCPConn, ended chan error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	ended = make(chan error, 1)
	handler := func(w http.ResponseWriter, _ *http.Request) {
		file, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return
		}
		defer file.Close()
		w.Header().Set("Content-Length", fmt.Sprint(size))
		n, err := io.CopyN(w, file, size)
		if err == nil && n != size {
			err = io.ErrShortWrite
		}
		ended <- err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: patience{read: limit, write: limit, now: time.Now}.wrap(http.HandlerFunc(handler)),
		ConnState: func(c net.Conn, state http.ConnState) {
			if state == http.StateNew {
				_ = c.(*net.TCPConn).SetWriteBuffer(8 << 10)
			}
		},
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	client = conn.(*net.TCPConn)
	_ = client.SetReadBuffer(8 << 10)
	_, _ = io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	return client, ended
}

func TestSendfileWaitsForASlowReceiver(t *testing.T) {
	t.Parallel()
	const size, limit = 256 << 10, 1500 * time.Millisecond // TCP itself may pause for more than half a second where windows are small
	client, ended := sendFile(t, size, limit)
	begin := time.Now()
	total := int64(0)
	for tick := time.NewTicker(200 * time.Millisecond); ; <-tick.C {
		n, err := io.CopyN(io.Discard, client, 16<<10)
		total += n
		if err != nil {
			break
		}
	}
	if err := <-ended; err != nil || total < size {
		t.Errorf("sent %d: %v", total, err)
	}
	if took := time.Since(begin); took < 2*limit {
		t.Errorf("the test proves nothing: all was sent in %v", took)
	}
}

func TestSendfileGivesUpAnIdleReceiver(t *testing.T) {
	t.Parallel()
	_, ended := sendFile(t, 64<<20, 200*time.Millisecond)
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the sending ended in %v", err)
	}
}

func BenchmarkPatience(b *testing.B) {
	handler := patience{read: time.Minute, write: time.Minute, now: time.Now}.wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	for b.Loop() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		_ = response.Body.Close()
	}
}
