// Package usage is how much each bucket holds, folded from the outbox after the fact, so that no request writes a row
// that every other request writes.
package usage

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/internal/jobs"
	"github.com/zot-artifact-store/zas/meta"
)

// Usage is what a bucket holds.
type Usage struct {
	Objects int64 `cbor:"1,keyasint"` // versions
	Bytes   int64 `cbor:"2,keyasint"` // of the versions, shared or not
}

func (u Usage) plus(v Usage) Usage { return Usage{u.Objects + v.Objects, u.Bytes + v.Bytes} }

// The tables of the fold. Comments name the parts of the keys.
var (
	totals  = meta.NewTable[Usage](0x51, "usage")                // bucket
	cursors = meta.NewTable[meta.Position](0x52, "usage cursor") // none: one row
)

// Of is the usage of a bucket as far as the outbox has been folded. A bucket that nothing is known of holds nothing.
func Of(ctx context.Context, r meta.Reader, bucket string) (Usage, error) {
	u, _, err := totals.Find(ctx, r, bucket)
	return u, err
}

// All yields each bucket that holds something, in order.
func All(ctx context.Context, r meta.Reader) iter.Seq2[meta.Entry[Usage], error] {
	return totals.Scan(ctx, r, totals.All())
}

// Options configure a Fold. The zero value works.
type Options struct {
	Interval time.Duration // between looks at the outbox; 0: 1 second
	Batch    int           // events folded in one transaction; 0: 1000
	Logger   *slog.Logger
}

// Fold is the consumer of the outbox that keeps usage. One of them runs over a store.
type Fold struct {
	meta meta.Store
	o    Options

	loop jobs.Loop
}

// New is a Fold over m.
func New(m meta.Store, o Options) *Fold {
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if o.Batch == 0 {
		o.Batch = 1000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Fold{meta: m, o: o}
}

// Start begins to fold at every interval. Stop ends it.
func (f *Fold) Start(ctx context.Context) error {
	f.loop.Start(ctx, jobs.Job{Interval: f.o.Interval, Logger: f.o.Logger, Failure: "usage is not folded", Round: f.Catch})
	return nil
}

// Stop ends what Start began and waits for it.
func (f *Fold) Stop(context.Context) error {
	f.loop.Stop()
	return nil
}

// Catch folds all that the outbox has now.
func (f *Fold) Catch(ctx context.Context) error {
	for {
		n, err := f.once(ctx)
		if err != nil || n < f.o.Batch {
			return err
		}
	}
}

// batch is a run of events, summed.
type batch struct {
	from, upTo meta.Position
	events     int
	sums       map[string]Usage // by bucket
}

// once folds the next events, moves the cursor and trims the outbox, in one transaction: whatever happens in between, each event counts
// once.
func (f *Fold) once(ctx context.Context) (events int, err error) {
	err = meta.Plan(ctx, f.meta, func(r meta.Reader) (meta.LockSet, func(meta.Tx) error, error) {
		b, err := f.read(ctx, r)
		if events = b.events; err != nil || events == 0 {
			return meta.LockSet{}, func(meta.Tx) error { return nil }, err
		}
		locks := meta.LockSet{}.Write(cursors.Key()).Guard(event.Outbox.Guard())
		for _, bucket := range slices.Sorted(maps.Keys(b.sums)) {
			locks = locks.Write(totals.Key(bucket))
		}
		return locks, func(tx meta.Tx) error { return b.apply(ctx, tx) }, nil
	})
	return events, err
}

func (f *Fold) read(ctx context.Context, r meta.Reader) (batch, error) {
	b := batch{sums: make(map[string]Usage)}
	var err error
	if b.from, _, err = cursors.Find(ctx, r); err != nil {
		return b, err
	}
	for row, err := range r.Scan(ctx, event.Outbox.After(b.from).Limited(f.o.Batch)) {
		if err != nil {
			return b, err
		}
		if b.upTo, err = event.Outbox.PositionOf(row.Key); err != nil {
			return b, err
		}
		e, err := event.Decode(row.Value)
		if err != nil {
			return b, err
		}
		if e.Objects != 0 || e.Bytes != 0 {
			b.sums[e.Name] = b.sums[e.Name].plus(Usage{e.Objects, e.Bytes})
		}
		b.events++
	}
	return b, nil
}

// apply is stale when another fold has moved the cursor.
func (b *batch) apply(ctx context.Context, tx meta.Tx) error {
	now, _, err := cursors.Find(ctx, tx)
	if err != nil {
		return err
	}
	if now != b.from {
		return meta.ErrStale
	}
	for bucket, change := range b.sums {
		if change == (Usage{}) {
			continue
		}
		was, _, err := totals.Find(ctx, tx, bucket)
		if err != nil {
			return err
		}
		if err := put(tx, bucket, was.plus(change)); err != nil {
			return err
		}
	}
	return errors.Join(cursors.Put(tx, b.upTo), tx.Trim(event.Outbox, b.upTo))
}

// put leaves no row for a bucket that holds nothing: it may be gone.
func put(tx meta.Tx, bucket string, u Usage) error {
	if u == (Usage{}) {
		return totals.Delete(tx, bucket)
	}
	return totals.Put(tx, u, bucket)
}
