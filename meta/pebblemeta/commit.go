package pebblemeta

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/zot-artifact-store/zas/meta"
)

// commit is what one transaction wrote, from just before it becomes readable until it is durable.
//
// Commits form a chain from the newest to the oldest that is not durable. They become durable in the order of the chain,
// because all of them are in one log: so the first durable one ends it, and the newest that a reader saw stands for all.
type commit struct {
	batch *pebble.Batch
	keys  [][]byte     // put or deleted, sorted
	rows  [][]byte     // appended to logs, sorted
	trims []meta.Range // removed from logs
	prev  atomic.Pointer[commit]
	state atomic.Uint32
	done  chan struct{} // closed when state is no longer pending
}

const (
	pending uint32 = iota
	durable
	failed
)

// settle ends the wait for c. A durable commit lets go of the older ones, which are durable too.
func (c *commit) settle(state uint32) {
	c.state.Store(state)
	if state == durable {
		c.prev.Store(nil)
	}
	close(c.done)
}

// wrote says whether c changed key.
func (c *commit) wrote(key []byte) bool {
	_, ok := slices.BinarySearchFunc(c.keys, key, bytes.Compare)
	return ok
}

// wroteIn says whether c changed anything in r.
func (c *commit) wroteIn(r meta.Range) bool {
	return anyIn(c.keys, r) || anyIn(c.rows, r) || slices.ContainsFunc(c.trims, func(t meta.Range) bool {
		return bytes.Compare(t.From, r.To) < 0 && bytes.Compare(r.From, t.To) < 0
	})
}

func anyIn(sorted [][]byte, r meta.Range) bool {
	i, _ := slices.BinarySearchFunc(sorted, r.From, bytes.Compare)
	return i < len(sorted) && r.Contains(sorted[i])
}

// apply makes what t wrote readable, as the next version. The caller still holds t's locks, and calls sync after.
// It takes t's batch over, whatever it returns.
func (s *Store) apply(t *tx) (*commit, error) {
	c := &commit{batch: t.batch, keys: t.sortedKeys(), trims: t.trims, done: make(chan struct{})}
	t.batch = nil
	s.commit.Lock()
	defer s.commit.Unlock()
	if err := s.Err(); err != nil {
		return nil, err
	}
	version, err := s.nextVersion()
	if err != nil {
		s.stop(err)
		return nil, s.Err()
	}
	if c.rows, err = t.addRows(c.batch, version); err != nil {
		return nil, err
	}
	if err := c.batch.Set(versionKey(), encodeNumber(version), nil); err != nil {
		return nil, err
	}
	s.next = version
	c.prev.Store(s.newest.Load())
	s.newest.Store(c)
	if err := s.guard(func() error { return s.db.ApplyNoSyncWait(c.batch, pebble.Sync) }); err != nil {
		s.stop(err)
		c.settle(failed)
		return nil, unknown(err)
	}
	s.applied.Store(version)
	return c, nil
}

// guard turns the panics with which Pebble answers a failing log into errors: by then the store is to stop anyway.
// One it cannot turn: when the log fails just as Pebble changes to the next one, the process ends.
func (s *Store) guard(write func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.wedged.Store(true)
			err = fmt.Errorf("pebble: %v", p)
		}
	}()
	return write()
}

// sync waits until c is durable. Everything in front of it in the log is durable then, too.
func (s *Store) sync(c *commit) error {
	if err := c.batch.SyncWait(); err != nil {
		err = fmt.Errorf("sync the log: %w", err)
		s.stop(err)
		c.settle(failed)
		return unknown(err)
	}
	c.settle(durable)
	s.counters.commits.Add(1)
	_ = c.batch.Close()
	return nil
}

// reservedVersions is how many versions are reserved on disk at a time.
const reservedVersions = 1 << 20

// nextVersion is the version for the commit under way. A version may be seen by a reader and then be lost in a crash
// with its commit, so the numbers are reserved durably before use, and a start begins above all that were reserved.
func (s *Store) nextVersion() (uint64, error) {
	if s.next == s.ceiling {
		if err := s.reserve(); err != nil {
			return 0, err
		}
	}
	return s.next + 1, nil
}

func (s *Store) reserve() error {
	ceiling := s.ceiling + reservedVersions
	if err := s.guard(func() error { return s.db.Set(ceilingKey(), encodeNumber(ceiling), pebble.Sync) }); err != nil {
		return fmt.Errorf("reserve versions: %w", err)
	}
	s.ceiling = ceiling
	return nil
}

// resumeVersions continues where an earlier process may have stopped.
func (s *Store) resumeVersions() error {
	applied, err := readNumber(s.db, versionKey())
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	ceiling, err := readNumber(s.db, ceilingKey())
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	s.applied.Store(applied)
	s.next, s.ceiling = ceiling, ceiling
	return s.reserve()
}
