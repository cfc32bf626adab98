package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/meta"
)

// Reference is what a domain row needs: content through an edge, or inline bytes of its own.
type Reference struct {
	ID       ID
	Edge     Edge
	Location extent.Location // inline bytes; ID is empty then
}

// References yields every reference that a package's rows hold.
type References func(ctx context.Context, r meta.Reader) iter.Seq2[Reference, error]

// Report is the outcome of a check.
type Report struct {
	Contents int   // contents checked, aliases included
	Bytes    int64 // bytes of them
	Edges    int
	Inline   int      // inline byte runs
	Extents  int      // extents present
	Orphans  int      // extents that no row names: harmless, removed by the sweep
	Trash    int      // extents that wait for removal
	Problems []string // what is wrong; empty: the store is sound
}

// checkup is a check under way: one snapshot, and what has been seen of it.
type checkup struct {
	*Store
	r       meta.Reader
	report  Report
	present map[extent.Location]int64 // size of every extent
	rows    map[ID]contentRow         // contents
	owned   map[extent.Location]bool  // locations that a content, a part or the trash accounts for
	inline  map[extent.Location]bool  // inline locations that somebody names
	named   map[ID]map[Edge]bool      // edges that rows of the domain stand behind
}

func (c *checkup) problem(format string, args ...any) {
	c.report.Problems = append(c.report.Problems, fmt.Sprintf(format, args...))
}

// Check looks at everything offline: every row against every other, every reference against its edge, every extent against its row, and
// with deep every byte against its checksums and digest. Nothing may write meanwhile. Its error means that the check could not be done.
func (s *Store) Check(ctx context.Context, deep bool, refs ...References) (Report, error) {
	c := &checkup{
		Store: s, present: map[extent.Location]int64{}, rows: map[ID]contentRow{}, owned: map[extent.Location]bool{},
		inline: map[extent.Location]bool{}, named: map[ID]map[Edge]bool{},
	}
	for info, err := range s.extents.List(ctx) {
		if err != nil {
			return c.report, err
		}
		c.present[info.Location] = info.Size
	}
	c.report.Extents = len(c.present)
	err := s.meta.View(ctx, func(r meta.Reader) error {
		c.r = r
		steps := []func(context.Context) error{c.checkContents, c.checkNames, c.checkUploads, c.checkTrash}
		for _, ref := range refs {
			steps = append(steps, func(ctx context.Context) error { return c.checkReferences(ctx, ref(ctx, r)) })
		}
		steps = append(steps, c.checkEdges, c.checkExtents, c.checkInline)
		for _, step := range steps {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && deep {
		err = c.checkBytes(ctx)
	}
	return c.report, err
}

func (c *checkup) checkContents(ctx context.Context) error {
	for e, err := range contents.Scan(ctx, c.r, contents.All()) {
		if err != nil {
			return err
		}
		id := ID(e.Parts[0])
		c.rows[id] = e.Value
		c.report.Contents++
		c.report.Bytes += e.Value.Size
		if err := c.checkPieces(ctx, id, e.Value); err != nil {
			return err
		}
	}
	for id, row := range c.rows {
		if row.Alias == "" {
			continue
		}
		elder, ok := c.rows[row.Alias]
		if !ok || elder.Alias != "" || elder.Size != row.Size {
			c.problem("content %s is an alias of %s, which is not a content of its size", id, row.Alias)
		}
		if len(row.Pieces) > 0 {
			c.problem("content %s is an alias with bytes of its own", id)
		}
	}
	return nil
}

func (c *checkup) checkPieces(ctx context.Context, id ID, row contentRow) error {
	list, err := row.Pieces.unpack()
	if err != nil {
		c.problem("content %s has malformed pieces", id)
		return nil
	}
	var size int64
	for _, p := range list {
		size += p.size
		c.owned[p.location] = true
		if p.inline {
			c.inline[p.location] = true
			continue
		}
		own, found, err := extents.Find(ctx, c.r, string(p.location))
		switch at, present := c.present[p.location]; {
		case err != nil:
			return err
		case !found || own.Owner != id || own.Size != p.size:
			c.problem("content %s: extent %s is not recorded as its own", id, p.location)
		case !present:
			c.problem("content %s: extent %s is missing", id, p.location)
		case at != p.size:
			c.problem("content %s: extent %s has %d bytes, not %d", id, p.location, at, p.size)
		}
	}
	if row.Alias == "" && size != row.Size {
		c.problem("content %s: its pieces have %d bytes, not %d", id, size, row.Size)
	}
	return nil
}

// checkNames compares digests and contents both ways.
func (c *checkup) checkNames(ctx context.Context) error {
	byDigest, byArtifact := map[string]ID{}, map[string]ID{}
	for _, t := range []struct {
		table meta.Table[ID]
		seen  map[string]ID
	}{{digests, byDigest}, {artifacts, byArtifact}} {
		for e, err := range t.table.Scan(ctx, c.r, t.table.All()) {
			if err != nil {
				return err
			}
			t.seen[e.Parts[0]] = e.Value
			if row, ok := c.rows[e.Value]; !ok || row.Alias != "" {
				c.problem("%s: %s names content %s, which does not stand for itself", t.table.Name(), e.Parts[0], e.Value)
			}
		}
	}
	expect := 0
	for id, row := range c.rows {
		if row.Alias != "" || row.digest() == "" {
			continue
		}
		one := row.content(id)
		expect++
		if byDigest[one.Digest.String()] != id || byArtifact[one.Artifact().String()] != id {
			c.problem("content %s is not found by its digest %s", id, one.Digest)
		}
		if one.SHA512 != "" {
			expect++
			if byDigest[one.SHA512.String()] != id {
				c.problem("content %s is not found by its digest %s", id, one.SHA512)
			}
		}
	}
	if len(byDigest) != expect {
		c.problem("%d digests name contents that have %d", len(byDigest), expect)
	}
	return nil
}

func (c *checkup) checkUploads(ctx context.Context) error {
	for e, err := range parts.Scan(ctx, c.r, parts.All()) {
		if err != nil {
			return err
		}
		id, p := e.Parts[0], e.Value
		_, open, err := uploads.Find(ctx, c.r, id)
		if err != nil {
			return err
		}
		_, ended, err := leftovers.Find(ctx, c.r, id)
		if err != nil {
			return err
		}
		if !open && !ended {
			c.problem("a part of upload %s has neither an upload nor an entry in the queue", id)
		}
		if p.Inline {
			c.inline[p.Location] = true
			continue
		}
		c.owned[p.Location] = true
		if at, ok := c.present[p.Location]; open && (!ok || at != p.Size) {
			c.problem("upload %s: extent %s is missing or has the wrong size", id, p.Location)
		}
	}
	return nil
}

func (c *checkup) checkTrash(ctx context.Context) error {
	for e, err := range trash.Scan(ctx, c.r, trash.All()) {
		if err != nil {
			return err
		}
		l := extent.Location(e.Parts[0])
		c.report.Trash++
		if c.owned[l] && !c.endedPart(ctx, l) {
			c.problem("extent %s is in the trash and in use", l)
		}
		c.owned[l] = true
	}
	return nil
}

// endedPart says whether a trashed location is in use only by the rows of an upload that is over.
func (c *checkup) endedPart(ctx context.Context, l extent.Location) bool {
	row, found, err := extents.Find(ctx, c.r, string(l))
	if err != nil || !found {
		return true
	}
	own, isContent := c.rows[row.Owner]
	list, _ := own.Pieces.unpack()
	return !isContent || !slices.ContainsFunc(list, func(p piece) bool { return p.location == l })
}

func (c *checkup) checkReferences(ctx context.Context, refs iter.Seq2[Reference, error]) error {
	for ref, err := range refs {
		if err != nil {
			return err
		}
		if ref.ID == "" {
			c.inline[ref.Location] = true
			if _, found, err := inlines.Find(ctx, c.r, string(ref.Location)); err != nil || !found {
				c.problem("a version of %s %s has lost its inline bytes %s", ref.Edge.Repository, ref.Edge.Referrer, ref.Location)
			}
			continue
		}
		ids := []ID{ref.ID}
		if row := c.rows[ref.ID]; row.Alias != "" {
			ids = append(ids, row.Alias)
		}
		for _, id := range ids {
			if _, found, err := edges.Find(ctx, c.r, string(id), ref.Edge.Repository, string(ref.Edge.Kind), ref.Edge.Referrer); err != nil {
				return err
			} else if !found {
				c.problem("%s %s of %s has no edge to content %s", ref.Edge.Kind, ref.Edge.Referrer, ref.Edge.Repository, id)
			}
			if c.named[id] == nil {
				c.named[id] = map[Edge]bool{}
			}
			c.named[id][ref.Edge] = true
		}
	}
	return nil
}

func (c *checkup) checkEdges(ctx context.Context) error {
	queued, held := map[ID]bool{}, map[ID]bool{}
	for e, err := range due.Scan(ctx, c.r, due.All()) {
		if err != nil {
			return err
		}
		queued[ID(e.Parts[1])] = true
	}
	for e, err := range edges.Scan(ctx, c.r, edges.All()) {
		if err != nil {
			return err
		}
		c.report.Edges++
		id := ID(e.Parts[0])
		one := Edge{e.Parts[1], EdgeKind(e.Parts[2]), e.Parts[3]}
		_, exists := c.rows[id]
		switch {
		case !exists:
			c.problem("%s edge of %s to content %s, which does not exist", one.Kind, one.Repository, id)
		case one.Kind == EdgeAlias:
			if c.rows[ID(one.Referrer)].Alias != id {
				c.problem("content %s holds %s, but is no alias of it", one.Referrer, id)
			}
		case one.Kind == EdgeLease:
			if !queued[id] {
				c.problem("content %s has a lease and is not queued for its end", id)
			}
		case !c.named[id][one]:
			c.problem("%s edge of %s %q to content %s has no referrer", one.Kind, one.Repository, one.Referrer, id)
		}
		held[id] = true
	}
	for id := range c.rows {
		if !held[id] && !queued[id] {
			c.problem("content %s has no edge and is not queued for collection: it would stay for ever", id)
		}
	}
	return nil
}

func (c *checkup) checkExtents(ctx context.Context) error {
	for e, err := range extents.Scan(ctx, c.r, extents.All()) {
		if err != nil {
			return err
		}
		l := extent.Location(e.Parts[0])
		if !c.owned[l] {
			c.problem("extent %s is recorded, but no content, upload or trash accounts for it", l)
		}
		c.owned[l] = true
	}
	for l := range c.present {
		if !c.owned[l] {
			c.report.Orphans++
		}
	}
	return nil
}

func (c *checkup) checkInline(ctx context.Context) error {
	for e, err := range inlines.Scan(ctx, c.r, inlines.All()) {
		if err != nil {
			return err
		}
		c.report.Inline++
		if !c.inline[extent.Location(e.Parts[0])] {
			c.problem("inline bytes %s belong to nobody", e.Parts[0])
		}
	}
	return nil
}

// checkBytes reads every content through its checksums and compares its digest.
func (c *checkup) checkBytes(ctx context.Context) error {
	for id, row := range c.rows {
		if row.Alias != "" {
			continue
		}
		d, err := c.readAll(ctx, id)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			c.problem("content %s cannot be read: %v", id, err)
		case row.digest() != "" && d != row.digest():
			c.problem("content %s has the digest %s, not %s", id, d, row.digest())
		}
	}
	return nil
}

func (c *checkup) readAll(ctx context.Context, id ID) (digest.Digest, error) {
	rd, err := c.Open(ctx, func(r meta.Reader) (Source, error) { return c.Source(ctx, r, id) })
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, rd.Close()) }()
	h := SHA256.New()
	if err := rd.WriteRange(ctx, io.Writer(h), 0, rd.Size(), false); err != nil {
		return "", err
	}
	return digest.FromSum(digest.SHA256, h.Sum(nil)), nil
}
