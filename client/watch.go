package client

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

var errStalled = errors.New("nothing moved on the connection for too long")

// watch cancels a request on whose connection nothing moves: timeouts of net/http bound the answer's beginning or all of it, and neither is
// of use for large bodies.
type watch struct {
	limit   time.Duration
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	stalled atomic.Bool
}

func newWatch(limit time.Duration, cancel context.CancelCauseFunc) *watch {
	w := &watch{limit: limit, cancel: cancel}
	w.timer = time.AfterFunc(limit, func() {
		w.stalled.Store(true)
		cancel(errStalled)
	})
	return w
}

// start begins to wait, anew.
func (w *watch) start() { w.timer.Reset(w.limit) }

// rest waits for nothing: it is the caller who takes his time.
func (w *watch) rest() { w.timer.Stop() }

// explain is err, or that the connection stalled where that is why.
func (w *watch) explain(err error) error {
	if err != nil && err != io.EOF && w.stalled.Load() {
		return errStalled
	}
	return err
}

// end frees what the request holds.
func (w *watch) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// sent is a body on its way out.
type sent struct {
	r io.Reader
	w *watch
}

// Read implements io.Reader.
func (s *sent) Read(p []byte) (int, error) {
	s.w.start()
	return s.r.Read(p)
}

// watched is a body on its way in.
type watched struct {
	io.ReadCloser
	w *watch
}

// Read implements io.Reader.
func (b *watched) Read(p []byte) (int, error) {
	b.w.start()
	n, err := b.ReadCloser.Read(p)
	b.w.rest()
	return n, b.w.explain(err)
}

// Close implements io.Closer.
func (b *watched) Close() error {
	err := b.ReadCloser.Close()
	b.w.end()
	return err
}
