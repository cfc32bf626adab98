package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
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
	"github.com/zot-artifact-store/zas/internal/telemetry"
)

// face is an instrumented handler and what it logs.
type face struct {
	http.Handler
	metrics *telemetry.Metrics
	log     *bytes.Buffer
}

func instrument(handler http.HandlerFunc) face {
	f := face{metrics: telemetry.NewMetrics(), log: &bytes.Buffer{}}
	h := telemetry.HTTP{Logger: telemetry.NewLogger(f.log, slog.LevelInfo), Metrics: f.metrics, Now: time.Now}
	f.Handler = h.Instrument(telemetry.Face{Protocol: "s3", Handler: handler})
	return f
}

// records are the log lines, decoded.
func (f face) records(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for d := json.NewDecoder(bytes.NewReader(f.log.Bytes())); d.More(); {
		var one map[string]any
		if err := d.Decode(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// scrape is the text of the metrics.
func (f face) scrape() string {
	w := httptest.NewRecorder()
	f.metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestARequestIsAnsweredWithItsID(t *testing.T) {
	var inContext string
	f := instrument(func(_ http.ResponseWriter, r *http.Request) { inContext = telemetry.RequestID(r.Context()) })
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/b/k", nil))
	id := w.Header().Get("x-request-id")
	if len(id) != 28 || id != w.Header().Get("x-amz-request-id") || id != inContext || id != f.records(t)[0]["request"] {
		t.Errorf("ids: %q, %q, context %q, log %v", id, w.Header().Get("x-amz-request-id"), inContext, f.records(t))
	}
}

func TestARequestIsLoggedOnceWithItsError(t *testing.T) {
	f := instrument(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		told := w.(*telemetry.Response)
		told.SetOperation("PutObject")
		told.SetPrincipal("root")
		told.SetError(fault.Damaged.With("k", errors.New("bit flip")))
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "oh")
	})
	f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPut, "/b/k%2Fx?X-Amz-Signature=secret", strings.NewReader("body")))
	records := f.records(t)
	if len(records) != 1 {
		t.Fatalf("logged %v", records)
	}
	want := map[string]any{"level": "ERROR", "msg": "request", "protocol": "s3", "operation": "PutObject", "method": "PUT", "path": "/b/k%2Fx",
		"status": 500.0, "received": 4.0, "sent": 2.0, "principal": "root"}
	for name, value := range want {
		if records[0][name] != value {
			t.Errorf("%s = %v, want %v", name, records[0][name], value)
		}
	}
	if text := records[0]["error"].(string); !strings.Contains(text, "bit flip") {
		t.Errorf("the cause is not logged: %s", text)
	}
	if strings.Contains(f.log.String(), "secret") {
		t.Error("the query is logged")
	}
	for _, line := range []string{
		`zas_http_requests_total{operation="PutObject",protocol="s3",status="500"} 1`,
		`zas_http_body_bytes_total{direction="received",operation="PutObject",protocol="s3"} 4`,
		`zas_http_body_bytes_total{direction="sent",operation="PutObject",protocol="s3"} 2`,
		`zas_http_request_duration_seconds_count{operation="PutObject",protocol="s3"} 1`,
		`zas_http_requests_in_flight{protocol="s3"} 0`,
	} {
		if !strings.Contains(f.scrape(), line) {
			t.Errorf("metrics lack %s", line)
		}
	}
}

func TestAnUnknownMethodMakesNoMetricOfItsOwn(t *testing.T) {
	f := instrument(func(http.ResponseWriter, *http.Request) {})
	f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("MADEUP", "/", nil))
	if !strings.Contains(f.scrape(), `operation="other"`) {
		t.Error("the method became a label")
	}
}

func TestAPanicIsAnInternalError(t *testing.T) {
	f := instrument(func(http.ResponseWriter, *http.Request) { panic("boom") })
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "internal-error") || strings.Contains(w.Body.String(), "boom") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	records := f.records(t)
	if len(records) != 2 || records[0]["problem"] != "boom" || !strings.Contains(records[0]["stack"].(string), "http_test.go") {
		t.Errorf("logged %v", records)
	}
	if !strings.Contains(f.scrape(), "zas_http_panics_total 1") {
		t.Error("the panic is not counted")
	}
}

func TestAPanicWithinAnAnswerCutsTheConnection(t *testing.T) {
	f := instrument(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic("boom")
	})
	defer func() {
		if problem := recover(); problem != http.ErrAbortHandler {
			t.Errorf("the server sees %v", problem)
		}
		if records := f.records(t); records[len(records)-1]["aborted"] != true {
			t.Errorf("logged %v", records)
		}
	}()
	f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
}

// spyListener hands out connections that note what their ReadFrom is given, where net would call sendfile.
type spyListener struct {
	net.Listener
	mu   sync.Mutex
	seen []io.Reader
}

func (l *spyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &spyConn{TCPConn: c.(*net.TCPConn), listener: l}, nil
}

type spyConn struct {
	*net.TCPConn
	listener *spyListener
}

func (c *spyConn) ReadFrom(r io.Reader) (int64, error) {
	c.listener.mu.Lock()
	c.listener.seen = append(c.listener.seen, r)
	c.listener.mu.Unlock()
	return c.TCPConn.ReadFrom(r)
}

func TestAFileReachesSendfile(t *testing.T) {
	const size = 1 << 20
	path := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	f := instrument(func(w http.ResponseWriter, _ *http.Request) {
		file, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return
		}
		defer file.Close()
		w.Header().Set("Content-Length", "1048576")
		w.WriteHeader(http.StatusOK)
		if n, err := io.CopyN(w, file, size); n != size || err != nil {
			t.Errorf("CopyN = %d, %v", n, err)
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	spy := &spyListener{Listener: listener}
	server := httptest.NewUnstartedServer(f)
	server.Listener.Close()
	server.Listener = spy
	server.Start()
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); n != size || err != nil {
		t.Fatalf("received %d, %v", n, err)
	}
	spy.mu.Lock()
	defer spy.mu.Unlock()
	for _, r := range spy.seen {
		if limited, ok := r.(*io.LimitedReader); ok {
			if _, ok := limited.R.(*os.File); ok {
				return
			}
		}
	}
	t.Errorf("the connection was given %v, want a file behind one LimitedReader", spy.seen)
}

func TestFlushReachesTheConnection(t *testing.T) {
	f := instrument(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	})
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if !w.Flushed {
		t.Error("nothing was flushed")
	}
}

// nothing is a response writer that costs nothing.
type nothing struct{ header http.Header }

func (n nothing) Header() http.Header         { return n.header }
func (n nothing) WriteHeader(int)             {}
func (n nothing) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkInstrument is the cost of everything that telemetry does for one request, the log line included.
func BenchmarkInstrument(b *testing.B) {
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	h := telemetry.HTTP{Logger: telemetry.NewLogger(out, slog.LevelInfo), Metrics: telemetry.NewMetrics(), Now: time.Now}
	handler := h.Instrument(telemetry.Face{Protocol: "s3", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(*telemetry.Response).SetOperation("GetObject")
		w.WriteHeader(http.StatusOK)
	})})
	r := httptest.NewRequest(http.MethodGet, "/bucket/some/key", nil)
	w := nothing{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(w, r)
	}
}
