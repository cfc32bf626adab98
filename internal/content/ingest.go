package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// IngestRequest is bytes to take in.
type IngestRequest struct {
	Body   io.Reader
	Size   int64            // declared length in bytes; -1: not declared
	Hashes Hashes           // what to compute on the way; PlanRegister and KeepInline need SHA256
	Verify func(Sums) error // asked after the last byte, when trailers are there; its error refuses the bytes. May be nil
}

// Staged is bytes taken in and not yet named: durable in an extent, or held in memory until the transaction that keeps them.
// It belongs to one goroutine.
type Staged struct {
	store    *Store
	id       ID
	location extent.Location
	inline   []byte // nil: in an extent
	crc      []byte
	sums     Sums
	written  bool // an extent exists
	claims   bool // the last run of the transaction names these bytes
	settled  bool // the transaction is over: the extent is named, or may be
}

// Digest is the SHA-256 digest of the bytes; empty when it was not asked for.
func (st *Staged) Digest() digest.Digest { return st.sums.digest() }

// Size is the number of bytes.
func (st *Staged) Size() int64 { return st.sums.Size }

// Sums are the hashes that were asked for.
func (st *Staged) Sums() Sums { return st.sums }

// Inline says whether the bytes are small enough to live in the metadata engine.
func (st *Staged) Inline() bool { return !st.written }

// ID is what the content will be called if it is new.
func (st *Staged) ID() ID { return st.id }

func (st *Staged) piece() piece { return piece{st.location, st.Size(), st.Inline()} }

// Location is where the bytes are, or will be.
func (st *Staged) Location() extent.Location { return st.location }

// Ingest reads the body once: hashes, checks and stores it. What it returns is invisible until a transaction names it.
// Errors: Verify's; those of the body; fault.Incomplete when the body is shorter than declared or breaks off,
// fault.SizeInvalid when it is longer; fault.StorageFull.
func (s *Store) Ingest(ctx context.Context, req IngestRequest) (*Staged, error) {
	st := &Staged{store: s, id: NewID(), location: extent.NewLocation(s.epoch)}
	req.Body = brokenBody{req.Body}
	if err := s.take(ctx, st, req); err != nil {
		st.Discard(ctx)
		return nil, bodyError(err)
	}
	return st, nil
}

func (s *Store) take(ctx context.Context, st *Staged, req IngestRequest) error {
	sums := start(req.Hashes)
	head, ended, err := readHead(req.Body, req.Size, s.o.InlineMax)
	if err != nil {
		return err
	}
	if ended {
		sums.write(head)
		st.inline, st.sums = head, sums.sums(int64(len(head)))
		return finish(st.sums, req)
	}
	w, err := s.extents.Create(ctx, st.location, req.Size)
	if err != nil {
		return translate(err)
	}
	st.written = true
	defer func() { _ = w.Abort() }()
	var blocks blockSums
	n, err := stream(w, io.MultiReader(bytes.NewReader(head), req.Body), limitOf(req.Size), sums, &blocks)
	if err != nil {
		return err
	}
	st.sums, st.crc = sums.sums(n), blocks.done()
	if err := finish(st.sums, req); err != nil {
		return err
	}
	return translate(w.Commit(ctx))
}

// readHead reads up to one byte more than the limit, to learn whether the body is small. A body declared larger is not read at all.
func readHead(r io.Reader, size, limit int64) (head []byte, ended bool, err error) {
	if size > limit {
		return nil, false, nil
	}
	room := limit + 1
	if size >= 0 {
		room = size + 1
	}
	head = make([]byte, room)
	n, err := io.ReadFull(r, head)
	head = head[:n]
	switch {
	case err == nil && size >= 0:
		return nil, false, fault.SizeInvalid
	case err == nil:
		return head, false, nil
	case err == io.EOF || endOfReader(err):
		return head, true, nil
	}
	return nil, false, err
}

// limitOf is one byte more than declared, so that a longer body is noticed.
func limitOf(size int64) int64 {
	if size < 0 {
		return 1<<63 - 1
	}
	return size + 1
}

func finish(sums Sums, req IngestRequest) error {
	switch {
	case req.Size >= 0 && sums.Size < req.Size:
		return fault.Incomplete
	case req.Size >= 0 && sums.Size > req.Size:
		return fault.SizeInvalid
	case req.Verify != nil:
		return req.Verify(sums)
	}
	return nil
}

// bodyError gives a broken body its code and translates the backend's errors.
func bodyError(err error) error {
	if errors.Is(err, errBroken) {
		return fault.Incomplete.With("", err)
	}
	var w writeError
	if errors.As(err, &w) {
		return translate(fmt.Errorf("write an extent: %w", w.error))
	}
	return err
}

// Discard removes the bytes unless they have been named, or may have been. It can always be deferred.
func (st *Staged) Discard(ctx context.Context) {
	if st.written && !st.settled {
		st.remove(ctx)
	}
	st.inline = nil
}

// settle is called after the transaction is durable: bytes that it did not name were stored before, under another location.
func (st *Staged) settle(ctx context.Context) {
	st.settled = st.claims
	st.Discard(ctx)
}

// abandon leaves the bytes to the sweep of a later epoch: the transaction may have named them.
func (st *Staged) abandon() { st.settled = true }

// claim is the step that says whether the transaction names st's bytes.
func (st *Staged) claim(yes bool) meta.Step {
	return meta.Step{Do: func(context.Context, meta.Tx) error {
		st.claims = yes
		return nil
	}}
}

// remove deletes an extent that no transaction has named. One that stays is swept later.
func (st *Staged) remove(ctx context.Context) {
	if err := st.store.extents.Delete(context.WithoutCancel(ctx), st.location); err != nil {
		st.store.o.Logger.WarnContext(ctx, "an unnamed extent stays until the next sweep", "location", st.location, "error", err)
	}
	st.written = false
}
