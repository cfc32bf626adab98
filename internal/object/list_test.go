package object_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/meta"
)

// counted is a store that counts the rows it gives out.
type counted struct {
	meta.Store
	rows int
}

func (c *counted) View(ctx context.Context, fn func(meta.Reader) error) error {
	return c.Store.View(ctx, func(r meta.Reader) error { return fn(countedReader{r, c}) })
}

type countedReader struct {
	meta.Reader
	c *counted
}

func (r countedReader) Get(ctx context.Context, k meta.Key) ([]byte, error) {
	r.c.rows++
	return r.Reader.Get(ctx, k)
}

func (r countedReader) Scan(ctx context.Context, rg meta.Range) iter.Seq2[meta.Row, error] {
	return func(yield func(meta.Row, error) bool) {
		for row, err := range r.Reader.Scan(ctx, rg) {
			r.c.rows++
			if !yield(row, err) {
				return
			}
		}
	}
}

func TestListingReadsNoMoreThanItTells(t *testing.T) {
	c := &counted{Store: openMeta(t)}
	b := newBenchOver(t, c, extenttest.NewMemory())
	b.bucket("bucket")
	const directories, files = 40, 50
	for d := range directories {
		for f := range files {
			b.put("bucket", fmt.Sprintf("dir-%02d/file-%02d", d, f), nil)
		}
	}
	for _, tc := range []struct {
		name string
		req  object.ListRequest
		want int // items
	}{
		{"directories", object.ListRequest{Delimiter: "/", Limit: 1000}, directories},
		{"a page of directories", object.ListRequest{Delimiter: "/", Limit: 10}, 10},
		{"the last directories", object.ListRequest{Delimiter: "/", After: "dir-29/", Limit: 1000}, 10},
		{"one directory", object.ListRequest{Prefix: "dir-07/", Delimiter: "/", Limit: 1000}, files},
		{"a page of files", object.ListRequest{Limit: 20, After: "dir-20/file-10"}, 20},
		{"nothing", object.ListRequest{Prefix: "nothing", Limit: 10}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.req.Bucket = "bucket"
			c.rows = 0
			list, _, err := b.List(t.Context(), tc.req)
			if err != nil || len(list) != tc.want {
				t.Fatalf("%d items, %v", len(list), err)
			}
			if most := 2*tc.want + 4; c.rows > most {
				t.Errorf("%d rows read for %d items, more than %d", c.rows, tc.want, most)
			}
		})
	}
}

// listAll is what List has to give: the plain definition over all keys.
func listAll(keys []string, req object.ListRequest) []string {
	var names []string
	for _, key := range keys {
		if !strings.HasPrefix(key, req.Prefix) {
			continue
		}
		name := key
		if req.Delimiter != "" {
			if i := strings.Index(key[len(req.Prefix):], req.Delimiter); i >= 0 {
				name = key[:len(req.Prefix)+i+len(req.Delimiter)]
			}
		}
		if name > req.After && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, cmp.Compare[string])
	return names
}

func TestListingIsThePlainDefinition(t *testing.T) {
	b := newBench(t)
	part := rapid.StringOfN(rapid.RuneFrom([]rune{'a', 'b', '/', '-', '.', 0, 1, 2, 'é', 0xFFFF, 0x10FFFF}), 0, 6, -1)
	bucket := 0
	rapid.Check(t, func(t *rapid.T) {
		bucket++
		req := object.ListRequest{
			Bucket: fmt.Sprintf("bucket-%d", bucket), Limit: rapid.IntRange(1, 4).Draw(t, "limit"),
			Prefix: rapid.OneOf(rapid.Just(""), part).Draw(t, "prefix"), After: rapid.OneOf(rapid.Just(""), part).Draw(t, "after"),
			Delimiter: rapid.SampledFrom([]string{"", "/", "/", "-", "a/", "\x00", "é"}).Draw(t, "delimiter"),
		}
		b.bucket(req.Bucket)
		keys := rapid.SliceOfNDistinct(part.Filter(func(s string) bool { return s != "" }), 0, 15, rapid.ID).Draw(t, "keys")
		for _, key := range keys {
			b.put(req.Bucket, key, nil)
			b.upload(object.CreateUploadRequest{Bucket: req.Bucket, Key: key})
		}
		want := listAll(keys, req)
		if d := diff.Diff(want, pages(t, b, req)); d != "" {
			t.Fatalf("listing differs (-want +got):\n%s", d)
		}
		if d := diff.Diff(want, uploadPages(t, b, req)); d != "" {
			t.Fatalf("listing of uploads differs (-want +got):\n%s", d)
		}
	})
}

// pages is the whole listing, page by page.
func pages(t *rapid.T, b *bench, req object.ListRequest) (names []string) {
	for more := true; more; {
		var list []object.Item
		var err error
		if list, more, err = b.List(b.t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if len(list) > req.Limit || more && len(list) < req.Limit {
			t.Fatalf("a page of %d items, limit %d, more: %v", len(list), req.Limit, more)
		}
		for _, it := range list {
			names = append(names, it.Name)
			req.After = it.Name
		}
	}
	return names
}

func uploadPages(t *rapid.T, b *bench, of object.ListRequest) (names []string) {
	req := object.ListUploadsRequest{ListRequest: of}
	for more := true; more; {
		var list []object.UploadItem
		var err error
		if list, more, err = b.ListUploads(b.t.Context(), req); err != nil {
			t.Fatal(err)
		}
		for _, it := range list {
			names = append(names, it.Name)
			req.After, req.AfterID = it.Name, ""
			if it.Upload != nil {
				req.AfterID = it.Upload.ID
			}
		}
	}
	return names
}
