// Package content is the bytes and who needs them: one-pass ingest, deduplication by digest, references as edges,
// uploads in parts, reading, and the collection of what nobody refers to.
//
// Bytes are written, and made durable, before the transaction that names them, under a location that is never used again. A reference
// is an edge from content to a repository and a referrer there; content without edges is collected in one transaction, and its
// bytes go after that transaction is durable and every reader that might have seen it is done. Package
// collectionmodel explores this protocol exhaustively.
//
// The package plans: methods that take a meta.Reader look at a snapshot and return a meta.Step, which callers join with
// their own steps into one transaction (meta.Execute), so that a fact and its references are one commit.
package content

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// ID names content. It is made up, not computed, so that content can exist before its digest is known: the id of an
// upload is the id of the content that it will become.
type ID string

// NewID makes up an id.
func NewID() ID {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return ID(hex.EncodeToString(b[:]))
}

// Options configure a Store. The zero value works.
type Options struct {
	InlineMax   int64         // contents up to this many bytes live in the metadata engine; 0: 64 KiB
	Lease       time.Duration // how long unreferenced content is kept for a client that is about to refer to it; 0: 24 h
	SessionLife time.Duration // how long an idle OCI upload session lives; 0: 24 h
	SealSize    int64         // a streamed upload becomes durable at least every so many bytes; 0: 256 MiB
	HashNow     int64         // Complete hashes a remainder up to so many bytes before it answers; 0: 64 MiB
	Interval    time.Duration // how often the collector runs; 0: 1 minute
	Now         func() time.Time
	Logger      *slog.Logger
}

func (o Options) withDefaults() Options {
	set := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.InlineMax, 64<<10)
	set(&o.SealSize, 256<<20)
	set(&o.HashNow, 64<<20)
	wait := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	wait(&o.Lease, 24*time.Hour)
	wait(&o.SessionLife, 24*time.Hour)
	wait(&o.Interval, time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Store is all content of one metadata store and one extent store.
type Store struct {
	meta    meta.Store
	extents extent.Store
	epoch   extent.Epoch
	o       Options
	readers *readers
	checked *verified
	upload  sessions
	hashing *hashers
	collect collector

	stop context.CancelFunc
	done sync.WaitGroup
}

// Open claims a new epoch, durably, and fences all others: m must belong to this process alone.
// Close the Store before m and e.
func Open(ctx context.Context, m meta.Store, e extent.Store, o Options) (*Store, error) {
	s := &Store{meta: m, extents: e, epoch: extent.NewEpoch(), o: o.withDefaults(), readers: newReaders(), checked: newVerified()}
	s.hashing = newHashers(s)
	if err := s.claimEpoch(ctx); err != nil {
		return nil, fmt.Errorf("claim an epoch: %w", err)
	}
	return s, nil
}

// Start runs what goes on by itself: late digests and collection. Stop ends it.
func (s *Store) Start(ctx context.Context) error {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.done.Go(func() { s.runCollector(ctx) })
	s.done.Go(func() { s.hashing.run(ctx) })
	return nil
}

// Stop ends what Start began and waits for it.
func (s *Store) Stop(context.Context) error {
	if s.stop != nil {
		s.stop()
		s.done.Wait()
	}
	return nil
}

// Meta is the metadata store that contents' rows live in; domain packages keep theirs beside them.
func (s *Store) Meta() meta.Store { return s.meta }

// Now is the store's clock.
func (s *Store) Now() time.Time { return s.o.Now() }

// Lease is how long unreferenced content is kept.
func (s *Store) Lease() time.Duration { return s.o.Lease }

// Commit runs plan's step in one transaction that names st's bytes (see PlanRegister and KeepInline), and settles
// what became of them: bytes that turned out to be stored already are removed after the commit; after an unknown outcome nothing
// is removed. Any other error leaves st as it was, for another try or Discard.
func (s *Store) Commit(ctx context.Context, st *Staged, plan func(meta.Reader) (meta.Step, error)) error {
	err := meta.Execute(ctx, s.meta, plan)
	switch {
	case err == nil:
		st.settle(ctx)
	case errors.Is(err, meta.ErrUnknownOutcome):
		st.abandon()
	}
	return err
}

// translate turns the ports' errors into the codes that clients understand.
func translate(err error) error {
	if errors.Is(err, extent.ErrFull) {
		return fault.StorageFull.With("", err)
	}
	return err
}
