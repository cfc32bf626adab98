package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/object"
)

// getObject is GetObject, and HeadObject, which differs in the body only.
type getObject struct {
	object.GetRequest
	head      bool
	rng       byteRange
	ifRange   string
	checksum  bool
	overrides []param // header name and value
}

// overridable are the parameters that replace a header of the answer.
var overridable = []param{
	{"response-content-type", "Content-Type"}, {"response-cache-control", "Cache-Control"},
	{"response-content-disposition", "Content-Disposition"}, {"response-content-encoding", "Content-Encoding"},
	{"response-content-language", "Content-Language"}, {"response-expires", "Expires"},
}

func parseGetObject(rq *request) (operation, error) {
	op := &getObject{
		GetRequest: object.GetRequest{Bucket: rq.bucket, Key: rq.key, If: rq.readCondition("")},
		head:       rq.method == http.MethodHead,
		checksum:   strings.EqualFold(rq.header.Get("X-Amz-Checksum-Mode"), "enabled"),
		ifRange:    rq.header.Get("If-Range"),
	}
	if value := rq.header.Get("Range"); value != "" {
		op.rng = parseRange(value)
	}
	for _, p := range overridable {
		if value, ok := rq.query.find(p.name); ok {
			op.overrides = append(op.overrides, param{p.value, value})
		}
	}
	var err error
	if op.VersionID, err = rq.versionID(); err != nil {
		return nil, err
	}
	if op.Part, err = rq.partNumber(); err != nil {
		return nil, err
	}
	if op.Part > 0 && rq.header.Get("Range") != "" {
		return nil, fault.BadRequest.Detail("Cannot specify both Range header and partNumber query parameter")
	}
	return op, nil
}

func (op *getObject) name() string {
	if op.head {
		return "HeadObject"
	}
	return "GetObject"
}

func (op *getObject) needs() []need {
	action := auth.Action("s3:GetObject")
	if op.VersionID != "" {
		action = "s3:GetObjectVersion"
	}
	return onObject(action, op.Bucket, op.Key)
}

func (op *getObject) serve(ctx context.Context, c *call) error {
	if len(op.overrides) > 0 && c.by.Anonymous() {
		return fault.BadRequest.Detail("Request specific response headers cannot be used for anonymous GET requests.")
	}
	var found object.Found
	var rd *content.Reading
	var err error
	if op.head {
		found, err = c.o.Objects.Head(ctx, op.GetRequest)
	} else {
		found, rd, err = c.o.Objects.Get(ctx, op.GetRequest)
	}
	if err != nil {
		return err
	}
	if rd != nil {
		defer rd.Close()
	}
	h := c.w.Header()
	if found.NotModified {
		op.setValidators(h, &found)
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	off, n, status, err := op.extent(&found)
	if err != nil {
		return err
	}
	op.setHeaders(h, &found)
	h["Content-Length"] = []string{strconv.FormatInt(n, 10)}
	if status == http.StatusPartialContent {
		h["Content-Range"] = []string{contentRange(off, n, found.Size)}
	} else if op.checksum {
		setChecksum(h, found.Checksum)
	}
	if rd == nil {
		c.w.WriteHeader(status)
		return nil
	}
	return c.sendBody(ctx, rd, status, off, n)
}

// extent is which bytes are sent, and the status that says so.
func (op *getObject) extent(found *object.Found) (off, n int64, status int, err error) {
	if op.Part > 0 {
		if found.Length == 0 {
			return found.Offset, 0, http.StatusOK, nil
		}
		return found.Offset, found.Length, http.StatusPartialContent, nil
	}
	rng := op.rng
	if op.ifRange != "" && !sameEntity(op.ifRange, found) {
		rng = byteRange{}
	}
	off, n, ok := rng.in(found.Size)
	switch {
	case !ok:
		return 0, 0, 0, sizedError{fault.RangeNotSatisfiable, strconv.FormatInt(found.Size, 10)}
	case rng.given && n > 0:
		return off, n, http.StatusPartialContent, nil
	}
	return off, n, http.StatusOK, nil
}

// sameEntity evaluates If-Range (RFC 9110 section 13.1.5): a strong ETag, or the exact date.
func sameEntity(value string, found *object.Found) bool {
	if t, err := http.ParseTime(value); err == nil {
		return found.Time().Truncate(time.Second).Equal(t)
	}
	return object.TrimETag(value) == found.ETag()
}

func contentRange(off, n, size int64) string {
	b := append(make([]byte, 0, 48), "bytes "...)
	b = append(strconv.AppendInt(b, off, 10), '-')
	b = append(strconv.AppendInt(b, off+n-1, 10), '/')
	return string(strconv.AppendInt(b, size, 10))
}

// setValidators tells what caches compare; a 304 carries it too (RFC 9110 section 15.4.5).
func (op *getObject) setValidators(h http.Header, found *object.Found) {
	setETag(h, found.ETag())
	h["Last-Modified"] = []string{found.Time().Format(http.TimeFormat)}
	if found.Metadata.CacheControl != "" {
		h["Cache-Control"] = []string{found.Metadata.CacheControl}
	}
	if found.Metadata.Expires != "" {
		h["Expires"] = []string{found.Metadata.Expires}
	}
}

func (op *getObject) setHeaders(h http.Header, found *object.Found) {
	op.setValidators(h, found)
	setMetadata(h, &found.Metadata)
	for _, p := range op.overrides {
		h[p.name] = []string{p.value}
	}
	setIdentity(h, found.Identity)
	setVersion(h, found.VersionID)
	setMarks(h, &found.Version)
	if found.Once != "" {
		h[headerOnce] = []string{found.Once}
	}
	h["Accept-Ranges"] = []string{"bytes"}
	h["X-Amz-Storage-Class"] = []string{"STANDARD"}
	if op.Part > 0 && found.PartCount > 0 {
		h["X-Amz-Mp-Parts-Count"] = []string{strconv.Itoa(found.PartCount)}
	}
	// What is stored is foreign: a browser must neither run it with this origin's rights nor guess what it is.
	h["Content-Security-Policy"] = []string{"sandbox"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
}

// sendBody sends n bytes from off. The status goes out with the first of them, so that bytes which turn out to be damaged before
// are an ordinary error; later the connection is cut, so that the client does not take the beginning for the whole.
func (c *call) sendBody(ctx context.Context, rd *content.Reading, status int, off, n int64) error {
	w := &lateHeader{w: c.w, status: status}
	if n == 0 {
		w.begin()
		return nil
	}
	err := rd.WriteRange(ctx, w, off, n, c.r.TLS == nil && c.r.ProtoMajor == 1)
	switch {
	case err == nil:
		return nil
	case !w.begun:
		clear(c.w.Header())
		h := c.w.Header()
		h["X-Amz-Request-Id"], h["X-Amz-Id-2"] = []string{c.id}, []string{hostID}
		return err
	case errors.Is(err, fault.Damaged):
		c.observer.SetError(err)
	}
	panic(http.ErrAbortHandler)
}

// lateHeader sends the status with the first byte. It hands files on as they are, so that they become sendfile.
type lateHeader struct {
	w      http.ResponseWriter
	status int
	begun  bool
}

func (l *lateHeader) begin() {
	if !l.begun {
		l.begun = true
		l.w.WriteHeader(l.status)
	}
}

// Write implements io.Writer.
func (l *lateHeader) Write(p []byte) (int, error) {
	l.begin()
	return l.w.Write(p)
}

// ReadFrom implements io.ReaderFrom.
func (l *lateHeader) ReadFrom(src io.Reader) (int64, error) {
	l.begin()
	return io.Copy(l.w, src)
}
