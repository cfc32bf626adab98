package metatest

import (
	"context"

	"github.com/zot-artifact-store/zas/meta"
)

// BetweenStore is a store in which something else happens once, between a plan and its transaction.
type BetweenStore struct {
	meta.Store
	Happens func() // before the next Update; then it is nil
}

// Update implements meta.Store.
func (b *BetweenStore) Update(ctx context.Context, locks meta.LockSet, fn func(meta.Tx) error) error {
	if f := b.Happens; f != nil {
		b.Happens = nil
		f()
	}
	return b.Store.Update(ctx, locks, fn)
}
