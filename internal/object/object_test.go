package object_test

import (
	"bytes"
	"testing"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

func TestAnObjectIsStoredFoundListedAndDeleted(t *testing.T) {
	for name, size := range map[string]int{"empty": 0, "inline": 10, "as large as inline may be": inlineMax, "in an extent": inlineMax + 1} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.bucket("bucket")
			data := bytesOf(1, size)
			stored := b.put("bucket", "a//b", data)
			b.wantBytes("bucket", "a//b", data)
			if stored.Identity.Content != digest.Of(data) {
				t.Errorf("digest %s, want %s", stored.Identity.Content, digest.Of(data))
			}
			list, more, err := b.List(t.Context(), object.ListRequest{Bucket: "bucket", Limit: 10})
			if err != nil || more || len(list) != 1 || list[0].Name != "a//b" || list[0].Version.Size != int64(size) {
				t.Fatalf("list: %v %v %v", list, more, err)
			}
			wantFault(t, b.DeleteBucket(t.Context(), object.DeleteBucketRequest{By: alice, Bucket: "bucket"}), fault.BucketNotEmpty)
			b.check()
			if _, err := b.Delete(t.Context(), object.DeleteRequest{By: alice, Bucket: "bucket", Key: "a//b"}); err != nil {
				t.Fatal(err)
			}
			_, err = b.read("bucket", "a//b")
			wantFault(t, err, fault.KeyNotFound)
			b.check()
			if err := b.DeleteBucket(t.Context(), object.DeleteBucketRequest{By: alice, Bucket: "bucket"}); err != nil {
				t.Fatal(err)
			}
			_, err = b.read("bucket", "a//b")
			wantFault(t, err, fault.BucketNotFound)
		})
	}
}

func TestABodyOfNoDeclaredLengthIsBoundedLikeAnyOther(t *testing.T) {
	const most = 8 * inlineMax
	b := newBench(t)
	b.Service = object.New(b.content, object.Options{MaxPut: most})
	b.bucket("bucket")
	put := func(size int, unsized bool) error {
		_, err := b.Put(t.Context(), object.PutRequest{
			By: alice, Bucket: "bucket", Key: "k", Body: bytes.NewReader(bytesOf(1, size)), Size: -1, Unsized: unsized,
		})
		return err
	}
	wantFault(t, put(10, false), fault.LengthRequired)
	for _, size := range []int{0, 10, inlineMax, inlineMax + 1, most} {
		if err := put(size, true); err != nil {
			t.Fatal(size, err)
		}
		b.wantBytes("bucket", "k", bytesOf(1, size))
	}
	wantFault(t, put(most+1, true), fault.EntityTooLarge)
	b.wantBytes("bucket", "k", bytesOf(1, most))
	b.check()
}

func TestPartsBecomeOneObject(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	first, second := bytesOf(1, inlineMax*3), bytesOf(2, 10)
	u, list := b.upload(object.CreateUploadRequest{Bucket: "bucket", Key: "k"}, first, second)
	stored, err := b.Complete(t.Context(), completeRequest(u, list))
	if err != nil {
		t.Fatal(err)
	}
	whole := bytes.Join([][]byte{first, second}, nil)
	b.wantBytes("bucket", "k", whole)
	if stored.Identity.Content != digest.Of(whole) {
		t.Errorf("digest %s, want %s", stored.Identity.Content, digest.Of(whole))
	}
	got, err := b.readPart(object.GetRequest{Bucket: "bucket", Key: "k", Part: 2})
	if err != nil || !bytes.Equal(got, second) {
		t.Errorf("part 2: %d bytes, %v", len(got), err)
	}
	again, err := b.Complete(t.Context(), completeRequest(u, list))
	if err != nil || again.ID != stored.ID {
		t.Errorf("completed again: %v, %v", again.ID, err)
	}
	b.check()
}
