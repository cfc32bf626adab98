package collectionmodel

import (
	"maps"
	"slices"

	"github.com/zot-artifact-store/zas/extent"
)

// metadata is the rows of a snapshot of a replayed run.
type metadata struct {
	contents map[string]contentValue
	uploads  map[string]bool
	parts    map[partKey]extent.Location
	owners   map[extent.Location]string
	digests  map[string]string
	edges    map[string]map[string]edgeValue // by content, by referrer
	trash    map[extent.Location]int         // when it was trashed, in commits
	epochs   map[extent.Epoch]bool           // true: fenced
	listed   map[extent.Location][]string    // contents and uploads whose rows list a location: an index
	commits  int
}

type contentValue struct {
	locations []extent.Location
	elder     string
}

type partKey struct {
	upload string
	number int
}

type edgeValue struct {
	until   int64
	younger string
}

func (e edgeValue) live(now int64) bool { return e.until == 0 || e.until > now }

func newMetadata() *metadata {
	return &metadata{
		contents: map[string]contentValue{}, uploads: map[string]bool{}, parts: map[partKey]extent.Location{},
		owners: map[extent.Location]string{}, digests: map[string]string{}, edges: map[string]map[string]edgeValue{},
		trash: map[extent.Location]int{}, epochs: map[extent.Epoch]bool{}, listed: map[extent.Location][]string{},
	}
}

func (m *metadata) clone() *metadata {
	c := *m
	c.contents, c.uploads, c.parts = maps.Clone(m.contents), maps.Clone(m.uploads), maps.Clone(m.parts)
	c.owners, c.digests, c.trash, c.epochs = maps.Clone(m.owners), maps.Clone(m.digests), maps.Clone(m.trash), maps.Clone(m.epochs)
	c.edges, c.listed = maps.Clone(m.edges), maps.Clone(m.listed)
	for id, all := range c.edges {
		c.edges[id] = maps.Clone(all)
	}
	for l, all := range c.listed {
		c.listed[l] = slices.Clone(all)
	}
	return &c
}

// locations is what the row of c lists now.
func (m *metadata) locations(c Change) []extent.Location {
	switch c.Row {
	case ContentRow:
		return m.contents[c.Content].locations
	case PartRow:
		if l := m.parts[partKey{c.Content, c.Number}]; l != "" {
			return []extent.Location{l}
		}
	}
	return nil
}

// apply does what a commit did.
func (m *metadata) apply(changes []Change) {
	m.commits++
	for _, c := range changes {
		m.list(m.locations(c), c.Content, false)
		m.applyOne(c)
		m.list(m.locations(c), c.Content, true)
	}
}

func (m *metadata) list(locations []extent.Location, by string, add bool) {
	for _, l := range locations {
		if add {
			m.listed[l] = append(m.listed[l], by)
			continue
		}
		if i := slices.Index(m.listed[l], by); i >= 0 {
			m.listed[l] = slices.Delete(m.listed[l], i, i+1)
		}
		if len(m.listed[l]) == 0 {
			delete(m.listed, l)
		}
	}
}

func (m *metadata) applyOne(c Change) {
	switch c.Row {
	case ContentRow:
		setRow(m.contents, c.Content, contentValue{c.Locations, c.Elder}, c.Delete)
	case UploadRow:
		setRow(m.uploads, c.Content, true, c.Delete)
	case PartRow:
		setRow(m.parts, partKey{c.Content, c.Number}, c.Location, c.Delete)
	case OwnerRow:
		setRow(m.owners, c.Location, c.Content, c.Delete)
	case DigestRow:
		setRow(m.digests, c.Digest, c.Content, c.Delete)
	case TrashRow:
		setRow(m.trash, c.Location, m.commits, c.Delete)
	case EpochRow:
		setRow(m.epochs, c.Epoch, c.Fenced, c.Delete)
	case EdgeRow:
		if m.edges[c.Content] == nil {
			m.edges[c.Content] = map[string]edgeValue{}
		}
		setRow(m.edges[c.Content], c.Referrer, edgeValue{c.Until, c.Younger}, c.Delete)
		if len(m.edges[c.Content]) == 0 {
			delete(m.edges, c.Content)
		}
	}
}

func setRow[K comparable, V any](m map[K]V, k K, v V, remove bool) {
	if remove {
		delete(m, k)
	} else {
		m[k] = v
	}
}

// held says whether content has an edge that keeps it at a time.
func (m *metadata) held(content string, now int64) bool {
	for _, e := range m.edges[content] {
		if e.live(now) {
			return true
		}
	}
	return false
}

// leases are the changes that remove every lease of content. The second result says whether an edge for good is left.
func (m *metadata) leases(content string) (ended []Change, kept bool) {
	for referrer, e := range m.edges[content] {
		if e.until != 0 {
			ended = append(ended, Change{Row: EdgeRow, Content: content, Referrer: referrer, Delete: true})
		} else {
			kept = true
		}
	}
	return ended, kept
}

// needers are the contents and open uploads that need the bytes at l.
func (m *metadata) needers(l extent.Location) (list []string) {
	for _, id := range m.listed[l] {
		_, content := m.contents[id]
		if content && slices.Contains(m.contents[id].locations, l) || m.uploads[id] {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// named says whether a row names l.
func (m *metadata) named(l extent.Location) bool {
	_, owned := m.owners[l]
	_, trashed := m.trash[l]
	return owned || trashed || len(m.listed[l]) > 0
}
