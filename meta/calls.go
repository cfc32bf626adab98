package meta

import (
	"context"
	"sync"
)

// Calls are those under way at a store that can be closed: engines keep one. The zero value is open.
type Calls struct {
	open   sync.RWMutex // held shared by every call, exclusive by Close
	closed bool
}

// Enter begins a call, which Leave ends. Errors: ErrClosed, the context's.
func (c *Calls) Enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.Begin()
}

// Begin is Enter for a call that has no context. It never blocks, so that a View within a transaction cannot hang on a Close.
// Errors: ErrClosed.
func (c *Calls) Begin() error {
	if !c.open.TryRLock() {
		return ErrClosed // only Close ever takes it exclusively
	}
	if c.closed {
		c.open.RUnlock()
		return ErrClosed
	}
	return nil
}

// Leave ends a call that has begun.
func (c *Calls) Leave() { c.open.RUnlock() }

// Close refuses further calls, waits for those under way, and runs release, the first time that it is called.
func (c *Calls) Close(release func() error) error {
	c.open.Lock()
	defer c.open.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	return release()
}
