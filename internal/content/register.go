package content

import (
	"context"
	"errors"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// Content is one content as readers see it: aliases are resolved.
type Content struct {
	ID     ID
	Size   int64         // bytes
	Digest digest.Digest // SHA-256; empty while it is not yet known
	Inline bool          // in the metadata engine
	SHA512 digest.Digest // where somebody named it so

	pieces pieces
}

// Artifact is the digest of the content's artifact manifest; empty while the digest is not known.
func (c Content) Artifact() digest.Digest {
	if c.Digest == "" {
		return ""
	}
	return artifact.Digest(c.Digest, c.Size)
}

// Get finds content by its id and follows aliases. Errors: fault.BlobNotFound.
func (s *Store) Get(ctx context.Context, r meta.Reader, id ID) (Content, error) {
	for {
		row, found, err := contents.Find(ctx, r, string(id))
		switch {
		case err != nil:
			return Content{}, err
		case !found:
			return Content{}, fault.BlobNotFound.With(string(id), nil)
		case row.Alias == "":
			return row.content(id), nil
		}
		id = row.Alias
	}
}

func (c contentRow) content(id ID) Content {
	out := Content{ID: id, Size: c.Size, Digest: c.digest(), Inline: c.Inline, pieces: c.Pieces}
	if len(c.SHA512) > 0 {
		out.SHA512 = digest.FromSum(digest.SHA512, c.SHA512)
	}
	return out
}

// Find finds content by digest. Visibility is the caller's to check, with Holds. Errors: fault.BlobNotFound.
func (s *Store) Find(ctx context.Context, r meta.Reader, d digest.Digest) (Content, error) {
	id, found, err := digests.Find(ctx, r, d.String())
	if err != nil {
		return Content{}, err
	}
	if !found {
		return Content{}, fault.BlobNotFound.With(d.String(), nil)
	}
	return s.Get(ctx, r, id)
}

// FindArtifact finds content by the digest of its artifact manifest. Errors: fault.ManifestNotFound.
func (s *Store) FindArtifact(ctx context.Context, r meta.Reader, d digest.Digest) (Content, error) {
	id, found, err := artifacts.Find(ctx, r, d.String())
	if err != nil {
		return Content{}, err
	}
	if !found {
		return Content{}, fault.ManifestNotFound.With(d.String(), nil)
	}
	return s.Get(ctx, r, id)
}

// PlanRegister is the step after which content with st's bytes exists: the one that their digest names already, or a new one. Other
// digests of the same bytes (SHA-512) become names of it too. Without an edge in the same transaction it may be collected at once.
// It names st: use it in Commit.
func (s *Store) PlanRegister(ctx context.Context, r meta.Reader, st *Staged, also ...digest.Digest) (ID, meta.Step, error) {
	d := st.Digest()
	id, found, err := digests.Find(ctx, r, d.String())
	if err != nil {
		return "", meta.Step{}, err
	}
	if found {
		adopt, err := s.adopt(ctx, r, id, d, also)
		if err != nil {
			return "", meta.Step{}, err
		}
		repair, err := s.planRepair(ctx, r, id, st)
		return id, meta.Join(st.claim(false), adopt, repair), err
	}
	row := contentRow{Size: st.Size(), SHA256: d.Sum(), Inline: st.Inline(), Pieces: pack(st.piece()), Created: s.o.Now().UnixNano()}
	steps := []meta.Step{st.claim(true), s.create(st.id, row, also)}
	if st.Inline() {
		steps = append(steps, putInline(st.location, st.inline))
	} else {
		steps = append(steps, s.alive(), ownExtent(st.location, extentRow{Owner: st.id, Size: st.Size(), CRC: st.crc}))
	}
	return st.id, meta.Join(steps...), nil
}

// planRepair is the step that gives content whose bytes have been found damaged the good ones that st has; where nothing is damaged,
// it is a step that does nothing.
func (s *Store) planRepair(ctx context.Context, r meta.Reader, id ID, st *Staged) (meta.Step, error) {
	if some, err := meta.Any(ctx, r, damage.All()); err != nil || !some {
		return meta.Step{}, err
	}
	row, err := contents.Get(ctx, r, string(id))
	if err != nil {
		return meta.Step{}, err
	}
	list, err := row.Pieces.unpack()
	if err != nil {
		return meta.Step{}, err
	}
	var bad []meta.Key
	for _, p := range list {
		if _, found, err := damage.Find(ctx, r, string(p.location)); err != nil {
			return meta.Step{}, err
		} else if found {
			bad = append(bad, damage.Key(string(p.location)))
		}
	}
	if len(bad) == 0 || st.Inline() {
		return meta.Step{}, nil
	}
	own := contents.Key(string(id))
	replace := meta.Step{Locks: meta.LockSet{}.Write(own).Write(bad...), Do: func(ctx context.Context, tx meta.Tx) error {
		now, err := contents.GetKey(ctx, tx, own)
		if err != nil {
			return staleIfAbsent(err)
		}
		if string(now.Pieces) != string(row.Pieces) {
			return meta.ErrStale
		}
		for _, k := range bad {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
		now.Pieces, now.Inline = pack(st.piece()), false
		return contents.PutKey(tx, own, now)
	}}
	owned := ownExtent(st.location, extentRow{Owner: id, Size: st.Size(), CRC: st.crc})
	return meta.Join(replace, s.alive(), owned, s.throwAway(list...), st.claim(true)), nil
}

// adopt is the step that uses the content which d names already.
func (s *Store) adopt(ctx context.Context, r meta.Reader, id ID, d digest.Digest, also []digest.Digest) (meta.Step, error) {
	name, own := digests.Key(d.String()), contents.Key(string(id))
	locks := meta.LockSet{}.Read(name, own)
	var missing []digest.Digest
	for _, other := range also {
		_, found, err := digests.Find(ctx, r, other.String())
		if err != nil {
			return meta.Step{}, err
		}
		if !found {
			missing = append(missing, other)
			locks = locks.Write(own, digests.Key(other.String()))
		}
	}
	return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		now, err := digests.GetKey(ctx, tx, name)
		if err != nil {
			return staleIfAbsent(err)
		}
		row, err := contents.GetKey(ctx, tx, own)
		if err != nil {
			return staleIfAbsent(err)
		}
		if now != id {
			return meta.ErrStale
		}
		if len(missing) == 0 {
			return nil
		}
		row.nameAlso(missing)
		return errors.Join(contents.PutKey(tx, own, row), nameAll(tx, id, missing))
	}}, nil
}

func (c *contentRow) nameAlso(also []digest.Digest) {
	for _, d := range also {
		if d.Algorithm() == digest.SHA512 {
			c.SHA512 = d.Sum()
		}
	}
}

func nameAll(tx meta.Tx, id ID, list []digest.Digest) error {
	for _, d := range list {
		if err := digests.Put(tx, id, d.String()); err != nil {
			return err
		}
	}
	return nil
}

// create is the step that writes a content row with the rows that name it. A digest that got a content since the plan makes it stale.
func (s *Store) create(id ID, row contentRow, also []digest.Digest) meta.Step {
	own := contents.Key(string(id))
	row.nameAlso(also)
	locks := meta.LockSet{}.Write(own)
	var names []digest.Digest
	var art meta.Key
	if d := row.digest(); d != "" {
		names = append([]digest.Digest{d}, also...)
		art = artifacts.Key(artifact.Digest(d, row.Size).String())
		locks = locks.Write(art)
	}
	for _, d := range names {
		locks = locks.Write(digests.Key(d.String()))
	}
	return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		for _, d := range names {
			switch _, found, err := digests.Find(ctx, tx, d.String()); {
			case err != nil:
				return err
			case found:
				return meta.ErrStale
			}
		}
		if len(names) > 0 {
			if err := errors.Join(nameAll(tx, id, names), artifacts.PutKey(tx, art, id)); err != nil {
				return err
			}
		}
		return contents.PutKey(tx, own, row)
	}}
}

// ownExtent is the step that gives an extent its owner.
func ownExtent(l extent.Location, row extentRow) meta.Step {
	key := extents.Key(string(l))
	return meta.Step{Locks: meta.LockSet{}.Write(key), Do: func(_ context.Context, tx meta.Tx) error {
		return extents.PutKey(tx, key, row)
	}}
}

func putInline(l extent.Location, b []byte) meta.Step {
	key := inlines.Key(string(l))
	return meta.Step{Locks: meta.LockSet{}.Write(key), Do: func(_ context.Context, tx meta.Tx) error {
		return inlines.PutKey(tx, key, b)
	}}
}

// KeepInline is the step that keeps st's bytes under their location alone, for a version that owns them: no content, no digest, no edge.
// It is for staged bytes that are Inline. It names st: use it in Commit.
func (s *Store) KeepInline(st *Staged) (extent.Location, meta.Step) {
	return st.location, putInline(st.location, st.inline)
}

// DropInline is the step that removes inline bytes together with the version that owned them.
func (s *Store) DropInline(l extent.Location) meta.Step {
	key := inlines.Key(string(l))
	return meta.Step{Locks: meta.LockSet{}.Write(key), Do: func(_ context.Context, tx meta.Tx) error { return tx.Delete(key) }}
}

// CopyInline is the step that copies inline bytes for another version, under the returned location. Errors: fault.BlobNotFound.
func (s *Store) CopyInline(ctx context.Context, r meta.Reader, from extent.Location) (extent.Location, meta.Step, error) {
	b, err := s.inlineBytes(ctx, r, from)
	if err != nil {
		return "", meta.Step{}, err
	}
	l := extent.NewLocation(s.epoch)
	return l, meta.Join(unchangedInline(from), putInline(l, b)), nil
}

// unchangedInline is stale once the bytes of a plan are gone; they never change otherwise.
func unchangedInline(l extent.Location) meta.Step {
	key := inlines.Key(string(l))
	return meta.Step{Locks: meta.LockSet{}.Read(key), Do: func(ctx context.Context, tx meta.Tx) error {
		_, err := tx.Get(ctx, key)
		return staleIfAbsent(err)
	}}
}

func (s *Store) inlineBytes(ctx context.Context, r meta.Reader, l extent.Location) ([]byte, error) {
	b, found, err := inlines.Find(ctx, r, string(l))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.BlobNotFound.With("", nil)
	}
	return b, nil
}

// Materialise is the step after which content with the bytes of an inline version exists, for whoever needs to refer to them: a manifest,
// a mount, a lease. The version keeps its own copy. Errors: fault.BlobNotFound.
func (s *Store) Materialise(ctx context.Context, r meta.Reader, l extent.Location) (ID, meta.Step, error) {
	b, err := s.inlineBytes(ctx, r, l)
	if err != nil {
		return "", meta.Step{}, err
	}
	sums := start(SHA256)
	sums.write(b)
	st := &Staged{store: s, id: NewID(), location: extent.NewLocation(s.epoch), inline: b, sums: sums.sums(int64(len(b)))}
	id, step, err := s.PlanRegister(ctx, r, st)
	return id, meta.Join(unchangedInline(l), step), err
}
