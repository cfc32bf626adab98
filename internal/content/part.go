package content

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// Part is one numbered part of a multipart upload.
type Part struct {
	Number   int
	Size     int64 // bytes
	Modified time.Time

	row partRow
}

// Sum is the part's sum of the one function h; nil when it was not computed.
func (p Part) Sum(h Hashes) []byte { return p.row.Sums[h] }

func (p partRow) part(number int) Part {
	return Part{Number: number, Size: p.Size, Modified: time.Unix(0, p.Modified), row: p}
}

func partKey(id ID, number int) meta.Key { return parts.Key(string(id), meta.U64(uint64(number))) }

// PutPart takes in a part, durably. It replaces an earlier part of the same number.
// Errors: those of Ingest; fault.SessionNotFound.
func (s *Store) PutPart(ctx context.Context, id ID, number int, req IngestRequest) (Part, error) {
	st, err := s.Ingest(ctx, req)
	if err != nil {
		return Part{}, err
	}
	defer st.Discard(ctx)
	row := partRow{Location: st.location, Size: st.Size(), Inline: st.Inline(), Sums: st.sums.byHash(), Modified: s.o.Now().UnixNano()}
	err = s.Commit(ctx, st, func(r meta.Reader) (meta.Step, error) {
		if _, err := s.uploadRow(ctx, r, id); err != nil {
			return meta.Step{}, err
		}
		return s.planPart(ctx, r, st, pieceOf{id, number, row})
	})
	if err != nil {
		return Part{}, err
	}
	s.hashing.wake(id)
	return row.part(number), nil
}

// pieceOf is a part's row with its place.
type pieceOf struct {
	upload ID
	number int
	row    partRow
}

// planPart is the step that gives st's bytes to an upload as a part. It reads the upload's row, which ending the upload writes.
func (s *Store) planPart(ctx context.Context, r meta.Reader, st *Staged, p pieceOf) (meta.Step, error) {
	own, key := uploads.Key(string(p.upload)), partKey(p.upload, p.number)
	old, replaces, err := parts.Find(ctx, r, string(p.upload), meta.U64(uint64(p.number)))
	if err != nil {
		return meta.Step{}, err
	}
	steps := []meta.Step{st.claim(true), {Locks: meta.LockSet{}.Read(own).Write(key), Do: func(ctx context.Context, tx meta.Tx) error {
		if _, err := s.uploadRow(ctx, tx, p.upload); err != nil {
			return err
		}
		now, err := parts.GetKey(ctx, tx, key)
		if err != nil && !errors.Is(err, meta.ErrNotFound) {
			return err
		}
		if now.Location != old.Location {
			return meta.ErrStale
		}
		return parts.PutKey(tx, key, p.row)
	}}}
	if st.Inline() {
		steps = append(steps, putInline(st.location, st.inline))
	} else {
		steps = append(steps, s.alive(), ownExtent(st.location, extentRow{Owner: p.upload, Size: st.Size(), CRC: st.crc}))
	}
	if replaces {
		steps = append(steps, s.throwAway(old.piece()))
	}
	return meta.Join(steps...), nil
}

// throwAway is the step that moves a piece that nothing names any more to the trash; inline bytes go at once.
func (s *Store) throwAway(list ...piece) meta.Step {
	var locks meta.LockSet
	for _, p := range list {
		if p.inline {
			locks = locks.Write(inlines.Key(string(p.location)))
		} else {
			locks = locks.Write(trash.Key(string(p.location)))
		}
	}
	since := s.o.Now().Unix()
	return meta.Step{Locks: locks, Do: func(_ context.Context, tx meta.Tx) error {
		for _, p := range list {
			var err error
			if p.inline {
				err = inlines.Delete(tx, string(p.location))
			} else {
				err = trash.Put(tx, trashRow{Since: since}, string(p.location))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}}
}

// Parts yields the parts of an upload with numbers greater than after, ascending.
func (s *Store) Parts(ctx context.Context, r meta.Reader, id ID, after int) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		rest := parts.After(parts.Prefix(string(id)), string(id), meta.U64(uint64(after)))
		for e, err := range parts.Scan(ctx, r, rest) {
			if err != nil {
				yield(Part{}, err)
				return
			}
			if !yield(e.Value.part(int(meta.ParseU64(e.Parts[1]))), nil) {
				return
			}
		}
	}
}

// listParts finds the parts with these numbers, which must ascend. Errors: fault.PartInvalid.
func (s *Store) listParts(ctx context.Context, r meta.Reader, id ID, numbers []int) ([]Part, error) {
	list := make([]Part, 0, len(numbers))
	if len(numbers) == 0 {
		return list, nil
	}
	for p, err := range s.Parts(ctx, r, id, numbers[0]-1) {
		if err != nil {
			return nil, err
		}
		if len(list) == len(numbers) {
			break
		}
		switch want := numbers[len(list)]; {
		case p.Number == want:
			list = append(list, p)
		case p.Number > want:
			return nil, fault.PartInvalid.Detail("part %d was not uploaded", want)
		}
	}
	if len(list) < len(numbers) {
		return nil, fault.PartInvalid.Detail("part %d was not uploaded", numbers[len(list)])
	}
	return list, nil
}
