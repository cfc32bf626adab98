package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"hash"
	"io"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// Append adds body to the end of a session. What it returns in Offset is durable, with the state of the digest, so that a client can go on
// there after any crash; a long body becomes durable piece by piece. at is where the client believes the end to be; -1: it does not say.
// When the body breaks off, both the error and the upload with all that was kept are returned.
// Errors: fault.SessionNotFound; fault.SessionRange when at is not the end; fault.ConditionalConflict while another
// request appends; fault.Incomplete; fault.StorageFull.
func (s *Store) Append(ctx context.Context, id ID, at int64, body io.Reader) (Upload, error) {
	leave, err := s.upload.enter(id)
	if err != nil {
		return Upload{}, err
	}
	defer leave()
	var row uploadRow
	if err := s.meta.View(ctx, func(r meta.Reader) (err error) {
		row, err = s.uploadRow(ctx, r, id)
		return err
	}); err != nil {
		return Upload{}, err
	}
	if at >= 0 && at != row.Offset {
		return row.upload(id), fault.SessionRange.Detail("the session ends at offset %d, the chunk begins at %d", row.Offset, at)
	}
	body = brokenBody{body}
	for {
		more, err := s.appendPiece(ctx, id, &row, body)
		if err != nil || !more {
			return row.upload(id), bodyError(err)
		}
	}
}

// appendPiece takes in one piece of at most SealSize bytes and commits it with the session's new state. It commits what it has even if the body
// breaks off. more says that the body has not ended.
func (s *Store) appendPiece(ctx context.Context, id ID, row *uploadRow, body io.Reader) (more bool, err error) {
	sum, err := resumeSHA256(row.State)
	if err != nil {
		return false, err
	}
	st, bodyErr := s.takePiece(ctx, body, sum)
	if st == nil {
		return false, bodyErr
	}
	defer st.Discard(ctx)
	if st.Size() == 0 {
		return false, bodyErr
	}
	next := *row
	next.Offset += st.Size()
	next.Pieces++
	next.Updated = s.o.Now().UnixNano()
	if next.State, err = sum.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
		return false, err
	}
	if err := s.commitPiece(ctx, st, id, *row, next); err != nil {
		return false, err
	}
	*row = next
	return st.Size() == s.o.SealSize && bodyErr == nil, bodyErr
}

// takePiece is Ingest with a digest that goes on from piece to piece; with an error of the body it also gives what came before it.
func (s *Store) takePiece(ctx context.Context, body io.Reader, sum hash.Hash) (*Staged, error) {
	st := &Staged{store: s, id: NewID(), location: extent.NewLocation(s.epoch)}
	sums := running{}
	sums.hashes[0] = sum
	head := make([]byte, s.o.InlineMax+1)
	n, err := io.ReadFull(body, head)
	head = head[:n]
	if err != nil { // the end, clean or not, within the inline limit
		sum.Write(head)
		st.inline, st.sums.Size = head, int64(n)
		if err == io.EOF || endOfReader(err) {
			err = nil
		}
		return st, err
	}
	w, err := s.extents.Create(ctx, st.location, -1)
	if err != nil {
		return nil, translate(err)
	}
	st.written = true
	defer func() { _ = w.Abort() }()
	var blocks blockSums
	size, bodyErr := stream(w, io.MultiReader(bytes.NewReader(head), body), s.o.SealSize, sums, &blocks)
	if errors.As(bodyErr, new(writeError)) {
		st.remove(ctx)
		return nil, bodyErr
	}
	if err := w.Commit(ctx); err != nil {
		st.remove(ctx)
		return nil, translate(err)
	}
	st.sums.Size, st.crc = size, blocks.done()
	return st, bodyErr
}

func (s *Store) commitPiece(ctx context.Context, st *Staged, id ID, was, next uploadRow) error {
	own := uploads.Key(string(id))
	part := partRow{Location: st.location, Size: st.Size(), Inline: st.Inline(), Modified: next.Updated}
	return s.Commit(ctx, st, func(r meta.Reader) (meta.Step, error) {
		piece, err := s.planPart(ctx, r, st, pieceOf{id, int(next.Pieces), part})
		if err != nil {
			return meta.Step{}, err
		}
		return meta.Join(piece, meta.Step{Locks: meta.LockSet{}.Write(own), Do: func(ctx context.Context, tx meta.Tx) error {
			now, err := s.uploadRow(ctx, tx, id)
			if err != nil {
				return err
			}
			if now.Offset != was.Offset || now.Pieces != was.Pieces {
				return fault.ConditionalConflict.Detail("another request has written to this upload session")
			}
			return uploads.PutKey(tx, own, next)
		}}), nil
	})
}

func resumeSHA256(state []byte) (hash.Hash, error) {
	h := sha256.New()
	if len(state) == 0 {
		return h, nil
	}
	return h, h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

// Finish is what is known about a session before it becomes content.
type Finish struct {
	id   ID
	row  uploadRow
	sum  []byte // SHA-256
	also []digest.Digest
	list []piece
}

// PrepareFinish checks the digest that a client expects of the session's bytes. It reads them again only for a digest that is not SHA-256.
// Errors: fault.SessionNotFound; fault.DigestMismatch.
func (s *Store) PrepareFinish(ctx context.Context, id ID, want digest.Digest) (Finish, error) {
	f := Finish{id: id}
	src, err := s.Open(ctx, func(r meta.Reader) (_ Source, err error) {
		if f.row, err = s.uploadRow(ctx, r, id); err != nil {
			return Source{}, err
		}
		for p, err := range s.Parts(ctx, r, id, 0) {
			if err != nil {
				return Source{}, err
			}
			f.list = append(f.list, p.row.piece())
		}
		return s.piecesSource(ctx, r, id, f.list)
	})
	if err != nil {
		return f, err
	}
	defer src.Close()
	sum, err := resumeSHA256(f.row.State)
	if err != nil {
		return f, err
	}
	f.sum = sum.Sum(nil)
	got := digest.FromSum(digest.SHA256, f.sum)
	if want.Algorithm() != digest.SHA256 {
		body := src.NewReader(ctx, 0, src.Size())
		defer body.Close()
		h := want.Algorithm().New()
		if _, err := io.Copy(h, body); err != nil {
			return f, err
		}
		got = digest.FromSum(want.Algorithm(), h.Sum(nil))
		f.also = append(f.also, got)
	}
	if got != want {
		return f, fault.DigestMismatch.Detail("the upload has the digest %s, not %s", got, want)
	}
	return f, nil
}

// PlanFinish is the step that makes content of a session's bytes, or finds the content that has them, and ends the session.
// Link or Grant the id in the same transaction. Errors: fault.SessionNotFound.
func (s *Store) PlanFinish(ctx context.Context, r meta.Reader, f Finish) (ID, meta.Step, error) {
	own := uploads.Key(string(f.id))
	unchanged := meta.Step{Locks: meta.LockSet{}.Write(own), Do: func(ctx context.Context, tx meta.Tx) error {
		now, err := s.uploadRow(ctx, tx, f.id)
		if err == nil && (now.Offset != f.row.Offset || now.Pieces != f.row.Pieces) {
			err = fault.ConditionalConflict.Detail("another request has written to this upload session")
		}
		return err
	}}
	d := digest.FromSum(digest.SHA256, f.sum)
	id, found, err := digests.Find(ctx, r, d.String())
	if err != nil {
		return "", meta.Step{}, err
	}
	if found {
		adopt, err := s.adopt(ctx, r, id, d, f.also)
		return id, meta.Join(unchanged, adopt, s.endUpload(f.id)), err
	}
	row := contentRow{Size: f.row.Offset, Pieces: pack(f.list...), SHA256: f.sum, Created: s.o.Now().UnixNano()}
	return f.id, meta.Join(unchanged, s.alive(), s.create(f.id, row, f.also), s.endUpload(f.id)), nil
}
