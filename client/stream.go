package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// stream reads a range of a version, and goes on where it was when the connection breaks.
type stream struct {
	get    func(off int64) (io.ReadCloser, error) // the bytes from off to the end of the range
	pause  func(n int, err error) error           // waits before another attempt, or tells that there is none
	off    int64
	end    int64
	body   io.ReadCloser
	broken int // times that the connection broke since a byte came
}

// newStream reads n bytes from off of the version that info tells of. No other version's bytes come.
func (c *Client) newStream(ctx context.Context, info Info, off, n int64) *stream {
	return &stream{
		off: off, end: off + n,
		get:   func(at int64) (io.ReadCloser, error) { return c.openRange(ctx, info, at, off+n) },
		pause: func(n int, err error) error { return c.pause(ctx, n, as("GetObject", info.Ref, err)) },
	}
}

// Read implements io.Reader. Errors: *Error.
func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for s.off < s.end {
		if s.body == nil {
			body, err := s.get(s.off)
			if err != nil {
				return 0, err
			}
			s.body = body
		}
		n, err := s.body.Read(p[:min(int64(len(p)), s.end-s.off)])
		s.off += int64(n)
		if err != nil {
			s.Close()
		}
		if n > 0 {
			s.broken = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		s.broken++
		if err := s.pause(s.broken, &Error{Cause: errors.Join(ErrUnreachable, err)}); err != nil {
			return 0, err
		}
	}
	s.Close()
	return 0, io.EOF
}

// Close ends the request under way.
func (s *stream) Close() {
	if s.body != nil {
		_ = s.body.Close() // what is left is not wanted
		s.body = nil
	}
}

// openRange asks for the bytes from off to end. Errors: fault.PreconditionFailed when the key has other bytes now.
func (c *Client) openRange(ctx context.Context, info Info, off, end int64) (io.ReadCloser, error) {
	q := &request{op: "GetObject", method: http.MethodGet, ref: info.Ref}
	q.version(info.Ref)
	q.set("If-Match", info.ETag)
	q.set("Range", "bytes="+strconv.FormatInt(off, 10)+"-"+strconv.FormatInt(end-1, 10))
	a, err := c.do(ctx, q)
	if err != nil {
		return nil, err
	}
	want := fmt.Sprintf("bytes %d-%d/%d", off, end-1, info.Size)
	if got := a.header.Get("Content-Range"); got != want && !(a.status == http.StatusOK && off == 0 && end == info.Size) {
		a.body.Close()
		return nil, &Error{Op: q.op, Ref: info.Ref, Status: a.status, Cause: fmt.Errorf("asked for %s, the server sends %q", want, got)}
	}
	return a.body, nil
}
