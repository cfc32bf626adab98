package collectionmodel

// client takes the steps of client k. A client has one request under way at a time; a second one at once is a second client's.
func (w *walker) client(k int) {
	c, program := &w.s.clients[k], w.config.Clients[k].Program
	switch c.at {
	case idle:
		w.beginRequest(k, program)
	case writing:
		w.commitWritten(k)
		w.loserEarly(k)
		w.outcomeUnknown(k)
		w.abort(k)
	case checked:
		w.manifestUnchecked(k)
	case losing:
		w.dropLoser(k)
	}
}

// beginRequest takes the first steps of the requests of an idle client.
func (w *walker) beginRequest(k int, program Program) {
	if w.s.visible.names[k].exists {
		w.deleteName(k)
	} else if program == Push {
		w.manifest(k)
	}
	if program == Multipart {
		w.multipart(k)
		return
	}
	for d := range maxDigests {
		if !w.config.Clients[k].Digests.has(d) {
			continue
		}
		small := w.config.Inline.has(d)
		switch {
		case program == Put && small:
			w.putInline(k, d)
		case program == Put:
			w.write(k, d)
		default:
			w.head(k, d)
			if small {
				w.pushInline(k, d)
			} else {
				w.write(k, d)
			}
		}
	}
}

// handlers yields the processes that may handle client k's next request.
func (w *walker) handlers(k int, yield func(p int)) {
	for p := range w.config.Processes {
		if w.s.processes[p].epoch != 0 && (w.config.Clients[k].Roams || w.config.Clients[k].Process == p) {
			yield(p)
		}
	}
}

// write makes up a location and writes bytes there. The sync is part of the step that commits the name, which alone depends on it.
func (w *walker) write(k, d int) {
	w.handlers(k, func(p int) {
		l := w.newLocation(w.s)
		if w.is(DigestNamesLocation) {
			l = location(d + 1)
		}
		if l == 0 {
			return
		}
		n := w.from()
		c := &n.clients[k]
		c.at, c.process, c.digest, c.loc = writing, uint8(p), uint8(d), l
		if n.extents[l].bytes == nothing { // always, but for a mutant
			n.extents[l] = extentState{bytes: unsynced, epoch: n.processes[p].epoch}
		}
		w.emit(doWrite, uint8(k), uint8(d), uint8(l))
	})
}

// sync makes the bytes at l durable.
func (w *walker) sync(n *state, l location) {
	if n.extents[l].bytes == unsynced && !w.is(NoSync) {
		n.extents[l].bytes = stored
	}
}

// commitWritten commits what client k has written.
func (w *walker) commitWritten(k int) {
	c := w.s.clients[k]
	n := w.from()
	if !w.admits(n, n.processes[c.process].epoch) {
		w.giveUp(n, k)
		w.emit(doRefused, uint8(k), 0, uint8(c.loc))
		return
	}
	if w.config.Clients[k].Program == Multipart {
		w.commitPart(n, k)
		return
	}
	w.sync(n, c.loc)
	id, lost := w.store(n, k, int(c.digest), c.loc)
	if id == 0 {
		return
	}
	w.settle(n, k, c.loc, lost, w.config.Clients[k].Program == Push)
	did := [...]action{Push: doRegister, Put: doPut}[w.config.Clients[k].Program]
	if lost {
		did++ // the action of the one that lost
	}
	w.emit(did, uint8(k), uint8(id), uint8(c.loc))
}

// store is the body of the transaction that brings bytes at l under digest d: it names the content that there is or makes one,
// for a Push with a lease, for a Put with the version and its edge.
func (w *walker) store(n *state, k, d int, l location) (id contentID, lost bool) {
	r := &n.visible
	id = r.digests[d]
	lost = id != 0
	if !lost {
		if id = w.newContent(n); id == 0 {
			return 0, false
		}
		r.digests[d] = id
		r.contents[id] = contentRow{kind: whole, locs: one(l)}
		if l == 0 {
			r.contents[id] = contentRow{kind: inlined}
		}
	}
	if w.config.Clients[k].Program == Push {
		r.contents[id].lease = true
	} else {
		w.detach(r, k)
		attach(r, k, id)
	}
	return id, lost
}

// settle ends a storing transaction: when it is acknowledged the client is told, and a location that lost goes to the trash next.
// The location of a commit that is not acknowledged is never touched.
func (w *walker) settle(n *state, k int, l location, lost, promise bool) {
	c := &n.clients[k]
	d := int(c.digest)
	acknowledged := n.commit()
	*c = client{promised: c.promised}
	switch {
	case acknowledged && lost, lost && w.is(LoserTrashedUndurable):
		c.at, c.loc, c.process = losing, l, w.s.clients[k].process
	case !acknowledged:
		c.at = stuck
	}
	if acknowledged && promise {
		c.promised |= one(d)
	}
}

// pushInline stores a small blob in its content row.
func (w *walker) pushInline(k, d int) {
	w.handlers(k, func(p int) {
		n := w.from()
		n.clients[k].digest = uint8(d)
		id, _ := w.store(n, k, d, 0)
		if id == 0 {
			return
		}
		w.settle(n, k, 0, false, true)
		w.emit(doRegister, uint8(k), uint8(id), 0)
	})
}

// putInline stores a small object in its version's row, with no content row.
func (w *walker) putInline(k, d int) {
	w.handlers(k, func(p int) {
		n := w.from()
		w.detach(&n.visible, k)
		n.visible.names[k] = nameRow{exists: true, inline: true}
		w.request(n, k)
		w.emit(doPutInline, uint8(k), uint8(d), 0)
	})
}

// request ends a request without bytes: the client waits for the sync.
func (w *walker) request(n *state, k int) (acknowledged bool) {
	if n.commit() {
		return true
	}
	n.clients[k].at = stuck
	return false
}

// attach writes an edge from name k to content id.
func attach(r *rows, k int, id contentID) {
	r.names[k].exists = true
	r.names[k].contents |= one(id)
	r.contents[id].names |= one(k)
}

// detach removes name k and its edges. A content that loses its last edge has a lease from then on.
func (w *walker) detach(r *rows, k int) {
	for c := 1; c <= maxContents; c++ {
		if row := &r.contents[c]; row.names.has(k) {
			row.names &^= one(k)
			w.lastEdge(row)
		}
		if row := &r.contents[c]; row.kind == borrowed && r.names[k].inline {
			row.kind = emptied // the bytes went with the version
		}
	}
	r.names[k] = nameRow{}
}

// lastEdge gives a lease to a content that has just lost an edge and has no other.
func (w *walker) lastEdge(row *contentRow) {
	if !row.referenced() && !w.is(LastEdgeWithoutLease) {
		row.lease = true
	}
}

// deleteName deletes client k's manifest or version.
func (w *walker) deleteName(k int) {
	w.handlers(k, func(p int) {
		n := w.from()
		w.detach(&n.visible, k)
		w.request(n, k)
		w.emit(doDelete, uint8(k), 0, 0)
	})
}

// head is HEAD of digest d by a client that may push; mounting is the same transaction. A content with an edge that lasts is
// only read, since losing that edge will give a lease; else the lease is renewed.
func (w *walker) head(k, d int) {
	w.handlers(k, func(p int) {
		if w.headReads(k, d) {
			return
		}
		n := w.from()
		id := w.lookUp(n, d)
		if id == 0 {
			return // 404: nothing is promised
		}
		if !w.is(HeadWithoutLease) {
			n.visible.contents[id].lease = true
		}
		if w.request(n, k) {
			n.clients[k].promised |= one(d)
		}
		w.emit(doHead, uint8(k), uint8(d), 0)
	})
}

// headReads is the HEAD that a View answers. Its answer waits for what it read to be durable.
func (w *walker) headReads(k, d int) bool {
	id := w.s.visible.digests[d]
	if id == 0 || !w.s.visible.contents[id].referenced() {
		return false
	}
	durable := w.s.durable.digests[d] == id && w.s.durable.contents[id].referenced()
	if durable || w.is(ReadUndurable) {
		n := w.from()
		n.clients[k].promised |= one(d)
		w.emit(doHead, uint8(k), uint8(d), 0)
	}
	return true
}

// lookUp finds the content of digest d. An inline version of it is materialised: its bytes are copied to a content of their own,
// and the version keeps its own. Whoever looked it up refers to the content in the same transaction.
func (w *walker) lookUp(n *state, d int) contentID {
	r := &n.visible
	if r.digests[d] != 0 {
		return r.digests[d]
	}
	for k := range w.config.Clients {
		if !r.names[k].inline || !w.config.Inline.has(d) {
			continue
		}
		id := w.newContent(n)
		if id == 0 {
			return 0
		}
		r.digests[d] = id
		r.contents[id].kind = inlined
		if w.is(InlineBorrowed) {
			r.contents[id].kind = borrowed
		}
		return id
	}
	return 0
}

// manifest is a manifest put: in one transaction the contents are looked up and the edges written. It may come without any upload or HEAD
// before it, and fails when a content is missing.
func (w *walker) manifest(k int) {
	if w.config.Clients[k].All {
		w.manifestOf(k, w.config.Clients[k].Digests)
		return
	}
	for d := range maxDigests {
		if w.config.Clients[k].Digests.has(d) {
			w.manifestOf(k, one(d))
		}
	}
}

func (w *walker) manifestOf(k int, digests set) {
	w.handlers(k, func(p int) {
		n := w.from()
		var ids set
		for d := range maxDigests {
			if !digests.has(d) {
				continue
			}
			id := w.lookUp(n, d)
			if id == 0 {
				return
			}
			ids |= one(id)
		}
		if w.is(CheckOutside) {
			n.clients[k].at, n.clients[k].seen = checked, ids
			w.emit(doCheckManifest, uint8(k), 0, 0)
			return
		}
		w.writeEdges(n, k, ids)
	})
}

func (w *walker) writeEdges(n *state, k int, ids set) {
	for c := 1; c <= maxContents; c++ {
		if ids.has(c) {
			attach(&n.visible, k, contentID(c))
		}
	}
	n.clients[k].promised = 0 // kept: another round asks again
	w.request(n, k)
	w.emit(doManifest, uint8(k), 0, 0)
}

// manifestUnchecked is a mutant's second half: the edges are written to what an earlier transaction found.
func (w *walker) manifestUnchecked(k int) {
	n := w.from()
	seen := n.clients[k].seen
	n.clients[k].seen, n.clients[k].at = 0, idle
	w.writeEdges(n, k, seen)
}

// dropLoser removes a location that lost, by a trash row or, since nobody can have read there, at once.
func (w *walker) dropLoser(k int) {
	c := w.s.clients[k]
	n := w.from()
	n.clients[k] = client{promised: c.promised}
	w.trash(n, one(c.loc))
	w.request(n, k)
	w.emit(doTrashLoser, uint8(k), 0, uint8(c.loc))
	n = w.from()
	w.giveUp(n, k)
	w.emit(doRemoveLoser, uint8(k), 0, uint8(c.loc))
}

// loserEarly is a mutant: the bytes are deleted when the digest is seen to have a content, before the commit is known.
func (w *walker) loserEarly(k int) {
	c := w.s.clients[k]
	if !w.is(LoserDeletedEarly) || w.s.visible.digests[c.digest] == 0 || w.s.extents[c.loc].bytes == nothing {
		return
	}
	n := w.from()
	n.removeBytes(c.loc)
	w.emit(doLoserEarly, uint8(k), 0, uint8(c.loc))
}

// giveUp ends a request whose location no transaction has named or will: its bytes are deleted at once.
func (w *walker) giveUp(n *state, k int) {
	n.removeBytes(n.clients[k].loc)
	n.clients[k] = client{promised: n.clients[k].promised, upload: n.clients[k].upload}
}

// abort is a client that goes away before its bytes are committed.
func (w *walker) abort(k int) {
	n := w.from()
	l := n.clients[k].loc
	w.giveUp(n, k)
	w.emit(doAbort, uint8(k), 0, uint8(l))
}

// outcomeUnknown loses the answer to client k's commit. The location is left to the sweep: the commit may have happened, or still may.
func (w *walker) outcomeUnknown(k int) {
	c := w.s.clients[k]
	if !w.config.Ambiguous || w.s.late.on || w.config.Clients[k].Program == Multipart {
		return
	}
	n := w.from()
	w.sync(n, c.loc)
	n.late = lateCommit{on: true, process: c.process, client: uint8(k), digest: c.digest, loc: c.loc, epoch: n.processes[c.process].epoch}
	n.clients[k] = client{promised: c.promised}
	if w.is(UnknownDeletes) {
		n.removeBytes(c.loc)
	}
	w.emit(doUnknown, uint8(k), 0, uint8(c.loc))
}

// lateCommit is the commit of unknown outcome, which comes or never comes. Whoever sent it is told nothing.
func (w *walker) lateCommit() {
	late := w.s.late
	if !late.on {
		return
	}
	n := w.from()
	n.late = lateCommit{}
	w.emit(doLateNever, late.client, 0, 0)
	n = w.from()
	n.late = lateCommit{}
	if !w.admits(n, late.epoch) {
		return
	}
	if id, _ := w.store(n, int(late.client), int(late.digest), late.loc); id != 0 {
		n.commit()
		w.emit(doLateCommit, late.client, uint8(id), uint8(late.loc))
	}
}
