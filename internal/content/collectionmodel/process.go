package collectionmodel

import "slices"

// process takes the steps of process p apart from requests: its start, its jobs, its publication of readers, its end.
func (w *walker) process(p int) {
	if w.s.processes[p].epoch == 0 {
		w.startAgain(p)
		w.lapse(p)
		return
	}
	if p < w.config.Janitors {
		w.janitor(p)
	}
	w.fence(p)
	if slices.Contains(w.config.Readers, p) {
		w.publish(p)
		w.registration(p)
	}
	if w.s.crashes > 0 {
		n := w.from()
		n.crashes--
		w.crash(n, p)
		w.emit(doCrash, uint8(p), 0, 0)
	}
}

// start claims an epoch for process p, and registers it for reading, in one transaction.
func (m *Model) start(s *state, p int) {
	e := s.nextEpoch
	s.nextEpoch++
	s.visible.epochs[e] = claimed
	s.processes[p] = process{epoch: e}
	if slices.Contains(m.config.Readers, p) { // one without readers would publish the newest version at once, always
		s.visible.registered[p] = registration{present: true}
		s.processes[p].reading = true
	}
}

// startAgain is the start of a process that is down. Its epoch is durable before it does anything, so no start is told
// between the last sync and the power loss.
func (w *walker) startAgain(p int) {
	if w.s.frozen && !w.is(EpochUndurable) || w.s.nextEpoch > maxEpochs {
		return
	}
	n := w.from()
	w.start(n, p)
	n.commit()
	w.emit(doStart, uint8(p), uint8(n.processes[p].epoch), 0)
}

// fence is process p taking another's epoch row exclusively and marking it: the other's lease has run out, whether or not it still runs.
func (w *walker) fence(p int) {
	if w.s.frozen {
		return
	}
	var running set
	for q := range w.s.processes {
		running |= one(w.s.processes[q].epoch)
	}
	for e := epochID(1); e <= maxEpochs; e++ {
		own := w.s.processes[p].epoch == e
		if w.s.visible.epochs[e] != claimed || own || running.has(int(e)) && !w.config.Fencing {
			continue
		}
		n := w.from()
		n.visible.epochs[e] = fenced
		n.commit()
		w.emit(doFence, uint8(p), uint8(e), 0)
	}
}

// crash ends process p: the requests that it handles fail, what it remembered is gone. Its rows stay.
func (m *Model) crash(n *state, p int) {
	n.processes[p] = process{}
	for k := range n.clients {
		c := &n.clients[k]
		if c.at == idle || int(c.process) != p {
			continue
		}
		*c = client{promised: c.promised, upload: c.upload}
	}
	for i, home := range m.config.Readers {
		if home == p {
			n.readers[i] = reader{}
		}
	}
}

// leases lets any lease run out at any time: collection is never by age, and no clock is trusted.
func (w *walker) leases() {
	for c := 1; c <= w.config.Contents; c++ {
		if w.s.visible.contents[c].lease || w.s.durable.contents[c].lease {
			n := w.from()
			w.expire(n, contentID(c))
			w.emit(doExpire, 0, uint8(c), 0)
		}
	}
}

// expire ends the lease of content c in every snapshot, for time passes in all of them. What clients were promised by then is over too. Where idle
// leases are not told apart, their end is no step: then a promise lasts as long as an edge.
func (m *Model) expire(s *state, c contentID) {
	for _, r := range [2]*rows{&s.visible, &s.durable} {
		r.contents[c].lease = false
		for d, id := range r.digests {
			if id != c || r.contents[c].referenced() && m.dropsIdleLeases() {
				continue
			}
			for k := range s.clients {
				s.clients[k].promised &^= one(d)
			}
		}
	}
}

// power takes the steps to a power loss of the one process with its embedded metadata: the last sync, then the loss.
// Bytes that were not synced go, or stay as leftovers (a kill of the process alone is the latter).
func (w *walker) power() {
	if w.s.losses == 0 {
		return
	}
	if !w.s.frozen {
		n := w.from()
		n.frozen = true
		w.emit(doLastSync, 0, 0, 0)
		return
	}
	for _, did := range [2]action{doLoseBytes, doKeepBytes} {
		n := w.from()
		n.visible, n.frozen, n.late = n.durable, false, lateCommit{}
		n.losses--
		for p := range n.processes {
			w.crash(n, p)
		}
		for k := range n.clients {
			n.clients[k] = client{promised: n.clients[k].promised, upload: n.clients[k].upload}
		}
		for l := range n.extents {
			n.extents[l].bytes = afterLoss(n.extents[l].bytes, did)
		}
		w.emit(did, 0, 0, 0)
	}
}

func afterLoss(b bytesState, did action) bytesState {
	switch {
	case b == unsynced && did == doLoseBytes, b == unlinked && did == doKeepBytes:
		return nothing
	case b == unlinked:
		return stored
	}
	return b
}
