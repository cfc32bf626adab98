// Package pebblemeta is the metadata store for one process: meta.Store on a Pebble database in a directory.
//
// A transaction holds its declared locks while it runs, which is enough for serializability because the port refuses
// undeclared accesses. Its commit takes the next version and a place in the write-ahead log in a short critical
// section, then gives the locks back, and only then waits for the disk: so concurrent commits share one sync, and a
// hot key is not held during it. What is readable is therefore not always durable yet; the price is that readers
// check whether what they saw is, and wait when it is not.
package pebblemeta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/meta"
)

// Options are how a store is opened. The zero value is right for a server's disk.
type Options struct {
	// FS holds the database; nil is the operating system's.
	FS vfs.FS
	// CacheBytes bounds the cache of decompressed blocks; 0 is 64 MiB.
	CacheBytes int64
	// MemTableBytes is the size at which recent writes move from memory to a table file; 0 is 16 MiB.
	// Up to four times as much is held in memory under load.
	MemTableBytes int64
	// SeparateValues moves values of at least so many bytes out of the table files, which then are rewritten
	// less; 0 leaves them in. Once used, older versions of the program cannot open the database.
	SeparateValues int
	// Logger is told of what goes wrong in the background; nil is slog's default.
	Logger *slog.Logger
}

// Store is an open database. Its methods are safe for concurrent use.
type Store struct {
	db     *pebble.DB
	lock   *pebble.Lock
	log    *slog.Logger
	stripe *stripes

	calls meta.Calls

	commit   sync.Mutex             // one commit at a time takes its version and its place in the log
	next     uint64                 // the version before the next commit's; under commit
	ceiling  uint64                 // versions up to this one are reserved on disk; under commit
	applied  atomic.Uint64          // version of the newest commit that is readable
	newest   atomic.Pointer[commit] // head of the chain of commits that are not yet durable
	failure  atomic.Pointer[error]  // why the store has stopped writing
	wedged   atomic.Bool            // Pebble failed in the middle of a commit, and holds its locks for ever
	counters counters
}

var _ meta.Store = (*Store)(nil)

// Open opens the database in dir, and makes it when there is none. Errors: another process has it open; it was written by a newer
// version of the program; it is not this program's; it is damaged.
func Open(dir string, o Options) (*Store, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Store{log: o.Logger, stripe: newStripes(stripeCount)}
	if err := s.start(dir, o); err != nil {
		return nil, errors.Join(fmt.Errorf("pebblemeta: open %s: %w", dir, err), s.closeFiles())
	}
	return s, nil
}

func (s *Store) start(dir string, o Options) (err error) {
	if err := makeDir(o.FS, dir); err != nil {
		return err
	}
	if s.lock, err = pebble.LockDirectory(dir, o.FS); err != nil {
		return fmt.Errorf("the directory is in use by another process or store: %w", err)
	}
	po := pebbleOptions(o)
	po.Lock = s.lock
	po.EventListener = s.listener()
	if s.db, err = pebble.Open(dir, po); err != nil {
		return err
	}
	if err := upgrade(s.db); err != nil {
		return err
	}
	return s.resumeVersions()
}

// makeDir makes dir and its missing parents, durably, for its owner only.
func makeDir(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); err == nil {
		return nil
	}
	parent := fs.PathDir(dir)
	if parent != dir {
		if err := makeDir(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	d, err := fs.OpenDir(parent)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close waits for the calls under way and closes the database. Calls after it report meta.ErrClosed.
func (s *Store) Close() error {
	return s.calls.Close(s.closeFiles)
}

func (s *Store) closeFiles() (err error) {
	if s.wedged.Load() {
		return s.Err() // closing would wait for locks that nobody gives back; the process's end releases the directory
	}
	if s.db != nil {
		err = s.db.Close()
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// Err is the failure that has stopped the store from writing, or nil. Only a restart of the process ends it.
func (s *Store) Err() error {
	if err := s.failure.Load(); err != nil {
		return fmt.Errorf("pebblemeta: %w: stopped after %w", meta.ErrClosed, *err)
	}
	return nil
}

// stop makes the store refuse writes: after a failed write to the log, nobody knows what is on disk.
func (s *Store) stop(err error) {
	if s.failure.CompareAndSwap(nil, &err) {
		s.log.Error("pebblemeta: the store stops writing", "error", err.Error())
	}
}

// View implements meta.Store.
func (s *Store) View(ctx context.Context, fn func(meta.Reader) error) error {
	if err := s.calls.Enter(ctx); err != nil {
		return err
	}
	defer s.calls.Leave()
	rests, err := s.view(fn)
	return s.await(ctx, rests, err)
}

// view runs fn and returns the newest commit that is not durable and on which something that fn read rests.
func (s *Store) view(fn func(meta.Reader) error) (*commit, error) {
	snap := s.db.NewSnapshot()
	defer func() { _ = snap.Close() }()
	// The chain is read after the snapshot is taken, and commits join it before they become readable: so it holds
	// every commit of the snapshot that is not durable.
	v := &view{reader: reader{src: snap, unsynced: s.newest.Load()}}
	defer v.end()
	err := fn(v)
	if v.broken != nil {
		err = v.broken
	}
	return v.rests, err
}

// Update implements meta.Store.
func (s *Store) Update(ctx context.Context, locks meta.LockSet, fn func(meta.Tx) error) error {
	if err := s.calls.Enter(ctx); err != nil {
		return err
	}
	defer s.calls.Leave()
	if err := s.Err(); err != nil {
		return err
	}
	done, rests, err := s.transact(locks.Declare(), fn)
	if done == nil {
		return s.await(ctx, rests, err)
	}
	return s.sync(done)
}

// transact runs fn under the locks and returns its commit, which is not durable yet; or, when there is none, what view does.
func (s *Store) transact(declared meta.Declared, fn func(meta.Tx) error) (done, rests *commit, err error) {
	held := s.stripe.acquire(declared.Locks(), &s.counters.lockWaits)
	defer held.release()
	t := &tx{
		reader:   reader{src: s.db, unsynced: s.newest.Load()},
		declared: declared,
		version:  s.applied.Load(), // the locks were taken before, so what they cover does not change after
		batch:    s.db.NewBatch(),
	}
	defer t.end()
	if err = fn(t); t.undeclared != nil {
		err = t.undeclared
	}
	if err != nil || t.empty() {
		return nil, t.rests, err
	}
	done, err = s.apply(t)
	return done, nil, err
}

// await waits until c, on which the outcome err rests, is durable, and returns err.
func (s *Store) await(ctx context.Context, c *commit, err error) error {
	if c == nil || c.state.Load() == durable {
		return err
	}
	s.counters.undurableWaits.Add(1)
	select {
	case <-c.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.state.Load() != durable {
		return unknown(*s.failure.Load())
	}
	return err
}

// unknown does not wrap meta.ErrClosed, which promises that nothing was written.
func unknown(cause error) error {
	return fmt.Errorf("pebblemeta: %w: %w", meta.ErrUnknownOutcome, cause)
}
