package repository_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// history is all that a tag has been, oldest first.
func (b *bench) history(repo, tag string) []repository.Move {
	b.t.Helper()
	moves, next, err := b.TagHistory(b.ctx(), repository.HistoryRequest{Repository: repo, Tag: tag, Limit: 1000})
	if err != nil || next != 0 {
		b.t.Fatal(next, err)
	}
	slices.Reverse(moves)
	return moves
}

// destination is where a tag went; empty: nowhere.
func destination(m repository.Move) digest.Digest {
	if m.Deleted {
		return ""
	}
	return m.Digest
}

func TestTheHistoryOfATagGoesOnAfterItsDeletion(t *testing.T) {
	b := newBench(t)
	one := b.image("r", image{layers: []string{"1"}}, "v")
	two := b.image("r", image{layers: []string{"2"}}, "v")
	b.push("r", image{layers: []string{"2"}}.text(), "v") // not a move
	b.must(b.delete("r", tag("v")))
	b.push("r", image{layers: []string{"1"}}.text(), "v")
	b.must(b.delete("r", at(one)))
	size := int64(len(image{layers: []string{"1"}}.text()))
	move := func(version uint64, d digest.Digest, deleted bool) repository.Move { // the clock stands still, the history goes on
		at := b.now.Add(time.Duration(version - 1))
		return repository.Move{Version: version, Digest: d, MediaType: ociType, Size: size, Time: at, By: "alice", Deleted: deleted}
	}
	want := []repository.Move{move(1, one, false), move(2, two, false), move(3, two, true), move(4, one, false), move(5, one, true)}
	if diff := cmp.Diff(want, b.history("r", "v")); diff != "" {
		t.Error(diff)
	}
	wantEvents := []string{
		"repository.created r  alice", "blob.pushed r  alice", "blob.pushed r  alice", "manifest.pushed r  alice", "tag.moved r v alice",
		"blob.pushed r  alice", "blob.pushed r  alice", "manifest.pushed r  alice", "tag.moved r v alice",
		"manifest.pushed r  alice", "tag.deleted r v alice", "manifest.pushed r  alice", "tag.moved r v alice",
		"manifest.deleted r  alice", "tag.deleted r v alice",
	}
	if diff := cmp.Diff(wantEvents, b.events()); diff != "" {
		t.Error(diff)
	}
}

// TestAHistoryIsReadInParts moves a tag, with a clock that also goes back, and reads its history in every way.
func TestAHistoryIsReadInParts(t *testing.T) {
	b := newBench(t)
	begin := b.now
	images := []image{one, two, one, two, one}
	for i, step := range []time.Duration{0, time.Hour, -2 * time.Hour, 0, 5 * time.Hour} { // at 0 h, 1 h, just after, just after, 4 h
		b.now = b.now.Add(step)
		b.image("r", images[i], "v")
	}
	versions := func(req repository.HistoryRequest) string {
		t.Helper()
		req.Repository, req.Tag = "r", "v"
		if req.Limit == 0 {
			req.Limit = 10
		}
		moves, next, err := b.TagHistory(b.ctx(), req)
		b.must(err)
		text := ""
		for _, m := range moves {
			text += fmt.Sprint(m.Version, " ")
		}
		return fmt.Sprint(text, "| ", next)
	}
	for _, c := range []struct {
		req  repository.HistoryRequest
		want string
	}{
		{repository.HistoryRequest{}, "5 4 3 2 1 | 0"},
		{repository.HistoryRequest{Limit: 2}, "5 4 | 4"},
		{repository.HistoryRequest{Limit: 2, Below: 4}, "3 2 | 2"},
		{repository.HistoryRequest{Limit: 2, Below: 2}, "1 | 0"},
		{repository.HistoryRequest{Below: 1}, "| 0"},
		{repository.HistoryRequest{Below: 100}, "5 4 3 2 1 | 0"},
		{repository.HistoryRequest{Limit: 5}, "5 4 3 2 1 | 0"},
		{repository.HistoryRequest{Before: begin}, "| 0"},
		{repository.HistoryRequest{Before: begin.Add(time.Hour)}, "1 | 0"},
		{repository.HistoryRequest{Before: begin.Add(time.Hour + 1)}, "2 1 | 0"},
		{repository.HistoryRequest{Before: begin.Add(4 * time.Hour)}, "4 3 2 1 | 0"},
		{repository.HistoryRequest{Before: begin.Add(5 * time.Hour)}, "5 4 3 2 1 | 0"},
		{repository.HistoryRequest{Before: begin.Add(4 * time.Hour), Below: 3}, "2 1 | 0"},
		{repository.HistoryRequest{Since: begin}, "5 4 3 2 | 0"},
		{repository.HistoryRequest{Since: begin.Add(time.Hour), Before: begin.Add(4 * time.Hour)}, "4 3 | 0"},
		{repository.HistoryRequest{Since: begin.Add(4 * time.Hour)}, "| 0"},
		{repository.HistoryRequest{Digest: digest.Of(two.text())}, "4 2 | 0"},
		{repository.HistoryRequest{Digest: digest.Of(two.text()), Limit: 1}, "4 | 4"},
	} {
		if got := versions(c.req); got != c.want {
			t.Errorf("%+v: %s, want %s", c.req, got, c.want)
		}
	}
	moves, next, err := b.TagHistory(b.ctx(), repository.HistoryRequest{Repository: "nowhere", Tag: "v", Before: begin, Limit: 1})
	if err != nil || len(moves) > 0 || next != 0 {
		t.Errorf("a repository that is not there: %v, %d, %v", moves, next, err)
	}
	_, _, err = b.TagHistory(b.ctx(), repository.HistoryRequest{Repository: "r", Tag: "-", Limit: 1})
	b.wantFault(err, fault.TagInvalid)
}

func TestMovingATagLeavesTheManifestWhereItWas(t *testing.T) {
	b := newBench(t)
	one := b.image("r", image{layers: []string{"1"}}, "v")
	b.image("r", image{layers: []string{"2"}}, "v")
	b.settle()
	if _, err := b.get("r", at(one)); err != nil || !b.hasBlob("r", "1") {
		t.Errorf("%v", err)
	}
}

func TestTagsAreListedInPagesInTheOrderOfTheirBytes(t *testing.T) {
	b := newBench(t)
	names := []string{"Z", "_", "a", "a-b", "a.b", "a0", "b", "latest", "v1", "v10", "v2"}
	text := image{layers: []string{"1"}}.text()
	b.image("r", image{layers: []string{"1"}}, names...)
	b.blob("r/x", "1")
	b.blob("r/x", emptyJSON)
	b.push("r/x", text, "another-repository")
	for limit := 1; limit <= len(names)+1; limit++ {
		var got []string
		after, more := "", true
		for more {
			var page []string
			var err error
			page, more, err = b.Tags(b.ctx(), repository.TagsRequest{Repository: "r", After: after, Limit: limit})
			b.must(err)
			if len(page) > limit || more && len(page) != limit {
				t.Fatalf("a page of %d, limit %d", len(page), limit)
			}
			got = append(got, page...)
			after = got[len(got)-1]
		}
		if !slices.Equal(got, names) {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
	page, more, err := b.Tags(b.ctx(), repository.TagsRequest{Repository: "r", After: "v", Limit: 2})
	if err != nil || !more || strings.Join(page, " ") != "v1 v10" {
		t.Errorf("after a tag that is not there: %v %v %v", page, more, err)
	}
	if page, more, err = b.Tags(b.ctx(), repository.TagsRequest{Repository: "r"}); err != nil || !more || len(page) > 0 {
		t.Errorf("no tags at all: %v %v %v", page, more, err)
	}
	_, _, err = b.Tags(b.ctx(), repository.TagsRequest{Repository: "none", Limit: 1})
	b.wantFault(err, fault.RepositoryNotFound)
}

func TestRacingPushesMakeOneLineOfHistory(t *testing.T) {
	for name, make := range map[string]func(testing.TB) *bench{"pebble": newBench, "locks alone": newLockOnlyBench} {
		t.Run(name, func(t *testing.T) { racePushes(make(t)) })
	}
}

// racePushes moves a tag from many sides, removing it and its manifests now and then.
func racePushes(b *bench) {
	const writers, rounds = 4, 15
	for i := range writers {
		b.blob("r", fmt.Sprint("layer ", i))
	}
	b.blob("r", emptyJSON)
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			text := image{layers: []string{fmt.Sprint("layer ", i)}}.text()
			for round := range rounds {
				pushed, err := b.PushManifest(b.ctx(), pushManifest("r", text, "v", fmt.Sprint("own-", i)))
				if err != nil {
					b.t.Error(err)
				}
				switch round % 5 {
				case 2:
					err = b.delete("r", tag("v"))
				case 4:
					err = b.delete("r", at(pushed.Digest))
				default:
					continue
				}
				if err != nil && repositoryFault(err) != fault.ManifestNotFound {
					b.t.Error(err)
				}
			}
		})
	}
	group.Wait()
	b.wantSound()
	moves := b.history("r", "v")
	for i, m := range moves {
		if m.Version != uint64(i+1) {
			b.t.Fatalf("move %d has the version %d", i+1, m.Version)
		}
		if i > 0 && destination(m) == destination(moves[i-1]) {
			b.t.Errorf("moves %d and %d both go to %q", i, i+1, destination(m))
		}
	}
	m, err := b.get("r", tag("v"))
	last := destination(moves[len(moves)-1])
	if err == nil && m.Digest != last || err != nil && last != "" {
		b.t.Errorf("the tag is at %q (%v), its history ends at %q", m.Digest, err, last)
	}
}

func repositoryFault(err error) *fault.Code { return fault.Of(err).Code }
