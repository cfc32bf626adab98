package collectionmodel

import "math/bits"

// lateDigest is the digest of what every multipart upload uploads.
const lateDigest = 0

// multipart takes the steps of an idle client that uploads in parts. The client remembers the upload's id over crashes.
func (w *walker) multipart(k int) {
	id := w.s.clients[k].upload
	if id == 0 {
		w.beginUpload(k)
		return
	}
	if bits.OnesCount8(uint8(w.s.visible.contents[id].parts)) < max(1, w.config.Parts) {
		w.write(k, lateDigest)
	}
	w.complete(k, false)
	w.complete(k, true)
	n := w.from()
	n.clients[k].upload = 0
	w.emit(doAbandon, uint8(k), uint8(id), 0)
}

// beginUpload makes the upload's row, whose id is the future content's.
func (w *walker) beginUpload(k int) {
	w.handlers(k, func(p int) {
		n := w.from()
		id := w.newContent(n)
		if id == 0 {
			return
		}
		n.visible.contents[id].kind = upload
		if w.request(n, k) {
			n.clients[k].upload = id
		}
		w.emit(doBegin, uint8(k), uint8(id), 0)
	})
}

// commitPart gives the location that client k has written to its upload, if there still is one.
func (w *walker) commitPart(n *state, k int) {
	c := n.clients[k]
	row := &n.visible.contents[c.upload]
	if row.kind != upload {
		w.giveUp(n, k)
		w.emit(doAbort, uint8(k), 0, uint8(c.loc))
		return
	}
	w.sync(n, c.loc)
	row.parts |= one(c.loc)
	n.clients[k] = client{promised: c.promised, upload: c.upload}
	w.request(n, k)
	w.emit(doPart, uint8(k), uint8(c.upload), uint8(c.loc))
}

// complete makes the upload a content and the version that names it. Nothing is copied: the content lists the parts, whose rows are
// cleared later. The digest may be known by then, and stored already, or come later.
func (w *walker) complete(k int, hashed bool) {
	w.handlers(k, func(int) {
		n := w.from()
		id := n.clients[k].upload
		row := &n.visible.contents[id]
		if row.kind != upload || row.parts == 0 {
			return
		}
		elder := n.visible.digests[lateDigest]
		w.detach(&n.visible, k)
		switch {
		case hashed && elder != 0:
			row.kind = absent
			attach(&n.visible, k, elder)
		default:
			row.kind, row.locs = pending, row.parts
			attach(&n.visible, k, id)
			if hashed {
				w.nameDigest(n, id)
			}
		}
		n.clients[k].upload = 0
		w.request(n, k)
		did := doComplete
		if hashed {
			did = doCompleteHashed
		}
		w.emit(did, uint8(k), uint8(id), 0)
	})
}

// hasher takes the steps that do not belong to a client: late digests, and the end of uploads and of their part rows. Which process
// does it makes no difference.
func (w *walker) hasher() {
	for p := range w.config.Processes {
		if w.s.processes[p].epoch == 0 {
			continue
		}
		if w.s.processes[p].hashed != 0 {
			w.hashUnchecked(p)
		}
		for c := 1; c <= w.config.Contents; c++ {
			switch row := &w.s.visible.contents[c]; {
			case row.kind == upload:
				n := w.from()
				n.visible.contents[c].kind = absent
				n.commit()
				w.emit(doAbortUpload, uint8(p), uint8(c), 0)
			case row.parts != 0:
				n := w.from()
				w.clearEnded(n, contentID(c))
				n.commit()
				w.emit(doClearEnded, uint8(p), uint8(c), 0)
			}
			if w.s.visible.contents[c].kind == pending {
				w.hash(p, contentID(c))
			}
		}
		return
	}
}

// clearEnded removes the part rows of an upload that has ended. What the content does not have goes to the trash: for the second time
// if the content has been there meanwhile and is gone.
func (m *Model) clearEnded(n *state, c contentID) {
	row := &n.visible.contents[c]
	free := row.parts &^ row.locs
	row.parts = 0
	m.trash(n, free)
}

// hash commits the digest of content id.
func (w *walker) hash(p int, id contentID) {
	n := w.from()
	if w.is(HashWithoutRow) {
		if n.processes[p].hashed == 0 {
			n.processes[p].hashed = id
			w.emit(doFindPending, uint8(p), uint8(id), 0)
		}
		return
	}
	w.nameDigest(n, id)
	n.commit()
	w.emit(doHash, uint8(p), uint8(id), lateDigest)
}

// hashUnchecked is a mutant's second half: the digest row is written whether or not the content is still there.
func (w *walker) hashUnchecked(p int) {
	n := w.from()
	id := n.processes[p].hashed
	n.processes[p].hashed = 0
	if n.visible.digests[lateDigest] == 0 {
		n.visible.digests[lateDigest] = id
		if n.visible.contents[id].kind == pending {
			n.visible.contents[id].kind = whole
		}
	}
	n.commit()
	w.emit(doHash, uint8(p), uint8(id), lateDigest)
}

// nameDigest gives content id the late digest. When an elder content has it, id becomes its alias: it keeps its own edges, holds one on the
// elder, and its locations go to the trash.
func (w *walker) nameDigest(n *state, id contentID) {
	r := &n.visible
	elder := r.digests[lateDigest]
	row := &r.contents[id]
	if elder == 0 {
		r.digests[lateDigest] = id
		row.kind = whole
		return
	}
	locs := row.locs
	row.kind, row.elder, row.locs = alias, elder, 0
	if !w.is(AliasWithoutEdge) {
		r.contents[elder].younger |= one(id)
	}
	w.trash(n, locs)
}
