package pebblemeta

import (
	"bytes"
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/zot-artifact-store/zas/meta"
)

// cursor merges the rows of an iterator with a transaction's own writes, which are in the same order and win.
type cursor struct {
	it      *pebble.Iterator
	own     []write
	reverse bool
	used    bool // the iterator's row has been handed out; moving on waits for the next step, as it voids the row
	rows    int
}

// ctxEvery is after how many rows a scan looks whether its caller still wants it.
const ctxEvery = 64

func newCursor(it *pebble.Iterator, own []write, reverse bool) *cursor {
	if reverse {
		it.Last()
	} else {
		it.First()
	}
	return &cursor{it: it, own: own, reverse: reverse}
}

// next is the next row, or false at the end. The row is valid until the next step.
func (c *cursor) next(ctx context.Context) (meta.Row, bool, error) {
	for {
		if err := c.advance(ctx); err != nil {
			return meta.Row{}, false, err
		}
		order := c.compare()
		if order > 0 {
			return c.stored()
		}
		if len(c.own) == 0 {
			return meta.Row{}, false, nil
		}
		w := c.own[0]
		c.own = c.own[1:]
		c.used = order == 0
		if !w.deleted {
			return meta.Row{Key: w.key, Value: w.value}, true, nil
		}
	}
}

func (c *cursor) advance(ctx context.Context) error {
	if c.rows++; c.rows%ctxEvery == 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	if c.used {
		c.used = false
		if c.reverse {
			c.it.Prev()
		} else {
			c.it.Next()
		}
	}
	if err := c.it.Error(); err != nil {
		return fmt.Errorf("pebblemeta: scan: %w", err)
	}
	return nil
}

// compare is negative when the next row is one of the transaction's own writes (or there is none), positive when it
// is stored, zero when the transaction has changed it.
func (c *cursor) compare() int {
	switch {
	case !c.it.Valid():
		return -1
	case len(c.own) == 0:
		return 1
	case c.reverse:
		return bytes.Compare(c.it.Key(), c.own[0].key)
	}
	return bytes.Compare(c.own[0].key, c.it.Key())
}

func (c *cursor) stored() (meta.Row, bool, error) {
	value, err := c.it.ValueAndErr()
	if err != nil {
		return meta.Row{}, false, fmt.Errorf("pebblemeta: scan: %w", err)
	}
	c.used = true
	return meta.Row{Key: c.it.Key(), Value: value}, true, nil
}
