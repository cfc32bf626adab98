package content

import (
	"context"
	"errors"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/meta"
)

// errFenced says that this process has been declared dead: it must not name what it wrote.
var errFenced = errors.New("content: the epoch of this process is fenced")

// claimEpoch makes the epoch durable before the first write in it, and fences every other.
func (s *Store) claimEpoch(ctx context.Context) error {
	return meta.Execute(ctx, s.meta, func(r meta.Reader) (meta.Step, error) {
		var others []extent.Epoch
		locks := meta.LockSet{}.Write(epochs.Key(string(s.epoch)))
		for e, err := range epochs.Scan(ctx, r, epochs.All()) {
			if err != nil {
				return meta.Step{}, err
			}
			if !e.Value.Fenced {
				others = append(others, extent.Epoch(e.Parts[0]))
				locks = locks.Write(epochs.Key(e.Parts[0]))
			}
		}
		return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
			for _, e := range others {
				row, err := epochs.Get(ctx, tx, string(e))
				if err != nil {
					return err
				}
				row.Fenced = true
				if err := epochs.Put(tx, row, string(e)); err != nil {
					return err
				}
			}
			return epochs.Put(tx, epochRow{Claimed: s.o.Now().UnixNano()}, string(s.epoch))
		}}, nil
	})
}

// alive is the step that keeps a fenced process from naming a location: it reads the epoch's row, which fencing writes.
func (s *Store) alive() meta.Step {
	key := epochs.Key(string(s.epoch))
	return meta.Step{Locks: meta.LockSet{}.Read(key), Do: func(ctx context.Context, tx meta.Tx) error {
		row, err := epochs.GetKey(ctx, tx, key)
		if errors.Is(err, meta.ErrNotFound) || err == nil && row.Fenced {
			return errFenced
		}
		return err
	}}
}
