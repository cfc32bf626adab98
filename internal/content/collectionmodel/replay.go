package collectionmodel

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zot-artifact-store/zas/extent"
)

// ErrTooManyWorlds says that a trace leaves too much unknown to be replayed.
var ErrTooManyWorlds = errors.New("collectionmodel: too many possible states")

const (
	maxWorlds = 1 << 10
	maxLate   = 4 // commits of unknown outcome at once, whose orders are all tried
)

// world is one state that a real run may be in after the events so far.
type world struct {
	visible, durable *metadata
	undurable        [][]Change // commits after durable, in order
	extents          map[extent.Location]bytesState
	namedOnce        map[extent.Location]bool // some transaction has named it
	doubtful         map[extent.Location]bool // a commit of unknown outcome would name it
	late             []Event                  // commits of unknown outcome that may still come
	readers          map[string]*reading
	told             map[string]int64 // by content
}

// reading is a reader under way.
type reading struct {
	epoch  extent.Epoch
	began  int // in commits
	viewed bool
	found  []extent.Location
}

func newWorld() *world {
	return &world{
		visible: newMetadata(), durable: newMetadata(), extents: map[extent.Location]bytesState{}, namedOnce: map[extent.Location]bool{},
		doubtful: map[extent.Location]bool{}, readers: map[string]*reading{}, told: map[string]int64{},
	}
}

func (w *world) clone() *world {
	c := *w
	c.visible, c.durable = w.visible.clone(), w.durable.clone()
	c.undurable, c.late = slices.Clone(w.undurable), slices.Clone(w.late)
	c.extents, c.namedOnce, c.doubtful = maps.Clone(w.extents), maps.Clone(w.namedOnce), maps.Clone(w.doubtful)
	c.readers, c.told = maps.Clone(w.readers), maps.Clone(w.told)
	for name, rd := range c.readers {
		one := *rd
		c.readers[name] = &one
	}
	return &c
}

// Replay says whether a run that did these events, in this order, is a behaviour of the model. It keeps every state that the run
// may be in: a commit of unknown outcome may have happened, may come later or never, and a power loss keeps any prefix of the commits that
// were not durable. It reports ErrRefused with the first event that is possible in none of them and the rule that it breaks.
func Replay(events []Event) error {
	_, err := replay(events)
	return err
}

// Leftovers replays a run and lists what is there at its end: contents, uploads, trash and bytes. After everything was dropped, collected and
// swept there is nothing.
func Leftovers(events []Event) ([]string, error) {
	worlds, err := replay(events)
	if err != nil {
		return nil, err
	}
	var best []string
	for i, w := range worlds {
		if list := w.leftovers(); i == 0 || len(list) < len(best) {
			best = list
		}
	}
	return best, nil
}

func replay(events []Event) ([]*world, error) {
	worlds := []*world{newWorld()}
	for i, e := range events {
		next, err := step(worlds, e)
		if err != nil {
			return nil, fmt.Errorf("event %d (%v): %w", i, e.Kind, err)
		}
		worlds = next
	}
	return worlds, nil
}

// step lets e happen in every world where it can.
func step(worlds []*world, e Event) ([]*world, error) {
	var next []*world
	var refused error
	seen := map[string]bool{}
	for _, w := range worlds {
		possible := w.withLate()
		for _, one := range possible {
			after, err := one.do(e)
			if err != nil {
				refused = cmp.Or(refused, err)
				continue
			}
			for _, a := range after {
				key := ""
				if len(worlds) > 1 || len(possible) > 1 || len(after) > 1 {
					key = a.key()
				}
				if !seen[key] {
					seen[key] = true
					next = append(next, a)
				}
			}
			if len(next) > maxWorlds || len(one.late) > maxLate {
				return nil, ErrTooManyWorlds
			}
		}
	}
	if len(next) == 0 {
		return nil, refused
	}
	return next, nil
}

// withLate is w, and w with each commit of unknown outcome that may have come by now.
func (w *world) withLate() []*world {
	all := []*world{w}
	for i := 0; i < len(all); i++ {
		for j, late := range all[i].late {
			one := all[i].clone()
			one.late = slices.Delete(one.late, j, j+1)
			if one.commit(late) == nil {
				one.visibleCommit(late.Changes)
				all = append(all, one)
			}
		}
	}
	return all
}

// do is e in w: the worlds that it may lead to.
func (w *world) do(e Event) ([]*world, error) {
	switch e.Kind {
	case Commit:
		return w.doCommit(e)
	case Settled:
		w.late = nil
	case Durable:
		w.sync()
	case ExtentCreate:
		return w.only(w.create(e))
	case ExtentCommit:
		if w.extents[e.Location] == unsynced {
			w.extents[e.Location] = stored
		}
	case ExtentDelete:
		return w.only(w.remove(e))
	case ReadBegin, ReadFound, ReadDone:
		return w.only(w.read(e))
	case Told:
		return w.only(w.tell(e))
	case Lapse:
		w.lapse(e.Content)
	case Crash:
		maps.DeleteFunc(w.readers, func(_ string, rd *reading) bool { return rd.epoch == e.Epoch })
	case PowerLoss:
		return w.powerLoss(), nil
	}
	return []*world{w}, nil
}

func (w *world) only(err error) ([]*world, error) { return []*world{w}, err }

func (w *world) doCommit(e Event) ([]*world, error) {
	if e.Outcome != Unknown {
		if err := w.commit(e); err != nil {
			return nil, err
		}
		w.visibleCommit(e.Changes)
		if e.Outcome == Done {
			w.sync()
		}
		return []*world{w}, nil
	}
	if len(e.Changes) > 0 {
		w.late = append(w.late, e)
	}
	for _, c := range e.Changes {
		if c.Row == ContentRow || c.Row == PartRow {
			for _, l := range append(slices.Clone(c.Locations), c.Location) {
				w.doubtful[l] = l != "" && !w.namedOnce[l]
			}
		}
	}
	return []*world{w}, nil // that it has happened by now is one of withLate
}

func (w *world) visibleCommit(changes []Change) { w.undurable = append(w.undurable, changes) }

// sync makes every commit durable.
func (w *world) sync() {
	for _, changes := range w.undurable {
		w.durable.apply(changes)
	}
	w.undurable = nil
}

// lapse ends the leases of content in every snapshot: time passes in all of them, and none has a lease from before. A lease that is over
// is as good as none, so its row goes.
func (w *world) lapse(content string) {
	ended, kept := w.durable.leases(content)
	for _, c := range ended {
		w.durable.applyOne(c)
	}
	ended, keptNow := w.visible.leases(content)
	if len(ended) > 0 {
		w.visible.apply(ended)
		w.visibleCommit(ended)
	}
	if !kept || !keptNow {
		delete(w.told, content)
	}
}

// create is the first write at a location: never used before, by a process whose epoch is durable.
func (w *world) create(e Event) error {
	if _, used := w.extents[e.Location]; used {
		return refuse("location %s is written a second time", e.Location)
	}
	if _, claimed := w.durable.epochs[e.Location.Epoch()]; !claimed || e.Location.Epoch() != e.Epoch {
		return refuse("location %s is written by epoch %q, or before the epoch is durable", e.Location, e.Epoch)
	}
	w.extents[e.Location] = unsynced
	return nil
}

func (w *world) read(e Event) error {
	rd := w.readers[e.Reader]
	switch {
	case e.Kind == ReadBegin && rd != nil:
		return refuse("reader %s registers twice", e.Reader)
	case e.Kind == ReadBegin:
		w.readers[e.Reader] = &reading{epoch: e.Epoch, began: w.visible.commits}
		return nil
	case rd == nil:
		return refuse("reader %s is not registered", e.Reader)
	case e.Kind == ReadDone:
		delete(w.readers, e.Reader)
		return nil
	}
	for _, l := range e.Locations {
		if w.extents[l] != stored || len(w.durable.listed[l]) == 0 {
			return refuse("reader %s finds location %s, which is not durably there", e.Reader, l)
		}
	}
	rd.viewed, rd.found = true, e.Locations
	return nil
}

// tell is a client being told that content is there: an edge that is durable keeps it.
func (w *world) tell(e Event) error {
	if !w.durable.held(e.Content, e.At) || !w.visible.held(e.Content, e.At) {
		return refuse("a client is told that content %s is there, and no durable edge keeps it", e.Content)
	}
	w.told[e.Content] = max(w.told[e.Content], e.Until)
	return nil
}

// powerLoss is what may be left: any prefix of the commits that were not durable. Bytes that were not synced were never named, and removals that are
// undone are orphans of dead epochs: neither is told apart from its absence.
func (w *world) powerLoss() []*world {
	var all []*world
	for n := range len(w.undurable) + 1 {
		one := w.clone()
		one.undurable = one.undurable[:n]
		one.sync()
		one.durable.commits = w.visible.commits // a number of a lost commit is never used again
		one.visible = one.durable.clone()
		one.late, one.readers = nil, map[string]*reading{}
		all = append(all, one)
	}
	return all
}

// leftovers lists what is there.
func (w *world) leftovers() (list []string) {
	for id := range w.visible.contents {
		list = append(list, "content "+id)
	}
	for id := range w.visible.uploads {
		list = append(list, "upload "+id)
	}
	for l := range w.visible.trash {
		list = append(list, "trash "+string(l))
	}
	for l, b := range w.extents {
		if b != nothing {
			list = append(list, "bytes at "+string(l))
		}
	}
	slices.Sort(list)
	return list
}

// key tells w from other worlds.
func (w *world) key() string {
	var b strings.Builder
	fmt.Fprint(&b, *w.visible, *w.durable, w.undurable, w.extents, w.namedOnce, w.doubtful, w.told, w.late) // maps in the order of their keys
	for _, name := range slices.Sorted(maps.Keys(w.readers)) {
		fmt.Fprint(&b, name, *w.readers[name])
	}
	return b.String()
}

// String names a kind as its constant.
func (k Kind) String() string {
	return [...]string{"ExtentCreate", "ExtentCommit", "ExtentDelete", "Commit", "Settled", "Durable", "ReadBegin", "ReadFound", "ReadDone", "Told", "Lapse", "Crash", "PowerLoss"}[k]
}
