package collectionmodel

import "errors"

// The invariants. Check reports the first that a state violates.
var (
	ErrDanglingName   = errors.New("a name's content has no row, or no edge of that name")
	ErrDanglingAlias  = errors.New("an alias's elder has no row, or no edge of the alias")
	ErrDanglingDigest = errors.New("a digest's content has no row")
	ErrMissingBytes   = errors.New("a content's bytes are missing")
	ErrUndurableBytes = errors.New("a durable content's bytes are not durable: a power loss now would leave it without them")
	ErrSharedLocation = errors.New("a location has two owners, or one and a trash row")
	ErrReadMissing    = errors.New("a registered reader reads missing bytes")
	ErrBrokenPromise  = errors.New("a client was told that the digest is there, its lease has not run out, and it is gone")
	ErrStray          = errors.New("bytes of a live epoch that nothing names and nobody remembers")
	ErrLeak           = errors.New("something is left after everything was deleted, collected and swept")
)

// Check reports which invariant s violates.
func (m *Model) Check(s *state) error {
	if err := m.checkRows(&s.visible); err != nil {
		return err
	}
	for c := 1; c <= maxContents; c++ {
		visible, durable := s.visible.contents[c].needed(), s.durable.contents[c].needed()
		for l := 1; l <= maxLocations; l++ {
			bytes := s.extents[l].bytes
			if visible.has(l) && (bytes == nothing || bytes == unlinked) {
				return ErrMissingBytes
			}
			if durable.has(l) && bytes != stored {
				return ErrUndurableBytes
			}
		}
	}
	if err := m.checkReaders(s); err != nil {
		return err
	}
	for k := range s.clients {
		for d := range maxDigests {
			if s.clients[k].promised.has(d) && (s.visible.digests[d] == 0 || s.durable.digests[d] == 0) {
				return ErrBrokenPromise
			}
		}
	}
	if s.frozen {
		return nil // what is left is judged after the power loss
	}
	if err := m.checkStray(s); err != nil {
		return err
	}
	return m.checkLeak(*s)
}

// needed is the locations whose bytes must be there: a content's, or an open upload's parts.
func (c *contentRow) needed() set {
	if c.kind == upload {
		return c.parts
	}
	return c.locs
}

// checkRows checks what the rows of one snapshot say of each other.
func (m *Model) checkRows(r *rows) error {
	for k := range r.names {
		for c := 1; c <= maxContents; c++ {
			row := &r.contents[c]
			if named := r.names[k].contents.has(c); named && (row.kind <= upload || !row.names.has(k)) {
				return ErrDanglingName
			}
			if row.names.has(k) && row.kind <= upload {
				return ErrDanglingName
			}
		}
	}
	for _, c := range r.digests {
		if c != 0 && r.contents[c].kind <= upload {
			return ErrDanglingDigest
		}
	}
	var owned set
	for c := 1; c <= maxContents; c++ {
		row := &r.contents[c]
		if row.kind == emptied {
			return ErrMissingBytes
		}
		if row.kind == alias {
			if elder := &r.contents[row.elder]; elder.kind <= upload || elder.kind == alias || !elder.younger.has(c) {
				return ErrDanglingAlias
			}
		}
		if row.needed()&(owned|r.trash) != 0 {
			return ErrSharedLocation
		}
		owned |= row.needed()
	}
	return nil
}

func (m *Model) checkReaders(s *state) error {
	for i := range s.readers {
		if at := s.readers[i].at; at != viewing && at != pinned {
			continue
		}
		for l := 1; l <= maxLocations; l++ {
			if b := s.extents[l].bytes; s.readers[i].locs.has(l) && (b == nothing || b == unlinked) {
				return ErrReadMissing
			}
		}
	}
	return nil
}

// checkStray checks that bytes of a process that lives are in a row or in somebody's mind, so that they go without a restart.
// An unknown outcome is the one exception: it leaves its location to the sweep.
func (m *Model) checkStray(s *state) error {
	if m.config.Ambiguous {
		return nil
	}
	known := s.visible.owned() | s.visible.trash | s.remembered()
	for p := range s.processes {
		e := s.processes[p].epoch
		if e == 0 || s.visible.epochs[e] != claimed {
			continue
		}
		for l := 1; l <= maxLocations; l++ {
			at := s.extents[l]
			if at.epoch == e && at.bytes != nothing && at.bytes != unlinked && !known.has(l) {
				return ErrStray
			}
		}
	}
	return nil
}

// checkLeak lets everything come to an end in a copy of s, by the model's own rules, and checks that nothing is left: every process
// dies, removals that were not synced are undone, names and uploads are deleted, leases run out, the collector and the sweeper
// work until they find nothing.
func (m *Model) checkLeak(s state) error {
	w := walker{Model: m}
	for p := range m.config.Processes {
		m.crash(&s, p)
		s.visible.registered[p] = registration{}
	}
	s.late, s.readers = lateCommit{}, [maxReaders]reader{}
	for l := range s.extents {
		if s.extents[l].bytes == unlinked {
			s.extents[l].bytes = stored
		}
	}
	for k := range m.config.Clients {
		w.detach(&s.visible, k)
	}
	w.collectAll(&s)
	for l := 1; l <= maxLocations; l++ {
		s.durable = s.visible
		if w.drained(&s, location(l)) {
			s.removeBytes(location(l))
			s.visible.trash &^= one(l)
		}
	}
	for e := range s.visible.epochs {
		if s.visible.epochs[e] == claimed {
			s.visible.epochs[e] = fenced
		}
	}
	s.durable = s.visible
	for l := 1; l <= maxLocations; l++ {
		if m.orphan(&s, 0, location(l)) {
			s.removeBytes(location(l))
		}
		if s.extents[l].bytes != nothing {
			return ErrLeak
		}
	}
	for c := range s.visible.contents {
		if s.visible.contents[c] != (contentRow{}) {
			return ErrLeak
		}
	}
	if s.visible.digests != [maxDigests]contentID{} || s.visible.trash != 0 {
		return ErrLeak
	}
	return nil
}

// collectAll ends all uploads and leases and condemns what can be, until nothing can: aliases go before their elders.
func (w *walker) collectAll(s *state) {
	for range maxContents {
		for c := 1; c <= maxContents; c++ {
			row := &s.visible.contents[c]
			row.lease = false
			if row.kind == upload {
				row.kind = absent
			}
			w.clearEnded(s, contentID(c))
			if w.collectable(&s.visible, contentID(c)) {
				w.condemn(s, contentID(c))
			}
		}
	}
}
