package collectionmodel

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zot-artifact-store/zas/extent"
)

// narrator tells steps of the model as the events that a recorder at the ports would see. Numbers of the model
// stand for new things again and again; names are unique.
type narrator struct {
	m         *Model
	made      int
	locations [maxLocations + 1]extent.Location
	contents  [maxContents + 1]string
	readers   [maxReaders]string
	late      []Change // of the commit of unknown outcome
}

func epochName(e epochID) extent.Epoch { return extent.Epoch(fmt.Sprintf("%016x", e)) }

// tell is the events of one step. ok is false where the events of a run could not be these: a late commit that does something
// else than what its transaction wrote when its outcome was lost.
func (n *narrator) tell(before *state, s Step, after *state) (events []Event, ok bool) {
	by := n.actor(before, after, s)
	n.name(before, s, after)
	for l := 1; l <= maxLocations; l++ {
		if e, did := n.bytes(before, after, l); did && s.do != doLoseBytes && s.do != doKeepBytes {
			e.Epoch = by
			events = append(events, e)
		}
	}
	switch s.do {
	case doLoseBytes, doKeepBytes:
		return append(events, Event{Kind: PowerLoss}), true
	case doExpire:
		return append(events, Event{Kind: Lapse, Content: n.contents[s.object]}), true
	case doCrash:
		return append(events, Event{Kind: Crash, Epoch: by}), true
	case doUnknown:
		n.late = n.lateChanges(after)
		return append([]Event{{Kind: Commit, Epoch: by, Outcome: Unknown, Changes: n.late}}, events...), true
	case doLateNever:
		return []Event{{Kind: Settled}}, true
	case doLateCommit:
		events = []Event{{Kind: Settled}}
		return events, slices.EqualFunc(n.late, n.changes(&before.visible, &after.visible), sameChange)
	}
	if changes := n.changes(&before.visible, &after.visible); len(changes) > 0 {
		e := Event{Kind: Commit, Epoch: by, Changes: changes}
		if after.frozen {
			e.Outcome = Visible
		}
		events = append(events, e)
	}
	return slices.Concat(events, n.promises(before, after), n.reading(before, s, after)), true
}

func sameChange(a, b Change) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// actor is the epoch of the process that takes a step.
func (n *narrator) actor(before, after *state, s Step) extent.Epoch {
	p := 0
	switch {
	case s.do >= doClearEnded && s.do <= doCrash || s.do >= doCompute:
		p = int(s.actor)
	case s.do <= doLateNever && (before.clients[s.actor].at == writing || after.clients[s.actor].at == writing || before.clients[s.actor].at == losing):
		p = int(max(before.clients[s.actor].process, after.clients[s.actor].process))
	case s.do == doPart:
		p = int(before.clients[s.actor].process)
	}
	return epochName(max(before.processes[p].epoch, after.processes[p].epoch))
}

// name makes up names for what is new.
func (n *narrator) name(before *state, s Step, after *state) {
	if l := s.other; s.do == doWrite && before.extents[l].bytes == nothing && !(n.m.is(DigestNamesLocation) && n.locations[l] != "") {
		n.made++
		n.locations[l] = extent.Location(fmt.Sprintf("%016x%016x", after.extents[l].epoch, n.made))
	}
	for c := 1; c <= maxContents; c++ {
		if free := (contentRow{}); before.visible.contents[c] == free && before.durable.contents[c] == free && after.visible.contents[c] != free {
			n.made++
			n.contents[c] = fmt.Sprintf("content-%d", n.made)
		}
	}
	if s.do == doReadRegister || s.do == doReadView && before.readers[s.actor].at == notReading {
		n.made++
		n.readers[s.actor] = fmt.Sprintf("reader-%d", n.made)
	}
}

func (n *narrator) bytes(before, after *state, l int) (Event, bool) {
	was, is := before.extents[l].bytes, after.extents[l].bytes
	e := Event{Location: n.locations[l]}
	switch {
	case was == nothing && is == unsynced:
		e.Kind = ExtentCreate
	case was == unsynced && is == stored:
		e.Kind = ExtentCommit
	case was != is && (is == nothing || is == unlinked):
		e.Kind = ExtentDelete
	default:
		return e, false
	}
	return e, true
}

// lateChanges is what the transaction whose outcome has just been lost would write.
func (n *narrator) lateChanges(s *state) (changes []Change) {
	n.m.Steps(s, func(step Step, next *state) {
		if step.do == doLateCommit {
			after := *next
			names := n.contents
			n.name(s, step, &after)
			changes = n.changes(&s.visible, &after.visible)
			if n.contents != names {
				n.contents = names // the number may be another content's before it comes
				changes = append(changes, Change{Row: ContentRow, Content: "never", Delete: true})
			}
		}
	})
	return changes
}

// changes is the rows that a commit wrote.
func (n *narrator) changes(before, after *rows) (list []Change) {
	for c := 1; c <= maxContents; c++ {
		list = append(list, n.contentChanges(c, &before.contents[c], &after.contents[c])...)
	}
	for d := range maxDigests {
		if was, is := before.digests[d], after.digests[d]; was != is {
			list = append(list, Change{Row: DigestRow, Digest: fmt.Sprint("digest ", d), Content: n.contents[max(is, 0)], Delete: is == 0})
		}
	}
	for l := 1; l <= maxLocations; l++ {
		was, is := before.trash.has(l), after.trash.has(l)
		if was != is {
			list = append(list, Change{Row: TrashRow, Location: n.locations[l], Delete: was})
		}
		if was && !is {
			list = append(list, Change{Row: OwnerRow, Location: n.locations[l], Delete: true})
		}
	}
	for e := epochID(1); e <= maxEpochs; e++ {
		if before.epochs[e] != after.epochs[e] {
			list = append(list, Change{Row: EpochRow, Epoch: epochName(e), Fenced: after.epochs[e] == fenced})
		}
	}
	return list
}

func (n *narrator) contentChanges(c int, was, is *contentRow) (list []Change) {
	id := n.contents[c]
	content := func(r *contentRow) bool { return r.kind > upload }
	if content(was) != content(is) || was.locs != is.locs || was.elder != is.elder {
		list = append(list, Change{
			Row: ContentRow, Content: id, Locations: n.all(is.locs), Elder: n.contents[is.elder], Delete: !content(is),
		})
	}
	if (was.kind == upload) != (is.kind == upload) {
		list = append(list, Change{Row: UploadRow, Content: id, Delete: was.kind == upload})
	}
	for l := 1; l <= maxLocations; l++ {
		if was.parts.has(l) != is.parts.has(l) {
			list = append(list, Change{Row: PartRow, Content: id, Number: l, Location: n.locations[l], Delete: was.parts.has(l)})
		}
		if is.parts.has(l) && !was.parts.has(l) || is.locs.has(l) && !(was.locs|was.parts).has(l) {
			list = append(list, Change{Row: OwnerRow, Content: id, Location: n.locations[l]})
		}
	}
	edge := func(was, is bool, referrer string, more Change) {
		if was != is {
			more.Row, more.Content, more.Referrer, more.Delete = EdgeRow, id, referrer, was
			list = append(list, more)
		}
	}
	for k := range maxClients {
		edge(was.names.has(k), is.names.has(k), fmt.Sprint("name ", k), Change{})
	}
	for y := 1; y <= maxContents; y++ {
		edge(was.younger.has(y), is.younger.has(y), n.contents[y], Change{Younger: n.contents[y]})
	}
	edge(was.lease, is.lease, "lease", Change{Until: 1})
	return list
}

func (n *narrator) all(s set) (list []extent.Location) {
	for l := 1; l <= maxLocations; l++ {
		if s.has(l) {
			list = append(list, n.locations[l])
		}
	}
	return list
}

// promises is what clients have been told by a step.
func (n *narrator) promises(before, after *state) (events []Event) {
	for k := range after.clients {
		for d := range maxDigests {
			if after.clients[k].promised.has(d) && !before.clients[k].promised.has(d) {
				events = append(events, Event{Kind: Told, Content: n.contents[after.visible.digests[d]], Until: 1})
			}
		}
	}
	return events
}

// reading is what readers did in a step.
func (n *narrator) reading(before *state, s Step, after *state) (events []Event) {
	for i := range after.readers {
		was, is := before.readers[i], after.readers[i]
		e := Event{Reader: n.readers[i], Epoch: epochName(1)}
		if i < len(n.m.config.Readers) {
			e.Epoch = epochName(before.processes[n.m.config.Readers[i]].epoch)
		}
		switch {
		case was.at == is.at:
			continue
		case s.do == doReadRegister:
			e.Kind = ReadBegin
		case s.do == doReadView:
			e.Kind, e.Locations = ReadFound, n.all(is.locs)
		case is.at == notReading:
			e.Kind = ReadDone
		default:
			continue
		}
		events = append(events, e)
	}
	return events
}

// matches says whether a replayed world is the model's state.
func (n *narrator) matches(w *world, s *state) bool {
	return fmt.Sprint(facts(w.visible)) == fmt.Sprint(facts(n.rows(&s.visible))) &&
		fmt.Sprint(facts(w.durable)) == fmt.Sprint(facts(n.rows(&s.durable)))
}

// facts is m without what is only counted or derived.
func facts(m *metadata) []any {
	return []any{m.contents, m.uploads, m.parts, m.digests, m.edges, slices.Sorted(maps.Keys(m.trash)), m.epochs}
}

// rows is a snapshot of the model under the names of the trace.
func (n *narrator) rows(r *rows) *metadata {
	m := newMetadata()
	m.apply(n.changes(&rows{}, r))
	return m
}
