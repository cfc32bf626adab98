package repository_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/meta"
)

func (b *bench) history(repo, tag string) (moves []repository.Move) {
	b.t.Helper()
	b.must(b.meta.View(b.ctx(), func(r meta.Reader) (err error) {
		moves, err = repository.TagHistory(b.ctx(), r, repo, tag)
		return err
	}))
	return moves
}

func TestTheHistoryOfATagGoesOnAfterItsDeletion(t *testing.T) {
	b := newBench(t)
	one := b.image("r", image{layers: []string{"1"}}, "v")
	two := b.image("r", image{layers: []string{"2"}}, "v")
	b.push("r", image{layers: []string{"2"}}.text(), "v") // not a move
	b.must(b.delete("r", tag("v")))
	b.push("r", image{layers: []string{"1"}}.text(), "v")
	b.must(b.delete("r", at(one)))
	want := []repository.Move{
		{Version: 1, Digest: one.String(), By: "alice"}, {Version: 2, Digest: two.String(), By: "alice"}, {Version: 3, By: "alice"},
		{Version: 4, Digest: one.String(), By: "alice"}, {Version: 5, By: "alice"},
	}
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
		if i > 0 && m.Digest == moves[i-1].Digest {
			b.t.Errorf("moves %d and %d both go to %q", i, i+1, m.Digest)
		}
	}
	m, err := b.get("r", tag("v"))
	last := moves[len(moves)-1].Digest
	if err == nil && m.Digest.String() != last || err != nil && last != "" {
		b.t.Errorf("the tag is at %q (%v), its history ends at %q", m.Digest, err, last)
	}
}

func repositoryFault(err error) *fault.Code { return fault.Of(err).Code }
