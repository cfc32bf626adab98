package collectionmodel

// janitor takes the steps of process p's collector and sweeper. Any number of processes may do this work at once: safety does not
// rest on the lease that a job has. Deleting bytes is no transaction: a fenced process still does what it had decided.
func (w *walker) janitor(p int) {
	switch w.s.processes[p].op {
	case resting:
		w.decide(p)
	case removing:
		w.removeBytes(p, doRemove, untrashing)
	case sweeping:
		w.removeBytes(p, doSweep, resting)
	case untrashing:
		w.untrash(p)
	case marked:
		w.sweepMarked(p)
	case unlinking:
		w.unlinked(p)
	}
}

// decide takes the steps by which a resting janitor takes up work.
func (w *walker) decide(p int) {
	for c := 1; c <= w.config.Contents; c++ {
		if w.collectable(&w.s.visible, contentID(c)) {
			w.collect(p, contentID(c))
		}
	}
	for l := 1; l <= w.config.Locations; l++ {
		at := location(l)
		if w.drained(w.s, at) {
			w.take(p, at, doTakeTrash, removing)
		}
		if w.orphan(w.s, p, at) {
			w.take(p, at, doTakeOrphan, sweeping)
		}
	}
}

func (w *walker) take(p int, l location, did action, op janitorOp) {
	n := w.from()
	n.processes[p].op, n.processes[p].loc = op, l
	if op == removing && w.is(UntrashFirst) {
		n.processes[p].op = untrashing
	}
	w.emit(did, uint8(p), 0, uint8(l))
}

// collectable says whether c has a row and no edge that counts.
func (m *Model) collectable(r *rows, c contentID) bool {
	row := &r.contents[c]
	return row.kind > upload && !row.referenced() && (!row.lease || m.is(LeaseIgnored))
}

// collect removes content c, or begins to, in a mutant.
func (w *walker) collect(p int, c contentID) {
	n := w.from()
	did := doCondemn
	switch {
	case w.is(TwoTransactions):
		n.processes[p].op, n.processes[p].content, did = marked, c, doMark
	case w.is(UnlinkFirst):
		n.processes[p].op, n.processes[p].content, did = unlinking, c, doUnlinkFirst
		for l := 1; l <= maxLocations; l++ {
			if n.visible.contents[c].locs.has(l) {
				n.removeBytes(location(l))
			}
		}
	default:
		w.condemn(n, c)
		n.commit()
	}
	w.emit(did, uint8(p), uint8(c), 0)
}

// condemn is the collector's transaction: the content's row, its digest row, its edge on an elder and its location rows go, and its
// locations are in the trash.
func (w *walker) condemn(n *state, c contentID) {
	r := &n.visible
	row := r.contents[c]
	r.contents[c] = contentRow{parts: row.parts, names: row.names, younger: row.younger} // edges, in a mutant that has not looked
	if r.digests[0] == c && !w.is(DigestRowKept) {
		r.digests[0] = 0
	}
	if r.digests[1] == c {
		r.digests[1] = 0
	}
	if row.kind == alias && !w.is(AliasEdgeKept) {
		elder := &r.contents[row.elder]
		elder.younger &^= one(c)
		if !w.is(AliasGoneWithoutLease) {
			w.lastEdge(elder)
		}
	}
	w.trash(n, row.locs)
}

// trash writes trash rows. Readers that registered before may still read there, as may those that a process has published as its oldest.
func (m *Model) trash(n *state, locs set) {
	n.visible.trash |= locs
	for p := range n.visible.registered {
		if n.visible.registered[p].present {
			n.visible.registered[p].behind |= locs
		}
	}
	for i := range n.readers {
		if at := n.readers[i].at; at != notReading && at != unregisteredView {
			n.readers[i].older |= locs
		}
	}
}

// drained says whether the bytes at l may go: the trash row is durable, and every registered process is past it and has not pinned it.
// A View answers this; what it read is durable before it answers.
func (m *Model) drained(s *state, l location) bool {
	if m.is(UnlinkUndurable) {
		return s.visible.trash.has(int(l)) && m.past(&s.visible, l)
	}
	return s.durable.trash.has(int(l)) && m.past(&s.durable, l) && m.past(&s.visible, l)
}

func (m *Model) past(r *rows, l location) bool {
	for p := range r.registered {
		if g := &r.registered[p]; g.present && (g.behind | g.pins).has(int(l)) && !m.is(ReadersNotDrained) {
			return false
		}
	}
	return true
}

// orphan says whether process p may sweep l: its epoch is fenced, durably, and no location row or trash row has it. This holds for good:
// a fenced epoch's transactions are refused, and nobody else names its locations.
func (m *Model) orphan(s *state, p int, l location) bool {
	e := s.extents[l]
	if e.bytes == nothing || e.bytes == unlinked {
		return false
	}
	switch {
	case m.is(SweepByAge):
	case m.is(SweepUnfenced) && e.epoch != s.processes[p].epoch && s.durable.epochs[e.epoch] != unclaimed:
	case s.visible.epochs[e.epoch] != fenced || s.durable.epochs[e.epoch] != fenced:
		return false
	}
	return !m.inRows(&s.visible, l) && !m.inRows(&s.durable, l)
}

func (m *Model) inRows(r *rows, l location) bool {
	rows := r.owned() | r.trash
	if m.is(SweepIgnoresTrash) {
		rows = r.owned()
	}
	if m.is(SweepIgnoresUploads) {
		for c := range r.contents {
			if r.contents[c].kind == upload {
				rows &^= r.contents[c].parts
			}
		}
	}
	return rows.has(int(l))
}

// removeBytes deletes the bytes that process p had decided to delete. While a power loss may come, the removal may or may not survive it.
func (w *walker) removeBytes(p int, did action, then janitorOp) {
	for _, undone := range [2]bool{false, true} {
		n := w.from()
		l := n.processes[p].loc
		if undone && (n.losses == 0 || n.extents[l].bytes != stored) {
			return
		}
		n.removeBytes(l)
		if undone {
			n.extents[l].bytes = unlinked
		}
		n.processes[p].op = then
		if then == resting || w.is(UntrashFirst) {
			n.processes[p].op, n.processes[p].loc = resting, 0
		}
		w.emit(did, uint8(p), 0, uint8(l))
	}
}

// removeBytes deletes the bytes at l; it keeps the location's name, which has its epoch in it.
func (s *state) removeBytes(l location) { s.extents[l].bytes = nothing }

// untrash removes the trash row of bytes that are gone.
func (w *walker) untrash(p int) {
	n := w.from()
	l := n.processes[p].loc
	n.processes[p].op, n.processes[p].loc = resting, 0
	if w.is(UntrashFirst) {
		n.processes[p].op, n.processes[p].loc = removing, l
	}
	n.visible.trash &^= one(l)
	n.commit()
	w.emit(doUntrash, uint8(p), 0, uint8(l))
}

// sweepMarked is a mutant's second transaction: it removes what the first one found without edges.
func (w *walker) sweepMarked(p int) {
	n := w.from()
	c := n.processes[p].content
	n.processes[p].op, n.processes[p].content = resting, 0
	if n.visible.contents[c].kind > upload {
		w.condemn(n, c)
		n.commit()
	}
	w.emit(doSweepMarked, uint8(p), uint8(c), 0)
}

// unlinked is a mutant's transaction: the bytes of what it finds without edges have been deleted before.
func (w *walker) unlinked(p int) {
	n := w.from()
	c := n.processes[p].content
	n.processes[p].op, n.processes[p].content = resting, 0
	if w.collectable(&n.visible, c) {
		w.condemn(n, c)
		n.commit()
	}
	w.emit(doCondemn, uint8(p), uint8(c), 0)
}
