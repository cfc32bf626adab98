package pebblemeta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/zot-artifact-store/zas/meta"
)

// source is what Pebble's database and its snapshots have in common.
type source interface {
	Get(key []byte) ([]byte, io.Closer, error)
	NewIter(o *pebble.IterOptions) (*pebble.Iterator, error)
}

// reader reads, and keeps account of what its reading rests on.
type reader struct {
	src      source
	unsynced *commit // the newest commit when reading began, if it was not durable
	rests    *commit // the newest not durable one that wrote something read here; it stands for all older ones
	ended    bool
}

var errEnded = errors.New("pebblemeta: used after the transaction has ended")

// sawKey notes that key, or its absence, was read.
func (r *reader) sawKey(key []byte) {
	for c := r.unsynced; c != nil && c != r.rests && c.state.Load() != durable; c = c.prev.Load() {
		if c.wrote(key) {
			r.rests = c
			return
		}
	}
}

// sawRange notes that all rows of a range, and the absence of others, were read.
func (r *reader) sawRange(rg meta.Range) {
	for c := r.unsynced; c != nil && c != r.rests && c.state.Load() != durable; c = c.prev.Load() {
		if c.wroteIn(rg) {
			r.rests = c
			return
		}
	}
}

func (r *reader) get(ctx context.Context, k meta.Key) ([]byte, error) {
	if r.ended {
		return nil, errEnded
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.sawKey(k.Raw())
	value, closer, err := r.src.Get(k.Raw())
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, meta.ErrNotFound
	} else if err != nil {
		return nil, fmt.Errorf("pebblemeta: get: %w", err)
	}
	value = bytes.Clone(value)
	return value, closer.Close()
}

// scan yields the rows of rg, with the writes of own (in the scan's order) laid over them.
func (r *reader) scan(ctx context.Context, rg meta.Range, own []write, yield func(meta.Row, error) bool) {
	if r.ended {
		yield(meta.Row{}, errEnded)
		return
	}
	if bytes.Compare(rg.From, rg.To) >= 0 {
		return
	}
	it, err := r.src.NewIter(&pebble.IterOptions{LowerBound: rg.From, UpperBound: rg.To})
	if err != nil {
		yield(meta.Row{}, fmt.Errorf("pebblemeta: scan: %w", err))
		return
	}
	saw := rg // cut short below when the loop ends before the range does
	defer func() {
		r.sawRange(saw)
		_ = it.Close()
	}()
	c := newCursor(it, own, rg.Reverse)
	for n := 1; ; n++ {
		row, ok, err := c.next(ctx)
		if err != nil {
			yield(meta.Row{}, err)
			return
		} else if !ok {
			return
		}
		if goesOn := yield(row, nil); goesOn && n != rg.Limit {
			continue
		}
		if rg.Reverse {
			saw.From = bytes.Clone(row.Key)
		} else {
			saw.To = append(bytes.Clone(row.Key), 0)
		}
		return
	}
}

func failing(err error) iter.Seq2[meta.Row, error] {
	return func(yield func(meta.Row, error) bool) { yield(meta.Row{}, err) }
}

// view is the Reader of a View.
type view struct {
	reader
	broken error // set when Version, which reports no error, met one: it fails the View
}

func (v *view) Get(ctx context.Context, k meta.Key) ([]byte, error) { return v.get(ctx, k) }

func (v *view) Scan(ctx context.Context, r meta.Range) iter.Seq2[meta.Row, error] {
	return func(yield func(meta.Row, error) bool) { v.scan(ctx, r, nil, yield) }
}

// Version reads the row that every commit writes: snapshots are taken without waiting for a commit
// under way, so only the snapshot itself knows whether that commit is in it.
func (v *view) Version() uint64 {
	if v.ended {
		return 0
	}
	version, err := readNumber(v.src, versionKey())
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		v.broken = err
	}
	return version
}

func (v *view) end() { v.ended = true }
