package collectionmodel

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/zot-artifact-store/zas/extent"
)

// TestWhatReplayTakesIsSound lets anything happen that looks a little like the protocol, at random. Replay may refuse it; what it
// takes must keep the invariants, in every state that it thinks possible and after a loss of power in any of them.
func TestWhatReplayTakesIsSound(t *testing.T) {
	taken, refused := map[Kind]int{}, map[Kind]int{}
	for seed := range uint64(200) {
		c := &chaos{Rand: rand.New(rand.NewPCG(seed, 9)), world: newWorld()}
		for range 300 {
			e := c.event()
			next, err := step([]*world{c.world.clone()}, e)
			if err != nil {
				refused[e.Kind]++
				continue
			}
			taken[e.Kind]++
			for _, w := range next {
				if problem := w.unsound(); problem != "" {
					t.Fatalf("seed %d: %s after %+v", seed, problem, e)
				}
			}
			c.world = next[c.IntN(len(next))]
		}
	}
	t.Logf("taken %v", taken)
	t.Logf("refused %v", refused)
}

// chaos makes up events for a world.
type chaos struct {
	*rand.Rand
	world *world
	made  int
}

func (c *chaos) chance(percent int) bool { return c.IntN(100) < percent }

// anyKey is some key of a map, the same one for the same seed; the zero key of an empty one.
func anyKey[K cmp.Ordered, V any](c *chaos, of map[K]V) (k K) {
	if keys := slices.Sorted(maps.Keys(of)); len(keys) > 0 {
		k = keys[c.IntN(len(keys))]
	}
	return k
}

func (c *chaos) event() Event {
	epoch := anyKey(c, c.world.visible.epochs)
	e := Event{Epoch: epoch, Location: anyKey(c, c.world.extents), Content: c.content(), Reader: fmt.Sprint(c.IntN(2))}
	switch n := c.IntN(100); {
	case n < 8:
		c.made++
		e.Kind, e.Location = ExtentCreate, extent.Location(fmt.Sprintf("%s%016x", epoch, c.made))
	case n < 18:
		e.Kind = ExtentCommit
	case n < 28:
		e.Kind = ExtentDelete
	case n < 33:
		e.Kind = ReadBegin
	case n < 38:
		e.Kind, e.Locations = ReadFound, c.world.visible.contents[e.Content].locations
	case n < 41:
		e.Kind = ReadDone
	case n < 45:
		e.Kind, e.Until = Told, 1
	case n < 50:
		e.Kind = Lapse
	case n < 52:
		e.Kind = []Kind{Settled, Crash, PowerLoss}[c.IntN(3)]
	case n < 56:
		e.Kind = Durable
	default:
		e.Kind, e.Outcome, e.Changes = Commit, []Outcome{Done, Done, Done, Done, Visible, Visible, Unknown}[c.IntN(7)], c.changes(e)
		if e.Outcome == Unknown && len(c.world.late) > 1 {
			e.Outcome = Done
		}
	}
	return e
}

// content is the id of a content that is there, mostly, or might be.
func (c *chaos) content() string {
	if c.chance(70) && len(c.world.visible.contents) > 0 {
		return anyKey(c, c.world.visible.contents)
	}
	return fmt.Sprint("content ", c.IntN(4))
}

func (c *chaos) digest() string { return fmt.Sprint("digest ", c.IntN(2)) }

// changes is a commit that resembles one of the protocol's, with what belongs to it forgotten now and then.
func (c *chaos) changes(e Event) (list []Change) {
	add := func(percent int, change Change) {
		if c.chance(percent) {
			list = append(list, change)
		}
	}
	row := c.world.visible.contents[e.Content]
	edge := Change{Row: EdgeRow, Content: e.Content, Referrer: fmt.Sprint("name ", c.IntN(2)), Until: int64(c.IntN(2))}
	switch c.IntN(10) {
	case 0, 1: // store
		add(95, Change{Row: ContentRow, Content: e.Content, Locations: []extent.Location{e.Location}})
		add(95, Change{Row: OwnerRow, Content: e.Content, Location: e.Location})
		add(70, Change{Row: DigestRow, Digest: c.digest(), Content: e.Content})
		add(80, edge)
	case 2: // refer
		add(100, edge)
	case 3: // drop
		edge.Delete = true
		add(100, edge)
	case 4, 5: // collect
		list = c.collecting(e.Content, 90)
	case 6: // alias
		elder := c.content()
		add(95, Change{Row: ContentRow, Content: e.Content, Elder: elder})
		add(90, Change{Row: EdgeRow, Content: elder, Referrer: e.Content, Younger: e.Content})
		for _, l := range row.locations {
			add(95, Change{Row: TrashRow, Location: l})
		}
	case 7: // trash, or the end of trash
		gone := c.chance(60)
		if gone && len(c.world.visible.trash) > 0 {
			e.Location = anyKey(c, c.world.visible.trash)
		}
		add(100, Change{Row: TrashRow, Location: e.Location, Delete: gone})
		add(50, Change{Row: OwnerRow, Location: e.Location, Delete: gone, Content: e.Content})
	case 8: // epochs
		epoch := epochName(epochID(1 + c.IntN(3)))
		_, claimed := c.world.visible.epochs[epoch]
		add(100, Change{Row: EpochRow, Epoch: epoch, Fenced: claimed && c.chance(80)})
	case 9: // uploads
		add(60, Change{Row: UploadRow, Content: e.Content, Delete: c.chance(40)})
		add(60, Change{Row: PartRow, Content: e.Content, Location: e.Location, Delete: c.chance(30)})
		add(60, Change{Row: OwnerRow, Content: e.Content, Location: e.Location})
	}
	return list
}

// collecting is a collector's commit, each row of it with a chance.
func (c *chaos) collecting(id string, percent int) (list []Change) {
	add := func(change Change) {
		if c.chance(percent) {
			list = append(list, change)
		}
	}
	row := c.world.visible.contents[id]
	add(Change{Row: ContentRow, Content: id, Delete: true})
	for d, of := range c.world.visible.digests {
		if of == id {
			add(Change{Row: DigestRow, Digest: d, Delete: true})
		}
	}
	for referrer := range c.world.visible.edges[id] {
		if c.chance(50) {
			add(Change{Row: EdgeRow, Content: id, Referrer: referrer, Delete: true})
		}
	}
	if row.elder != "" {
		add(Change{Row: EdgeRow, Content: row.elder, Referrer: id, Delete: true})
	}
	for _, l := range row.locations {
		add(Change{Row: TrashRow, Location: l})
	}
	slices.SortFunc(list, func(a, b Change) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}

// unsound says which invariant w violates, now or after a power loss.
func (w *world) unsound() string {
	if problem := w.unsoundRows(w.visible); problem != "" {
		return problem
	}
	for _, lost := range w.powerLoss() {
		if problem := w.unsoundRows(lost.visible); problem != "" {
			return "after a power loss " + problem
		}
	}
	for name, rd := range w.readers {
		for _, l := range rd.found {
			if w.extents[l] != stored {
				return fmt.Sprintf("reader %s reads %s, which is gone", name, l)
			}
		}
	}
	return ""
}

func (w *world) unsoundRows(m *metadata) string {
	owners := map[extent.Location]string{}
	for id, row := range m.contents {
		for _, l := range row.locations {
			if w.extents[l] != stored || owners[l] != "" {
				return fmt.Sprintf("content %s has no bytes of its own at %s", id, l)
			}
			owners[l] = id
		}
		if elder, ok := m.contents[row.elder]; row.elder != "" && (!ok || elder.elder != "") {
			return fmt.Sprintf("alias %s has no elder", id)
		}
	}
	for id := range m.edges {
		if _, ok := m.contents[id]; !ok {
			return fmt.Sprintf("an edge refers to content %s, which is not there", id)
		}
	}
	for d, id := range m.digests {
		if _, ok := m.contents[id]; !ok {
			return fmt.Sprintf("%s names content %s, which is not there", d, id)
		}
	}
	for key, l := range m.parts {
		if l != "" && m.uploads[key.upload] && w.extents[l] != stored {
			return fmt.Sprintf("upload %s has no bytes at %s", key.upload, l)
		}
	}
	for id := range w.told {
		if _, ok := m.contents[id]; !ok {
			return fmt.Sprintf("a client was told of content %s, which is not there", id)
		}
	}
	for l := range w.extents {
		if _, trashed := m.trash[l]; w.extents[l] == stored && w.namedOnce[l] && !trashed && m.named(l) && len(m.listed[l]) == 0 {
			return fmt.Sprintf("location %s has a row and will never be removed", l)
		}
	}
	return ""
}
