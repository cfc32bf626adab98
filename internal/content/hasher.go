package content

import (
	"context"
	"encoding"
	"errors"
	"hash"
	"sync"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// hashers compute the SHA-256 of the whole behind the parts as they become contiguous, and the digests that were not done
// when their upload was completed. One worker serves all uploads: it uses a core at most, behind the uploads' own work.
type hashers struct {
	store *Store
	mu    sync.Mutex
	queue []ID
	known map[ID]bool
	ready chan struct{}
	busy  map[ID]chan struct{} // uploads being hashed; closed when their turn ends
}

func newHashers(s *Store) *hashers {
	return &hashers{store: s, known: make(map[ID]bool), ready: make(chan struct{}, 1), busy: make(map[ID]chan struct{})}
}

// wake has the worker look at an upload or content.
func (h *hashers) wake(id ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known[id] {
		return
	}
	h.known[id] = true
	h.queue = append(h.queue, id)
	select {
	case h.ready <- struct{}{}:
	default:
	}
}

func (h *hashers) next() (ID, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 {
		return "", false
	}
	id := h.queue[0]
	h.queue = h.queue[1:]
	delete(h.known, id)
	return id, true
}

// run works until ctx ends. It begins with what an earlier process left.
func (h *hashers) run(ctx context.Context) {
	h.resume(ctx)
	for {
		id, ok := h.next()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-h.ready:
			}
			continue
		}
		if err := h.store.advance(ctx, id); err != nil && ctx.Err() == nil {
			h.store.o.Logger.WarnContext(ctx, "a digest is late", "content", id, "error", err)
		}
	}
}

func (h *hashers) resume(ctx context.Context) {
	err := h.store.meta.View(ctx, func(r meta.Reader) error {
		for e, err := range pending.Scan(ctx, r, pending.All()) {
			if err != nil {
				return err
			}
			h.wake(ID(e.Parts[0]))
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		h.store.o.Logger.WarnContext(ctx, "late digests are not listed", "error", err)
	}
}

// enter waits until nobody else hashes id.
func (h *hashers) enter(ctx context.Context, id ID) (leave func(), err error) {
	for {
		h.mu.Lock()
		other, taken := h.busy[id]
		if !taken {
			mine := make(chan struct{})
			h.busy[id] = mine
			h.mu.Unlock()
			return func() {
				h.mu.Lock()
				defer h.mu.Unlock()
				delete(h.busy, id)
				close(mine)
			}, nil
		}
		h.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// advance hashes what is contiguous of an upload, or all of completed content.
func (s *Store) advance(ctx context.Context, id ID) error {
	leave, err := s.hashing.enter(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	for {
		from, list := checkpoint{}, []Part(nil)
		err := s.meta.View(ctx, func(r meta.Reader) (err error) {
			if _, err := s.uploadRow(ctx, r, id); err != nil {
				return err
			}
			if from, err = s.lastCheckpoint(ctx, r, id); err != nil {
				return err
			}
			list, err = s.listParts(ctx, r, id, []int{from.number + 1})
			return err
		})
		switch {
		case errors.Is(err, fault.PartInvalid):
			return nil
		case errors.Is(err, fault.SessionNotFound):
			return s.finishContent(ctx, id)
		case err != nil:
			return err
		}
		switch err := s.hashParts(ctx, id, from, list); {
		case errors.Is(err, fault.BlobNotFound), errors.Is(err, fault.SessionNotFound):
			return nil // the part has been replaced or the upload has ended since, and whoever did it wakes the worker
		case err != nil:
			return err
		}
	}
}

// checkpoint is a state of the rolling digest in memory.
type checkpoint struct {
	covered int // parts
	number  int // of the last part covered
	offset  int64
	links   chain
	state   []byte
}

func (c hashRow) checkpoint(covered int) checkpoint {
	return checkpoint{covered: covered, number: c.Number, offset: c.Offset, links: chain(c.Covers), state: c.State}
}

func (c checkpoint) row() hashRow {
	return hashRow{Covers: c.links[:], Number: c.number, Offset: c.offset, State: c.state}
}

func (s *Store) lastCheckpoint(ctx context.Context, r meta.Reader, id ID) (checkpoint, error) {
	for e, err := range hashes.Scan(ctx, r, hashes.Prefix(string(id)).Reversed().Limited(1)) {
		if err != nil {
			return checkpoint{}, err
		}
		return e.Value.checkpoint(int(meta.ParseU64(e.Parts[1]))), nil
	}
	return checkpoint{}, nil
}

// matching is the furthest checkpoint that covers a prefix of list: what was hashed of other parts is rolled back.
func (s *Store) matching(ctx context.Context, r meta.Reader, id ID, list []Part) (checkpoint, error) {
	best := checkpoint{}
	var links chain
	rows := map[int]hashRow{}
	for e, err := range hashes.Scan(ctx, r, hashes.Prefix(string(id))) {
		if err != nil {
			return best, err
		}
		rows[int(meta.ParseU64(e.Parts[1]))] = e.Value
	}
	for i, p := range list {
		links = links.then(p.Number, p.row)
		if row, ok := rows[i+1]; ok && chain(row.Covers) == links {
			best = row.checkpoint(i + 1)
		}
	}
	return best, nil
}

// hashParts goes on from a checkpoint over list and keeps a checkpoint after each part.
func (s *Store) hashParts(ctx context.Context, id ID, from checkpoint, list []Part) error {
	h, err := resumeSHA256(from.state)
	if err != nil {
		return err
	}
	for _, p := range list {
		if err := s.hashPiece(ctx, h, id, p.row.piece()); err != nil {
			return err
		}
		from.covered++
		from.number, from.offset, from.links = p.Number, from.offset+p.Size, from.links.then(p.Number, p.row)
		if from.state, err = h.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
			return err
		}
		if err := s.keepCheckpoint(ctx, id, from); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) keepCheckpoint(ctx context.Context, id ID, c checkpoint) error {
	own, key := uploads.Key(string(id)), hashes.Key(string(id), meta.U64(uint64(c.covered)))
	return s.meta.Update(ctx, meta.LockSet{}.Read(own).Write(key), func(tx meta.Tx) error {
		if _, err := s.uploadRow(ctx, tx, id); err != nil {
			return err
		}
		return hashes.PutKey(tx, key, c.row())
	})
}

// hashPiece feeds the checked bytes of one piece to h. A piece replaced meanwhile shows as not found.
func (s *Store) hashPiece(ctx context.Context, h hash.Hash, owner ID, p piece) error {
	rd, err := s.Open(ctx, func(r meta.Reader) (Source, error) {
		if !p.inline {
			row, found, err := extents.Find(ctx, r, string(p.location))
			if err != nil {
				return Source{}, err
			}
			if !found || row.Owner != owner {
				return Source{}, fault.BlobNotFound.With("", nil)
			}
		}
		return s.piecesSource(ctx, r, owner, []piece{p})
	})
	if err != nil {
		return err
	}
	defer rd.Close()
	return rd.WriteRange(ctx, h, 0, p.size, false)
}

// FinishHash brings the rolling digest of these parts to their end if what is left is small, so that the digest is known when the
// upload completes. It is called outside of transactions, before PlanComplete, and may find nothing to do.
func (s *Store) FinishHash(ctx context.Context, id ID, numbers []int) error {
	leave, err := s.hashing.enter(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	var from checkpoint
	var list []Part
	err = s.meta.View(ctx, func(r meta.Reader) (err error) {
		if list, err = s.listParts(ctx, r, id, numbers); err != nil {
			return err
		}
		from, err = s.matching(ctx, r, id, list)
		return err
	})
	if err != nil {
		return err
	}
	var left int64
	for _, p := range list[from.covered:] {
		left += p.Size
	}
	if left == 0 || left > s.o.HashNow {
		return nil
	}
	return s.hashParts(ctx, id, from, list[from.covered:])
}

// finishContent computes the digest of content whose upload is over, from the checkpoint that its completion kept.
func (s *Store) finishContent(ctx context.Context, id ID) error {
	var from hashRow
	waiting := false
	rd, err := s.Open(ctx, func(r meta.Reader) (Source, error) {
		var err error
		if from, waiting, err = pending.Find(ctx, r, string(id)); err != nil || !waiting {
			return Source{}, err
		}
		return s.Source(ctx, r, id)
	})
	switch {
	case errors.Is(err, fault.BlobNotFound):
		return meta.Execute(ctx, s.meta, func(meta.Reader) (meta.Step, error) { return s.forgetDigest(id), nil })
	case err != nil:
		return err
	}
	defer rd.Close()
	if !waiting {
		return nil
	}
	h, err := resumeSHA256(from.State)
	if err != nil {
		return err
	}
	if err := rd.WriteRange(ctx, h, from.Offset, rd.Size()-from.Offset, false); err != nil {
		return err
	}
	return s.settleDigest(ctx, id, h.Sum(nil))
}
