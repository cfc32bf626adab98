package content_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/content/collectionmodel"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

// TestRunsOfTheCodeAreBehavioursOfTheModel records what a busy store does at its ports, over a life of three processes, and replays it in the model
// of the collection protocol: every step must be one that the model allows, and at the end nothing is left.
func TestRunsOfTheCodeAreBehavioursOfTheModel(t *testing.T) {
	m, err := pebblemeta.Open("meta", pebblemeta.Options{FS: vfs.NewMem(), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	memory := extenttest.NewMemory()
	var now atomic.Int64
	now.Store(1_800_000_000)
	clock := func() time.Time { return time.Unix(now.Add(7), 0) }
	rec := content.NewRecorder(now.Load)
	o := content.Options{InlineMax: 1 << 10, SealSize: 20_000, Lease: 5 * time.Minute, Now: clock}
	var l *load
	for life := range 3 {
		s, err := content.Open(t.Context(), rec.Meta(m), rec.Extents(memory), o)
		if err != nil {
			t.Fatal(err)
		}
		rec.Process(s)
		next := newLoad(s)
		next.life, next.seeds = life, 50
		if l != nil {
			next.acked = l.acked
		}
		l = next
		if err := l.runWithReaders(t, rec); err != nil {
			t.Fatal(err)
		}
	}
	for e := range l.acked {
		if err := l.drop(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	now.Add(1_000_000)
	s, err := content.Open(t.Context(), rec.Meta(m), rec.Extents(memory), o)
	if err != nil {
		t.Fatal(err)
	}
	rec.Process(s)
	if _, err := s.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	trace := rec.Trace()
	left, err := collectionmodel.Leftovers(trace)
	if err != nil {
		t.Fatalf("of %d events: %v", len(trace), err)
	}
	if len(left) > 0 {
		t.Fatalf("left over: %v", left)
	}
	t.Logf("%d events replayed", len(trace))
}

// runWithReaders is run with some who read what has been acknowledged, slowly: each has several readings open.
func (l *load) runWithReaders(t *testing.T, rec *content.Recorder) error {
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	errs := make(chan error, 2)
	for i := range 2 {
		readers.Go(func() {
			var open []func() error
			for n := 0; ctx.Err() == nil || len(open) > 0; n++ {
				if ctx.Err() == nil {
					if finish := l.readSome(t.Context(), rec, fmt.Sprint(l.life, "-", i, "-", n)); finish != nil {
						open = append(open, finish)
					}
				}
				if len(open) > 8 || len(open) > 0 && ctx.Err() != nil {
					if err := open[0](); err != nil {
						errs <- err
						return
					}
					open = open[1:]
				}
			}
		})
	}
	err := l.run(t.Context(), 4, 25)
	stop()
	readers.Wait()
	close(errs)
	return errors.Join(err, <-errs)
}

// readSome opens something that has been acknowledged, to be read later.
func (l *load) readSome(ctx context.Context, rec *content.Recorder, name string) (finish func() error) {
	acked, _ := l.snapshot()
	n := 0
	if len(acked) > 0 {
		n = rand.IntN(len(acked))
	}
	for _, ref := range acked {
		if n--; n >= 0 {
			continue
		}
		done := func() { rec.Note(collectionmodel.Event{Kind: collectionmodel.ReadDone, Reader: name}) }
		rd, err := l.store.Open(ctx, func(r meta.Reader) (content.Source, error) {
			// No commit is noted during a View, so to the trace this is the moment before it.
			rec.Note(collectionmodel.Event{Kind: collectionmodel.ReadBegin, Reader: name})
			return l.store.Source(ctx, r, ref.id)
		})
		if errors.Is(err, fault.BlobNotFound) { // dropped and collected since
			done()
			return nil
		}
		if err != nil {
			return func() error { return err }
		}
		rec.Note(collectionmodel.Event{Kind: collectionmodel.ReadFound, Reader: name, Locations: content.Pins(rd)})
		return func() error {
			err := rd.WriteRange(ctx, discard{}, 0, rd.Size(), true)
			done()
			return errors.Join(err, rd.Close())
		}
	}
	return nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
