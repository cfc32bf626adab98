package content

import (
	"context"
	"errors"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// clearEnded removes the parts of uploads that are over: pieces that the content has stay, all others go to the trash.
func (s *Store) clearEnded(ctx context.Context, _ *Collected) error {
	var ids []ID
	err := s.meta.View(ctx, func(r meta.Reader) error {
		for e, err := range leftovers.Scan(ctx, r, leftovers.All().Limited(batch)) {
			if err != nil {
				return err
			}
			ids = append(ids, ID(e.Parts[0]))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		for more := true; more; {
			if more, err = s.clearSome(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// clearSome removes a batch of an ended upload's rows, and at the end its entry in the queue.
func (s *Store) clearSome(ctx context.Context, id ID) (more bool, err error) {
	err = meta.Execute(ctx, s.meta, func(r meta.Reader) (meta.Step, error) {
		more = false
		row, found, err := contents.Find(ctx, r, string(id))
		if err != nil {
			return meta.Step{}, err
		}
		kept, err := row.Pieces.unpack()
		if err != nil {
			return meta.Step{}, err
		}
		keys, free, err := s.endedRows(ctx, r, id, kept)
		if err != nil {
			return meta.Step{}, err
		}
		if more = len(keys) > 0; !more {
			keys = []meta.Key{leftovers.Key(string(id))}
		}
		same := s.sameRow(id, row)
		if !found {
			same = s.noContent(id)
		}
		return meta.Join(same, s.throwAway(free...), meta.Step{Locks: meta.LockSet{}.Write(keys...), Do: func(_ context.Context, tx meta.Tx) error {
			for _, k := range keys {
				if err := tx.Delete(k); err != nil {
					return err
				}
			}
			return nil
		}}), nil
	})
	return more, err
}

// noContent is stale once there is content of this id.
func (s *Store) noContent(id ID) meta.Step {
	key := contents.Key(string(id))
	return meta.Step{Locks: meta.LockSet{}.Read(key), Do: func(ctx context.Context, tx meta.Tx) error {
		_, err := tx.Get(ctx, key)
		switch {
		case errors.Is(err, meta.ErrNotFound):
			return nil
		case err == nil:
			return meta.ErrStale
		}
		return err
	}}
}

// endedRows lists some part and checkpoint rows of an ended upload, and the pieces among them that are not kept.
func (s *Store) endedRows(ctx context.Context, r meta.Reader, id ID, kept []piece) (keys []meta.Key, free []piece, err error) {
	keep := make(map[extent.Location]bool, len(kept))
	for _, p := range kept {
		keep[p.location] = true
	}
	for e, err := range parts.Scan(ctx, r, parts.Prefix(string(id)).Limited(batch)) {
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, parts.Key(e.Parts...))
		if p := e.Value.piece(); !keep[p.location] {
			free = append(free, p)
		}
	}
	for e, err := range hashes.Scan(ctx, r, hashes.Prefix(string(id)).Limited(batch)) {
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, hashes.Key(e.Parts...))
	}
	return keys, free, nil
}

// sweep removes extents that no row names. Only epochs that are dead and fenced are looked at: nobody can name their extents any more.
func (s *Store) sweep(ctx context.Context, done *Collected) error {
	dead, err := s.deadEpochs(ctx)
	if err != nil {
		return err
	}
	for info, err := range s.extents.List(ctx) {
		if err != nil {
			return err
		}
		if !dead[info.Location.Epoch()] {
			continue
		}
		named, err := s.named(ctx, info.Location)
		if err != nil {
			return err
		}
		if named {
			continue
		}
		if err := s.extents.Delete(ctx, info.Location); err != nil {
			return err
		}
		done.Extents++
		done.Orphans++
	}
	return nil
}

func (s *Store) deadEpochs(ctx context.Context) (map[extent.Epoch]bool, error) {
	dead := make(map[extent.Epoch]bool)
	err := s.meta.View(ctx, func(r meta.Reader) error {
		for e, err := range epochs.Scan(ctx, r, epochs.All()) {
			if err != nil {
				return err
			}
			dead[extent.Epoch(e.Parts[0])] = e.Value.Fenced
		}
		return nil
	})
	return dead, err
}

// named says whether a row names the location: it has an owner, or it is in the trash.
func (s *Store) named(ctx context.Context, l extent.Location) (named bool, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		_, owned, err := extents.Find(ctx, r, string(l))
		if err != nil {
			return err
		}
		_, trashed, err := trash.Find(ctx, r, string(l))
		named = owned || trashed
		return err
	})
	return named, err
}

// Settle runs the collector until it finds nothing more to do. It is for offline checks with a moved clock.
func (s *Store) Settle(ctx context.Context) (Collected, error) {
	var total Collected
	if err := s.hashPending(ctx); err != nil {
		return total, err
	}
	for {
		done, err := s.Collect(ctx, true)
		total.add(done)
		if err != nil || !done.any() {
			return total, err
		}
	}
}

// hashPending computes all late digests now. Damaged content stays pending: the check reports it.
func (s *Store) hashPending(ctx context.Context) error {
	s.hashing.resume(ctx)
	for {
		id, ok := s.hashing.next()
		if !ok {
			return nil
		}
		if err := s.advance(ctx, id); err != nil && !errors.Is(err, fault.Damaged) {
			return err
		}
	}
}
