package object

import (
	"context"
	"errors"
	"time"

	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/meta"
)

// place is a key in its bucket as a plan found them.
type place struct {
	bucket, key string
	row         bucketRow
	current     *Version // nil: the key has no version
}

// findPlace reads bucket and current version. Errors: fault.BucketNotFound.
func findPlace(ctx context.Context, r meta.Reader, bucket, key string) (place, error) {
	row, err := findBucket(ctx, r, bucket)
	if err != nil {
		return place{}, err
	}
	current, err := findCurrent(ctx, r, objects.Key(bucket, key))
	return place{bucket, key, row, current}, err
}

// findCurrent is nil when the key has no version.
func findCurrent(ctx context.Context, r meta.Reader, key meta.Key) (*Version, error) {
	v, err := objects.GetKey(ctx, r, key)
	switch {
	case errors.Is(err, meta.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &v, nil
}

// same says whether both are the same version, or no version.
func same(a, b *Version) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID == b.ID
}

// hold is the step that is stale once the place is not as it was planned: so what was checked in the plan still holds in the
// transaction.
func (p place) hold() meta.Step {
	key := objects.Key(p.bucket, p.key)
	current := meta.Step{Locks: meta.LockSet{}.Write(key), Do: func(ctx context.Context, tx meta.Tx) error {
		now, err := findCurrent(ctx, tx, key)
		if err == nil && !same(now, p.current) {
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

// planWrite is the step that makes v the current version of its key instead of the one that p found. named is the step that names v's
// bytes.
func (s *Service) planWrite(ctx context.Context, r meta.Reader, p place, v Version, named meta.Step, by Actor) (meta.Step, error) {
	v.Null, v.Order = true, p.order()
	digest := v.digest().String()
	e := event.Event{
		Kind: event.ObjectCreated, Time: v.Modified, Principal: by.Principal, Request: by.Request,
		Name: p.bucket, Key: p.key, Version: v.ID, Digest: digest, Objects: 1, Bytes: v.Size,
	}
	steps := []meta.Step{p.hold(), named}
	if v.Inline != "" {
		in := repository.Inline{Content: digest, Size: v.Size, Location: v.Inline}
		steps = append(steps, repository.IndexInline(p.bucket, referrer(p.key, v.ID), in))
	}
	if p.current != nil {
		removed, err := s.planRemove(ctx, r, p.bucket, p.key, p.current)
		if err != nil {
			return meta.Step{}, err
		}
		steps = append(steps, removed)
		e.Objects, e.Bytes = 0, v.Size-p.current.Size
	}
	key := objects.Key(p.bucket, p.key)
	return meta.Join(append(steps, meta.Step{Do: func(_ context.Context, tx meta.Tx) error {
		if err := objects.PutKey(tx, key, v); err != nil {
			return err
		}
		return event.Record(tx, e)
	}})...), nil
}

// inline is v as the index of its repository has it.
func (v *Version) inline() repository.Inline {
	return repository.Inline{Content: v.digest().String(), Size: v.Size, Location: v.Inline}
}

// planRemove is the step that removes all that belongs to a version but its own row.
func (s *Service) planRemove(ctx context.Context, r meta.Reader, bucket, key string, v *Version) (meta.Step, error) {
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

// planDelete is the step that removes the current version of p's key.
func (s *Service) planDelete(ctx context.Context, r meta.Reader, p place, at time.Time, by Actor) (meta.Step, error) {
	v := p.current
	removed, err := s.planRemove(ctx, r, p.bucket, p.key, v)
	if err != nil {
		return meta.Step{}, err
	}
	e := event.Event{
		Kind: event.ObjectDeleted, Time: event.At(at), Principal: by.Principal, Request: by.Request,
		Name: p.bucket, Key: p.key, Version: v.ID, Digest: v.digest().String(), Objects: -1, Bytes: -v.Size,
	}
	key := objects.Key(p.bucket, p.key)
	return meta.Join(p.hold(), removed, meta.Step{Do: func(_ context.Context, tx meta.Tx) error {
		if err := tx.Delete(key); err != nil {
			return err
		}
		return event.Record(tx, e)
	}}), nil
}
