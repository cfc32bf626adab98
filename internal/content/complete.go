package content

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"iter"
	"time"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/meta"
)

// Completion is what a multipart upload becomes.
type Completion struct {
	ID     ID            // to link
	Digest digest.Digest // empty: not yet known, the artifact is pending
	Size   int64         // bytes
	Parts  []Part        // in order
}

// chain names a list of parts by a running hash, so that a digest of the first parts can be told to be of these parts.
type chain [sha256.Size]byte

func (c chain) then(number int, p partRow) chain {
	b := make([]byte, 0, len(c)+8+len(p.Location))
	b = binary.BigEndian.AppendUint64(append(b, c[:]...), uint64(number))
	return sha256.Sum256(append(b, p.Location...))
}

// PlanComplete is the step that makes content of these parts of an upload, in ascending order, and ends the upload: it moves
// metadata only. When the digest of the whole is known and stored already, that content is used. Link the id in the same transaction.
// It is stale when a part has changed since. Errors: fault.SessionNotFound, fault.PartInvalid.
func (s *Store) PlanComplete(ctx context.Context, r meta.Reader, id ID, numbers []int) (Completion, meta.Step, error) {
	if _, err := s.uploadRow(ctx, r, id); err != nil {
		return Completion{}, meta.Step{}, err
	}
	list, err := s.listParts(ctx, r, id, numbers)
	if err != nil {
		return Completion{}, meta.Step{}, err
	}
	done := Completion{ID: id, Parts: list}
	all := make([]piece, len(list))
	var links chain
	for i, p := range list {
		all[i] = p.row.piece()
		done.Size += p.Size
		links = links.then(p.Number, p.row)
	}
	unchanged := s.unchangedParts(id, numbers, links)
	row := contentRow{Size: done.Size, Pieces: pack(all...), Created: s.o.Now().UnixNano()}
	known, err := s.matching(ctx, r, id, list)
	if err != nil {
		return Completion{}, meta.Step{}, err
	}
	if known.covered < len(list) {
		return done, meta.Join(unchanged, s.alive(), s.create(id, row, nil), s.queueDigest(id, known), s.endUpload(id)), nil
	}
	sum, err := resumeSHA256(known.state)
	if err != nil {
		return Completion{}, meta.Step{}, err
	}
	row.SHA256 = sum.Sum(nil)
	done.Digest = row.digest()
	elder, found, err := digests.Find(ctx, r, done.Digest.String())
	if err != nil {
		return Completion{}, meta.Step{}, err
	}
	if found {
		done.ID = elder
		adopt, err := s.adopt(ctx, r, elder, done.Digest, nil)
		return done, meta.Join(unchanged, adopt, s.endUpload(id)), err
	}
	return done, meta.Join(unchanged, s.alive(), s.create(id, row, nil), s.endUpload(id)), nil
}

// unchangedParts is stale unless the parts with these numbers are still those of links.
func (s *Store) unchangedParts(id ID, numbers []int, links chain) meta.Step {
	locks := meta.LockSet{}.Read(uploads.Key(string(id))).Guard(parts.Guard(string(id)))
	return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		if _, err := s.uploadRow(ctx, tx, id); err != nil {
			return err
		}
		list, err := s.listParts(ctx, tx, id, numbers)
		if err != nil {
			return err
		}
		var now chain
		for _, p := range list {
			now = now.then(p.Number, p.row)
		}
		if now != links {
			return meta.ErrStale
		}
		return nil
	}}
}

// queueDigest is the step that has the digest of content computed after this transaction, from what is known of it.
func (s *Store) queueDigest(id ID, known checkpoint) meta.Step {
	key := pending.Key(string(id))
	return meta.Step{Locks: meta.LockSet{}.Write(key), Do: func(_ context.Context, tx meta.Tx) error {
		return pending.PutKey(tx, key, known.row())
	}}
}

// Completed has the digest of content computed that was completed without one. It is called once the transaction of PlanComplete is committed;
// if it is not, the digest comes after the next start.
func (s *Store) Completed(c Completion) {
	if c.Digest == "" {
		s.hashing.wake(c.ID)
	}
}

// settleDigest gives content the digest of its bytes. When another content has it already, the younger becomes an alias of it: its edges are
// copied to the elder, its own bytes are thrown away.
func (s *Store) settleDigest(ctx context.Context, id ID, sum []byte) error {
	d := digest.FromSum(digest.SHA256, sum)
	return meta.Execute(ctx, s.meta, func(r meta.Reader) (meta.Step, error) {
		row, found, err := contents.Find(ctx, r, string(id))
		if err != nil {
			return meta.Step{}, err
		}
		if !found || len(row.SHA256) > 0 || row.Alias != "" {
			return s.forgetDigest(id), nil
		}
		elder, found, err := digests.Find(ctx, r, d.String())
		switch {
		case err != nil:
			return meta.Step{}, err
		case found:
			return s.planAlias(ctx, r, id, row, elder)
		}
		named := row
		named.SHA256 = sum
		return meta.Join(s.sameRow(id, row), s.create(id, named, nil), s.forgetDigest(id)), nil
	})
}

func (s *Store) forgetDigest(id ID) meta.Step {
	key := pending.Key(string(id))
	return meta.Step{Locks: meta.LockSet{}.Write(key), Do: func(_ context.Context, tx meta.Tx) error { return tx.Delete(key) }}
}

// sameRow is stale once the content is gone or has changed its standing.
func (s *Store) sameRow(id ID, was contentRow) meta.Step {
	key := contents.Key(string(id))
	return meta.Step{Locks: meta.LockSet{}.Read(key), Do: func(ctx context.Context, tx meta.Tx) error {
		now, err := contents.GetKey(ctx, tx, key)
		if err != nil {
			return staleIfAbsent(err)
		}
		if now.Alias != was.Alias || string(now.SHA256) != string(was.SHA256) || string(now.SHA512) != string(was.SHA512) {
			return meta.ErrStale
		}
		return nil
	}}
}

// planAlias is the step that makes id an alias of elder.
func (s *Store) planAlias(ctx context.Context, r meta.Reader, id ID, row contentRow, elder ID) (meta.Step, error) {
	list, err := row.Pieces.unpack()
	if err != nil {
		return meta.Step{}, err
	}
	own, old := contents.Key(string(id)), contents.Key(string(elder))
	held := edges.Prefix(string(id))
	alias := Edge{"", EdgeAlias, string(id)}.key(elder)
	locks := meta.LockSet{}.Write(own, alias).Read(old).Guard(edges.Guard(string(id)))
	copies := map[string]bool{}
	var ends []meta.Key // when the elder's copies of leases are over
	for e, err := range edges.Scan(ctx, r, held) {
		if err != nil {
			return meta.Step{}, err
		}
		k := edges.Key(append([]string{string(elder)}, e.Parts[1:]...)...)
		copies[string(k.Raw())] = true
		locks = locks.Write(k)
		if e.Value.Until != 0 {
			ends = append(ends, dueKey(time.Unix(e.Value.Until, 0), elder))
		}
	}
	locks = locks.Write(ends...)
	move := meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		if _, err := contents.GetKey(ctx, tx, old); err != nil {
			return staleIfAbsent(err)
		}
		if err := copyEdges(ctx, tx, edges.Scan(ctx, tx, held), elder, copies); err != nil {
			return err
		}
		for _, k := range ends {
			if err := due.PutKey(tx, k, struct{}{}); err != nil {
				return err
			}
		}
		next := row
		next.Alias, next.Pieces = elder, nil
		return errors.Join(contents.PutKey(tx, own, next), edges.PutKey(tx, alias, edgeRow{}))
	}}
	return meta.Join(s.sameRow(id, row), move, s.throwAway(list...), s.forgetDigest(id)), nil
}

// copyEdges writes the edges of list on elder too, as long as they are those that were planned.
func copyEdges(ctx context.Context, tx meta.Tx, list iter.Seq2[meta.Entry[edgeRow], error], elder ID, planned map[string]bool) error {
	n := 0
	for e, err := range list {
		if err != nil {
			return err
		}
		k := edges.Key(append([]string{string(elder)}, e.Parts[1:]...)...)
		if !planned[string(k.Raw())] {
			return meta.ErrStale
		}
		row := e.Value
		if old, err := edges.GetKey(ctx, tx, k); err == nil && (old.Until == 0 || old.Until > row.Until) && row.Until != 0 {
			row = old
		} else if err != nil && !errors.Is(err, meta.ErrNotFound) {
			return err
		}
		if err := edges.PutKey(tx, k, row); err != nil {
			return err
		}
		n++
	}
	if n != len(planned) {
		return meta.ErrStale
	}
	return nil
}
