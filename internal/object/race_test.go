package object_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// together runs do n times at once and returns the errors.
func together(n int, do func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

func TestOneOfSixteenWritersOfAnAbsentKeyWins(t *testing.T) {
	onEachEngine(t, oneOfSixteenWritersOfAnAbsentKeyWins)
}

func oneOfSixteenWritersOfAnAbsentKeyWins(t *testing.T, b *bench) {
	b.bucket("bucket")
	for k := range 50 {
		key := fmt.Sprintf("key-%d", k)
		won := -1
		size := 100
		if k%10 == 0 {
			size = inlineMax * 2
		}
		errs := together(16, func(i int) error {
			req := putRequest("bucket", key, bytesOf(uint64(i), size))
			req.If.Absent = true
			_, err := b.Put(t.Context(), req)
			return err
		})
		for i, err := range errs {
			switch {
			case err == nil && won < 0:
				won = i
			case err == nil:
				t.Fatalf("%s: writers %d and %d both won", key, won, i)
			case !errors.Is(err, fault.PreconditionFailed):
				t.Fatalf("%s: %v", key, err)
			}
		}
		if won < 0 {
			t.Fatalf("%s: nobody won", key)
		}
		b.wantBytes("bucket", key, bytesOf(uint64(won), size))
	}
	b.check()
}

func TestConditionalWritersLoseNoUpdate(t *testing.T) {
	onEachEngine(t, conditionalWritersLoseNoUpdate)
}

func conditionalWritersLoseNoUpdate(t *testing.T, b *bench) {
	b.bucket("bucket")
	b.put("bucket", "counter", []byte{0})
	const writers, increments = 8, 10
	for _, err := range together(writers, func(int) error {
		for done := 0; done < increments; {
			found, rd, err := b.Get(t.Context(), object.GetRequest{Bucket: "bucket", Key: "counter"})
			if err != nil {
				return err
			}
			var now [1]byte
			body := rd.NewReader(t.Context(), 0, 1)
			_, err = body.Read(now[:])
			_, _ = body.Close(), rd.Close()
			if err != nil {
				return err
			}
			req := putRequest("bucket", "counter", []byte{now[0] + 1})
			req.If.Match = found.ETag()
			switch _, err = b.Put(t.Context(), req); {
			case err == nil:
				done++
			case !errors.Is(err, fault.PreconditionFailed):
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	b.wantBytes("bucket", "counter", []byte{writers * increments})
	b.check()
}

func TestManyWritersOfOneKeyAllSucceed(t *testing.T) { onEachEngine(t, manyWritersOfOneKeyAllSucceed) }

func manyWritersOfOneKeyAllSucceed(t *testing.T, b *bench) {
	b.bucket("bucket")
	for i, err := range together(64, func(i int) error {
		_, err := b.Put(t.Context(), putRequest("bucket", "hot", bytesOf(uint64(i), 50)))
		return err
	}) {
		if err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	list, _, err := b.List(t.Context(), object.ListRequest{Bucket: "bucket", Limit: 10})
	if err != nil || len(list) != 1 || list[0].Version.Order != 64 {
		t.Fatalf("after 64 writes: %+v, %v", list, err)
	}
	b.check()
}

func TestABucketIsNotDeletedUnderAWriter(t *testing.T) {
	onEachEngine(t, aBucketIsNotDeletedUnderAWriter)
}

func aBucketIsNotDeletedUnderAWriter(t *testing.T, b *bench) {
	for round := range 30 {
		b.bucket("bucket")
		errs := together(2, func(i int) error {
			if i == 0 {
				return b.DeleteBucket(t.Context(), object.DeleteBucketRequest{By: alice, Bucket: "bucket"})
			}
			_, err := b.Put(t.Context(), putRequest("bucket", "key", []byte("x")))
			return err
		})
		deleted, put := errs[0], errs[1]
		switch {
		case deleted == nil && errors.Is(put, fault.BucketNotFound):
		case put == nil && errors.Is(deleted, fault.BucketNotEmpty):
			if _, err := b.Delete(t.Context(), object.DeleteRequest{By: alice, Bucket: "bucket", Key: "key"}); err != nil {
				t.Fatal(err)
			}
			if err := b.DeleteBucket(t.Context(), object.DeleteBucketRequest{By: alice, Bucket: "bucket"}); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("round %d: delete: %v, put: %v", round, deleted, put)
		}
	}
	b.check()
}

func TestOneOfTwoCompletionsMakesTheObject(t *testing.T) {
	onEachEngine(t, oneOfTwoCompletionsMakesTheObject)
}

func oneOfTwoCompletionsMakesTheObject(t *testing.T, b *bench) {
	b.bucket("bucket")
	for range 20 {
		u, list := b.upload(object.CreateUploadRequest{Bucket: "bucket", Key: "key"}, bytesOf(1, 200), bytesOf(2, 20))
		var stored [4]object.Stored
		for i, err := range together(4, func(i int) (err error) {
			stored[i], err = b.Complete(t.Context(), completeRequest(u, list))
			return err
		}) {
			if err != nil || stored[i].ID != stored[0].ID {
				t.Fatalf("completion %d: version %s and %s, %v", i, stored[i].ID, stored[0].ID, err)
			}
		}
	}
	b.check()
}
