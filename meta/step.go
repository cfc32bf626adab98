package meta

import "context"

// Step is a planned piece of a transaction: what it locks, and what it does under these locks. Do verifies in tx
// whatever was planned from and returns ErrStale when that has changed. Do may run more than once.
type Step struct {
	Locks LockSet
	Do    func(ctx context.Context, tx Tx) error
}

// Join is one Step that does the given ones in order, under all their locks. Steps without Do are skipped.
func Join(steps ...Step) Step {
	var joined Step
	total := 0
	for _, s := range steps {
		total += len(s.Locks.locks)
	}
	joined.Locks = joined.Locks.grow(total) // at once: a manifest may name thousands of things
	for _, s := range steps {
		joined.Locks.locks = append(joined.Locks.locks, s.Locks.locks...)
	}
	joined.Do = func(ctx context.Context, tx Tx) error {
		for _, s := range steps {
			if s.Do == nil {
				continue
			}
			if err := s.Do(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	}
	return joined
}

// Execute plans a Step in a View and commits it in an Update, again while it is stale (see Plan).
func Execute(ctx context.Context, s Store, plan func(Reader) (Step, error)) error {
	return Plan(ctx, s, func(r Reader) (LockSet, func(Tx) error, error) {
		step, err := plan(r)
		if err != nil {
			return LockSet{}, nil, err
		}
		return step.Locks, func(tx Tx) error { return step.Do(ctx, tx) }, nil
	})
}
