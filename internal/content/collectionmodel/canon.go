package collectionmodel

import "math/bits"

// Canonical renames clients, digests, contents and locations that are alike into one order, so that states which differ only
// in such names are one. Keys say how a thing looks without using the names of the kinds that come later;
// things with equal keys that differ all the same cost a state, never a behaviour.
func (m *Model) Canonical(s *state) {
	if m.is(DigestNamesLocation) {
		return // locations are not alike then
	}
	if m.dropsIdleLeases() {
		s.dropIdleLeases()
	}
	if m.config.SameClients && s.clientKey(0) > s.clientKey(1) {
		s.swapClients()
	}
	if m.config.SameDigests && s.digestKey(0) > s.digestKey(1) {
		s.swapDigests()
	}
	var keys [8]uint64
	for c := 1; c <= m.config.Contents; c++ {
		keys[c] = s.contentKey(c)
	}
	if order, changed := sortKeys(keys[:m.config.Contents+1]); changed {
		s.renameContents(&order)
	}
	s.locationKeys(&keys)
	if order, changed := sortKeys(keys[:m.config.Locations+1]); changed {
		s.renameLocations(&order)
	}
}

// dropsIdleLeases says whether a lease beside edges for good is as good as none: losing the last of these edges gives a new one.
func (m *Model) dropsIdleLeases() bool {
	return !m.is(LastEdgeWithoutLease) && !m.is(AliasGoneWithoutLease)
}

func (s *state) dropIdleLeases() {
	for c := range s.visible.contents {
		for _, row := range [2]*contentRow{&s.visible.contents[c], &s.durable.contents[c]} {
			row.lease = row.lease && !row.referenced()
		}
	}
}

// renaming gives the new number for each old one; 0 stays.
type renaming [8]uint8

func (r *renaming) set(s set) set {
	var out set
	for ; s != 0; s &= s - 1 {
		out |= 1 << r[bits.TrailingZeros8(uint8(s))]
	}
	return out
}

// sortKeys finds the renaming that sorts keys[1:] downwards, keeping the order of equals.
func sortKeys(keys []uint64) (r renaming, changed bool) {
	var order [8]uint8
	for i := range order {
		order[i], r[i] = uint8(i), uint8(i)
	}
	for i := 2; i < len(keys); i++ {
		for j := i; j > 1 && keys[j] > keys[j-1]; j-- {
			keys[j], keys[j-1] = keys[j-1], keys[j]
			order[j], order[j-1] = order[j-1], order[j]
			changed = true
		}
	}
	for to, from := range order {
		r[from] = uint8(to)
	}
	return r, changed
}

// pack appends fields to a key.
func pack(key uint64, width uint, field uint8) uint64 { return key<<width | uint64(field) }

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// clientKey describes client k by what does not name digests, contents or locations.
func (s *state) clientKey(k int) uint64 {
	c := &s.clients[k]
	key := pack(0, 4, uint8(c.at))
	key = pack(key, 1, bit(c.loc != 0))
	key = pack(key, 2, uint8(bits.OnesCount8(uint8(c.promised))))
	key = pack(key, 1, bit(c.upload != 0))
	key = pack(key, 3, uint8(bits.OnesCount8(uint8(c.seen))))
	for _, r := range [2]*rows{&s.visible, &s.durable} {
		n := &r.names[k]
		key = pack(key, 2, bit(n.exists)<<1|bit(n.inline))
		key = pack(key, 2, uint8(bits.OnesCount8(uint8(n.contents))))
	}
	return pack(key, 1, bit(s.late.on && int(s.late.client) == k))
}

func (s *state) digestKey(d int) uint64 {
	var key uint64
	for _, r := range [2]*rows{&s.visible, &s.durable} {
		id := r.digests[d]
		key = pack(key, 1, bit(id != 0))
		if id != 0 {
			c := &r.contents[id]
			key = pack(key, 8, uint8(c.kind)<<4|uint8(c.names)<<1|bit(c.lease))
		} else {
			key = pack(key, 8, 0)
		}
	}
	for k := range s.clients {
		c := &s.clients[k]
		key = pack(key, 2, bit(c.promised.has(d))<<1|bit(c.at != idle && int(c.digest) == d))
	}
	return pack(key, 1, bit(s.late.on && int(s.late.digest) == d))
}

func (s *state) contentKey(c int) uint64 {
	var key uint64
	for _, r := range [2]*rows{&s.visible, &s.durable} {
		row := &r.contents[c]
		key = pack(key, 3, uint8(row.kind))
		key = pack(key, 2, bit(r.digests[0] == contentID(c))<<1|bit(r.digests[1] == contentID(c)))
		key = pack(key, 2, uint8(row.names))
		key = pack(key, 2, bit(r.names[0].contents.has(c))<<1|bit(r.names[1].contents.has(c)))
		key = pack(key, 3, uint8(bits.OnesCount8(uint8(row.younger))))
		key = pack(key, 3, uint8(bits.OnesCount8(uint8(row.locs))))
		key = pack(key, 3, uint8(bits.OnesCount8(uint8(row.parts))))
		key = pack(key, 1, bit(row.lease))
	}
	for k := range s.clients {
		key = pack(key, 2, bit(int(s.clients[k].upload) == c)<<1|bit(s.clients[k].seen.has(c)))
	}
	for p := range s.processes {
		key = pack(key, 2, bit(int(s.processes[p].content) == c)<<1|bit(int(s.processes[p].hashed) == c))
	}
	return key
}

// locationKeys describes every location by all that mentions it.
func (s *state) locationKeys(keys *[8]uint64) {
	*keys = [8]uint64{}
	for _, r := range [2]*rows{&s.visible, &s.durable} {
		for l := range keys {
			keys[l] <<= 9
		}
		for c := range r.contents {
			mark(keys, r.contents[c].locs|r.contents[c].parts, uint64(c)<<6)
			mark(keys, r.contents[c].parts, 1<<5)
		}
		mark(keys, r.trash, 1<<4)
		for p := range r.registered {
			mark(keys, r.registered[p].behind, 1<<(2*p))
			mark(keys, r.registered[p].pins, 2<<(2*p))
		}
	}
	for l := range s.extents {
		keys[l] = keys[l]<<5 | uint64(s.extents[l].bytes)<<3 | uint64(s.extents[l].epoch)
	}
	shift := func(memory set) {
		for l := range keys {
			keys[l] = keys[l]<<1 | uint64(memory>>l&1)
		}
	}
	for k := range s.clients {
		shift(one(s.clients[k].loc))
	}
	shift(one(s.late.loc))
	for i := range s.readers {
		shift(s.readers[i].locs)
		shift(s.readers[i].older)
	}
	for p := range s.processes {
		shift(one(s.processes[p].loc))
		shift(s.processes[p].passed)
		shift(s.processes[p].pins)
	}
}

func mark(keys *[8]uint64, locs set, field uint64) {
	for ; locs != 0; locs &= locs - 1 {
		keys[bits.TrailingZeros8(uint8(locs))] |= field
	}
}

func (s *state) swapClients() {
	s.clients[0], s.clients[1] = s.clients[1], s.clients[0]
	if s.late.on {
		s.late.client ^= 1
	}
	for _, r := range [2]*rows{&s.visible, &s.durable} {
		r.names[0], r.names[1] = r.names[1], r.names[0]
		for c := range r.contents {
			r.contents[c].names = swapLow(r.contents[c].names)
		}
	}
}

func (s *state) swapDigests() {
	for k := range s.clients {
		c := &s.clients[k]
		c.promised = swapLow(c.promised)
		if c.at == writing {
			c.digest ^= 1
		}
	}
	if s.late.on {
		s.late.digest ^= 1
	}
	s.visible.digests[0], s.visible.digests[1] = s.visible.digests[1], s.visible.digests[0]
	s.durable.digests[0], s.durable.digests[1] = s.durable.digests[1], s.durable.digests[0]
}

func swapLow(s set) set { return s&^3 | s>>1&1 | s<<1&2 }

func (s *state) renameContents(r *renaming) {
	for _, rows := range [2]*rows{&s.visible, &s.durable} {
		for d := range rows.digests {
			rows.digests[d] = contentID(r[rows.digests[d]])
		}
		old := rows.contents
		for c := range old {
			row := old[c]
			row.elder, row.younger = contentID(r[row.elder]), r.set(row.younger)
			rows.contents[r[c]] = row
		}
		for k := range rows.names {
			rows.names[k].contents = r.set(rows.names[k].contents)
		}
	}
	for k := range s.clients {
		s.clients[k].upload, s.clients[k].seen = contentID(r[s.clients[k].upload]), r.set(s.clients[k].seen)
	}
	for p := range s.processes {
		s.processes[p].content = contentID(r[s.processes[p].content])
		s.processes[p].hashed = contentID(r[s.processes[p].hashed])
	}
}

func (s *state) renameLocations(r *renaming) {
	for _, rows := range [2]*rows{&s.visible, &s.durable} {
		for c := range rows.contents {
			rows.contents[c].locs, rows.contents[c].parts = r.set(rows.contents[c].locs), r.set(rows.contents[c].parts)
		}
		rows.trash = r.set(rows.trash)
		for p := range rows.registered {
			g := &rows.registered[p]
			g.behind, g.pins = r.set(g.behind), r.set(g.pins)
		}
	}
	old := s.extents
	for l := range old {
		s.extents[r[l]] = old[l]
	}
	for k := range s.clients {
		s.clients[k].loc = location(r[s.clients[k].loc])
	}
	s.late.loc = location(r[s.late.loc])
	for i := range s.readers {
		s.readers[i].locs, s.readers[i].older = r.set(s.readers[i].locs), r.set(s.readers[i].older)
	}
	for p := range s.processes {
		memory := &s.processes[p]
		memory.loc, memory.passed, memory.pins = location(r[memory.loc]), r.set(memory.passed), r.set(memory.pins)
	}
}
