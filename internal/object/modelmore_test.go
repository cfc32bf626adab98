package object_test

import (
	"errors"
	"fmt"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/meta/metatest"
)

// drawVersion draws a version to change, current or earlier, there or not.
func (h *history) drawVersion(t *rapid.T) object.VersionRef {
	bucket, key := h.drawPlace(t, "version")
	ref := object.VersionRef{Bucket: bucket, Key: key}
	if rapid.Bool().Draw(t, "by its id") {
		ref.VersionID = h.drawID(t, bucket, key)
	}
	return ref
}

// amend is the step that changes a version in place; change says why it may not.
func (h *history) amend(t *rapid.T, ref object.VersionRef, s step, change func(b *vault, e *edition) *fault.Code) {
	s.what = fmt.Sprintf("%s of %+v", s.what, ref)
	before := s.model // what is refused without a look at the store
	s.model = func(w *world) *fault.Code {
		if before != nil {
			if code := before(w); code != nil {
				return code
			}
		}
		b := w.Buckets[ref.Bucket]
		e, code := b.find(ref.Key, ref.VersionID)
		if code != nil {
			return code
		}
		return change(b, e)
	}
	h.do(t, s)
}

func (h *history) drawTags(t *rapid.T) {
	req := object.TagRequest{By: alice, Version: h.drawVersion(t), Tags: drawTags(t)}
	h.amend(t, req.Version, step{what: "tags", run: func(b *bench) error {
		_, err := b.PutTags(b.t.Context(), req)
		return err
	}}, func(_ *vault, e *edition) *fault.Code {
		e.Tags = req.Tags
		return nil
	})
}

func (h *history) drawRetention(t *rapid.T) {
	req := object.RetentionRequest{By: alice, Version: h.drawVersion(t), Bypass: rapid.Bool().Draw(t, "bypass")}
	if rapid.IntRange(0, 3).Draw(t, "set") > 0 {
		req.Retention = h.drawRetentionOf(t)
	}
	s := step{what: "retention", bypass: req.Bypass, run: func(b *bench) error { return b.PutRetention(b.t.Context(), req) }}
	s.model = func(*world) *fault.Code {
		if req.Retention.Mode != object.Unlocked && req.Retention.Until <= h.now.UnixNano() {
			return fault.ArgumentInvalid
		}
		return nil
	}
	h.amend(t, req.Version, s, func(b *vault, e *edition) *fault.Code {
		was, next := e.Retention, req.Retention
		e.Retention = next
		switch {
		case !b.Lockable:
			return fault.LockMissing
		case was.Mode == object.Unlocked, was.Until <= h.now.UnixNano():
			return nil
		case was.Mode == object.Compliance && next.Mode == object.Compliance && next.Until >= was.Until:
			return nil
		case was.Mode == object.Governance && (req.Bypass || next.Mode == object.Governance && next.Until >= was.Until):
			return nil
		}
		return fault.ObjectLocked
	})
}

func (h *history) drawHold(t *rapid.T) {
	req := object.HoldRequest{By: alice, Version: h.drawVersion(t), Hold: rapid.SampledFrom([]object.Hold{object.HoldOff, object.HoldOn}).Draw(t, "hold")}
	s := step{what: "hold", run: func(b *bench) error { return b.PutHold(b.t.Context(), req) }}
	h.amend(t, req.Version, s, func(b *vault, e *edition) *fault.Code {
		if !b.Lockable {
			return fault.LockMissing
		}
		e.Hold = req.Hold
		return nil
	})
}

func (h *history) drawVersioning(t *rapid.T) {
	bucket := rapid.SampledFrom(modelBuckets()).Draw(t, "bucket")
	state := rapid.SampledFrom([]object.Versioning{object.Versioned, object.Versioned, object.Suspended}).Draw(t, "state")
	h.do(t, step{
		what: fmt.Sprintf("versioning of %s %d", bucket, state),
		model: func(w *world) *fault.Code {
			b := w.Buckets[bucket]
			b.State = state
			if b.Lockable && state != object.Versioned {
				return fault.BucketStateInvalid
			}
			return nil
		},
		run: func(b *bench) error {
			return b.PutVersioning(b.t.Context(), object.VersioningRequest{By: alice, Bucket: bucket, State: state})
		},
	})
}

// drawLock sets the rule of the locked bucket mostly: the plain one stays without object lock in most histories.
func (h *history) drawLock(t *rapid.T) {
	bucket := rapid.SampledFrom([]string{"locked", "locked", "locked", "plain"}).Draw(t, "bucket")
	rule := rapid.SampledFrom([]object.LockRule{{}, {Mode: object.Governance, Days: 1}, {Mode: object.Compliance, Days: 2}, {Mode: object.Compliance, Years: 1}}).Draw(t, "rule")
	h.do(t, step{
		what: fmt.Sprintf("rule %+v of %s", rule, bucket),
		model: func(w *world) *fault.Code {
			b := w.Buckets[bucket]
			if b.State != object.Versioned {
				return fault.BucketStateInvalid
			}
			b.Lockable, b.Rule = true, rule
			return nil
		},
		run: func(b *bench) error {
			return b.PutLock(b.t.Context(), object.LockRequest{By: alice, Bucket: bucket, Rule: rule})
		},
	})
}

// drawDeleteBucket tries a bucket that has something.
func (h *history) drawDeleteBucket(t *rapid.T) {
	bucket := rapid.SampledFrom(modelBuckets()).Draw(t, "bucket")
	if len(h.world.Buckets[bucket].Keys) == 0 {
		t.Skip("the bucket has no versions")
	}
	h.do(t, step{
		what:  "delete bucket " + bucket,
		model: func(*world) *fault.Code { return fault.BucketNotEmpty },
		run: func(b *bench) error {
			return b.DeleteBucket(b.t.Context(), object.DeleteBucketRequest{By: alice, Bucket: bucket})
		},
	})
}

// drawLifecycle sets a lifecycle, or does what one has due a day later. What it does is for tests of its own: here it must not touch what is
// protected, nor get stuck.
func (h *history) drawLifecycle(t *rapid.T) {
	bucket := rapid.SampledFrom(modelBuckets()).Draw(t, "bucket")
	yes := true
	rules := []object.LifecycleRule{{ID: "a", Enabled: true, ExpireDays: 1, NoncurrentDays: 1}, {ID: "b", Enabled: true, DeleteMarkers: &yes}}
	rules[0].NoncurrentKeep = rapid.IntRange(0, 1).Draw(t, "keep")
	if rapid.Bool().Draw(t, "set") {
		h.do(t, step{what: "lifecycle of " + bucket, model: nothing, run: func(b *bench) error {
			return b.ChangeSettings(b.t.Context(), object.ChangeSettingsRequest{By: alice, Bucket: bucket, What: "lifecycle", Change: func(s *object.Settings) {
				s.Lifecycle = nil
				if rules[0].NoncurrentKeep == 0 || h.world.Buckets[bucket].Lockable {
					s.Lifecycle = &object.Lifecycle{Rules: rules}
				}
			}})
		}})
		return
	}
	h.now = h.now.Add(rapid.SampledFrom([]time.Duration{time.Hour, 48 * time.Hour}).Draw(t, "time"))
	h.do(t, step{what: "expire", model: nothing, free: true, run: func(b *bench) error { return b.Expire(b.t.Context()) }})
}

func nothing(*world) *fault.Code { return nil }

// drawRegistry does something by way of the repository that each bucket is: no object may notice.
func (h *history) drawRegistry(t *rapid.T) {
	bucket, key := h.drawPlace(t, "registry")
	e := h.world.Buckets[bucket].current(key).object()
	if e == nil {
		t.Skip("there is no object")
	}
	by := repository.Actor{Principal: alice.Principal}
	d := digest.Of([]byte(e.Data))
	art := artifact.Manifest(d, int64(len(e.Data)))
	verbs := map[string]func(b *bench, r *repository.Service) error{
		"delete the blob": func(b *bench, r *repository.Service) error {
			return r.DeleteBlob(b.t.Context(), repository.DeleteBlobRequest{By: by, Repository: bucket, Digest: d})
		},
		"delete the manifest": func(b *bench, r *repository.Service) error {
			return r.DeleteManifest(b.t.Context(), repository.DeleteManifestRequest{By: by, Repository: bucket, Reference: repository.Reference{Digest: digest.Of(art)}})
		},
		"delete the tag": func(b *bench, r *repository.Service) error {
			return r.DeleteManifest(b.t.Context(), repository.DeleteManifestRequest{By: by, Repository: bucket, Reference: repository.Reference{Tag: "tag"}})
		},
		"push the blob": func(b *bench, r *repository.Service) error {
			return r.PushBlob(b.t.Context(), repository.PushBlobRequest{By: by, Repository: bucket, Digest: d, Size: int64(len(e.Data)), Body: putRequest("", "", []byte(e.Data)).Body})
		},
		"push the manifest": func(b *bench, r *repository.Service) error {
			_, err := r.PushManifest(b.t.Context(), repository.PushManifestRequest{By: by, Repository: bucket, Tags: []string{"tag"}, Body: art})
			return err
		},
	}
	verb := rapid.SampledFrom([]string{"delete the blob", "delete the manifest", "delete the tag", "push the blob", "push the manifest"}).Draw(t, "verb")
	h.do(t, step{what: verb + " of " + bucket + "/" + key, model: nothing, run: func(b *bench) error {
		err := verbs[verb](b, repository.New(b.content, repository.Options{}))
		if errors.Is(err, metatest.ErrInjected) || errors.Is(err, extenttest.ErrInjected) {
			return err
		}
		return nil
	}})
}

// drawRead looks at a version by whatever id.
func (h *history) drawRead(t *rapid.T) {
	ref := h.drawVersion(t)
	b := h.world.Buckets[ref.Bucket]
	e, code := b.find(ref.Key, ref.VersionID)
	found, err := h.Head(h.t.Context(), object.GetRequest{Bucket: ref.Bucket, Key: ref.Key, VersionID: ref.VersionID})
	at := b.index(ref.Key, ref.VersionID)
	if ref.VersionID == "" {
		at = len(b.Keys[ref.Key]) - 1
	}
	var marker *object.MarkerError
	switch {
	case code != nil && !errors.Is(err, code):
		t.Fatalf("%+v: %v, want %s", ref, err, code.Name())
	case code == nil && (err != nil || ident(found.ID) != e.ID || b.State == object.Unversioned && found.VersionID != "" || b.State != object.Unversioned && found.VersionID != e.address()):
		t.Fatalf("%+v: %+v, %v", ref, found, err)
	case errors.As(err, &marker) != (code != nil && at >= 0):
		t.Fatalf("%+v: %v", ref, err)
	case marker != nil && (marker.ID != b.Keys[ref.Key][at].address() || marker.Modified != b.Keys[ref.Key][at].Written):
		t.Fatalf("%+v: %+v", ref, marker)
	}
	if tags, id, err := h.Tags(h.t.Context(), ref); code == nil && (err != nil || id != found.VersionID || len(tags) != len(e.Tags)) || code != nil && !errors.Is(err, code) {
		t.Fatalf("tags of %+v: %v, %q, %v", ref, tags, id, err)
	}
	if code == nil && !b.Lockable {
		code = fault.LockMissing
	}
	if p, err := h.Protection(h.t.Context(), ref); code == nil && (err != nil || p != object.Protection{Retention: e.Retention, Hold: e.Hold}) || code != nil && !errors.Is(err, code) {
		t.Fatalf("protection of %+v: %+v, %v", ref, p, err)
	}
}

func drawListing(t *rapid.T) object.ListRequest {
	return object.ListRequest{
		Bucket:    rapid.SampledFrom(modelBuckets()).Draw(t, "bucket"),
		Prefix:    rapid.SampledFrom([]string{"", "", "a", "a/", "a/b", "b"}).Draw(t, "prefix"),
		Delimiter: rapid.SampledFrom([]string{"", "", "/", "b"}).Draw(t, "delimiter"),
		After:     rapid.SampledFrom([]string{"", "", "a", "a/", "a/b", "a/bb", "d"}).Draw(t, "after"),
		Limit:     rapid.IntRange(1, 4).Draw(t, "limit"),
	}
}

func (h *history) drawListVersions(t *rapid.T) {
	req := object.ListVersionsRequest{ListRequest: drawListing(t)}
	b := h.world.Buckets[req.Bucket]
	if list := b.Keys[req.After]; len(list) > 0 && rapid.Bool().Draw(t, "behind a version") {
		req.AfterID = rapid.SampledFrom(list).Draw(t, "version").address()
	}
	var got []item
	for more, page := true, req; more; {
		var list []object.VersionItem
		var err error
		if list, more, err = h.ListVersions(h.t.Context(), page); err != nil || len(list) > req.Limit || more && len(list) < req.Limit {
			t.Fatalf("%+v: %d items, %v", page, len(list), err)
		}
		for _, it := range list {
			page.After, page.AfterID = it.Name, ""
			i := item{name: it.Name, latest: it.Latest}
			if it.Version != nil {
				i.version, page.AfterID = editionOf(it.Version), it.Version.Address()
			}
			got = append(got, i)
		}
	}
	compareItems(t, fmt.Sprintf("%+v", req), b.list(req.ListRequest, req.AfterID, false), got)
}

func (h *history) drawList(t *rapid.T) {
	req := drawListing(t)
	var got []item
	for more, page := true, req; more; {
		var list []object.Item
		var err error
		if list, more, err = h.List(h.t.Context(), page); err != nil || len(list) > req.Limit || more && len(list) < req.Limit {
			t.Fatalf("%+v: %d items, %v", page, len(list), err)
		}
		for _, it := range list {
			page.After = it.Name
			i := item{name: it.Name, latest: it.Version != nil}
			if it.Version != nil {
				i.version = editionOf(it.Version)
			}
			got = append(got, i)
		}
	}
	compareItems(t, fmt.Sprintf("%+v", req), h.world.Buckets[req.Bucket].list(req, "", true), got)
}

func compareItems(t *rapid.T, what string, want, got []item) {
	t.Helper()
	text := func(items []item) (out []string) {
		for _, i := range items {
			out = append(out, i.String())
		}
		return out
	}
	if d := diff.Diff(text(want), text(got)); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}
