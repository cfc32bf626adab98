package telemetry

import (
	"io"
	"net/http"
	"sync"
)

// Response is the http.ResponseWriter that handlers get. It counts what is sent, and takes what only the handler
// knows for log and metrics: handlers that cannot import this package reach the Set methods by an interface of their own.
//
// It never stands in the way of sendfile: io.Copy of an *os.File to it ends in the ReadFrom of net/http.
type Response struct {
	under     http.ResponseWriter
	status    int
	sent      int64
	operation string
	principal string
	err       error
}

var (
	_ http.ResponseWriter = (*Response)(nil)
	_ http.Flusher        = (*Response)(nil)
	_ io.ReaderFrom       = (*Response)(nil)
)

// SetOperation names what the request does, in the words of its protocol: `GetObject`, `push manifest`.
// It becomes a label of metrics, so it must come from a fixed list.
func (w *Response) SetOperation(name string) { w.operation = name }

// SetPrincipal names who makes the request, for the access log.
func (w *Response) SetPrincipal(id string) { w.principal = id }

// SetError gives the error that the request ended in, cause included: it is logged, once, with the request.
func (w *Response) SetError(err error) { w.err = err }

// Header implements http.ResponseWriter.
func (w *Response) Header() http.Header { return w.under.Header() }

// WriteHeader implements http.ResponseWriter.
func (w *Response) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.under.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *Response) Write(p []byte) (int, error) {
	w.begin()
	n, err := w.under.Write(p)
	w.sent += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom: src reaches the server's own ReadFrom as it is, so that a file becomes sendfile.
func (w *Response) ReadFrom(src io.Reader) (int64, error) {
	w.begin()
	n, err := Copy(w.under, src)
	w.sent += n
	return n, err
}

// Flush implements http.Flusher.
func (w *Response) Flush() { _ = w.FlushError() }

// FlushError is Flush for http.ResponseController.
func (w *Response) FlushError() error {
	w.begin()
	return http.NewResponseController(w.under).Flush()
}

// Unwrap gives the writer beneath to http.ResponseController.
func (w *Response) Unwrap() http.ResponseWriter { return w.under }

func (w *Response) begin() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

// Copy copies src to w by w's own ReadFrom where there is one, else through a pooled buffer of 64 KiB.
func Copy(w io.Writer, src io.Reader) (int64, error) {
	if rf, ok := w.(io.ReaderFrom); ok {
		return rf.ReadFrom(src)
	}
	buffer := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buffer)
	return io.CopyBuffer(onlyWriter{w}, onlyReader{src}, buffer[:])
}

// buffers is a pool: it holds nothing but spare memory.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// onlyWriter and onlyReader hide every other method, so that io.CopyBuffer uses its buffer.
type onlyWriter struct{ io.Writer }

type onlyReader struct{ io.Reader }
