package object_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/meta/metatest"
)

// lifecycle sets the rules of a bucket.
func (b *bench) lifecycle(bucket string, rules ...object.LifecycleRule) {
	b.t.Helper()
	for i := range rules {
		rules[i].Enabled = true
	}
	l, err := object.NewLifecycle(rules, "")
	if err != nil {
		b.t.Fatal(err)
	}
	b.change(bucket, func(s *object.Settings) { s.Lifecycle = l })
}

func (b *bench) change(bucket string, change func(*object.Settings)) {
	b.t.Helper()
	err := b.ChangeSettings(b.t.Context(), object.ChangeSettingsRequest{By: alice, Bucket: bucket, What: "lifecycle", Change: change})
	if err != nil {
		b.t.Fatal(err)
	}
}

// pass lets days go by, one at a time, and does each day what is due.
func (b *bench) pass(days int) {
	b.t.Helper()
	for range days {
		b.now = b.now.Add(24 * time.Hour)
		if err := b.Expire(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
	}
	b.check()
}

// wantKeys fails unless the bucket lists these keys.
func (b *bench) wantKeys(bucket string, want ...string) {
	b.t.Helper()
	list, _, err := b.List(b.t.Context(), object.ListRequest{Bucket: bucket, Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	var got []string
	for _, it := range list {
		got = append(got, it.Name)
	}
	if d := diff.Diff(want, got); d != "" {
		b.t.Fatalf("keys of %s (-want +got):\n%s", bucket, d)
	}
}

// wantVersions fails unless the bucket has so many versions, delete markers among them.
func (b *bench) wantVersions(bucket string, versions, marks int) {
	b.t.Helper()
	list, _, err := b.ListVersions(b.t.Context(), object.ListVersionsRequest{ListRequest: object.ListRequest{Bucket: bucket, Limit: 1000}})
	if err != nil {
		b.t.Fatal(err)
	}
	marked := 0
	for _, it := range list {
		if it.Version.Marker {
			marked++
		}
	}
	if len(list) != versions || marked != marks {
		b.t.Fatalf("%s has %d versions, %d of them delete markers; want %d, %d: %v", bucket, len(list), marked, versions, marks, b.versions(bucket))
	}
}

func prefixed(prefix string) object.LifecycleFilter { return object.LifecycleFilter{Prefix: &prefix} }

func TestObjectsExpireOnTheDayAfterTheirAge(t *testing.T) {
	onEachEngine(t, func(t *testing.T, b *bench) {
		b.bucket("bucket")
		b.now = time.Date(2026, 11, 24, 15, 30, 0, 0, time.UTC)
		b.put("bucket", "tmp/old", bytesOf(1, 30)) // before there is a rule
		b.lifecycle("bucket", object.LifecycleRule{Filter: prefixed("tmp/"), ExpireDays: 2})
		b.put("bucket", "tmp/new", bytesOf(2, 3*inlineMax))
		b.put("bucket", "kept", bytesOf(3, 30))
		b.pass(2)
		b.wantKeys("bucket", "kept", "tmp/new", "tmp/old")
		b.now = time.Date(2026, 11, 26, 23, 59, 59, 0, time.UTC)
		b.pass(0)
		if err := b.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.wantKeys("bucket", "kept", "tmp/new", "tmp/old")
		b.now = time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
		if err := b.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.wantKeys("bucket", "kept")
		if got := b.Expired(); got.Objects != 2 || got.Looks != 2 {
			t.Errorf("counted %+v", got)
		}
		b.check()
	})
}

func TestARuleIsAboutWhatItsFilterNames(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	small, large := int64(10), int64(100)
	team := object.Tag{Key: "team", Value: "a"}
	b.lifecycle("bucket",
		object.LifecycleRule{ID: "size", ExpireDays: 1, Filter: object.LifecycleFilter{Form: object.FilterAnd, GreaterThan: &small, LessThan: &large}},
		object.LifecycleRule{ID: "tag", ExpireDays: 1, Filter: object.LifecycleFilter{Tags: []object.Tag{team}}},
		object.LifecycleRule{ID: "date", ExpireDate: b.now.Truncate(24 * time.Hour).Add(5 * 24 * time.Hour).Unix(), Filter: prefixed("dated/")})
	tagged := func(key string, tags ...object.Tag) {
		req := putRequest("bucket", key, bytesOf(1, 5))
		req.Tags = tags
		if _, err := b.Put(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	b.put("bucket", "10", bytesOf(1, 10))
	b.put("bucket", "11", bytesOf(1, 11))
	b.put("bucket", "99", bytesOf(1, 99))
	b.put("bucket", "100", bytesOf(1, 100))
	b.put("bucket", "dated/a", bytesOf(1, 5))
	tagged("of a", object.Tag{Key: "other", Value: "a"}, team)
	tagged("of b", object.Tag{Key: "team", Value: "b"})
	tagged("later of a")
	b.pass(2)
	b.wantKeys("bucket", "10", "100", "dated/a", "later of a", "of b")
	if _, err := b.PutTags(t.Context(), object.TagRequest{By: alice, Version: object.VersionRef{Bucket: "bucket", Key: "later of a"}, Tags: []object.Tag{team}}); err != nil {
		t.Fatal(err)
	}
	b.pass(1)
	b.wantKeys("bucket", "10", "100", "dated/a", "of b")
	b.pass(2)
	b.wantKeys("bucket", "10", "100", "of b")
}

func TestALongerRuleProtectsWhatIsThere(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	b.lifecycle("bucket", object.LifecycleRule{ExpireDays: 2})
	b.put("bucket", "key", bytesOf(1, 30))
	b.pass(1)
	b.lifecycle("bucket", object.LifecycleRule{ExpireDays: 10})
	b.pass(8)
	b.wantKeys("bucket", "key")
	b.change("bucket", func(s *object.Settings) { s.Lifecycle = nil })
	b.pass(10)
	b.wantKeys("bucket", "key")
	b.lifecycle("bucket", object.LifecycleRule{ExpireDays: 1})
	b.pass(1)
	b.wantKeys("bucket")
}

func TestAnOverwrittenObjectBeginsAnew(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	b.lifecycle("bucket", object.LifecycleRule{ExpireDays: 3})
	b.put("bucket", "key", bytesOf(1, 30))
	b.pass(3)
	b.put("bucket", "key", bytesOf(2, 30))
	b.pass(3)
	b.wantKeys("bucket", "key")
	b.pass(1)
	b.wantKeys("bucket")
}

func TestVersionsExpireBehindDeleteMarkers(t *testing.T) {
	onEachEngine(t, func(t *testing.T, b *bench) {
		b.bucket("bucket")
		b.setVersioning("bucket", object.Versioned)
		yes := true
		b.lifecycle("bucket", object.LifecycleRule{ExpireDays: 2, NoncurrentDays: 3}, object.LifecycleRule{DeleteMarkers: &yes})
		b.put("bucket", "key", bytesOf(1, 30))
		b.put("bucket", "key", bytesOf(2, 3*inlineMax))
		b.wantVersions("bucket", 2, 0)
		b.pass(3) // the current one expires
		b.wantKeys("bucket")
		b.wantVersions("bucket", 3, 1)
		b.pass(1) // the first, three days after it was superseded
		b.wantVersions("bucket", 2, 1)
		b.pass(3) // the second, and with it the marker, which has nothing to hide any more
		b.wantVersions("bucket", 0, 0)
		if got := b.Expired(); got.Objects != 1 || got.Versions != 2 || got.Markers != 1 {
			t.Errorf("counted %+v", got)
		}
		if err := b.DeleteBucket(t.Context(), object.DeleteBucketRequest{By: alice, Bucket: "bucket"}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheNewestNoncurrentVersionsAreKept(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	b.setVersioning("bucket", object.Versioned)
	for i := range 5 {
		b.put("bucket", "key", bytesOf(uint64(i), 30))
	}
	b.lifecycle("bucket", object.LifecycleRule{NoncurrentDays: 1, NoncurrentKeep: 2})
	b.pass(2)
	b.wantVersions("bucket", 3, 0)
	b.pass(5)
	b.wantVersions("bucket", 3, 0)
	b.put("bucket", "key", bytesOf(9, 30)) // makes one of the kept the third
	b.pass(1)
	b.wantVersions("bucket", 3, 0)
	b.wantBytes("bucket", "key", bytesOf(9, 30))
}

func TestAbandonedUploadsAreAborted(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	b.upload(object.CreateUploadRequest{Bucket: "bucket", Key: "logs/old"}, bytesOf(1, 3*inlineMax))
	b.lifecycle("bucket", object.LifecycleRule{AbortDays: 2, Filter: prefixed("logs/")})
	b.upload(object.CreateUploadRequest{Bucket: "bucket", Key: "logs/new"}, bytesOf(2, 3*inlineMax))
	b.upload(object.CreateUploadRequest{Bucket: "bucket", Key: "kept"}, bytesOf(3, 30))
	b.pass(2)
	if got := b.Expired().Uploads; got != 0 {
		t.Fatalf("%d uploads were aborted too early", got)
	}
	b.pass(1)
	open, _, err := b.ListUploads(t.Context(), object.ListUploadsRequest{ListRequest: object.ListRequest{Bucket: "bucket", Limit: 10}})
	if err != nil || len(open) != 1 || open[0].Name != "kept" {
		t.Fatalf("%v, %v", open, err)
	}
}

func TestALifecycleWaitsForLocks(t *testing.T) {
	b := newBench(t)
	if err := b.CreateBucket(t.Context(), object.CreateBucketRequest{By: alice, Bucket: "bucket", Lockable: true}); err != nil {
		t.Fatal(err)
	}
	b.lifecycle("bucket", object.LifecycleRule{NoncurrentDays: 1})
	locked := func(key string, p object.Protection) object.Stored {
		req := putRequest("bucket", key, bytesOf(1, 30))
		req.Protect = p
		stored, err := b.Put(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		b.delete("bucket", key, "")
		return stored
	}
	until := b.now.Add(5 * 24 * time.Hour).UnixNano()
	locked("compliance", object.Protection{Retention: object.Retention{Mode: object.Compliance, Until: until}})
	locked("governance", object.Protection{Retention: object.Retention{Mode: object.Governance, Until: until}})
	held := locked("held", object.Protection{Hold: object.HoldOn})
	locked("free", object.Protection{})
	b.wantVersions("bucket", 8, 4)
	b.pass(2)
	b.wantVersions("bucket", 7, 4)
	b.pass(5)
	b.wantVersions("bucket", 5, 4)
	b.pass(30)
	b.wantVersions("bucket", 5, 4)
	req := object.HoldRequest{By: alice, Version: object.VersionRef{Bucket: "bucket", Key: "held", VersionID: held.VersionID}, Hold: object.HoldOff}
	if err := b.PutHold(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	b.pass(1)
	b.wantVersions("bucket", 4, 4)
}

// TestALifecycleTouchesOnlyWhatIsDue counts calls at the metadata port.
func TestALifecycleTouchesOnlyWhatIsDue(t *testing.T) {
	keys, old := 3000, 60
	if os.Getenv("ZAS_NIGHTLY") != "" {
		keys = 1_000_000
	}
	counting := metatest.Faulty(openMeta(t), math.MaxInt)
	b := newBenchWith(t, counting, extenttest.NewMemory(), content.Options{})
	b.bucket("bucket")
	b.lifecycle("bucket", object.LifecycleRule{Filter: prefixed("tmp/"), ExpireDays: 1}, object.LifecycleRule{Filter: prefixed("data/"), ExpireDays: 1000})
	if err := b.Expire(t.Context()); err != nil { // files the bucket, which is empty
		t.Fatal(err)
	}
	for i := range keys {
		b.put("bucket", fmt.Sprintf("data/%07d", i), []byte("x"))
	}
	for i := range old {
		b.put("bucket", fmt.Sprintf("tmp/%07d", i), []byte("x"))
	}
	b.now = b.now.Add(24 * time.Hour)
	cost := func() int64 {
		before := counting.Calls()
		if err := b.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		return counting.Calls() - before
	}
	if idle := cost(); idle > 20 {
		t.Errorf("a round with nothing due makes %d calls", idle)
	}
	b.now = b.now.Add(24 * time.Hour)
	due := cost()
	if got := b.Expired(); got.Objects != int64(old) || got.Looks != int64(old) {
		t.Fatalf("counted %+v", got)
	}
	if due > int64(old*60) {
		t.Errorf("%d due objects among %d make %d calls", old, keys, due)
	}
	t.Logf("%d due of %d keys: %d calls, %d each", old, keys, due, due/int64(old))
}

// TestAReviewGoesOnWhereItWasInterrupted files a bucket of more rows than a transaction takes, with its rounds cut short.
func TestAReviewGoesOnWhereItWasInterrupted(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	const keys = 1200
	for i := range keys {
		b.put("bucket", fmt.Sprintf("%05d", i), []byte("x"))
	}
	b.lifecycle("bucket", object.LifecycleRule{ExpireDays: 1})
	b.now = b.now.Add(48 * time.Hour)
	store := &switched{b.meta}
	s := newBenchWith(t, store, b.extents, content.Options{})
	s.now = b.now
	rounds := 0
	for n := 40; ; n *= 2 {
		store.Store = metatest.Faulty(b.meta, n)
		rounds++
		if err := s.Expire(context.WithoutCancel(t.Context())); err == nil {
			break
		}
	}
	b.wantKeys("bucket")
	if rounds < 3 {
		t.Errorf("only %d rounds: the faults came too late", rounds)
	}
	b.check()
}

func expireVerbs() map[string]verb {
	yes := true
	rules := []object.LifecycleRule{
		{ExpireDays: 1, NoncurrentDays: 1, AbortDays: 1}, {DeleteMarkers: &yes},
	}
	prepare := func(state func(*bench) any) func(*bench) any {
		return withBucket(func(b *bench) any {
			at := state(b)
			withUpload(b)
			b.lifecycle("bucket", slices.Clone(rules)...)
			b.now = b.now.Add(72 * time.Hour)
			return at
		})
	}
	expire := func(ctx context.Context, s *object.Service, _ any) error { return s.Expire(ctx) }
	return map[string]verb{
		"Expire without versions": {prepare: prepare(withObjects), run: expire, partial: true},
		"Expire versions":         {prepare: prepare(withHistory), run: expire, partial: true},
		"ChangeSettings with a lifecycle": {prepare: withBucket(withHistory), run: func(ctx context.Context, s *object.Service, _ any) error {
			return s.ChangeSettings(ctx, object.ChangeSettingsRequest{By: alice, Bucket: "bucket", What: "lifecycle", Change: func(set *object.Settings) {
				set.Lifecycle = &object.Lifecycle{Rules: rules}
			}})
		}},
	}
}
