package pgmeta

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/zot-artifact-store/zas/meta"
)

// view is the Reader of a View. It begins with the first read: until then there is nothing that it could contradict.
// Everything that it sees is on disk: PostgreSQL makes a commit visible after it is flushed.
type view struct {
	store  *Store
	ctx    context.Context //nolint:containedctx // of the call; Version has none
	conn   *conn
	broken error // set when Version, which reports no error, met one: it fails the View
	ended  bool
}

func (v *view) end() {
	v.ended = true
	if v.conn != nil {
		v.conn.dismiss(call{statement: commitAll})
		v.store.readers.release(v.conn)
	}
}

// exchange reads. The first one may meet a connection that died while nobody used it, and tries others.
func (v *view) exchange(calls ...call) ([]rows, error) {
	if v.ended {
		return nil, errEnded
	}
	if v.conn != nil {
		return v.conn.exchange(calls...)
	}
	var answers []rows
	err := v.store.patiently(v.ctx, func() (err error) {
		c, err := v.store.readers.acquire(v.ctx)
		if err != nil {
			return err
		}
		if answers, err = c.exchange(append([]call{{statement: beginView}}, calls...)...); err != nil {
			c.broken = true
			v.store.readers.release(c)
			return err
		}
		v.conn = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answers[1:], nil
}

func (v *view) Get(ctx context.Context, k meta.Key) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answers, err := v.exchange(call{getOne, [][]byte{k.Raw()}})
	if err != nil {
		return nil, fmt.Errorf("pgmeta: get: %w", err)
	}
	if len(answers[0]) == 0 {
		return nil, meta.ErrNotFound
	}
	return answers[0][0][0], nil
}

func (v *view) Scan(ctx context.Context, r meta.Range) iter.Seq2[meta.Row, error] {
	return func(yield func(meta.Row, error) bool) { merge(ctx, r, pages{fetch: v.exchange, r: r}, nil, yield) }
}

func (v *view) Version() uint64 {
	answers, err := v.exchange(call{statement: head})
	if err != nil {
		v.broken = fmt.Errorf("pgmeta: version: %w", err)
		return 0
	}
	return headOf(answers[0])
}

// headOf is the newest version in the answer of the statement head; none is 0.
func headOf(answer rows) uint64 {
	if len(answer) != 1 || len(answer[0][0]) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(answer[0][0])
}
