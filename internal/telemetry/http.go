package telemetry

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/zot-artifact-store/zas/fault"
)

// HTTP instruments the handlers of the protocols.
type HTTP struct {
	Logger  *slog.Logger
	Metrics *Metrics
	Now     func() time.Time
}

// Face is one protocol as HTTP sees it.
type Face struct {
	Protocol string
	Handler  http.Handler
	// Fail answers with err in the protocol's form. It is used when nothing has been sent. Nil: plain text.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
	// Quiet requests are logged at debug level only: probes.
	Quiet bool
}

// Instrument gives each request of the face an id (response headers x-request-id and x-amz-request-id; in its context),
// counts it, logs it, and turns a panic into one log record and an internal error.
func (h *HTTP) Instrument(face Face) http.Handler {
	if face.Fail == nil {
		face.Fail = failPlainly
	}
	access := h.Logger.Handler()
	if adding, ok := access.(requestHandler); ok {
		access = adding.Handler // the access log writes the id itself
	}
	return &instrumented{HTTP: h, face: face, series: h.Metrics.newHTTPSeries(face.Protocol), access: access}
}

type instrumented struct {
	*HTTP
	face   Face
	series *httpSeries
	access slog.Handler
}

// ServeHTTP implements http.Handler.
func (h *instrumented) ServeHTTP(under http.ResponseWriter, r *http.Request) {
	begin := h.Now()
	id := NewRequestID(begin)
	ids := []string{id}
	header := under.Header()
	header["X-Request-Id"], header["X-Amz-Request-Id"] = ids, ids
	r = r.WithContext(WithRequestID(r.Context(), id))
	w := &Response{under: under}
	body := countBody(r)

	h.series.inFlight.Inc()
	aborted := h.serve(w, r)
	h.series.inFlight.Dec()

	w.begin()
	o := outcome{id: id, w: w, body: body, end: h.Now(), aborted: aborted}
	o.took = o.end.Sub(begin)
	h.series.observe(w.operationOf(r), o)
	h.log(r, o)
	if aborted {
		panic(http.ErrAbortHandler)
	}
}

// serve runs the handler and says whether the connection must be cut, because an answer under way cannot be finished.
func (h *instrumented) serve(w *Response, r *http.Request) (aborted bool) {
	defer func() {
		problem := recover()
		if problem == nil {
			return
		}
		if err, ok := problem.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			aborted = true
			return
		}
		h.Metrics.panics.Inc()
		h.Logger.ErrorContext(r.Context(), "panic", "problem", problem, "stack", string(debug.Stack()))
		if aborted = w.status != 0; !aborted {
			h.face.Fail(w, r, fault.Unexpected)
		}
	}()
	h.face.Handler.ServeHTTP(w, r)
	return false
}

// outcome is what there is to tell about a request that has ended.
type outcome struct {
	id      string
	w       *Response
	body    *countedBody
	end     time.Time
	took    time.Duration
	aborted bool // the connection is cut before the end of the answer
}

func (o outcome) received() int64 {
	if o.body == nil {
		return 0
	}
	return o.body.n
}

func (h *instrumented) log(r *http.Request, o outcome) {
	level := slog.LevelInfo
	switch {
	case o.w.status >= http.StatusInternalServerError:
		level = slog.LevelError
	case h.face.Quiet:
		level = slog.LevelDebug
	}
	ctx := r.Context()
	if !h.access.Enabled(ctx, level) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 14), // one allocation
		slog.String("request", o.id),
		slog.String("protocol", h.face.Protocol),
		slog.String("operation", o.w.operation),
		slog.String("method", r.Method),
		slog.String("path", r.URL.EscapedPath()), // never the query: it may hold a signature
		slog.Int("status", o.w.status),
		slog.Int64("received", o.received()),
		slog.Int64("sent", o.w.sent),
		slog.Int64("micros", o.took.Microseconds()),
		slog.String("remote", r.RemoteAddr),
		slog.String("agent", r.UserAgent()),
	)
	if o.w.principal != "" {
		attrs = append(attrs, slog.String("principal", o.w.principal))
	}
	if o.w.err != nil {
		attrs = append(attrs, slog.String("error", o.w.err.Error()))
	}
	if o.aborted {
		attrs = append(attrs, slog.Bool("aborted", true))
	}
	// Without Logger.LogAttrs: it asks the runtime for the caller, which costs a quarter of the whole.
	record := slog.NewRecord(o.end, level, "request", 0)
	record.AddAttrs(attrs...)
	_ = h.access.Handle(ctx, record)
}

// operationOf is the label of the operation: what the handler named, else the method.
func (w *Response) operationOf(r *http.Request) string {
	if w.operation != "" {
		return w.operation
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// countedBody counts what is read of a request body.
type countedBody struct {
	io.ReadCloser
	n int64
}

// Read implements io.Reader.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

// countBody wraps the body of r, if it has one.
func countBody(r *http.Request) *countedBody {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b := &countedBody{ReadCloser: r.Body}
	r.Body = b
	return b
}

// failPlainly is for faces without a form of their own.
func failPlainly(w http.ResponseWriter, _ *http.Request, err error) {
	e := fault.Of(err)
	http.Error(w, e.Code.Name()+": "+e.Text(), Status(e.Code.Kind()))
}
