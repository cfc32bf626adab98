package object

import (
	"context"
	"time"

	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/meta"
)

// place is a key in its bucket as a plan found them.
type place struct {
	bucket, key string
	row         bucketRow
	current     *spot // nil: the key has no version
}

// findPlace reads bucket and current version. Errors: fault.BucketNotFound.
func findPlace(ctx context.Context, r meta.Reader, bucket, key string) (place, error) {
	row, err := findBucket(ctx, r, bucket)
	if err != nil {
		return place{}, err
	}
	current, err := findCurrent(ctx, r, row, bucket, key)
	return place{bucket, key, row, current}, err
}

// visible is the current version unless it is a delete marker: what conditions are about.
func (p place) visible() *Version {
	if p.current == nil || p.current.Marker {
		return nil
	}
	return p.current.Version
}

// done is the current version where the write with this condition made it: the write comes again because its answer was lost.
func (p place) done(c WriteCondition) *Version {
	if c.Once == "" || p.current == nil || p.current.Once != c.Once {
		return nil
	}
	return p.current.Version
}

// answered is the answer to the write that made v, once more.
func (p place) answered(v *Version) Stored {
	return Stored{*v, identify(v.digest(), v.Size), told(v, p.row)}
}

// hold is the step that is stale once the place is not as it was planned: so what was checked in the plan still holds in the
// transaction.
func (p place) hold() meta.Step {
	locks := meta.LockSet{}.Write(objects.Key(p.bucket, p.key))
	if p.row.Versioning != Unversioned {
		locks = locks.Write(markers.Key(p.bucket, p.key))
	}
	current := meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		now, err := findCurrent(ctx, tx, p.row, p.bucket, p.key)
		if err == nil && !now.is(p.current) {
			err = meta.ErrStale
		}
		return err
	}}
	return meta.Join(useBucket(p.bucket, p.row), current)
}

// order is that of the next version of the key.
func (p place) order() uint64 {
	if p.current == nil {
		return 1
	}
	return p.current.Order + 1
}

// begin tells v what follows from its place: id, order, and the protection that the writer asks for or the bucket's rule gives.
// Errors: fault.LockMissing.
func (p place) begin(v *Version, n nonce, ask Protection) error {
	v.Order, v.Null = p.order(), p.row.Versioning != Versioned
	v.Owner = p.row.Owner // BucketOwnerEnforced, whoever writes
	v.ID = n.id(v.Order)
	if ask != (Protection{}) && !p.row.Lockable {
		return lockMissing()
	}
	v.Retention, v.Hold = ask.Retention, ask.Hold
	if v.Retention.Mode == Unlocked && !v.Marker {
		v.Retention = p.row.Rule.from(v.Modified)
	}
	return nil
}

// planWrite is the step that makes v the current version of its key, after place.begin. What was current becomes history, or goes when v
// replaces it. named is the step that names v's bytes.
func (s *Service) planWrite(ctx context.Context, r meta.Reader, p place, v *Version, named meta.Step, by Actor) (meta.Step, error) {
	e := event.Event{
		Kind: event.ObjectCreated, Time: v.Modified, Principal: by.Principal, Request: by.Request,
		Name: p.bucket, Key: p.key, Version: v.ID, Digest: v.digest().String(), Objects: 1, Bytes: v.Size,
	}
	if v.Marker {
		e.Kind, e.Objects = event.ObjectMarked, 0
	}
	steps := []meta.Step{p.hold(), named}
	if v.Inline != "" {
		steps = append(steps, repository.IndexInline(p.bucket, referrer(p.key, v.ID), v.inline()))
	}
	displaced, gone, err := s.planDisplace(ctx, r, p, v, by)
	if err != nil {
		return meta.Step{}, err
	}
	filed, err := s.planDues(ctx, r, p, v)
	if err != nil {
		return meta.Step{}, err
	}
	if gone != nil && !gone.Marker {
		e.Objects, e.Bytes = e.Objects-1, e.Bytes-gone.Size
	}
	key, other := objects.Key(p.bucket, p.key), markers.Key(p.bucket, p.key)
	if v.Marker {
		key, other = other, key
	}
	current := *v
	return meta.Join(append(steps, displaced, filed, meta.Step{Do: func(_ context.Context, tx meta.Tx) error {
		if p.current != nil && p.current.Marker != v.Marker {
			if err := tx.Delete(other); err != nil {
				return err
			}
		}
		if err := objects.PutKey(tx, key, current); err != nil { // rows of markers are alike
			return err
		}
		return event.Record(tx, e)
	}})...), nil
}

// planDisplace is the step that makes room for v: the current version goes to history, unless v is a null version and takes the place of
// it; a null version takes the place of an earlier one, too. It returns the version that goes.
func (s *Service) planDisplace(ctx context.Context, r meta.Reader, p place, v *Version, by Actor) (meta.Step, *Version, error) {
	how := removal{at: time.Unix(0, v.Modified), by: by}
	if p.current != nil && v.Null && p.current.Null {
		removed, err := s.planRemove(ctx, r, p.bucket, p.key, p.current.Version, how)
		return removed, p.current.Version, err
	}
	var steps []meta.Step
	if p.current != nil {
		steps = append(steps, p.retire(v.Modified))
	}
	if !v.Null || p.row.Versioning == Unversioned {
		return meta.Join(steps...), nil, nil
	}
	old, err := findEarlierNull(ctx, r, p.bucket, p.key)
	if err != nil || old == nil {
		return meta.Join(steps...), nil, err
	}
	removed, err := s.planRemoveEarlier(ctx, r, p.bucket, p.key, old, how)
	return meta.Join(append(steps, removed)...), old.Version, err
}

// retire is the step that makes the current version history.
func (p place) retire(at int64) meta.Step {
	v := *p.current.Version
	v.Superseded = max(at, 1)
	row, null := historyKey(p.bucket, p.key, v.Order), nulls.Key(p.bucket, p.key)
	locks := meta.LockSet{}.Write(row)
	if v.Null {
		locks = locks.Write(null)
	}
	return meta.Step{Locks: locks, Do: func(_ context.Context, tx meta.Tx) error {
		if v.Null {
			if err := nulls.PutKey(tx, null, v.Order); err != nil {
				return err
			}
		}
		return history.PutKey(tx, row, v)
	}}
}

// inline is v as the index of its repository has it.
func (v *Version) inline() repository.Inline {
	return repository.Inline{Content: v.digest().String(), Size: v.Size, Location: v.Inline}
}

// planRemove is the step that removes all that belongs to a version but its own row. Errors: fault.ObjectLocked.
func (s *Service) planRemove(ctx context.Context, r meta.Reader, bucket, key string, v *Version, how removal) (meta.Step, error) {
	if err := how.check(v); err != nil || v.Marker {
		return meta.Step{}, err
	}
	var steps []meta.Step
	if v.PartCount > 0 {
		boundaries := parts.Key(bucket, v.ID)
		steps = append(steps, meta.Step{Locks: meta.LockSet{}.Write(boundaries), Do: func(_ context.Context, tx meta.Tx) error {
			return tx.Delete(boundaries)
		}})
	}
	if v.Inline != "" {
		steps = append(steps, s.content.DropInline(v.Inline), repository.UnindexInline(bucket, referrer(key, v.ID), v.inline()))
	} else {
		unlinked, err := s.content.Unlink(ctx, r, v.Content, objectEdge(bucket, key, v.ID))
		if err != nil {
			return meta.Step{}, err
		}
		steps = append(steps, unlinked)
	}
	return meta.Join(steps...), nil
}

// planRemoveEarlier is the step that removes a version that is in history, with its row.
func (s *Service) planRemoveEarlier(ctx context.Context, r meta.Reader, bucket, key string, old *spot, how removal) (meta.Step, error) {
	removed, err := s.planRemove(ctx, r, bucket, key, old.Version, how)
	if err != nil {
		return meta.Step{}, err
	}
	return meta.Join(removed, leave(bucket, key, old)), nil
}

// leave is the step that takes a version out of history; it is stale once the version's row has changed.
func leave(bucket, key string, old *spot) meta.Step {
	null := nulls.Key(bucket, key)
	locks := meta.LockSet{}.Write(old.row)
	if old.Null {
		locks = locks.Write(null)
	}
	return meta.Join(old.still(locks), meta.Step{Do: func(_ context.Context, tx meta.Tx) error {
		if old.Null {
			if err := tx.Delete(null); err != nil {
				return err
			}
		}
		return tx.Delete(old.row)
	}})
}
