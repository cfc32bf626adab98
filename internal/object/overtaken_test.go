package object_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/meta/metatest"
)

// overtaken is a bench like b whose next transaction happens comes before, over b.
func (b *bench) overtaken(happens func()) *bench {
	gap := &metatest.BetweenStore{Store: b.meta}
	late := b.over(gap, b.extents)
	gap.Happens = func() {
		happens()
		late.now = b.now
	}
	return late
}

// overtakings are pairs of verbs over one key, of which the second comes between the plan of the first and its transaction.
type overtaking struct {
	prepare func(b *bench) any
	late    func(b *bench, ids map[string]string) error
	first   func(b *bench, ids map[string]string) error
	refused *fault.Code // of the late one
	want    string      // versions of the key, newest first: bytes, - for a delete marker, ! for a null version, + with tags, * with a retention
}

// withThree is a key with a null version "0" and versions "1" and "2".
func withThree(b *bench) map[string]string {
	b.bucket("bucket")
	b.put("bucket", "key", []byte("0"))
	b.setVersioning("bucket", object.Versioned)
	ids := map[string]string{"0": object.NullVersion}
	for _, data := range []string{"1", "2"} {
		ids[data] = b.put("bucket", "key", []byte(data)).VersionID
	}
	return ids
}

func putKey(data string) func(*bench, map[string]string) error {
	return func(b *bench, _ map[string]string) error {
		_, err := b.Put(b.t.Context(), putRequest("bucket", "key", []byte(data)))
		return err
	}
}

func deleteVersion(names ...string) func(*bench, map[string]string) error {
	return func(b *bench, ids map[string]string) error {
		req := object.DeleteManyRequest{By: alice, Bucket: "bucket"}
		for _, n := range names {
			req.Keys = append(req.Keys, object.DeleteKey{Key: "key", VersionID: ids[n]})
		}
		return allGone(b.DeleteMany(b.t.Context(), req))
	}
}

func hideKey(b *bench, _ map[string]string) error {
	_, err := b.Delete(b.t.Context(), object.DeleteRequest{By: alice, Bucket: "bucket", Key: "key"})
	return err
}

func protect(name string) func(*bench, map[string]string) error {
	return func(b *bench, ids map[string]string) error {
		ref := object.VersionRef{Bucket: "bucket", Key: "key", VersionID: ids[name]}
		return b.PutRetention(b.t.Context(), object.RetentionRequest{By: alice, Version: ref, Retention: retainYear(object.Compliance)})
	}
}

func retag(name string) func(*bench, map[string]string) error {
	return func(b *bench, ids map[string]string) error {
		_, err := b.PutTags(b.t.Context(), object.TagRequest{
			By: alice, Version: object.VersionRef{Bucket: "bucket", Key: "key", VersionID: ids[name]}, Tags: []object.Tag{{Key: "a", Value: "b"}},
		})
		return err
	}
}

func turn(state object.Versioning) func(*bench, map[string]string) error {
	return func(b *bench, _ map[string]string) error {
		return b.PutVersioning(b.t.Context(), object.VersioningRequest{By: alice, Bucket: "bucket", State: state})
	}
}

func both(one, two func(*bench, map[string]string) error) func(*bench, map[string]string) error {
	return func(b *bench, ids map[string]string) error { return errors.Join(one(b, ids), two(b, ids)) }
}

func overtakings() map[string]overtaking {
	return map[string]overtaking{
		"a write, by a write":                             {late: putKey("3"), first: putKey("x"), want: "3 x 2 1 0!"},
		"a write, by the removal of the current version":  {late: putKey("3"), first: deleteVersion("2"), want: "3 1 0!"},
		"a write, by a delete marker":                     {late: putKey("3"), first: hideKey, want: "3 - 2 1 0!"},
		"a write, by suspension":                          {late: putKey("3"), first: turn(object.Suspended), want: "3! 2 1"},
		"a write while suspended, by versioning":          {prepare: suspended, late: putKey("3"), first: turn(object.Versioned), want: "3 2 1 0!"},
		"a write while suspended, by another":             {prepare: suspended, late: putKey("3"), first: putKey("x"), want: "3! 2 1"},
		"a write while suspended, by removal of the null": {prepare: suspended, late: putKey("3"), first: deleteVersion("0"), want: "3! 2 1"},
		"a write while suspended, by promotion of the null": {
			prepare: suspended, late: putKey("3"), first: deleteVersion("2", "1"), want: "3!"},
		"a write while suspended, by tags of the null":        {prepare: suspended, late: putKey("3"), first: retag("0"), want: "3! 2 1"},
		"a marker while suspended, by versioning":             {prepare: suspended, late: hideKey, first: turn(object.Versioned), want: "- 2 1 0!"},
		"a removal, by a write":                               {late: deleteVersion("2"), first: putKey("x"), want: "x 1 0!"},
		"a removal, by the removal of its successor":          {late: deleteVersion("2"), first: deleteVersion("1"), want: "0!"},
		"a removal, by the retirement of another":             {late: deleteVersion("1"), first: putKey("x"), want: "x 2 0!"},
		"a removal, by the promotion of its version":          {late: deleteVersion("1"), first: deleteVersion("2"), want: "0!"},
		"a removal, by the same":                              {late: deleteVersion("1"), first: deleteVersion("1"), want: "2 0!"},
		"a removal of the null, by its promotion":             {late: deleteVersion("0"), first: deleteVersion("2", "1"), want: ""},
		"a removal of the null, by another null version":      {prepare: suspended, late: deleteVersion("0"), first: putKey("x"), want: "2 1"},
		"a removal, by a retention":                           {prepare: lockable, late: deleteVersion("1"), first: protect("1"), refused: fault.ObjectLocked, want: "2 1* 0!"},
		"a removal of the current one, by a retention":        {prepare: lockable, late: deleteVersion("2"), first: protect("2"), refused: fault.ObjectLocked, want: "2* 1 0!"},
		"a removal, by promotion and a retention":             {prepare: lockable, late: deleteVersion("1"), first: both(deleteVersion("2"), protect("1")), refused: fault.ObjectLocked, want: "1* 0!"},
		"a removal of the null, by a retention":               {prepare: lockable, late: deleteVersion("0"), first: protect("0"), refused: fault.ObjectLocked, want: "2 1 0!*"},
		"a removal that promotes, by a retention of the next": {prepare: lockable, late: deleteVersion("2"), first: protect("1"), want: "1* 0!"},
		"a removal of many, by a retention of one":            {prepare: lockable, late: deleteVersion("2", "1", "0"), first: protect("1"), refused: fault.ObjectLocked, want: "1*"},
		"tags, by the retirement of their version":            {late: retag("2"), first: putKey("x"), want: "x 2+ 1 0!"},
		"tags, by the promotion of their version":             {late: retag("1"), first: deleteVersion("2"), want: "1+ 0!"},
		"tags, by the removal of their version":               {late: retag("1"), first: deleteVersion("1"), refused: fault.VersionNotFound, want: "2 0!"},
		"a retention, by a removal":                           {prepare: lockable, late: protect("1"), first: deleteVersion("1"), refused: fault.VersionNotFound, want: "2 0!"},
		"a retention, by retirement":                          {prepare: lockable, late: protect("2"), first: putKey("x"), want: "x 2* 1 0!"},
		"a write without versioning, by versioning":           {prepare: fresh, late: putKey("3"), first: turn(object.Versioned), want: "3 0!"},
		"a deletion without versioning, by versioning":        {prepare: fresh, late: hideKey, first: turn(object.Versioned), want: "- 0!"},
		"a deletion without versioning, by a marker":          {prepare: fresh, late: hideKey, first: both(turn(object.Suspended), hideKey), want: "-!"},
		"a write of a new key, by its marker":                 {prepare: emptied, late: putKey("3"), first: hideKey, want: "3 -"},
	}
}

func lockable(b *bench) any {
	ids := withThree(b)
	if err := b.PutLock(b.t.Context(), object.LockRequest{By: alice, Bucket: "bucket"}); err != nil {
		b.t.Fatal(err)
	}
	return ids
}

func suspended(b *bench) any {
	ids := withThree(b)
	b.setVersioning("bucket", object.Suspended)
	return ids
}

func fresh(b *bench) any {
	b.bucket("bucket")
	b.put("bucket", "key", []byte("0"))
	return map[string]string{"0": object.NullVersion}
}

func emptied(b *bench) any {
	b.bucket("bucket")
	b.setVersioning("bucket", object.Versioned)
	return map[string]string{}
}

// TestAVerbThatIsOvertakenDecidesAnew lets each pair race, with the worst timing there is.
func TestAVerbThatIsOvertakenDecidesAnew(t *testing.T) {
	for name, o := range overtakings() {
		t.Run(name, func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, b *bench) {
				prepare := o.prepare
				if prepare == nil {
					prepare = func(b *bench) any { return withThree(b) }
				}
				ids := prepare(b).(map[string]string)
				late := b.overtaken(func() {
					if err := o.first(b, ids); err != nil {
						t.Fatal("the first one: ", err)
					}
				})
				err := o.late(late, ids)
				if o.refused != nil {
					wantFault(t, err, o.refused)
				} else if err != nil {
					t.Fatal(err)
				}
				b.wantHistory("key", o.want)
				if _, err := b.content.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
				b.check()
				if err := object.Misshapen(t.Context(), b.meta); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// wantHistory fails unless the versions of a key are these (see overtaking).
func (b *bench) wantHistory(key, want string) {
	b.t.Helper()
	list, _, err := b.ListVersions(b.t.Context(), object.ListVersionsRequest{ListRequest: object.ListRequest{Bucket: "bucket", Prefix: key, Limit: 100}})
	if err != nil {
		b.t.Fatal(err)
	}
	got := ""
	for i, it := range list {
		data := []byte("-")
		if !it.Version.Marker {
			if data, err = b.readPart(object.GetRequest{Bucket: "bucket", Key: key, VersionID: it.Version.Address()}); err != nil {
				b.t.Fatal(err)
			}
		}
		if i > 0 {
			got += " "
		}
		got += string(data)
		for _, mark := range []struct {
			text  string
			there bool
		}{{"!", it.Version.Null}, {"+", len(it.Version.Tags) > 0}, {"*", it.Version.Retention != object.Retention{}}} {
			if mark.there {
				got += mark.text
			}
		}
	}
	if got != want {
		b.t.Fatalf("the versions are %q, not %q", got, want)
	}
}

// TestABucketIsEmptiedPageByPage deletes what each page of a listing tells before it asks for the next, as scripts do: nothing is missed,
// though the version behind a page becomes the current one.
func TestABucketIsEmptiedPageByPage(t *testing.T) {
	for limit := 1; limit <= 5; limit++ {
		t.Run(fmt.Sprintf("%d at a time", limit), func(t *testing.T) {
			b := newBench(t)
			withThree(b)
			b.put("bucket", "other", []byte("0"))
			b.delete("bucket", "key", "")
			b.put("bucket", "key", []byte("4"))
			b.setVersioning("bucket", object.Suspended)
			b.put("bucket", "other", []byte("1"))
			b.delete("bucket", "other", "")
			req := object.ListVersionsRequest{ListRequest: object.ListRequest{Bucket: "bucket", Limit: limit}}
			for more := true; more; {
				var list []object.VersionItem
				var err error
				if list, more, err = b.ListVersions(t.Context(), req); err != nil {
					t.Fatal(err)
				}
				for _, it := range list {
					req.After, req.AfterID = it.Name, it.Version.Address()
					b.delete("bucket", it.Name, it.Version.Address())
				}
			}
			if err := b.DeleteBucket(t.Context(), object.DeleteBucketRequest{By: alice, Bucket: "bucket"}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestALifecycleWhoseMarkerReplacesTheNullVersion has both the current version and an earlier null version due at once while versioning is
// suspended: the null version goes once.
func TestALifecycleWhoseMarkerReplacesTheNullVersion(t *testing.T) {
	onEachEngine(t, func(t *testing.T, b *bench) {
		suspended(b)
		b.lifecycle("bucket", object.LifecycleRule{ExpireDays: 1, NoncurrentDays: 1})
		b.now = b.now.Add(72 * time.Hour)
		if err := b.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.wantHistory("key", "-! 2")
		b.check()
	})
}

// TestACopyHasTheChecksumThatItAsksFor overwrites a source of the algorithm that a copy asks for by one of another, before the copy commits.
func TestACopyHasTheChecksumThatItAsksFor(t *testing.T) {
	onEachEngine(t, func(t *testing.T, b *bench) {
		b.bucket("bucket")
		req := putRequest("bucket", "key", []byte("0"))
		req.Integrity.Algorithm = object.SHA1
		if _, err := b.Put(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		late := b.overtaken(func() { b.put("bucket", "key", []byte("1")) })
		_, err := late.Copy(t.Context(), object.CopyRequest{
			By: alice, Source: object.Source{Bucket: "bucket", Key: "key"}, Bucket: "bucket", Key: "copy", Algorithm: object.SHA1,
		})
		wantFault(t, err, fault.ConditionalConflict)
	})
}

// TestALookDoesNotForgetWhatIsFiledMeanwhile lifts a legal hold between the plan of a look, which finds nothing to do because of it, and
// its transaction. Both are about the same row of dues.
func TestALookDoesNotForgetWhatIsFiledMeanwhile(t *testing.T) {
	onEachEngine(t, func(t *testing.T, b *bench) {
		if err := b.CreateBucket(t.Context(), object.CreateBucketRequest{By: alice, Bucket: "bucket", Lockable: true}); err != nil {
			t.Fatal(err)
		}
		b.lifecycle("bucket", object.LifecycleRule{NoncurrentDays: 1})
		version := object.VersionRef{Bucket: "bucket", Key: "key", VersionID: b.put("bucket", "key", bytesOf(1, 30)).VersionID}
		b.delete("bucket", "key", "")
		hold := func(h object.Hold) {
			if err := b.PutHold(t.Context(), object.HoldRequest{By: alice, Version: version, Hold: h}); err != nil {
				t.Fatal(err)
			}
		}
		hold(object.HoldOn)
		b.pass(3)
		hold(object.HoldOn) // files the key for today
		late := b.overtaken(func() { hold(object.HoldOff) })
		late.now = b.now
		if err := late.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.wantVersions("bucket", 1, 1)
	})
}
