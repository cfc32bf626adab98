package metatest

import (
	"context"
	"errors"

	"github.com/zot-artifact-store/zas/meta"
)

// Conflicting wraps store so that the function of each Update runs twice, as it does on an engine that loses a race:
// what it did the first time is thrown away, and others may come in between. A function that
// changes anything but its transaction shows it.
func Conflicting(store meta.Store) meta.Store { return conflicting{store} }

type conflicting struct{ meta.Store }

var errThrownAway = errors.New("metatest: thrown away to run again")

func (c conflicting) Update(ctx context.Context, locks meta.LockSet, fn func(meta.Tx) error) error {
	err := c.Store.Update(ctx, locks, func(tx meta.Tx) error {
		_ = fn(tx) // its error counts the second time, when it is there still
		return errThrownAway
	})
	if !errors.Is(err, errThrownAway) {
		return err
	}
	return c.Store.Update(ctx, locks, fn)
}
