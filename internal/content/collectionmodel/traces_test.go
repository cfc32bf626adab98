package collectionmodel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/extent"
)

// The processes and locations of traces written by hand.
const (
	first  = extent.Epoch("00000000000000a1")
	second = extent.Epoch("00000000000000a2")
)

func at(e extent.Epoch, n int) extent.Location {
	return extent.Location(fmt.Sprintf("%s%016x", e, n))
}

// trace joins events that belong together.
func trace(parts ...[]Event) []Event { return slices.Concat(parts...) }

func commit(e extent.Epoch, changes ...Change) []Event {
	return []Event{{Kind: Commit, Epoch: e, Changes: changes}}
}

func start(e extent.Epoch) []Event { return commit(e, Change{Row: EpochRow, Epoch: e}) }

func fence(by, e extent.Epoch) []Event {
	return commit(by, Change{Row: EpochRow, Epoch: e, Fenced: true})
}

func bytesAt(l extent.Location) []Event {
	return []Event{{Kind: ExtentCreate, Epoch: l.Epoch(), Location: l}, {Kind: ExtentCommit, Epoch: l.Epoch(), Location: l}}
}

func remove(e extent.Epoch, l extent.Location) []Event {
	return []Event{{Kind: ExtentDelete, Epoch: e, Location: l}}
}

// storing is the rows of a new content at l.
func storing(id, digest string, l extent.Location) []Change {
	return []Change{
		{Row: ContentRow, Content: id, Locations: []extent.Location{l}},
		{Row: OwnerRow, Location: l, Content: id},
		{Row: DigestRow, Digest: digest, Content: id},
	}
}

func edge(id, referrer string) Change { return Change{Row: EdgeRow, Content: id, Referrer: referrer} }

func gone(c Change) Change { c.Delete = true; return c }

func lease(id string, until int64) Change {
	return Change{Row: EdgeRow, Content: id, Referrer: "lease", Until: until}
}

// collecting is the collector's transaction of the first process at a time.
func collecting(now int64, id, digest string, l extent.Location, more ...Change) []Event {
	return []Event{{Kind: Commit, Epoch: first, At: now, Changes: append([]Change{
		gone(Change{Row: ContentRow, Content: id}), gone(Change{Row: DigestRow, Digest: digest, Content: id}), {Row: TrashRow, Location: l},
	}, more...)}}
}

// emptying is the end of a location in the trash.
func emptying(e extent.Epoch, l extent.Location) []Event {
	return trace(remove(e, l), commit(e, gone(Change{Row: TrashRow, Location: l}), gone(Change{Row: OwnerRow, Location: l})))
}

// put is an object of one extent, by one transaction.
func put(l extent.Location) []Event {
	return trace(bytesAt(l), commit(l.Epoch(), append(storing("c", "d", l), edge("c", "version"))...))
}

var l1, l2 = at(first, 1), at(first, 2)

func TestBehavioursOfTheModelReplay(t *testing.T) {
	unknown := func(changes ...Change) []Event {
		return []Event{{Kind: Commit, Epoch: first, Outcome: Unknown, Changes: changes}}
	}
	dropped := commit(first, gone(edge("c", "version")), lease("c", 100))
	for name, events := range map[string][]Event{
		"a blob is pushed with a lease, referred to, dropped and collected": trace(start(first), bytesAt(l1),
			commit(first, append(storing("c", "d", l1), lease("c", 24))...), []Event{{Kind: Told, Content: "c", Until: 24}},
			commit(first, edge("c", "manifest")), commit(first, gone(edge("c", "manifest")), lease("c", 48)),
			collecting(48, "c", "d", l1, gone(lease("c", 48))), emptying(first, l1)),
		"a duplicate is deleted once its commit is known": trace(start(first), put(l1), bytesAt(l2),
			commit(first, edge("c", "other version")), remove(first, l2)),
		"a commit of unknown outcome has happened": trace(start(first), bytesAt(l1),
			unknown(append(storing("c", "d", l1), edge("c", "version"))...), commit(first, edge("c", "manifest"))),
		"a commit of unknown outcome has not happened": trace(start(first), bytesAt(l1),
			unknown(append(storing("c", "d", l1), edge("c", "version"))...), bytesAt(l2), commit(first, storing("c2", "d", l2)...)),
		"a power loss takes a commit that nobody was told of": trace(start(first), bytesAt(l1),
			[]Event{{Kind: Commit, Epoch: first, Outcome: Visible, Changes: storing("c", "d", l1)}, {Kind: PowerLoss}},
			start(second), fence(second, first), remove(second, l1)),
		"a power loss leaves a commit that nobody was told of": trace(start(first), bytesAt(l1),
			[]Event{{Kind: Commit, Epoch: first, Outcome: Visible, Changes: storing("c", "d", l1)}, {Kind: PowerLoss}},
			start(second), commit(second, edge("c", "manifest"))),
		"a process that is fenced does again what it had decided": trace(start(first), put(l1), dropped,
			collecting(100, "c", "d", l1, gone(lease("c", 100))), start(second), fence(second, first), emptying(second, l1), remove(first, l1)),
		"a content becomes an alias and both are collected": trace(start(first), put(l1), bytesAt(l2),
			commit(first, Change{Row: UploadRow, Content: "u"}),
			commit(first, Change{Row: PartRow, Content: "u", Number: 1, Location: l2}, Change{Row: OwnerRow, Location: l2, Content: "u"}),
			commit(first, gone(Change{Row: UploadRow, Content: "u"}), Change{Row: ContentRow, Content: "u", Locations: []extent.Location{l2}}, edge("u", "version 2")),
			commit(first, Change{Row: ContentRow, Content: "u", Elder: "c"}, Change{Row: EdgeRow, Content: "c", Referrer: "alias u", Younger: "u"}, Change{Row: TrashRow, Location: l2}),
			commit(first, gone(Change{Row: PartRow, Content: "u", Number: 1, Location: l2})), emptying(first, l2),
			commit(first, gone(edge("c", "version"))), commit(first, gone(edge("u", "version 2")), lease("u", 100)),
			[]Event{{Kind: Lapse, Content: "u"}},
			commit(first, gone(Change{Row: ContentRow, Content: "u"}), gone(Change{Row: EdgeRow, Content: "c", Referrer: "alias u"})),
			collecting(0, "c", "d", l1), emptying(first, l1)),
		"an inline part replaces one in an extent": trace(start(first), bytesAt(l1),
			commit(first, Change{Row: UploadRow, Content: "u"}),
			commit(first, Change{Row: PartRow, Content: "u", Number: 1, Location: l1}, Change{Row: OwnerRow, Location: l1, Content: "u"}),
			commit(first, Change{Row: PartRow, Content: "u", Number: 1}, Change{Row: TrashRow, Location: l1}), emptying(first, l1)),
		"a reader that is done holds nothing back": trace(start(first), put(l1),
			[]Event{{Kind: ReadBegin, Reader: "r"}, {Kind: ReadFound, Reader: "r", Locations: []extent.Location{l1}}}, dropped,
			collecting(100, "c", "d", l1, gone(lease("c", 100))), []Event{{Kind: ReadDone, Reader: "r"}}, emptying(first, l1)),
		"a reader of something else holds nothing back": trace(start(first), put(l1), bytesAt(l2), commit(first, storing("c2", "d2", l2)...),
			[]Event{{Kind: ReadBegin, Reader: "r"}, {Kind: ReadFound, Reader: "r", Locations: []extent.Location{l2}}}, dropped,
			collecting(100, "c", "d", l1, gone(lease("c", 100))), emptying(first, l1)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := Replay(events); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestOtherRunsAreRefused(t *testing.T) {
	named := func(l extent.Location) []Event { return commit(l.Epoch(), storing("c", "d", l)...) }
	reading := []Event{{Kind: ReadBegin, Reader: "r"}, {Kind: ReadFound, Reader: "r", Locations: []extent.Location{l1}}}
	for name, one := range map[string]struct {
		events []Event
		rule   string
	}{
		"bytes before the epoch is durable":      {bytesAt(l1), "before the epoch is durable"},
		"a location twice":                       {trace(start(first), bytesAt(l1), bytesAt(l1)), "a second time"},
		"a name before the bytes":                {trace(start(first), bytesAt(l1)[:1], named(l1)), "not durable"},
		"a name by a fenced process":             {trace(start(first), start(second), bytesAt(l1), fence(second, first), named(l1)), "fenced"},
		"a sweep of an epoch that lives":         {trace(start(first), start(second), bytesAt(l1), remove(second, l1)), "may still name it"},
		"a removal of what is named":             {trace(start(first), put(l1), remove(first, l1)), "a row names it"},
		"a reference to nothing":                 {trace(start(first), commit(first, edge("c", "manifest"))), "no row"},
		"a collection of what is referred to":    {trace(start(first), put(l1), collecting(0, "c", "d", l1)), "has an edge"},
		"a collection of what is leased":         {trace(start(first), bytesAt(l1), commit(first, append(storing("c", "d", l1), lease("c", 24))...), collecting(23, "c", "d", l1, gone(lease("c", 24)))), "has an edge"},
		"a digest of nothing":                    {trace(start(first), bytesAt(l1), named(l1), collecting(0, "c", "other", l1)), "still names it"},
		"a removal before it is durable":         {trace(start(first), bytesAt(l1), named(l1), visible(collecting(0, "c", "d", l1)), remove(first, l1)), "durable"},
		"a removal under a reader":               {trace(start(first), bytesAt(l1), named(l1), reading, collecting(0, "c", "d", l1), remove(first, l1)), "reader r"},
		"a removal before a reader's View":       {trace(start(first), bytesAt(l1), named(l1), reading[:1], collecting(0, "c", "d", l1), remove(first, l1)), "reader r"},
		"a read without registration":            {trace(start(first), put(l1), reading[1:]), "not registered"},
		"trash forgotten before it is removed":   {trace(start(first), bytesAt(l1), named(l1), collecting(0, "c", "d", l1), commit(first, gone(Change{Row: TrashRow, Location: l1}))), "before its bytes"},
		"a location that is lost sight of":       {trace(start(first), bytesAt(l1), named(l1), commit(first, Change{Row: ContentRow, Content: "c"})), "not in the trash"},
		"a location of two contents":             {trace(start(first), bytesAt(l1), named(l1), commit(first, storing("c2", "d2", l1)...)), "second time"},
		"an alias without an edge":               {trace(start(first), put(l1), commit(first, Change{Row: ContentRow, Content: "u", Elder: "c"})), "without an edge"},
		"a removal after an unknown outcome":     {trace(start(first), bytesAt(l1), []Event{{Kind: Commit, Epoch: first, Outcome: Unknown, Changes: storing("c", "d", l1)}}, remove(first, l1)), "unknown outcome"},
		"a promise that nothing keeps":           {trace(start(first), bytesAt(l1), named(l1), []Event{{Kind: Told, Content: "c", Until: 9}}), "no durable edge"},
		"a promise broken":                       {trace(start(first), bytesAt(l1), commit(first, append(storing("c", "d", l1), lease("c", 5))...), []Event{{Kind: Told, Content: "c", Until: 9}}, collecting(6, "c", "d", l1, gone(lease("c", 5)))), "was told"},
		"a loss of what was acknowledged":        {trace(start(first), put(l1), []Event{{Kind: PowerLoss}}, start(second), fence(second, first), remove(second, l1)), "a row names it"},
		"an epoch that comes back to life":       {trace(start(first), fence(second, first), start(first)), "back to life"},
		"a duplicate of another process trashed": {trace(start(first), start(second), bytesAt(l1), commit(second, Change{Row: TrashRow, Location: l1})), "another may still name"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Replay(one.events); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), one.rule) {
				t.Fatalf("got %v, want a refusal with %q", err, one.rule)
			}
		})
	}
}

// visible is a commit that is not durable yet.
func visible(events []Event) []Event {
	events[0].Outcome = Visible
	return events
}

func TestLeftoversAreListed(t *testing.T) {
	left, err := Leftovers(trace(start(first), put(l1)))
	if want := []string{"bytes at " + string(l1), "content c"}; err != nil || !slices.Equal(left, want) {
		t.Fatalf("got %v (%v), want %v", left, err, want)
	}
}

func TestATraceOfManyThingsReplays(t *testing.T) {
	events := start(first)
	for i := range 2000 {
		l, id, d := at(first, i), fmt.Sprint("c", i), fmt.Sprint("d", i)
		events = trace(events, bytesAt(l), commit(first, append(storing(id, d, l), edge(id, "version"))...))
		if i%2 == 0 {
			events = trace(events, commit(first, gone(edge(id, "version"))), collecting(0, id, d, l), emptying(first, l))
		}
	}
	left, err := Leftovers(events)
	if err != nil || len(left) != 2000 {
		t.Fatalf("%d left: %v", len(left), err)
	}
}
