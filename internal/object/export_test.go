package object

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zot-artifact-store/zas/meta"
)

// PlanRemoval plans the removal of v.
func PlanRemoval(s *Service, v *Version, at time.Time, bypass bool) error {
	_, err := s.planRemove(context.Background(), nil, "bucket", "key", v, removal{at: at, bypass: bypass})
	return err
}

// Misshapen tells which rows of versions do not agree with each other; nil when all do.
func Misshapen(ctx context.Context, store meta.Store) error {
	return store.View(ctx, func(r meta.Reader) error {
		shape := shape{current: map[[2]string]*Version{}, nulls: map[[2]string]uint64{}, parts: map[[2]string]bool{}}
		return errors.Join(shape.currents(ctx, r), shape.earlier(ctx, r), shape.rest(ctx, r))
	})
}

// shape is what has been read of keys.
type shape struct {
	current map[[2]string]*Version
	nulls   map[[2]string]uint64 // that history has
	parts   map[[2]string]bool   // versions that need a row of parts, by bucket and id
}

func (s *shape) currents(ctx context.Context, r meta.Reader) (wrong error) {
	for _, marker := range []bool{false, true} {
		table := objects
		if marker {
			table = markers
		}
		for e, err := range table.Scan(ctx, r, table.All()) {
			if err != nil {
				return err
			}
			at, v := [2]string{e.Parts[0], e.Parts[1]}, &e.Value
			switch {
			case s.current[at] != nil:
				wrong = errors.Join(wrong, fmt.Errorf("%v has an object and a delete marker", at))
			case v.Marker != marker || v.Superseded != 0:
				wrong = errors.Join(wrong, fmt.Errorf("%v is current: %+v", at, *v))
			}
			s.current[at] = v
			s.needs(at[0], v)
		}
	}
	return wrong
}

func (s *shape) needs(bucket string, v *Version) {
	if v.PartCount > 0 {
		s.parts[[2]string{bucket, v.ID}] = true
	}
}

func (s *shape) earlier(ctx context.Context, r meta.Reader) (wrong error) {
	for e, err := range history.Scan(ctx, r, history.All()) {
		if err != nil {
			return err
		}
		at, v := [2]string{e.Parts[0], e.Parts[1]}, &e.Value
		order, err := orderOf(v.ID)
		current := s.current[at]
		if current == nil || current.Order <= v.Order || v.Superseded == 0 || err != nil || order != v.Order || ^meta.ParseU64(e.Parts[2]) != order {
			wrong = errors.Join(wrong, fmt.Errorf("%v has the earlier version %+v", at, *v))
		}
		if v.Null {
			if s.nulls[at] != 0 || current != nil && current.Null {
				wrong = errors.Join(wrong, fmt.Errorf("%v has two null versions", at))
			}
			s.nulls[at] = order
		}
		s.needs(at[0], v)
	}
	return wrong
}

func (s *shape) rest(ctx context.Context, r meta.Reader) (wrong error) {
	for e, err := range nulls.Scan(ctx, r, nulls.All()) {
		if err != nil {
			return err
		}
		at := [2]string{e.Parts[0], e.Parts[1]}
		if s.nulls[at] != e.Value {
			wrong = errors.Join(wrong, fmt.Errorf("the null version of %v is said to be %d, and is %d", at, e.Value, s.nulls[at]))
		}
		delete(s.nulls, at)
	}
	for e, err := range parts.Scan(ctx, r, parts.All()) {
		if err != nil {
			return err
		}
		at := [2]string{e.Parts[0], e.Parts[1]}
		if !s.parts[at] {
			wrong = errors.Join(wrong, fmt.Errorf("parts of %v, which is not there", at))
		}
		delete(s.parts, at)
	}
	if len(s.nulls)+len(s.parts) > 0 {
		wrong = errors.Join(wrong, fmt.Errorf("no rows for null versions %v, for parts %v", s.nulls, s.parts))
	}
	return wrong
}
