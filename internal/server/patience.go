package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/telemetry"
)

// patience limits how long a peer may be idle in the middle of a body. The total time of a request is not limited:
// a deadline of the connection (of the stream, in HTTP/2) moves along while bytes do.
type patience struct {
	read, write time.Duration
	now         func() time.Time
}

// wrap gives each request of next its deadlines.
func (p patience) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(under http.ResponseWriter, r *http.Request) {
		w := &patientWriter{under: under, conn: http.NewResponseController(under), p: p, ctx: r.Context()}
		w.sendfile = r.TLS == nil && r.ProtoMajor == 1
		var body *patientBody
		if r.Body != nil && r.Body != http.NoBody {
			body = &patientBody{under: r.Body, conn: w.conn, p: p, resetAtEnd: r.ProtoMajor > 1}
			body.extend()
			// net/http must find its own body in its own request: else a refusal waits for a body whose sender awaits 100 Continue.
			r = r.WithContext(r.Context())
			r.Body = body
		}
		next.ServeHTTP(w, r)
		w.finish(body)
	})
}

// step is how old a deadline may become before it is moved: moving it costs more than reading a clock.
func step(limit time.Duration) time.Duration { return min(limit/8, 5*time.Second) }

// patientBody is a request body whose sender may be slow, not idle.
type patientBody struct {
	under      io.ReadCloser
	conn       *http.ResponseController
	p          patience
	moved      time.Time
	ended      bool
	resetAtEnd bool // HTTP/1 resets the deadline at the end of a body by itself
}

func (b *patientBody) extend() {
	if now := b.p.now(); now.Sub(b.moved) >= step(b.p.read) {
		b.moved = now
		_ = b.conn.SetReadDeadline(now.Add(b.p.read)) // fails only on a dead connection, as the read then does
	}
}

// Read implements io.Reader. A sender that was idle for too long gives fault.Timeout, one that left fault.Incomplete.
func (b *patientBody) Read(p []byte) (int, error) {
	if !b.ended { // after the end the deadline would hit whoever waits for the connection to close
		b.extend()
	}
	n, err := b.under.Read(p)
	if err == nil {
		return n, nil
	}
	if !b.ended && b.resetAtEnd {
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	b.ended = true
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fault.Timeout.With("", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fault.Incomplete.With("", err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *patientBody) Close() error { return b.under.Close() }

// patientWriter is a response whose receiver may be slow, not idle.
type patientWriter struct {
	under    http.ResponseWriter
	conn     *http.ResponseController
	p        patience
	ctx      context.Context //nolint:containedctx // the request's own, for as long as its writer lives
	moved    time.Time
	sendfile bool // the connection is plain TCP
}

// piece is the most that is written under one deadline: a receiver must take that much before it counts as idle.
const piece = 64 << 10

func (w *patientWriter) extend() {
	if now := w.p.now(); now.Sub(w.moved) >= step(w.p.write) {
		w.moved = now
		_ = w.conn.SetWriteDeadline(now.Add(w.p.write)) // fails only on a dead connection, as the write then does
	}
}

// finish gives the server time for what it still has to flush; where a body has not been read to its end, after it has read some of the rest
// for as long as that may take.
func (w *patientWriter) finish(body *patientBody) {
	if body == nil || body.ended {
		w.extend()
		return
	}
	_ = w.conn.SetWriteDeadline(w.p.now().Add(w.p.read + w.p.write))
}

// Header implements http.ResponseWriter.
func (w *patientWriter) Header() http.Header { return w.under.Header() }

// WriteHeader implements http.ResponseWriter.
func (w *patientWriter) WriteHeader(status int) { w.under.WriteHeader(status) }

// Unwrap is for http.ResponseController.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.under }

// FlushError is for http.ResponseController.
func (w *patientWriter) FlushError() error {
	w.extend()
	return w.conn.Flush()
}

// Write implements http.ResponseWriter.
func (w *patientWriter) Write(p []byte) (n int, err error) {
	for {
		part := p[n:min(len(p), n+piece)]
		w.extend()
		m, err := w.under.Write(part)
		n += m
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// ReadFrom implements io.ReaderFrom. A file goes to a plain connection by sendfile, in one call for as long as the receiver
// keeps up: a deadline that passes while bytes were moving only starts the call again.
func (w *patientWriter) ReadFrom(src io.Reader) (n int64, err error) {
	under, ok := w.under.(io.ReaderFrom)
	if !ok || !w.sendfile || !isFile(src) {
		return telemetry.Copy(justWriter{w}, src)
	}
	for {
		w.moved = time.Time{}
		w.extend()
		m, err := under.ReadFrom(src)
		n += m
		// When the header itself could not be sent the server has cancelled the context: nothing may follow it.
		if m == 0 || !errors.Is(err, os.ErrDeadlineExceeded) || w.ctx.Err() != nil {
			return n, err
		}
	}
}

// justWriter hides ReadFrom.
type justWriter struct{ io.Writer }

// isFile says whether src is what net sends by sendfile: a file, or a part of one.
func isFile(src io.Reader) bool {
	if limited, ok := src.(*io.LimitedReader); ok {
		src = limited.R
	}
	_, ok := src.(syscall.Conn)
	return ok
}
