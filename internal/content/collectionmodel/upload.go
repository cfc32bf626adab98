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
	if bits.OnesCount8(uint8(w.s.visible.contents[id].locs)) < max(1, w.config.Parts) {
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
		if id == 0 || !w.runs(n, p) {
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
	row.locs |= one(c.loc)
	n.clients[k] = client{promised: c.promised, upload: c.upload}
	w.request(n, k)
	w.emit(doPart, uint8(k), uint8(c.upload), uint8(c.loc))
}

// complete makes the upload a content and the version that names it. Nothing is copied. The digest may be known by then, or come later.
func (w *walker) complete(k int, hashed bool) {
	w.handlers(k, func(p int) {
		n := w.from()
		id := n.clients[k].upload
		row := &n.visible.contents[id]
		if row.kind != upload || row.locs == 0 || !w.runs(n, p) {
			return
		}
		row.kind = pending
		w.detach(&n.visible, k)
		attach(&n.visible, k, id)
		did := doComplete
		if hashed {
			w.nameDigest(n, id)
			did = doCompleteHashed
		}
		n.clients[k].upload = 0
		w.request(n, k)
		w.emit(did, uint8(k), uint8(id), 0)
	})
}

// hasher takes the steps that do not belong to a client: late digests, and the end of uploads whose client has gone.
func (w *walker) hasher() {
	for p := range w.config.Processes {
		if !w.runs(w.s, p) || w.s.processes[p].op == waiting {
			continue
		}
		for c := 1; c <= w.config.Contents; c++ {
			switch w.s.visible.contents[c].kind {
			case upload:
				n := w.from()
				w.trash(n, n.visible.contents[c].locs)
				n.visible.contents[c] = contentRow{}
				w.jobDone(n, p)
				w.emit(doAbortUpload, uint8(p), uint8(c), 0)
			case pending:
				w.hash(p, contentID(c))
			}
		}
		return // which process does it makes no difference
	}
}

// hash commits the digest of content id.
func (w *walker) hash(p int, id contentID) {
	n := w.from()
	if w.is(HashWithoutRow) {
		if n.processes[p].op == resting {
			n.processes[p].op, n.processes[p].content = hashing, id
			w.emit(doFindPending, uint8(p), uint8(id), 0)
		}
		return
	}
	w.nameDigest(n, id)
	w.jobDone(n, p)
	w.emit(doHash, uint8(p), uint8(id), lateDigest)
}

// hashUnchecked is a mutant's second half: the digest row is written whether or not the content is still there.
func (w *walker) hashUnchecked(p int) {
	n := w.from()
	id := n.processes[p].content
	n.processes[p].op, n.processes[p].content = resting, 0
	if n.visible.digests[lateDigest] == 0 {
		n.visible.digests[lateDigest] = id
		if n.visible.contents[id].kind == pending {
			n.visible.contents[id].kind = whole
		}
	}
	w.jobDone(n, p)
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
