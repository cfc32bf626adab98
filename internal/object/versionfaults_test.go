package object_test

import (
	"context"
	"fmt"
	"time"

	"github.com/zot-artifact-store/zas/internal/object"
)

// versions is what clients see of the versions of a bucket, without what is made up.
func (b *bench) versions(bucket string) (out []string) {
	b.t.Helper()
	list, _, err := b.ListVersions(b.t.Context(), object.ListVersionsRequest{ListRequest: object.ListRequest{Bucket: bucket, Limit: 100}})
	if err != nil {
		b.t.Fatal(err)
	}
	for i, it := range list {
		v := it.Version
		out = append(out, fmt.Sprintf("version %d, %s: latest %v, marker %v, null %v, %s %v %v %d",
			i, it.Name, it.Latest, v.Marker, v.Null, v.ETag(), v.Tags, v.Retention, v.Hold))
		if v.Marker {
			continue
		}
		if _, err := b.readPart(object.GetRequest{Bucket: bucket, Key: it.Name, VersionID: v.Address()}); err != nil {
			b.t.Fatalf("%s %s cannot be read: %v", it.Name, v.Address(), err)
		}
	}
	return out
}

// setVersioning turns versioning on or suspends it.
func (b *bench) setVersioning(bucket string, state object.Versioning) {
	b.t.Helper()
	if err := b.PutVersioning(b.t.Context(), object.VersioningRequest{By: alice, Bucket: bucket, State: state}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) delete(bucket, key, version string) object.Deleted {
	b.t.Helper()
	deleted, err := b.Delete(b.t.Context(), object.DeleteRequest{By: alice, Bucket: bucket, Key: key, VersionID: version})
	if err != nil {
		b.t.Fatal(err)
	}
	return deleted
}

// withHistory is a bucket with versioning and keys in every state, and the id of an earlier version of each.
func withHistory(b *bench) any {
	b.put("bucket", "small", bytesOf(1, 30)) // the null version
	b.put("bucket", "gone", bytesOf(2, 30))
	b.setVersioning("bucket", object.Versioned)
	ids := map[string]string{
		"small": b.put("bucket", "small", bytesOf(3, 40)).VersionID,
		"large": b.put("bucket", "large", bytesOf(4, 3*inlineMax)).VersionID,
		"gone":  object.NullVersion,
	}
	b.put("bucket", "small", bytesOf(5, 50))
	b.put("bucket", "large", bytesOf(6, 4*inlineMax))
	b.delete("bucket", "gone", "")
	return ids
}

func withSuspended(b *bench) any {
	ids := withHistory(b)
	b.setVersioning("bucket", object.Suspended)
	return ids
}

// withLocked is withHistory under object lock.
func withLocked(b *bench) any {
	ids := withHistory(b)
	if err := b.PutLock(b.t.Context(), object.LockRequest{By: alice, Bucket: "bucket"}); err != nil {
		b.t.Fatal(err)
	}
	return ids
}

func earlierOf(ids any, key string) object.VersionRef {
	return object.VersionRef{Bucket: "bucket", Key: key, VersionID: ids.(map[string]string)[key]}
}

// retainYear is a retention of a year from the clock of a bench.
func retainYear(mode object.LockMode) object.Retention {
	return object.Retention{Mode: mode, Until: time.Unix(1_800_000_000, 0).AddDate(1, 0, 0).UnixNano()}
}

func versionVerbs() map[string]verb {
	removeVersion := func(key string) func(context.Context, *object.Service, any) error {
		return func(ctx context.Context, s *object.Service, at any) error {
			_, err := s.Delete(ctx, object.DeleteRequest{By: alice, Bucket: "bucket", Key: key, VersionID: earlierOf(at, key).VersionID})
			return err
		}
	}
	current := func(state func(*bench) any, key string) func(b *bench) any {
		return withBucket(func(b *bench) any {
			ids := state(b).(map[string]string)
			list, _, err := b.ListVersions(b.t.Context(), object.ListVersionsRequest{ListRequest: object.ListRequest{Bucket: "bucket", Prefix: key, Limit: 1}})
			if err != nil {
				b.t.Fatal(err)
			}
			ids[key] = list[0].Version.Address()
			return ids
		})
	}
	return map[string]verb{
		"Put a version inline":         {prepare: withBucket(withHistory), again: true, run: put("small", 30, nil)},
		"Put a version in an extent":   {prepare: withBucket(withHistory), again: true, run: put("large", 5*inlineMax, nil)},
		"Put over a marker":            {prepare: withBucket(withHistory), again: true, run: put("gone", 30, nil)},
		"Put while suspended":          {prepare: withBucket(withSuspended), run: put("small", 30, nil)},
		"Put over a marker, suspended": {prepare: withBucket(withSuspended), run: put("gone", 30, nil)},
		"Put under a rule": {prepare: withBucket(func(b *bench) any {
			ids := withLocked(b)
			req := object.LockRequest{By: alice, Bucket: "bucket", Rule: object.LockRule{Mode: object.Governance, Days: 3}}
			if err := b.PutLock(b.t.Context(), req); err != nil {
				b.t.Fatal(err)
			}
			return ids
		}), again: true, run: put("small", 30, nil)},
		"Delete hides":                   {prepare: withBucket(withHistory), again: true, run: remove("small")},
		"Delete hides what is not there": {prepare: withBucket(withHistory), again: true, run: remove("absent")},
		"Delete while suspended":         {prepare: withBucket(withSuspended), run: remove("small")},
		"Delete an earlier version":      {prepare: withBucket(withHistory), run: removeVersion("small")},
		"Delete an earlier large one":    {prepare: withBucket(withHistory), run: removeVersion("large")},
		"Delete an earlier null version": {prepare: withBucket(withHistory), run: removeVersion("gone")},
		"Delete the current version":     {prepare: current(withHistory, "small"), run: removeVersion("small")},
		"Delete a marker":                {prepare: current(withHistory, "gone"), run: removeVersion("gone")},
		"DeleteMany versions": {prepare: current(withHistory, "large"), run: func(ctx context.Context, s *object.Service, at any) error {
			return allGone(s.DeleteMany(ctx, object.DeleteManyRequest{By: alice, Bucket: "bucket", Keys: []object.DeleteKey{
				{Key: "large", VersionID: earlierOf(at, "large").VersionID}, {Key: "small", VersionID: object.NullVersion}, {Key: "gone", VersionID: object.NullVersion},
			}}))
		}},
		"Copy an earlier version": {prepare: withBucket(withHistory), again: true, run: func(ctx context.Context, s *object.Service, at any) error {
			src := object.Source{Bucket: "bucket", Key: "large", VersionID: earlierOf(at, "large").VersionID}
			_, err := s.Copy(ctx, object.CopyRequest{By: alice, Source: src, Bucket: "bucket", Key: "large"})
			return err
		}},
		"ListVersions": {prepare: withBucket(withHistory), run: func(ctx context.Context, s *object.Service, _ any) error {
			_, _, err := s.ListVersions(ctx, object.ListVersionsRequest{ListRequest: object.ListRequest{Bucket: "bucket", Limit: 10}})
			return err
		}},
		"PutVersioning": {prepare: withBucket(withObjects), run: func(ctx context.Context, s *object.Service, _ any) error {
			return s.PutVersioning(ctx, object.VersioningRequest{By: alice, Bucket: "bucket", State: object.Versioned})
		}},
		"PutLock": {prepare: withBucket(withHistory), run: func(ctx context.Context, s *object.Service, _ any) error {
			return s.PutLock(ctx, object.LockRequest{By: alice, Bucket: "bucket", Rule: object.LockRule{Mode: object.Compliance, Years: 1}})
		}},
		"Tags": {prepare: withBucket(withHistory), run: func(ctx context.Context, s *object.Service, at any) error {
			_, _, err := s.Tags(ctx, earlierOf(at, "small"))
			return err
		}},
		"PutTags of the current version": {prepare: withBucket(withHistory), run: func(ctx context.Context, s *object.Service, _ any) error {
			_, err := s.PutTags(ctx, object.TagRequest{By: alice, Version: object.VersionRef{Bucket: "bucket", Key: "small"}, Tags: []object.Tag{{Key: "a", Value: "b"}}})
			return err
		}},
		"PutTags of an earlier version": {prepare: withBucket(withHistory), run: func(ctx context.Context, s *object.Service, at any) error {
			_, err := s.PutTags(ctx, object.TagRequest{By: alice, Version: earlierOf(at, "small"), Tags: []object.Tag{{Key: "a", Value: "b"}}})
			return err
		}},
		"Protection": {prepare: withBucket(withLocked), run: func(ctx context.Context, s *object.Service, at any) error {
			_, err := s.Protection(ctx, earlierOf(at, "small"))
			return err
		}},
		"PutRetention": {prepare: withBucket(withLocked), run: func(ctx context.Context, s *object.Service, at any) error {
			return s.PutRetention(ctx, object.RetentionRequest{By: alice, Version: earlierOf(at, "large"), Retention: retainYear(object.Compliance)})
		}},
		"PutHold": {prepare: withBucket(withLocked), run: func(ctx context.Context, s *object.Service, at any) error {
			return s.PutHold(ctx, object.HoldRequest{By: alice, Version: earlierOf(at, "gone"), Hold: object.HoldOn})
		}},
	}
}
