package pgmeta

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// pool is the connections of views: a bounded number, the last one used first.
type pool struct {
	dial  func(context.Context) (*conn, error)
	slots chan struct{}
	wait  time.Duration

	mu     sync.Mutex
	idle   []*conn
	closed bool
}

func newPool(size int, wait time.Duration, dial func(context.Context) (*conn, error)) *pool {
	return &pool{dial: dial, slots: make(chan struct{}, size), wait: wait}
}

// acquire waits for a connection. Errors: the context's; meta.ErrUnavailable when none is free for long; those of dialling.
func (p *pool) acquire(ctx context.Context) (*conn, error) {
	select {
	case p.slots <- struct{}{}:
	default:
		timer := time.NewTimer(p.wait)
		defer timer.Stop()
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return nil, fault.Busy.With("", fmt.Errorf("%w: all %d connections of views are in use", meta.ErrUnavailable, cap(p.slots)))
		}
	}
	if c := p.pop(); c != nil {
		return c, nil
	}
	c, err := p.dial(ctx)
	if err != nil {
		<-p.slots
	}
	return c, err
}

func (p *pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	c := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return c
}

// release gives a connection back. One that broke takes the idle ones along: the server has restarted, mostly.
func (p *pool) release(c *conn) {
	p.mu.Lock()
	gone := []*conn{c}
	if c.broken || p.closed {
		gone = append(gone, p.idle...)
		p.idle = nil
	} else {
		p.idle = append(p.idle, c)
		gone = nil
	}
	p.mu.Unlock()
	<-p.slots
	for _, c := range gone {
		c.close()
	}
}

// close ends the idle connections, and each other one when it is given back.
func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}
