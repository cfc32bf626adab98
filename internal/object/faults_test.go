package object_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/metatest"
)

// verb is one thing that the domain does, run again and again with another call to a port failing each time.
type verb struct {
	prepare func(b *bench) any                                         // over sound ports
	run     func(ctx context.Context, s *object.Service, at any) error // over the failing one
	lost    *fault.Code                                                // what a second try may report after the first one's answer was lost
	partial bool                                                       // it does many things, some of which may be done
	again   bool                                                       // a second try after a lost answer does it twice
}

// steady are methods that need no verb of their own, with the reason.
var steady = map[string]string{
	"Start": "begins goroutines that call Forget and Expire", "Stop": "ends them", "References": "reads only, offline",
	"Expired": "counts in memory",
}

func withBucket(prepare func(b *bench) any) func(b *bench) any {
	return func(b *bench) any {
		b.bucket("bucket")
		if prepare == nil {
			return nil
		}
		return prepare(b)
	}
}

func withObjects(b *bench) any {
	b.put("bucket", "small", bytesOf(1, 30))
	b.put("bucket", "large", bytesOf(2, 3*inlineMax))
	return nil
}

func withUpload(b *bench) any {
	u, list := b.upload(object.CreateUploadRequest{Bucket: "bucket", Key: "key"}, bytesOf(3, 2*inlineMax), bytesOf(4, 30))
	return completeRequest(u, list)
}

func put(key string, size int, change func(*object.PutRequest)) func(context.Context, *object.Service, any) error {
	return func(ctx context.Context, s *object.Service, _ any) error {
		req := putRequest("bucket", key, bytesOf(9, size))
		if change != nil {
			change(&req)
		}
		_, err := s.Put(ctx, req)
		return err
	}
}

func copyOf(source string, metadata *object.Metadata, a object.Algorithm) func(context.Context, *object.Service, any) error {
	return func(ctx context.Context, s *object.Service, _ any) error {
		_, err := s.Copy(ctx, object.CopyRequest{
			By: alice, Source: object.Source{Bucket: "bucket", Key: source}, Bucket: "bucket", Key: "copy", Metadata: metadata, Algorithm: a,
		})
		return err
	}
}

func remove(key string) func(context.Context, *object.Service, any) error {
	return func(ctx context.Context, s *object.Service, _ any) error {
		_, err := s.Delete(ctx, object.DeleteRequest{By: alice, Bucket: "bucket", Key: key})
		return err
	}
}

func get(key string) func(context.Context, *object.Service, any) error {
	return func(ctx context.Context, s *object.Service, _ any) error {
		found, rd, err := s.Get(ctx, object.GetRequest{Bucket: "bucket", Key: key})
		if err != nil {
			return err
		}
		defer rd.Close()
		var out strings.Builder
		return rd.WriteRange(ctx, &out, found.Offset, found.Length, false)
	}
}

// verbs are named after the methods that they run; TestEveryVerbIsTriedWithFaults finds a method without one.
func verbs() map[string]verb {
	all := objectVerbs()
	for name, v := range bucketVerbs() {
		all[name] = v
	}
	for name, v := range uploadVerbs() {
		all[name] = v
	}
	for name, v := range settingVerbs() {
		all[name] = v
	}
	for name, v := range versionVerbs() {
		all[name] = v
	}
	for name, v := range expireVerbs() {
		all[name] = v
	}
	return all
}

func bucketVerbs() map[string]verb {
	return map[string]verb{
		"CreateBucket": {prepare: func(*bench) any { return nil }, lost: fault.BucketOwned, run: func(ctx context.Context, s *object.Service, _ any) error {
			return s.CreateBucket(ctx, object.CreateBucketRequest{By: alice, Bucket: "bucket"})
		}},
		"DeleteBucket": {prepare: withBucket(nil), lost: fault.BucketNotFound, run: func(ctx context.Context, s *object.Service, _ any) error {
			return s.DeleteBucket(ctx, object.DeleteBucketRequest{By: alice, Bucket: "bucket"})
		}},
		"HeadBucket": {prepare: withBucket(nil), run: func(ctx context.Context, s *object.Service, _ any) error {
			_, err := s.HeadBucket(ctx, "bucket")
			return err
		}},
		"ListBuckets": {prepare: withBucket(nil), run: func(ctx context.Context, s *object.Service, _ any) error {
			_, _, err := s.ListBuckets(ctx, object.ListBucketsRequest{Owner: alice.Principal, Limit: 10})
			return err
		}},
		"List": {prepare: withBucket(withObjects), run: func(ctx context.Context, s *object.Service, _ any) error {
			_, _, err := s.List(ctx, object.ListRequest{Bucket: "bucket", Limit: 10})
			return err
		}},
		"DeleteMany": {prepare: withBucket(withObjects), run: func(ctx context.Context, s *object.Service, _ any) error {
			results, err := s.DeleteMany(ctx, object.DeleteManyRequest{By: alice, Bucket: "bucket", Keys: []object.DeleteKey{
				{Key: "small"}, {Key: "absent"}, {Key: "large"},
			}})
			return allGone(results, err)
		}},
	}
}

// allGone is nil when every key was removed.
func allGone(results []object.DeleteResult, err error) error {
	for _, r := range results {
		err = errors.Join(err, r.Err)
	}
	return err
}

func objectVerbs() map[string]verb {
	html := &object.Metadata{ContentType: "text/html"}
	return map[string]verb{
		"Put inline":               {prepare: withBucket(nil), run: put("key", 30, nil)},
		"Put in an extent":         {prepare: withBucket(nil), run: put("key", 5*inlineMax, nil)},
		"Put over inline":          {prepare: withBucket(withObjects), run: put("small", 5*inlineMax, nil)},
		"Put over an extent":       {prepare: withBucket(withObjects), run: put("large", 30, nil)},
		"Put what is there":        {prepare: withBucket(withObjects), run: put("key", 3*inlineMax, func(r *object.PutRequest) { r.Body = strings.NewReader(string(bytesOf(2, 3*inlineMax))) })},
		"Put if absent":            {prepare: withBucket(nil), lost: fault.PreconditionFailed, run: put("key", 30, func(r *object.PutRequest) { r.If.Absent = true })},
		"Get inline":               {prepare: withBucket(withObjects), run: get("small")},
		"Get from an extent":       {prepare: withBucket(withObjects), run: get("large")},
		"Delete inline":            {prepare: withBucket(withObjects), run: remove("small")},
		"Delete from an extent":    {prepare: withBucket(withObjects), run: remove("large")},
		"Delete what is not there": {prepare: withBucket(nil), run: remove("absent")},
		"Copy inline":              {prepare: withBucket(withObjects), run: copyOf("small", nil, 0)},
		"Copy of an extent":        {prepare: withBucket(withObjects), run: copyOf("large", html, 0)},
		"Copy with a new checksum": {prepare: withBucket(withObjects), run: copyOf("large", nil, object.SHA1)},
		"Attributes": {prepare: withBucket(withObjects), run: func(ctx context.Context, s *object.Service, _ any) error {
			_, err := s.Attributes(ctx, object.AttributesRequest{VersionRef: object.VersionRef{Bucket: "bucket", Key: "large"}, Limit: 1})
			return err
		}},
		"Head": {prepare: withBucket(withObjects), run: func(ctx context.Context, s *object.Service, _ any) error {
			_, err := s.Head(ctx, object.GetRequest{Bucket: "bucket", Key: "large"})
			return err
		}},
	}
}

func uploadVerbs() map[string]verb {
	upload := func(at any) object.UploadRef { return at.(object.CompleteRequest).Upload }
	part := func(number, size int) func(context.Context, *object.Service, any) error {
		return func(ctx context.Context, s *object.Service, at any) error {
			_, err := s.PutPart(ctx, object.PutPartRequest{
				Upload: upload(at), Number: number, Body: strings.NewReader(string(bytesOf(9, size))), Size: int64(size),
			})
			return err
		}
	}
	return map[string]verb{
		"CreateUpload": {prepare: withBucket(nil), again: true, run: func(ctx context.Context, s *object.Service, _ any) error {
			_, err := s.CreateUpload(ctx, object.CreateUploadRequest{By: alice, Bucket: "bucket", Key: "key"})
			return err
		}},
		"PutPart inline":       {prepare: withBucket(withUpload), run: part(3, 30)},
		"PutPart in an extent": {prepare: withBucket(withUpload), run: part(3, 3*inlineMax)},
		"PutPart over another": {prepare: withBucket(withUpload), run: part(1, 30)},
		"PutPartCopy": {prepare: withBucket(func(b *bench) any { withObjects(b); return withUpload(b) }), run: func(ctx context.Context, s *object.Service, at any) error {
			_, _, err := s.PutPartCopy(ctx, object.PartCopyRequest{Upload: upload(at), Number: 3, Source: object.Source{Bucket: "bucket", Key: "large"}})
			return err
		}},
		"ListParts": {prepare: withBucket(withUpload), run: func(ctx context.Context, s *object.Service, at any) error {
			_, _, _, err := s.ListParts(ctx, object.ListPartsRequest{Upload: upload(at), Limit: 10})
			return err
		}},
		"ListUploads": {prepare: withBucket(withUpload), run: func(ctx context.Context, s *object.Service, _ any) error {
			_, _, err := s.ListUploads(ctx, object.ListUploadsRequest{ListRequest: object.ListRequest{Bucket: "bucket", Limit: 10}})
			return err
		}},
		"Complete": {prepare: withBucket(withUpload), run: func(ctx context.Context, s *object.Service, at any) error {
			_, err := s.Complete(ctx, at.(object.CompleteRequest))
			return err
		}},
		"Complete over another": {prepare: withBucket(func(b *bench) any { b.put("bucket", "key", bytesOf(1, 30)); return withUpload(b) }), run: func(ctx context.Context, s *object.Service, at any) error {
			_, err := s.Complete(ctx, at.(object.CompleteRequest))
			return err
		}},
		"Abort": {prepare: withBucket(withUpload), lost: fault.UploadNotFound, run: func(ctx context.Context, s *object.Service, at any) error {
			return s.Abort(ctx, object.AbortRequest{Upload: upload(at)})
		}},
		"Forget": {prepare: withBucket(func(b *bench) any {
			if _, err := b.Complete(b.t.Context(), withUpload(b).(object.CompleteRequest)); err != nil {
				b.t.Fatal(err)
			}
			b.now = b.now.AddDate(0, 0, 3)
			return nil
		}), run: func(ctx context.Context, s *object.Service, _ any) error { return s.Forget(ctx) }},
	}
}

func TestEveryVerbIsTriedWithFaults(t *testing.T) {
	covered := map[string]bool{}
	for name := range verbs() {
		method, _, _ := strings.Cut(name, " ")
		covered[method] = true
	}
	for m := range reflect.TypeFor[*object.Service]().Methods() {
		if !covered[m.Name] && steady[m.Name] == "" {
			t.Errorf("%s has no verb", m.Name)
		}
	}
}

// port makes a bench over the same engines of which the n-th call of one port fails, and says which call that was.
type port func(b *bench, n int) (faulty *bench, fired func() string)

// switched is a metadata store that becomes another one.
type switched struct{ meta.Store }

func ports() map[string]port {
	return map[string]port{
		"metadata": func(b *bench, n int) (*bench, func() string) {
			sound := &switched{b.meta}
			faulty := b.over(sound, b.extents)
			f := metatest.Faulty(b.meta, n)
			sound.Store = f // from here on: opening is tried elsewhere
			return faulty, f.Fired
		},
		"extents": func(b *bench, n int) (*bench, func() string) {
			f := extenttest.Faulty(b.extents, n)
			return b.over(b.meta, f), f.Fired
		},
		"extents, after the fact": func(b *bench, n int) (*bench, func() string) {
			f := extenttest.FaultyAfter(b.extents, n)
			return b.over(b.meta, f), f.Fired
		},
	}
}

// TestAFailingCallLeavesNothingPartial runs each verb with the n-th call of a port failing, for every n: what is visible then is the state before
// or the state after, the rows agree with each other, and a second try succeeds.
func TestAFailingCallLeavesNothingPartial(t *testing.T) {
	for name, v := range verbs() {
		before, after := outcomes(t, v)
		for where, open := range ports() {
			t.Run(name+" with faulty "+where, func(t *testing.T) {
				try := attempt{verb: v, before: before, after: after, open: open}
				n := 1
				for try.fails(t, n) {
					n++
				}
				if n == 1 && where == "metadata" {
					t.Fatal("no call was ever made")
				}
			})
		}
	}
}

// outcomes is what is visible before and after a verb that nothing disturbs.
func outcomes(t *testing.T, v verb) (before, after string) {
	b := newBench(t)
	at := v.prepare(b)
	before = b.visible()
	if err := v.run(t.Context(), b.Service, at); err != nil {
		t.Fatal(err)
	}
	return before, b.visible()
}

type attempt struct {
	verb
	before, after string
	open          port
}

// fails tries the verb with the n-th call failing; false when there is no such call.
func (a *attempt) fails(t *testing.T, n int) bool {
	b := newBench(t)
	at := a.prepare(b)
	faulty, fired := a.open(b, n)
	err := a.run(t.Context(), faulty.Service, at)
	what := fmt.Sprintf("call %d (%s)", n, fired())
	switch {
	case fired() == "" && err != nil:
		t.Fatalf("without a fault: %v", err)
	case err != nil && !errors.Is(err, metatest.ErrInjected) && !errors.Is(err, extenttest.ErrInjected):
		t.Fatalf("%s: reported as %v", what, err)
	}
	b = b.reopened()
	now := b.visible()
	if now != a.after && (now != a.before && !a.partial || err == nil) {
		t.Fatalf("%s: %v, and visible is\n%s\nneither the state before\n%s\nnor the state after\n%s", what, err, now, a.before, a.after)
	}
	b.check()
	if err != nil {
		done := now == a.after && a.after != a.before
		err := a.run(t.Context(), b.Service, at)
		if err != nil && (!done || a.lost == nil || !errors.Is(err, a.lost)) {
			t.Fatalf("%s: the second try failed: %v", what, err)
		}
		if now := b.visible(); now != a.after && (!done || !a.again) {
			t.Fatalf("%s: after the second try visible is\n%s\nnot\n%s", what, now, a.after)
		}
	}
	if _, err := b.content.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.check()
	return fired() != ""
}

// reopened is the store as the next process finds it.
func (b *bench) reopened() *bench { return b.over(b.meta, b.extents) }

// visible is all that clients can see, without what is made up.
func (b *bench) visible() string {
	b.t.Helper()
	ctx := b.t.Context()
	var out []string
	list, _, err := b.ListBuckets(ctx, object.ListBucketsRequest{Owner: alice.Principal, Limit: 100})
	for _, bucket := range list {
		state, headed := b.HeadBucket(ctx, bucket.Name)
		err = errors.Join(err, headed)
		out = append(out, fmt.Sprintf("bucket %s %d %v %v", bucket.Name, state.Versioning, state.Lockable, state.Rule))
		keys, _, listed := b.List(ctx, object.ListRequest{Bucket: bucket.Name, Limit: 100})
		for _, it := range keys {
			data, read := b.read(bucket.Name, it.Name)
			v := it.Version
			out = append(out, fmt.Sprintf("object %s: %s %s %q %d %s", it.Name, v.ETag(), v.Checksum, v.Metadata.ContentType, len(data), v.Owner))
			listed = errors.Join(listed, read)
		}
		out = append(out, b.versions(bucket.Name)...)
		open, _, uploads := b.ListUploads(ctx, object.ListUploadsRequest{ListRequest: object.ListRequest{Bucket: bucket.Name, Limit: 100}})
		for _, it := range open {
			out = append(out, "upload "+it.Name)
			_, parts, _, err := b.ListParts(ctx, object.ListPartsRequest{Upload: object.UploadRef{Bucket: bucket.Name, Key: it.Name, ID: it.Upload.ID}, Limit: 100})
			for _, p := range parts {
				out = append(out, fmt.Sprintf("part %d: %s %d %s", p.Number, p.ETag, p.Size, p.Checksum))
			}
			uploads = errors.Join(uploads, err)
		}
		err = errors.Join(err, listed, uploads)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
