package repository_test

import (
	"context"
	"fmt"
	"iter"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

// calls counts what is asked of the metadata store.
type calls struct{ Views, Updates, Gets, Rows, Writes int }

type counted struct {
	meta.Store
	n *calls
}

func (c counted) View(ctx context.Context, fn func(meta.Reader) error) error {
	c.n.Views++
	return c.Store.View(ctx, func(r meta.Reader) error { return fn(countedReader{r, c.n}) })
}

func (c counted) Update(ctx context.Context, locks meta.LockSet, fn func(meta.Tx) error) error {
	c.n.Updates++
	return c.Store.Update(ctx, locks, func(tx meta.Tx) error { return fn(countedTx{tx, countedReader{tx, c.n}}) })
}

type countedReader struct {
	meta.Reader
	n *calls
}

func (c countedReader) Get(ctx context.Context, k meta.Key) ([]byte, error) {
	c.n.Gets++
	return c.Reader.Get(ctx, k)
}

func (c countedReader) Scan(ctx context.Context, r meta.Range) iter.Seq2[meta.Row, error] {
	return func(yield func(meta.Row, error) bool) {
		for row, err := range c.Reader.Scan(ctx, r) {
			c.n.Rows++
			if !yield(row, err) {
				return
			}
		}
	}
}

type countedTx struct {
	meta.Tx
	r countedReader
}

func (c countedTx) Get(ctx context.Context, k meta.Key) ([]byte, error) { return c.r.Get(ctx, k) }
func (c countedTx) Scan(ctx context.Context, r meta.Range) iter.Seq2[meta.Row, error] {
	return c.r.Scan(ctx, r)
}

func (c countedTx) Put(k meta.Key, value []byte) error {
	c.r.n.Writes++
	return c.Tx.Put(k, value)
}

func (c countedTx) Delete(k meta.Key) error {
	c.r.n.Writes++
	return c.Tx.Delete(k)
}

func TestPushingATagAsksTheStoreForTheSameHoweverManyTagsThereAre(t *testing.T) {
	b := newBench(t)
	b.blob("r", emptyJSON)
	var n calls
	b.content, b.Service = b.over(counted{b.meta, &n}, b.extents)
	var first map[string]calls
	for _, tags := range []int{10, 1000} {
		for i := range tags {
			b.push("r", index(), fmt.Sprint("tag-", tags, "-", i))
		}
		costs := map[string]calls{}
		measure := func(what string, do func()) {
			n = calls{}
			do()
			costs[what] = n
		}
		one := image{annotations: map[string]string{"n": fmt.Sprint(tags)}}.text()
		measure("a new manifest under a new tag", func() { b.push("r", one, fmt.Sprint("new-", tags)) })
		measure("a new tag", func() { b.push("r", one, fmt.Sprint("newer-", tags)) })
		measure("a tag moved", func() { b.push("r", one, fmt.Sprint("tag-", tags, "-0")) })
		measure("a tag deleted", func() { b.must(b.delete("r", tag(fmt.Sprint("tag-", tags, "-1")))) })
		measure("a tag pulled", func() {
			_, err := b.Manifest(b.ctx(), repository.ManifestRequest{Repository: "r", Reference: tag("newer-10")})
			b.must(err)
		})
		if first == nil {
			first = costs
			t.Logf("%+v", costs)
		}
		if diff := cmp.Diff(first, costs); diff != "" {
			t.Errorf("with %d tags:\n%s", tags, diff)
		}
	}
}

// processTime is the time that the process has spent on processors.
func processTime(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// newDiskBench is on a disk, with the options of a server.
func newDiskBench(b *testing.B) *bench {
	m, err := pebblemeta.Open(b.TempDir(), pebblemeta.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = m.Close() })
	t := &bench{t: b, meta: m, extents: extenttest.NewMemory(), now: time.Unix(1_800_000_000, 0)}
	t.content, t.Service = t.over(m, t.extents)
	return t
}

// BenchmarkTagPush pushes new manifests under new tags beside as many as its name says.
func BenchmarkTagPush(b *testing.B) {
	for _, tags := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(tags), func(b *testing.B) {
			t := newDiskBench(b)
			t.blob("r", emptyJSON)
			for i := 0; i < tags; i += 100 {
				req := pushManifest("r", index())
				for j := range 100 {
					req.Tags = append(req.Tags, fmt.Sprint("tag-", i+j))
				}
				_, err := t.PushManifest(t.ctx(), req)
				t.must(err)
			}
			b.ResetTimer()
			start := processTime(b)
			for i := range b.N {
				t.push("r", image{annotations: map[string]string{"n": fmt.Sprint(i)}}.text(), fmt.Sprint("new-", i))
			}
			b.ReportMetric(float64(processTime(b)-start)/float64(b.N)/1e3, "cpu-µs/op")
		})
	}
}
