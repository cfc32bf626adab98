package content_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/metatest"
)

// whoever plans over the returned store is overtaken by happens, which runs over b.
func (b *bench) overtaken(happens func()) *content.Store {
	gap := &metatest.BetweenStore{Store: b.meta}
	s := b.contentOver(gap, b.extents)
	b.Store = s
	gap.Happens = happens
	return s
}

func TestALinkPlannedBeforeACollectionFindsNothing(t *testing.T) {
	b := newBench(t)
	data := bytesOf(1, 70_000)
	id := b.push(data, content.Edge{Repository: "app", Kind: content.EdgeLease})
	b.after(2 * b.Lease())
	s := b.overtaken(func() { b.collect() })
	err := execute(t.Context(), s, func(r meta.Reader) (meta.Step, error) { return s.Link(t.Context(), r, id, object("bucket", "v")) })
	wantFault(t, err, fault.BlobNotFound)
	b.wantEmpty()
}

func TestACollectionPlannedBeforeALinkKeepsTheContent(t *testing.T) {
	b := newBench(t)
	data, e := bytesOf(1, 70_000), object("bucket", "v")
	id := b.push(data, content.Edge{Repository: "app", Kind: content.EdgeLease})
	b.after(2 * b.Lease())
	s := b.overtaken(func() {
		b.do(func(r meta.Reader) (meta.Step, error) { return b.Link(t.Context(), r, id, e) })
	})
	if _, err := s.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantBytes(id, data)
	b.wantSound(content.Reference{ID: id, Edge: e})
}

func TestACollectionPlannedBeforeARenewalKeepsTheContent(t *testing.T) {
	b := newBench(t)
	data := bytesOf(1, 70_000)
	id := b.push(data, content.Edge{Repository: "app", Kind: content.EdgeLease})
	b.after(2 * b.Lease())
	s := b.overtaken(func() {
		if err := b.Renew(t.Context(), id, "app"); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := s.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantBytes(id, data)
	b.wantSound()
}

func TestACompletionPlannedBeforeAPartIsReplacedTakesTheNewPart(t *testing.T) {
	b := newBench(t)
	id := b.begin(content.Multipart)
	one, old, two := bytesOf(1, 70_000), bytesOf(2, 70_000), bytesOf(3, 70_000)
	b.putPart(id, 1, one)
	b.putPart(id, 2, old)
	s := b.overtaken(func() { b.putPart(id, 2, two) })
	e := object("bucket", "v")
	var done content.Completion
	err := execute(t.Context(), s, func(r meta.Reader) (step meta.Step, err error) {
		done, step, err = s.PlanComplete(t.Context(), r, id, []int{1, 2})
		return meta.Join(step, s.LinkNew(done.ID, e)), err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.wantBytes(done.ID, slices.Concat(one, two))
	b.collect()
	b.wantSound(content.Reference{ID: done.ID, Edge: e})
}

func TestARegistrationPlannedBeforeACollectionStoresTheBytes(t *testing.T) {
	b := newBench(t)
	data, e := bytesOf(1, 70_000), object("bucket", "v")
	b.push(data, content.Edge{Repository: "app", Kind: content.EdgeLease})
	b.after(2 * b.Lease())
	s := b.overtaken(func() { b.collect() })
	id, err := push(t.Context(), s, data, e)
	if err != nil {
		t.Fatal(err)
	}
	b.wantBytes(id, data)
	b.wantSound(content.Reference{ID: id, Edge: e})
}

func TestARegistrationThatIsOvertakenUsesTheOthersBytes(t *testing.T) {
	b := newBench(t)
	data := bytesOf(1, 70_000)
	one, two := object("a", "1"), object("b", "2")
	var first content.ID
	s := b.overtaken(func() { first = b.push(data, one) })
	second, err := push(t.Context(), s, data, two)
	if err != nil || first != second {
		t.Fatalf("%s and %s, %v", first, second, err)
	}
	if r := b.wantSound(content.Reference{ID: first, Edge: one}, content.Reference{ID: first, Edge: two}); r.Extents != 1 {
		t.Fatalf("stored twice: %+v", r)
	}
}

func TestAnUnlinkThatALateDigestOvertakesRemovesBothEdges(t *testing.T) {
	b := newBench(t)
	one, two := bytesOf(1, 70_000), bytesOf(2, 70_000)
	all := slices.Concat(one, two)
	old, young := object("a", "old"), object("b", "young")
	elder := b.push(all, old)
	id := b.begin(content.Multipart)
	b.putPart(id, 1, one)
	b.putPart(id, 2, two)
	done := b.complete(id, young, false, 1, 2)
	s := b.overtaken(func() { b.collect() })
	err := execute(t.Context(), s, func(r meta.Reader) (meta.Step, error) { return s.Unlink(t.Context(), r, done.ID, young) })
	if err != nil {
		t.Fatal(err)
	}
	b.wantSound(content.Reference{ID: elder, Edge: old})
	b.after(3 * b.Lease())
	b.collect()
	if c, err := b.find(all); err != nil || c.Digest != digest.Of(all) {
		t.Fatalf("%+v, %v", c, err)
	}
	if r := b.wantSound(content.Reference{ID: elder, Edge: old}); r.Contents != 1 {
		t.Fatalf("the alias stays: %+v", r)
	}
}

func TestASessionThatIsWrittenToIsNotExpired(t *testing.T) {
	b := newBench(t)
	id := b.begin(content.Session)
	b.append(id, 0, bytesOf(1, 10))
	b.after(25 * time.Hour)
	s := b.overtaken(func() { b.append(id, 10, bytesOf(2, 10)) })
	if _, err := s.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.append(id, 20, bytesOf(3, 10))
}

func TestAPartThatIsGoneWhenItIsHashedIsNoDamage(t *testing.T) {
	b := newBench(t)
	id := b.begin(content.Multipart)
	b.putPart(id, 1, bytesOf(1, 70_000))
	b.putPart(id, 2, bytesOf(2, 70_000))
	s := b.overtaken(func() { // while the first checkpoint is kept
		b.do(func(meta.Reader) (meta.Step, error) { return b.AbortUpload(id), nil })
		b.collect()
	})
	if err := s.FinishHash(t.Context(), id, []int{1, 2}); !errors.Is(err, fault.SessionNotFound) && !errors.Is(err, fault.BlobNotFound) {
		t.Fatalf("reported as %v", err)
	}
	b.wantEmpty()
}
