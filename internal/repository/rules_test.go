package repository_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/pattern"
)

// pushIf pushes an image, whose blobs are there, if a condition holds.
func (b *bench) pushIf(i image, c repository.Condition, tags ...string) error {
	req := pushManifest("r", i.text(), tags...)
	req.If = c
	_, err := b.PushManifest(b.ctx(), req)
	return err
}

func (b *bench) deleteIf(ref repository.Reference, c repository.Condition) error {
	return b.DeleteManifest(b.ctx(), repository.DeleteManifestRequest{By: alice, Repository: "r", Reference: ref, If: c})
}

var (
	one, two = image{layers: []string{"1"}}, image{layers: []string{"2"}}
	absent   = repository.Condition{NoneMatch: []string{"*"}}
	present  = repository.Condition{Match: []string{"*"}}
)

func is(i image) repository.Condition {
	return repository.Condition{Match: []string{"no digest", digest.Of(i.text()).String()}}
}

func isNot(i image) repository.Condition {
	return repository.Condition{NoneMatch: []string{digest.Of(i.text()).String()}}
}

func TestAPushMayDependOnWhereTheTagIs(t *testing.T) {
	b := newBench(t)
	b.image("r", two)
	b.blob("r", "1")
	b.wantFault(b.pushIf(one, present, "v"), fault.PreconditionFailed)
	b.wantFault(b.pushIf(one, is(one), "v"), fault.PreconditionFailed)
	if _, err := b.get("r", at(digest.Of(one.text()))); fault.Of(err).Code != fault.ManifestNotFound {
		t.Errorf("a refused push left the manifest there: %v", err)
	}
	b.must(b.pushIf(one, absent, "v"))
	b.wantFault(b.pushIf(two, absent, "v"), fault.PreconditionFailed)
	b.wantFault(b.pushIf(one, absent, "v"), fault.PreconditionFailed)
	b.wantFault(b.pushIf(two, is(two), "v"), fault.PreconditionFailed)
	b.wantFault(b.pushIf(two, isNot(one), "v"), fault.PreconditionFailed)
	b.wantFault(b.pushIf(two, repository.Condition{Match: []string{}}, "v"), fault.PreconditionFailed)
	b.must(b.pushIf(two, is(one), "v"))
	b.must(b.pushIf(one, isNot(one), "v"))
	b.must(b.pushIf(two, present, "v"))
	b.must(b.delete("r", tag("v")))
	b.must(b.pushIf(one, absent, "v"))
	if n := len(b.history("r", "v")); n != 6 {
		t.Errorf("%d moves", n)
	}
}

func TestAPushByDigestMayDependOnTheManifest(t *testing.T) {
	b := newBench(t)
	b.blob("r", "1")
	b.blob("r", emptyJSON)
	push := func(c repository.Condition) error {
		req := pushManifest("r", one.text(), "v", "w")
		req.Digest, req.If = digest.Of(one.text()), c
		_, err := b.PushManifest(b.ctx(), req)
		return err
	}
	b.wantFault(push(present), fault.PreconditionFailed)
	b.must(push(absent))
	b.wantFault(push(absent), fault.PreconditionFailed)
	b.must(push(is(one)))
}

func TestADeletionMayDependOnWhereTheTagIs(t *testing.T) {
	b := newBench(t)
	d := b.image("r", one, "v")
	b.wantFault(b.deleteIf(tag("v"), is(two)), fault.PreconditionFailed)
	b.wantFault(b.deleteIf(tag("w"), present), fault.ManifestNotFound)
	b.must(b.deleteIf(tag("v"), is(one)))
	b.wantFault(b.deleteIf(at(d), is(two)), fault.PreconditionFailed)
	b.must(b.deleteIf(at(d), is(one)))
}

// TestOfManyWhoPushIfExactlyOneWins lets pushers race for a tag: from nothing, then each from where it is.
func TestOfManyWhoPushIfExactlyOneWins(t *testing.T) {
	for name, make := range map[string]func(testing.TB) *bench{"pebble": newBench, "locks alone": newLockOnlyBench} {
		t.Run(name, func(t *testing.T) {
			b := make(t)
			const pushers = 16
			images := []image{}
			for i := range pushers {
				images = append(images, image{layers: []string{"1"}, annotations: map[string]string{"n": fmt.Sprint(i)}})
			}
			b.blob("r", "1")
			b.blob("r", emptyJSON)
			condition := absent
			for round := range 5 {
				var won atomic.Int32
				var group sync.WaitGroup
				for _, i := range images {
					group.Go(func() {
						switch err := b.pushIf(i, condition, "v"); {
						case err == nil:
							won.Add(1)
						case fault.Of(err).Code != fault.PreconditionFailed:
							t.Error(err)
						}
					})
				}
				group.Wait()
				if won.Load() != 1 {
					t.Fatalf("round %d: %d pushers won", round, won.Load())
				}
				m, err := b.get("r", tag("v"))
				b.must(err)
				condition = repository.Condition{Match: []string{m.Digest.String()}}
				images = append(images[:0:0], images...)
				for i := range images { // nobody pushes what is there already
					images[i].artifactType = fmt.Sprint("x/", round)
				}
			}
			if n := len(b.history("r", "v")); n != 5 {
				t.Errorf("%d moves", n)
			}
			b.wantSound()
		})
	}
}

func rule(t testing.TB, repositories, tags string) repository.ImmutableTags {
	t.Helper()
	g, err := pattern.ParseGlob(repositories)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pattern.ParseWhole(tags)
	if err != nil {
		t.Fatal(err)
	}
	return repository.ImmutableTags{Repositories: []pattern.Glob{g}, Patterns: []pattern.Whole{w}}
}

func TestAnImmutableTagStaysWhereItIs(t *testing.T) {
	b := newBench(t)
	b.rules.Immutable = []repository.ImmutableTags{rule(t, "other", ".*"), rule(t, "r", `v[0-9]+`)}
	b.content, b.Service = b.over(b.meta, b.extents)
	d := b.image("r", one, "v1", "latest")
	b.image("r", two)
	refused := func(err error) {
		t.Helper()
		b.wantFault(err, fault.TagImmutable)
		if text := fault.Of(err).Text(); !strings.Contains(text, "v[0-9]+") || !strings.Contains(text, `"v1"`) {
			t.Errorf("the error says %q", text)
		}
		if m, err := b.get("r", tag("v1")); err != nil || m.Digest != d {
			t.Fatalf("the tag is at %s, %v", m.Digest, err)
		}
	}
	byDigest := pushManifest("r", two.text(), "new", "v1")
	byDigest.Digest = digest.Of(two.text())
	_, err := b.PushManifest(b.ctx(), byDigest)
	refused(err)
	if got := b.tags("r"); got != "latest v1" {
		t.Errorf("a refused push left the tags %q", got)
	}
	refused(b.pushIf(two, repository.Condition{}, "v1"))
	refused(b.pushIf(two, is(one), "v1"))
	refused(b.delete("r", tag("v1")))
	refused(b.delete("r", at(d)))
	b.wantFault(b.pushIf(two, absent, "v1"), fault.PreconditionFailed)

	b.must(b.pushIf(one, repository.Condition{}, "v1")) // the same again is no move
	b.must(b.pushIf(two, repository.Condition{}, "v10", "latest", "v1x"))
	b.must(b.delete("r", tag("latest")))
	b.must(b.delete("r", tag("v1x")))
	b.image("elsewhere", one, "v1")
	b.must(b.delete("elsewhere", tag("v1")))
	if got := b.tags("r"); got != "v1 v10" {
		t.Errorf("tags %q", got)
	}
}

func TestAnImmutableTagKeepsWhatItsIndexNames(t *testing.T) {
	b := newBench(t)
	b.rules.Immutable = []repository.ImmutableTags{rule(t, "r", "v.*")}
	b.content, b.Service = b.over(b.meta, b.extents)
	first, second := b.image("r", one), b.image("r", two)
	inner := index(one.text())
	within := b.push("r", inner)
	b.push("r", index(inner), "v1")
	mutable := b.push("r", index(two.text(), inner), "latest")
	for _, d := range []digest.Digest{first, within} {
		b.wantFault(b.delete("r", at(d)), fault.TagImmutable)
	}
	if _, err := b.get("r", at(first)); err != nil {
		t.Error(err)
	}
	b.must(b.delete("r", at(second)))
	b.must(b.delete("r", at(mutable)))
	b.wantSound()
}

// happened says whether the last event of one kind comes before another, or the other does not come at all.
func (b *bench) happened(first, then string) bool {
	b.t.Helper()
	list := b.events()
	at := slices.Index(list, then)
	return at < 0 || !slices.Contains(list[at:], first)
}

// TestNoRaceTakesAManifestFromAnImmutableTag pushes an index under an immutable tag while somebody deletes what it names.
func TestNoRaceTakesAManifestFromAnImmutableTag(t *testing.T) {
	for name, make := range map[string]func(testing.TB) *bench{"pebble": newBench, "locks alone": newLockOnlyBench} {
		t.Run(name, func(t *testing.T) {
			b := make(t)
			b.rules.Immutable = []repository.ImmutableTags{rule(t, "r", "v.*")}
			b.content, b.Service = b.over(b.meta, b.extents)
			for round := range 30 {
				i := image{layers: []string{"1"}, annotations: map[string]string{"n": fmt.Sprint(round)}}
				d := b.image("r", i)
				b.push("r", index(i.text())) // untagged, so that the tag alone may come between
				var pushed, deleted error
				var group sync.WaitGroup
				group.Go(func() {
					_, pushed = b.PushManifest(b.ctx(), pushManifest("r", index(i.text()), fmt.Sprint("v", round)))
				})
				group.Go(func() { deleted = b.delete("r", at(d)) })
				group.Wait()
				_, err := b.get("r", at(d))
				switch {
				case pushed == nil && fault.Of(deleted) != nil && fault.Of(deleted).Code == fault.TagImmutable && err == nil:
				case deleted == nil && err != nil && b.happened("manifest.deleted r  alice", fmt.Sprintf("tag.moved r v%d alice", round)):
				default:
					t.Fatalf("round %d: pushed %v, deleted %v, pulled %v", round, pushed, deleted, err)
				}
			}
			b.wantSound()
		})
	}
}

// TestAnImmutableTagAmongManyKeepsThemAll deletes a manifest with more tags than go at once, of which the last is immutable.
func TestAnImmutableTagAmongManyKeepsThemAll(t *testing.T) {
	b := newBench(t)
	b.rules.Immutable = []repository.ImmutableTags{rule(t, "**", "zz")}
	b.content, b.Service = b.over(b.meta, b.extents)
	var names []string
	for i := range repository.MaxUntag + 1 {
		names = append(names, fmt.Sprint("t", i))
	}
	d := b.image("r", one, append(names, "zz")...)
	b.wantFault(b.delete("r", at(d)), fault.TagImmutable)
	list, more, err := b.Tags(b.ctx(), repository.TagsRequest{Repository: "r", Limit: len(names) + 1})
	if err != nil || more || len(list) != len(names)+1 {
		t.Errorf("%d tags, %v, %v", len(list), more, err)
	}
}

func TestASparseManifestIsTakenOnlyWhereItIsAllowed(t *testing.T) {
	b := newBench(t)
	b.rules.Sparse = rule(t, "mirror/**", "x").Repositories
	b.content, b.Service = b.over(b.meta, b.extents)
	sparse := index(one.text(), two.text())
	for _, repo := range []string{"mirror/r", "r"} {
		b.image(repo, one)
	}
	_, err := b.PushManifest(b.ctx(), pushManifest("r", sparse, "v"))
	b.wantFault(err, fault.ManifestBlobUnknown)
	d := b.push("mirror/r", sparse, "v")
	_, err = b.PushManifest(b.ctx(), pushManifest("r", image{layers: []string{"1", "no such layer"}}.text()))
	b.wantFault(err, fault.ManifestBlobUnknown)
	b.push("mirror/r", image{layers: []string{"1", "no such layer"}}.text())
	b.settle()
	if m, err := b.get("mirror/r", tag("v")); err != nil || m.Digest != d {
		t.Errorf("%v, %v", m, err)
	}
	b.image("mirror/r", two) // comes later
	b.must(b.delete("mirror/r", at(d)))
	b.wantSound()
}
