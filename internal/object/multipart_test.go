package object_test

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/object"
)

func TestTenThousandParts(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	full := object.FullObject
	u, err := b.CreateUpload(t.Context(), object.CreateUploadRequest{
		By: alice, Bucket: "bucket", Key: "key", Algorithm: object.CRC32, Type: &full,
	})
	if err != nil {
		t.Fatal(err)
	}
	ref := object.UploadRef{Bucket: "bucket", Key: "key", ID: u.ID}
	var whole bytes.Buffer
	tags := md5.New()
	count := object.MaxParts
	if testing.Short() {
		count /= 10
	}
	list := make([]object.CompletePart, count)
	for i := range list {
		piece := bytesOf(uint64(i), minPart+i%3)
		part, err := b.putPart(t.Context(), ref, i+1, piece)
		if err != nil {
			t.Fatal(err)
		}
		whole.Write(piece)
		sum := md5.Sum(piece)
		tags.Write(sum[:])
		list[i] = object.CompletePart{Number: i + 1, ETag: part.ETag}
	}
	begin := time.Now()
	stored, err := b.Complete(t.Context(), completeRequest(ref, list))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("complete took %v", time.Since(begin))
	if want := fmt.Sprintf("%x-%d", tags.Sum(nil), count); stored.ETag() != want {
		t.Errorf("ETag %s, want %s", stored.ETag(), want)
	}
	if want := crc32.ChecksumIEEE(whole.Bytes()); fmt.Sprintf("%x", stored.Checksum.Sum) != fmt.Sprintf("%08x", want) {
		t.Errorf("CRC32 %x, want %08x", stored.Checksum.Sum, want)
	}
	if stored.Identity.Content != digest.Of(whole.Bytes()) {
		t.Errorf("digest %s, want %s", stored.Identity.Content, digest.Of(whole.Bytes()))
	}
	b.wantBytes("bucket", "key", whole.Bytes())
	last, err := b.readPart(object.GetRequest{Bucket: "bucket", Key: "key", Part: count})
	if err != nil || !bytes.Equal(last, bytesOf(uint64(count-1), minPart+(count-1)%3)) {
		t.Errorf("the last part: %d bytes, %v", len(last), err)
	}
	b.check()
}

func TestWhatCompleteRefuses(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	u, list := b.upload(object.CreateUploadRequest{Bucket: "bucket", Key: "key"}, bytesOf(1, minPart), bytesOf(2, minPart-1), bytesOf(3, 5))
	for name, tc := range map[string]struct {
		change func(*object.CompleteRequest)
		want   *fault.Code
	}{
		"no parts":           {func(r *object.CompleteRequest) { r.Parts = nil }, fault.MalformedXML},
		"parts out of order": {func(r *object.CompleteRequest) { r.Parts = []object.CompletePart{list[1], list[0]} }, fault.PartOrderInvalid},
		"a part twice":       {func(r *object.CompleteRequest) { r.Parts = []object.CompletePart{list[0], list[0]} }, fault.PartOrderInvalid},
		"a part zero":        {func(r *object.CompleteRequest) { r.Parts = []object.CompletePart{{}} }, fault.ArgumentInvalid},
		"an absent part": {func(r *object.CompleteRequest) {
			r.Parts = []object.CompletePart{list[0], {Number: 4, ETag: list[0].ETag}}
		}, fault.PartInvalid},
		"another ETag": {func(r *object.CompleteRequest) {
			r.Parts = []object.CompletePart{{Number: 1, ETag: list[1].ETag}}
		}, fault.PartInvalid},
		"a small part in the middle": {func(*object.CompleteRequest) {}, fault.EntityTooSmall},
		"another upload":             {func(r *object.CompleteRequest) { r.Upload.ID = "nonsense" }, fault.UploadNotFound},
		"another key":                {func(r *object.CompleteRequest) { r.Upload.Key = "other" }, fault.UploadNotFound},
		"another bucket":             {func(r *object.CompleteRequest) { r.Upload.Bucket = "other" }, fault.BucketNotFound},
		"another size":               {func(r *object.CompleteRequest) { r.Parts, r.Size = list[:1], 7 }, fault.BadRequest},
		"a key that is not there":    {func(r *object.CompleteRequest) { r.If.Match = "x" }, fault.KeyNotFound},
		"another checksum": {func(r *object.CompleteRequest) {
			r.Parts, r.Checksum = list[:1], &object.Checksum{Algorithm: object.CRC64NVME, Sum: make([]byte, 8)}
		}, fault.ChecksumMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			req := completeRequest(u, list)
			tc.change(&req)
			_, err := b.Complete(t.Context(), req)
			wantFault(t, err, tc.want)
		})
	}
	if _, err := b.Complete(t.Context(), completeRequest(u, list[:1])); err != nil {
		t.Fatalf("after all that is refused, a good one: %v", err)
	}
	b.check()
}

func TestAnAnswerIsKeptForADayAndThenForgotten(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	u, list := b.upload(object.CreateUploadRequest{Bucket: "bucket", Key: "key"}, bytesOf(1, 10))
	stored, err := b.Complete(t.Context(), completeRequest(u, list))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Delete(t.Context(), object.DeleteRequest{By: alice, Bucket: "bucket", Key: "key"}); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(24 * time.Hour)
	if err := b.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := b.Complete(t.Context(), completeRequest(u, list))
	if err != nil || again.ID != stored.ID {
		t.Errorf("a day later: %s, %v", again.ID, err)
	}
	_, err = b.read("bucket", "key")
	wantFault(t, err, fault.KeyNotFound) // the answer is old: nothing comes back to life
	b.now = b.now.Add(25 * time.Hour)
	if err := b.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = b.Complete(t.Context(), completeRequest(u, list))
	wantFault(t, err, fault.UploadNotFound)
	b.check()
}

func TestADigestThatIsKnownLaterIsTold(t *testing.T) {
	b := newBenchWith(t, openMeta(t), extenttest.NewMemory(), content.Options{HashNow: 1})
	b.bucket("bucket")
	first, second := bytesOf(1, 4000), bytesOf(2, 50)
	u, list := b.upload(object.CreateUploadRequest{Bucket: "bucket", Key: "key"}, first, second)
	stored, err := b.Complete(t.Context(), completeRequest(u, list))
	if err != nil {
		t.Fatal(err)
	}
	if stored.Identity != (object.Identity{}) {
		t.Fatalf("the digest is known already: %v", stored.Identity)
	}
	found, err := b.Head(t.Context(), object.GetRequest{Bucket: "bucket", Key: "key"})
	if err != nil || found.Identity != (object.Identity{}) {
		t.Fatalf("pending: %v, %v", found.Identity, err)
	}
	copied, err := b.Copy(t.Context(), object.CopyRequest{By: alice, Source: object.Source{Bucket: "bucket", Key: "key"}, Bucket: "bucket", Key: "copy"})
	if err != nil || copied.ETag() != stored.ETag() {
		t.Fatalf("copy of a pending object: %v, %v", copied.ETag(), err)
	}
	if _, err := b.content.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := digest.Of(append(first, second...))
	for _, key := range []string{"key", "copy"} {
		found, err = b.Head(t.Context(), object.GetRequest{Bucket: "bucket", Key: key})
		if err != nil || found.Identity.Content != want {
			t.Fatalf("%s: %v, %v, want %s", key, found.Identity, err, want)
		}
		b.wantBytes("bucket", key, append(first, second...))
	}
	b.check()
}
