package content

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// batch is how many rows one step of the collector looks at.
const batch = 256

// sweepEvery is the time between two searches for extents that nobody names.
const sweepEvery = 6 * time.Hour

// Collected counts what a run of the collector did.
type Collected struct {
	Contents int // contents collected
	Sessions int // upload sessions expired
	Extents  int // extents removed
	Orphans  int // of them, extents that no transaction ever named
	Waiting  int // extents in the trash that a reader still holds
}

func (c *Collected) add(o Collected) {
	c.Contents += o.Contents
	c.Sessions += o.Sessions
	c.Extents += o.Extents
	c.Orphans += o.Orphans
	c.Waiting = o.Waiting
}

func (c Collected) any() bool { return c.Contents+c.Sessions+c.Extents > 0 }

// collector holds the totals since the start.
type collector struct {
	mu    sync.Mutex
	total Collected
}

// Collected are the totals since the start.
func (s *Store) Collected() Collected {
	s.collect.mu.Lock()
	defer s.collect.mu.Unlock()
	return s.collect.total
}

// runCollector collects at every interval until ctx ends, and sweeps now and then.
func (s *Store) runCollector(ctx context.Context) {
	tick := time.NewTicker(s.o.Interval)
	defer tick.Stop()
	var swept time.Time
	for {
		sweep := s.o.Now().Sub(swept) >= sweepEvery
		if sweep {
			swept = s.o.Now()
		}
		done, err := s.Collect(ctx, sweep)
		if err != nil && ctx.Err() == nil {
			s.o.Logger.ErrorContext(ctx, "collection stopped early, it goes on at the next interval", "error", err)
		}
		if done.any() {
			s.o.Logger.InfoContext(ctx, "collected", "contents", done.Contents, "sessions", done.Sessions, "extents", done.Extents, "orphans", done.Orphans)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Collect does one round: expires sessions, collects what is due and unreferenced, and removes the bytes of what is in the trash once no
// reader can be using them. With sweep it also removes extents of dead epochs that no row names. It stops at the first error; what
// it has done stays done, and a later round goes on.
func (s *Store) Collect(ctx context.Context, sweep bool) (Collected, error) {
	var done Collected
	steps := []func(context.Context, *Collected) error{s.expireSessions, s.clearEnded, s.collectDue, s.emptyTrash}
	if sweep {
		steps = append(steps, s.sweep)
	}
	var err error
	for _, step := range steps {
		if err = step(ctx, &done); err != nil {
			break
		}
	}
	s.collect.mu.Lock()
	s.collect.total.add(done)
	s.collect.mu.Unlock()
	return done, err
}

// collectDue looks at every content whose time has come.
func (s *Store) collectDue(ctx context.Context, done *Collected) error {
	for {
		var keys []meta.Key
		var ids []ID
		upTo := due.Key(meta.U64(uint64(s.o.Now().Unix() + 1)))
		r := due.All()
		r.To = upTo.Raw()
		err := s.meta.View(ctx, func(rd meta.Reader) error {
			for e, err := range due.Scan(ctx, rd, r.Limited(batch)) {
				if err != nil {
					return err
				}
				keys = append(keys, due.Key(e.Parts...))
				ids = append(ids, ID(e.Parts[1]))
			}
			return nil
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		for i, id := range ids {
			gone, err := s.collectOne(ctx, id, keys[i])
			if err != nil {
				return err
			}
			if gone {
				done.Contents++
			}
		}
	}
}

// collectOne removes the content of id, if nobody refers to it, and its entry in the queue in one transaction.
func (s *Store) collectOne(ctx context.Context, id ID, entry meta.Key) (gone bool, err error) {
	err = meta.Execute(ctx, s.meta, func(r meta.Reader) (meta.Step, error) {
		gone = false
		unqueue := meta.Step{Locks: meta.LockSet{}.Write(entry), Do: func(_ context.Context, tx meta.Tx) error { return tx.Delete(entry) }}
		row, found, err := contents.Find(ctx, r, string(id))
		if err != nil || !found {
			return unqueue, err
		}
		held, err := s.holding(ctx, r, id)
		if err != nil {
			return meta.Step{}, err
		}
		if held.forGood || !held.until.IsZero() {
			return meta.Join(unqueue, s.endLeases(id, held)), nil
		}
		gone = true
		condemn, err := s.condemn(id, row, held.expired)
		return meta.Join(unqueue, condemn), err
	})
	return gone && err == nil, err
}

// endLeases is the step that removes the leases of content that stays, as far as they are over, and queues it for the end of the last.
func (s *Store) endLeases(id ID, held hold) meta.Step {
	locks := meta.LockSet{}.Write(held.expired...)
	later := dueKey(held.until, id)
	if !held.until.IsZero() {
		locks = locks.Write(later)
	}
	return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		for _, k := range held.expired {
			row, err := edges.GetKey(ctx, tx, k)
			if errors.Is(err, meta.ErrNotFound) || err == nil && row.live(s.o.Now()) {
				return meta.ErrStale
			}
			if err := errors.Join(err, tx.Delete(k)); err != nil {
				return err
			}
		}
		if held.until.IsZero() {
			return nil
		}
		return due.PutKey(tx, later, struct{}{})
	}}
}

// hold is what keeps content.
type hold struct {
	forGood bool
	until   time.Time  // end of the last live lease
	expired []meta.Key // leases that are over
}

func (s *Store) holding(ctx context.Context, r meta.Reader, id ID) (hold, error) {
	var h hold
	now := s.o.Now()
	for e, err := range edges.Scan(ctx, r, edges.Prefix(string(id))) {
		switch {
		case err != nil:
			return h, err
		case e.Value.Until == 0:
			h.forGood = true
		case e.Value.live(now):
			if t := time.Unix(e.Value.Until, 0); t.After(h.until) {
				h.until = t
			}
		default:
			h.expired = append(h.expired, edges.Key(e.Parts...))
		}
	}
	return h, nil
}

// condemn is the one transaction in which content ends: no edge, then no row, no digest, and its pieces in the trash.
func (s *Store) condemn(id ID, row contentRow, expired []meta.Key) (meta.Step, error) {
	list, err := row.Pieces.unpack()
	if err != nil {
		return meta.Step{}, err
	}
	own := contents.Key(string(id))
	doomed := append([]meta.Key{own, pending.Key(string(id))}, expired...)
	if d := row.digest(); d != "" && row.Alias == "" {
		c := row.content(id)
		doomed = append(doomed, digests.Key(d.String()), artifacts.Key(c.Artifact().String()))
		if c.SHA512 != "" {
			doomed = append(doomed, digests.Key(c.SHA512.String()))
		}
	}
	locks := meta.LockSet{}.Guard(edges.Guard(string(id))).Write(doomed...)
	var elder []meta.Key
	if row.Alias != "" {
		elder = []meta.Key{Edge{"", EdgeAlias, string(id)}.key(row.Alias), dueKey(s.o.Now().Add(-time.Minute), row.Alias)} // due at once
		locks = locks.Write(elder...)
	}
	end := meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		held, err := s.holding(ctx, tx, id)
		if err != nil {
			return err
		}
		if held.forGood || !held.until.IsZero() || len(held.expired) != len(expired) {
			return meta.ErrStale
		}
		for _, k := range doomed {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
		if elder == nil {
			return nil
		}
		return errors.Join(tx.Delete(elder[0]), due.PutKey(tx, elder[1], struct{}{}))
	}}
	return meta.Join(s.sameRow(id, row), end, s.throwAway(list...)), nil
}

// emptyTrash removes the bytes of trashed extents. That they are in the trash is durable, since a View has told it; that nobody
// can open them any more is known when every reader has begun after that View.
func (s *Store) emptyTrash(ctx context.Context, done *Collected) error {
	done.Waiting = 0
	rest := trash.All()
	for {
		var version uint64
		var list []extent.Location
		err := s.meta.View(ctx, func(r meta.Reader) error {
			version = r.Version()
			for e, err := range trash.Scan(ctx, r, rest.Limited(batch)) {
				if err != nil {
					return err
				}
				list = append(list, extent.Location(e.Parts[0]))
			}
			return nil
		})
		if err != nil || len(list) == 0 {
			return err
		}
		rest = trash.After(rest, string(list[len(list)-1]))
		n, err := s.removeUnheld(ctx, list, version)
		done.Extents += n
		done.Waiting += len(list) - n
		if err != nil {
			return err
		}
	}
}

func (s *Store) removeUnheld(ctx context.Context, list []extent.Location, version uint64) (int, error) {
	var keys []meta.Key
	now := s.o.Now()
	n := 0
	for _, l := range list {
		if s.readers.hold(l, version, now) {
			continue
		}
		if err := s.extents.Delete(ctx, l); err != nil {
			return 0, err
		}
		s.checked.remove(l)
		keys = append(keys, trash.Key(string(l)), extents.Key(string(l)), damage.Key(string(l)))
		n++
	}
	return n, s.deleteKeys(ctx, keys)
}

func (s *Store) deleteKeys(ctx context.Context, keys []meta.Key) error {
	if len(keys) == 0 {
		return nil
	}
	return s.meta.Update(ctx, meta.LockSet{}.Write(keys...), func(tx meta.Tx) error {
		for _, k := range keys {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// expireSessions ends upload sessions that nothing has been added to for their life. Multipart uploads have none: lifecycle rules end them.
func (s *Store) expireSessions(ctx context.Context, done *Collected) error {
	var old []ID
	limit := s.o.Now().Add(-s.o.SessionLife).UnixNano()
	err := s.meta.View(ctx, func(r meta.Reader) error {
		for e, err := range uploads.Scan(ctx, r, uploads.All()) {
			if err != nil {
				return err
			}
			if e.Value.Kind == Session && e.Value.Updated < limit {
				old = append(old, ID(e.Parts[0]))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range old {
		switch err := s.expireOne(ctx, id, limit); {
		case errors.Is(err, fault.SessionNotFound), errors.Is(err, errAwake):
		case err != nil:
			return err
		default:
			done.Sessions++
		}
	}
	return nil
}

var errAwake = errors.New("content: the session is in use")

func (s *Store) expireOne(ctx context.Context, id ID, limit int64) error {
	still := meta.Step{Do: func(ctx context.Context, tx meta.Tx) error {
		row, err := s.uploadRow(ctx, tx, id)
		if err == nil && row.Updated >= limit {
			err = errAwake
		}
		return err
	}}
	return meta.Execute(ctx, s.meta, func(meta.Reader) (meta.Step, error) { return meta.Join(still, s.endUpload(id)), nil })
}
