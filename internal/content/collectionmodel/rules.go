package collectionmodel

import (
	"errors"
	"fmt"
	"slices"

	"github.com/zot-artifact-store/zas/extent"
)

// ErrRefused says that an event is no step of the model. The text around it says which rule it breaks.
var ErrRefused = errors.New("collectionmodel: not a step of the model")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
}

// prior is what a row was before the commit that changes it.
type prior struct {
	exists    bool
	locations []extent.Location // that it listed
	parts     []extent.Location // of the upload of the same id
	content   string            // that a digest row named
	held      bool              // a content had an edge
	fenced    bool              // of an epoch row
}

func (w *world) before(c Change, now int64) (p prior) {
	m := w.visible
	p.locations = m.locations(c)
	switch c.Row {
	case ContentRow:
		_, p.exists = m.contents[c.Content]
		p.held = m.held(c.Content, now)
		for key, l := range m.parts {
			if key.upload == c.Content && l != "" {
				p.parts = append(p.parts, l)
			}
		}
	case UploadRow:
		p.exists = m.uploads[c.Content]
	case DigestRow:
		p.content, p.exists = m.digests[c.Digest]
	case EpochRow:
		p.fenced, p.exists = m.epochs[c.Epoch]
	}
	return p
}

// commit checks a commit against the rules and applies it. The transaction is one step, so most rules are about the rows after it.
func (w *world) commit(e Event) error {
	priors := make([]prior, len(e.Changes))
	for i, c := range e.Changes {
		priors[i] = w.before(c, e.At)
	}
	alive, claimed := w.visible.epochs[e.Epoch]
	alive = claimed && !alive
	w.visible.apply(e.Changes)
	for i, c := range e.Changes {
		if err := w.checkChange(e, c, priors[i]); err != nil {
			return err
		}
		for _, l := range w.visible.locations(c) {
			if slices.Contains(priors[i].locations, l) || slices.Contains(priors[i].parts, l) {
				continue
			}
			if err := w.checkNaming(e, l, alive); err != nil {
				return err
			}
			w.namedOnce[l] = true
			delete(w.doubtful, l)
		}
		for _, l := range slices.Concat(priors[i].locations, w.visible.locations(c), []extent.Location{c.Location}) {
			if err := w.checkLocation(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkChange is the rules about one row.
func (w *world) checkChange(e Event, c Change, p prior) error {
	m := w.visible
	switch c.Row {
	case ContentRow:
		if c.Delete {
			return w.checkCollected(e, c, p)
		}
		return w.checkAlias(c.Content)
	case DigestRow:
		if c.Delete {
			return nil
		}
		if row, ok := m.contents[c.Content]; !ok || row.elder != "" {
			return refuse("digest %s names content %s, which has no row of its own", c.Digest, c.Content)
		}
		if _, ok := m.contents[p.content]; p.exists && p.content != c.Content && ok {
			return refuse("digest %s moves from content %s, which is still there", c.Digest, p.content)
		}
	case UploadRow:
		return w.checkUpload(c, p)
	case EdgeRow:
		return w.checkEdge(c)
	case OwnerRow, TrashRow:
		return w.checkTrash(e, c)
	case EpochRow:
		if c.Delete || p.exists && p.fenced && !c.Fenced {
			return refuse("epoch %s comes back to life", c.Epoch)
		}
	}
	return nil
}

// checkCollected is the collector's rule: no edge before, none of its rows after.
func (w *world) checkCollected(e Event, c Change, p prior) error {
	if p.held {
		return refuse("content %s is removed though it has an edge", c.Content)
	}
	if w.told[c.Content] > e.At {
		return refuse("content %s is removed though a client was told that it is there", c.Content)
	}
	if len(w.visible.edges[c.Content]) > 0 {
		return refuse("content %s is removed and an edge of it stays", c.Content)
	}
	for d, id := range w.visible.digests {
		if id == c.Content {
			return refuse("content %s is removed and digest %s still names it", c.Content, d)
		}
	}
	for elder, edges := range w.visible.edges {
		for _, edge := range edges {
			if edge.younger == c.Content {
				return refuse("alias %s is removed and its edge on content %s stays", c.Content, elder)
			}
		}
	}
	return nil
}

// checkAlias checks that a content that is an alias has an elder that is none, and holds an edge on it.
func (w *world) checkAlias(id string) error {
	elder := w.visible.contents[id].elder
	if elder == "" {
		return nil
	}
	for _, edge := range w.visible.edges[id] {
		if edge.younger != "" {
			return refuse("content %s is an alias and the elder of %s", id, edge.younger)
		}
	}
	if row, ok := w.visible.contents[elder]; !ok || row.elder != "" {
		return refuse("content %s is an alias of %s, which has no row of its own", id, elder)
	}
	for _, edge := range w.visible.edges[elder] {
		if edge.younger == id && edge.until == 0 {
			return nil
		}
	}
	return refuse("content %s is an alias of %s without an edge on it", id, elder)
}

// checkUpload checks that an id begins one upload at most.
func (w *world) checkUpload(c Change, p prior) error {
	if c.Delete || p.exists {
		return nil
	}
	_, again := w.visible.contents[c.Content]
	for key := range w.visible.parts {
		again = again || key.upload == c.Content
	}
	if again {
		return refuse("upload %s begins a second time", c.Content)
	}
	return nil
}

func (w *world) checkEdge(c Change) error {
	m := w.visible
	if c.Delete {
		for id := range m.contents { // an alias whose edge has gone, while it stays
			if m.contents[id].elder == c.Content {
				if err := w.checkAlias(id); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if _, ok := m.contents[c.Content]; !ok {
		return refuse("an edge is written to content %s, which has no row", c.Content)
	}
	if c.Younger != "" && m.contents[c.Younger].elder != c.Content {
		return refuse("content %s holds an edge on %s, of which it is no alias", c.Younger, c.Content)
	}
	return nil
}

// checkNaming is the rule about a location that a transaction names first: its own process wrote it, durably, and has not been fenced.
func (w *world) checkNaming(e Event, l extent.Location, alive bool) error {
	switch {
	case l.Epoch() != e.Epoch:
		return refuse("epoch %s names location %s, which another has written", e.Epoch, l)
	case !alive:
		return refuse("epoch %s names location %s though it is fenced", e.Epoch, l)
	case w.namedOnce[l]:
		return refuse("location %s is named a second time", l)
	}
	return nil
}

// checkLocation checks what all rows together say of a location after a commit.
func (w *world) checkLocation(l extent.Location) error {
	if l == "" {
		return nil
	}
	m := w.visible
	needers := m.needers(l)
	_, trashed := m.trash[l]
	_, owned := m.owners[l]
	switch {
	case len(needers) > 1:
		return refuse("location %s belongs to %s and to %s", l, needers[0], needers[1])
	case len(needers) == 1 && trashed:
		return refuse("location %s of content %s is in the trash", l, needers[0])
	case len(needers) == 1 && w.extents[l] != stored:
		return refuse("location %s of content %s is named and its bytes are not durable, or gone", l, needers[0])
	case len(needers) == 1 && !owned:
		return refuse("location %s of content %s has no row", l, needers[0])
	case len(needers) == 0 && !trashed && w.extents[l] != nothing && w.namedOnce[l] && len(m.listed[l]) == 0:
		return refuse("location %s is not needed any more and not in the trash", l)
	}
	return nil
}

// checkTrash is the rule about trash rows: a writer may trash what no transaction of its own can have named, and a trash row or a location's own row
// goes after the bytes.
func (w *world) checkTrash(e Event, c Change) error {
	if c.Delete {
		if b := w.extents[c.Location]; b == stored || b == unsynced {
			return refuse("a row of location %s goes before its bytes", c.Location)
		}
		return nil
	}
	switch l := c.Location; {
	case c.Row == OwnerRow && !slices.Contains(w.visible.listed[l], c.Content):
		return refuse("location %s has a row for %s, which does not list it", l, c.Content)
	case c.Row == TrashRow && w.doubtful[l]:
		return refuse("location %s is trashed, and a commit of unknown outcome may name it", l)
	case c.Row == TrashRow && !w.namedOnce[l] && l.Epoch() != e.Epoch:
		return refuse("epoch %s trashes location %s, which another may still name", e.Epoch, l)
	}
	return nil
}

// remove checks that the bytes at a location may go, and removes them.
func (w *world) remove(e Event) error {
	l := e.Location
	if w.extents[l] == nothing {
		return nil // a second time, by whoever had decided it: a location is never used again
	}
	if err := w.mayRemove(e.Epoch, l); err != nil {
		return err
	}
	w.extents[l] = nothing
	return nil
}

func (w *world) mayRemove(by extent.Epoch, l extent.Location) error {
	trashed, inTrash := w.durable.trash[l]
	_, stillTrash := w.visible.trash[l]
	switch fenced := w.durable.epochs[l.Epoch()]; {
	case inTrash && stillTrash:
		return w.drained(l, trashed)
	case fenced && !w.visible.named(l) && !w.durable.named(l):
		return nil
	case by == l.Epoch() && !w.namedOnce[l] && !w.doubtful[l]:
		return nil
	case w.doubtful[l]:
		return refuse("the bytes at location %s go, and a commit of unknown outcome may name it", l)
	case stillTrash:
		return refuse("the bytes at location %s go before their removal from its content is durable", l)
	case w.visible.named(l) || w.durable.named(l):
		return refuse("the bytes at location %s go, and a row names it", l)
	}
	return refuse("the bytes at location %s go, and its epoch may still name it", l)
}

// drained checks that no reader from before l was trashed may still open it.
func (w *world) drained(l extent.Location, trashed int) error {
	for name, rd := range w.readers {
		if rd.began < trashed && (!rd.viewed || slices.Contains(rd.found, l)) {
			return refuse("the bytes at location %s go, and reader %s may read them", l, name)
		}
	}
	return nil
}
