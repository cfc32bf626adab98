package object_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/internal/usage"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/metatest"
)

// history is the store and the model side by side.
type history struct {
	*bench
	world   *world
	failing bool // calls of ports fail now and then
}

// step is one verb with drawn arguments.
type step struct {
	what   string
	model  func(w *world) *fault.Code // the verb; where it returns a fault, what it did to w does not count
	run    func(b *bench) error
	then   func(w *world) error // compares the answer with what is there now; may be nil
	bypass bool                 // the verb may pass over governance
	free   bool                 // the model does not say what happens: only what must not
}

// do takes the step, in the store and in the model. Where a call of a port failed, the store must be as before the step or as after it.
func (h *history) do(t *rapid.T, s step) {
	over, fired := h.bench, func() string { return "" }
	if h.failing && rapid.IntRange(0, 1).Draw(t, "with a fault") == 1 {
		port := rapid.SampledFrom([]string{"metadata", "metadata", "metadata", "extents", "extents, after the fact"}).Draw(t, "port")
		over, fired = ports()[port](h.bench, rapid.IntRange(1, 40).Draw(t, "call"))
	}
	after := h.world.clone()
	want := s.model(after)
	if want != nil {
		after = h.world.clone()
	}
	err := s.run(over)
	what := fmt.Sprintf("%s, %s", s.what, fired())
	if over != h.bench {
		h.bench = h.reopened()
	}
	seen := h.observe(t)
	h.guard(t, what, seen, s.bypass)
	broken := errors.Is(err, metatest.ErrInjected) || errors.Is(err, extenttest.ErrInjected)
	switch {
	case broken && fired() != "":
		if d := disagree(h.world, seen); d != "" && !s.free {
			h.agree(t, what, after, seen)
		}
	case want != nil && !errors.Is(err, want):
		t.Fatalf("%s: got %v, want %s", what, err, want.Name())
	case want == nil && err != nil:
		t.Fatalf("%s: %v", what, err)
	case !s.free:
		h.agree(t, what, after, seen)
	}
	h.adopt(seen, after)
	if err == nil && s.then != nil {
		if err := s.then(h.world); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func (h *history) agree(t *rapid.T, what string, want, seen *world) {
	t.Helper()
	if d := disagree(want, seen); d != "" {
		t.Fatalf("%s: the store differs (-want +got):\n%s", what, d)
	}
}

// disagree tells how worlds differ, but for ids that are not known yet.
func disagree(want, got *world) string {
	arranged := world{Buckets: want.Buckets}
	rest := slices.Clone(want.Open)
	for _, o := range got.Open {
		at := slices.IndexFunc(rest, func(w *opened) bool { return w.is(o) })
		if at < 0 {
			break
		}
		arranged.Open = append(arranged.Open, rest[at])
		rest = slices.Delete(rest, at, at+1)
	}
	arranged.Open = append(arranged.Open, rest...) // those of one key and one time are in any order
	return diff.Diff(&arranged, got,
		diff.Comparer(func(a, b ident) bool { return a == b || a == "" || b == "" }), diff.Transformer("listed", func(o opened) listed { return o.listed }))
}

// adopt makes what was seen the model, with what of uploads cannot be seen from the step: known, or just made.
func (h *history) adopt(seen, after *world) {
	known := map[ident]bool{}
	for _, o := range h.world.Open {
		known[o.ID] = true
	}
	for _, o := range seen.Open {
		for _, w := range slices.Concat(h.world.Open, after.Open) {
			if w.ID != o.ID && (known[o.ID] || !w.is(o)) {
				continue
			}
			o.asked = w.asked
			for n, data := range w.data {
				if etagOf(data) == o.Parts[n] {
					o.data[n] = data
				}
			}
		}
	}
	h.world = seen
}

// guard fails when a version has gone, or has other bytes, that was protected before and still is, or when compliance has been weakened.
// It knows nothing of the model.
func (h *history) guard(t *rapid.T, what string, seen *world, bypass bool) {
	t.Helper()
	for bucket, b := range h.world.Buckets {
		for key, list := range b.Keys {
			for _, e := range list {
				if !e.guarded(h.now, bypass) {
					continue
				}
				at := slices.IndexFunc(seen.Buckets[bucket].Keys[key], func(o *edition) bool { return o.ID == e.ID })
				if at < 0 {
					t.Fatalf("%s: %s/%s lost the protected version %+v", what, bucket, key, *e)
				}
				now := seen.Buckets[bucket].Keys[key][at]
				if now.Data != e.Data || now.Marker {
					t.Fatalf("%s: the protected version %+v of %s/%s has other bytes", what, *e, bucket, key)
				}
				if e.Retention.Mode == object.Compliance && e.retained(h.now) &&
					(now.Retention.Mode != object.Compliance || now.Retention.Until < e.Retention.Until) {
					t.Fatalf("%s: the compliance of %s/%s was weakened from %+v to %+v", what, bucket, key, e.Retention, now.Retention)
				}
			}
		}
	}
}

// observe is the world as the store tells it.
func (h *history) observe(t *rapid.T) *world {
	t.Helper()
	w := &world{Buckets: map[string]*vault{}}
	for _, name := range modelBuckets() {
		state, err := h.HeadBucket(h.t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		b := &vault{state.Versioning, state.Lockable, state.Rule, map[string][]*edition{}}
		w.Buckets[name] = b
		list, _, err := h.ListVersions(h.t.Context(), object.ListVersionsRequest{ListRequest: object.ListRequest{Bucket: name, Limit: 1000}})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range list {
			e := editionOf(it.Version)
			if !e.Marker {
				data, err := h.readPart(object.GetRequest{Bucket: name, Key: it.Name, VersionID: e.address()})
				if err != nil {
					t.Fatalf("%s/%s %s is listed, and reading it: %v", name, it.Name, e.address(), err)
				}
				e.Data = string(data)
			}
			if it.Latest != (len(b.Keys[it.Name]) == 0) {
				t.Fatalf("%s/%s: version %d is latest: %v", name, it.Name, len(b.Keys[it.Name]), it.Latest)
			}
			b.Keys[it.Name] = append([]*edition{e}, b.Keys[it.Name]...)
		}
		w.Open = append(w.Open, h.uploads(t, name)...)
	}
	return w
}

func editionOf(v *object.Version) *edition {
	e := &edition{
		ID: ident(v.ID), Null: v.Null, Marker: v.Marker, ETag: v.ETag(), Kind: v.Metadata.ContentType, Tags: v.Tags,
		Retention: v.Retention, Hold: v.Hold, Written: v.Modified, Superseded: v.Superseded,
	}
	if len(v.Tags) == 0 {
		e.Tags = nil
	}
	return e
}

func (h *history) uploads(t *rapid.T, bucket string) (open []*opened) {
	list, _, err := h.ListUploads(h.t.Context(), object.ListUploadsRequest{ListRequest: object.ListRequest{Bucket: bucket, Limit: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range list {
		o := &opened{listed: listed{bucket, it.Name, ident(it.Upload.ID), map[int]string{}}, data: map[int]string{}}
		_, parts, _, err := h.ListParts(h.t.Context(), object.ListPartsRequest{Upload: o.ref(), Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			o.Parts[p.Number] = p.ETag
		}
		open = append(open, o)
	}
	return open
}

// sound checks every row, the digests, and that the events tell what the buckets hold.
func (h *history) sound(t *rapid.T) {
	ctx := h.t.Context()
	if _, err := h.content.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	report, err := h.content.Check(ctx, true, h.References, repository.New(h.content, repository.Options{}).References)
	if err != nil || len(report.Problems) > 0 {
		t.Fatal(err, report.Problems)
	}
	if wrong := object.Misshapen(ctx, h.meta); wrong != nil {
		t.Fatal(wrong)
	}
	h.agree(t, "after settling", h.world, h.observe(t))
	sums := h.told(t)
	for name, b := range h.world.Buckets {
		var want usage.Usage
		for key, list := range b.Keys {
			for _, e := range list {
				if e.Marker {
					continue
				}
				want.Objects, want.Bytes = want.Objects+1, want.Bytes+int64(len(e.Data))
				found, err := h.Head(ctx, object.GetRequest{Bucket: name, Key: key, VersionID: e.address()})
				if err != nil || found.Identity.Content != digest.Of([]byte(e.Data)) {
					t.Fatalf("%s/%s: %v, %v", name, key, found.Identity, err)
				}
			}
		}
		if sums[name] != want {
			t.Fatalf("events tell %v of %s, which holds %v", sums[name], name, want)
		}
	}
}

// told is what the events tell of the buckets.
func (h *history) told(t *rapid.T) map[string]usage.Usage {
	sums := map[string]usage.Usage{}
	err := h.meta.View(h.t.Context(), func(r meta.Reader) error {
		clear(sums)
		for row, err := range r.Scan(h.t.Context(), event.Outbox.After(meta.Position{})) {
			if err != nil {
				return err
			}
			e, err := event.Decode(row.Value)
			if err != nil {
				return err
			}
			u := sums[e.Name]
			sums[e.Name] = usage.Usage{Objects: u.Objects + e.Objects, Bytes: u.Bytes + e.Bytes}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// modelBuckets are the buckets of histories: one as it comes, one that begins with object lock.
func modelBuckets() []string { return []string{"locked", "plain"} }

// TestBucketsAreTheirModel runs random histories of all verbs against the model.
func TestBucketsAreTheirModel(t *testing.T) { onHistories(t, false) }

// TestBucketsAreTheirModelThroughFaults runs histories of which calls at the ports fail, so that processes end amid a verb.
func TestBucketsAreTheirModelThroughFaults(t *testing.T) { onHistories(t, true) }

func onHistories(t *testing.T, failing bool) {
	for name, open := range engines(t) {
		t.Run("on "+name, func(t *testing.T) {
			for range nightly(1, 100) {
				rapid.Check(t, func(rt *rapid.T) { oneHistory(t, rt, open(), failing) })
			}
		})
	}
}

// nightly is how often a test does what chance decides.
func nightly(short, long int) int {
	if os.Getenv("ZAS_NIGHTLY") != "" {
		return long
	}
	return short
}

func oneHistory(t *testing.T, rt *rapid.T, store meta.Store, failing bool) {
	if c, ok := store.(io.Closer); ok {
		defer c.Close()
	}
	h := &history{bench: newBenchWith(t, store, extenttest.NewMemory(), content.Options{HashNow: 1 << 11}), failing: failing}
	h.bucket("plain")
	if err := h.CreateBucket(t.Context(), object.CreateBucketRequest{By: alice, Bucket: "locked", Lockable: true}); err != nil {
		t.Fatal(err)
	}
	h.world = h.observe(rt)
	h.begin(rt)
	rt.Repeat(h.verbs())
	h.failing = false
	h.sound(rt)
}

// begin gives the plain bucket a past, in many histories: chance alone takes long to make null versions that later ones have hidden.
func (h *history) begin(t *rapid.T) {
	for _, state := range rapid.SampledFrom([][]object.Versioning{nil, {object.Versioned}, {object.Versioned, object.Suspended}}).Draw(t, "past") {
		h.putNext("plain", "a/b")
		h.setVersioning("plain", state)
		h.putNext("plain", "a/b")
	}
	h.world = h.observe(t)
}

// putNext puts bytes of which no two are alike.
func (h *history) putNext(bucket, key string) {
	h.now = h.now.Add(time.Second)
	h.put(bucket, key, []byte(h.now.String()))
}

// passTime lets time pass, and the collector do what is due then.
func (h *history) passTime(t *rapid.T) {
	h.now = h.now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Hour, 24 * time.Hour, 72 * time.Hour}).Draw(t, "time"))
	h.do(t, step{what: "collection", model: func(*world) *fault.Code { return nil }, run: func(b *bench) error {
		_, err := b.content.Settle(b.t.Context())
		return err
	}})
}
