package pebblemeta_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

const valueBytes = 4096

// object is roughly what a put of a small S3 object reads and writes.
type object struct {
	buckets  meta.Table[[]byte]
	current  meta.Table[[]byte]
	versions meta.Table[[]byte]
	inline   meta.Table[[]byte]
	edges    meta.Table[[]byte]
	events   meta.Log
}

func newObject() object {
	return object{
		buckets:  meta.NewTable[[]byte](0x10, "buckets", 0),
		current:  meta.NewTable[[]byte](0x11, "current", 1),
		versions: meta.NewTable[[]byte](0x12, "versions", 2),
		inline:   meta.NewTable[[]byte](0x13, "inline"),
		edges:    meta.NewTable[[]byte](0x14, "edges", 1),
		events:   meta.NewLog(0x15, "events"),
	}
}

// put is one transaction of 3 reads and 5 writes, with a value of 4 KiB among them.
func (o object) put(ctx context.Context, s meta.Store, key, id string, value []byte) error {
	row := value[:200]
	bucket, current := o.buckets.Key("bucket"), o.current.Key("bucket", key)
	version, inline, edge := o.versions.Key("bucket", key, id), o.inline.Key(id), o.edges.Key(id, "object")
	locks := meta.LockSet{}.Read(bucket).Write(current, version, inline, edge)
	return s.Update(ctx, locks, func(tx meta.Tx) error {
		if _, err := tx.Get(ctx, bucket); err != nil {
			return err
		}
		for _, k := range []meta.Key{current, edge} {
			if _, err := tx.Get(ctx, k); err != nil && !errors.Is(err, meta.ErrNotFound) {
				return err
			}
		}
		return errors.Join(tx.Put(current, row), tx.Put(version, row), tx.Put(inline, value), tx.Put(edge, row[:20]),
			tx.Append(o.events, row))
	})
}

func (o object) setUp(b *testing.B, s meta.Store, objects int, value []byte) {
	b.Helper()
	bucket := o.buckets.Key("bucket")
	err := s.Update(b.Context(), meta.LockSet{}.Write(bucket), func(tx meta.Tx) error { return tx.Put(bucket, value[:100]) })
	for i := 0; i < objects && err == nil; i++ {
		err = o.put(b.Context(), s, fmt.Sprintf("key-%08d", i), fmt.Sprintf("id-%08d", i), value)
	}
	if err != nil {
		b.Fatal(err)
	}
}

func randomValue() []byte {
	value := make([]byte, valueBytes)
	for i := range value {
		value[i] = byte(rand.Uint32()) // nothing that can be compressed
	}
	return value
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkPut4KiB(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		for name, o := range map[string]pebblemeta.Options{"": {}, "/separate": {SeparateValues: 1024}} {
			b.Run(fmt.Sprintf("writers=%d%s", writers, name), func(b *testing.B) { benchmarkPut(b, writers, o) })
		}
	}
}

func benchmarkPut(b *testing.B, writers int, o pebblemeta.Options) {
	x, value := newObject(), randomValue()
	s := open(b, filepath.Join(b.TempDir(), "meta"), o)
	x.setUp(b, s, 0, value)
	var next atomic.Int64
	var wg sync.WaitGroup
	before, cpu := s.Metrics(), cpuTime()
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				id := fmt.Sprintf("id-%016x", uint64(n)*0x9e3779b97f4a7c15)
				if err := x.put(context.Background(), s, "key-"+id, id, value); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	after := s.Metrics()
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(after.Syncs-before.Syncs)/float64(b.N), "syncs/op")
	b.ReportMetric(float64(after.LogBytes-before.LogBytes)/float64(b.N), "log-B/op")
}

// What a View adds to a get: compare with what Pebble needs for the get alone.
func BenchmarkGet(b *testing.B) {
	const objects = 20_000
	x, value := newObject(), randomValue()
	dir := filepath.Join(b.TempDir(), "meta")
	s, err := pebblemeta.Open(dir, pebblemeta.Options{})
	if err != nil {
		b.Fatal(err)
	}
	x.setUp(b, s, objects, value)
	key := func(i int) meta.Key { return x.current.Key("bucket", fmt.Sprintf("key-%08d", i*7919%objects)) }
	keys := make([]meta.Key, objects)
	for i := range keys {
		keys[i] = key(i)
	}
	b.Run("view", func(b *testing.B) {
		for i := range b.N {
			if err := s.View(b.Context(), func(r meta.Reader) error {
				_, err := r.Get(b.Context(), keys[i%objects])
				return err
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("view, parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for i := rand.IntN(objects); pb.Next(); i++ {
				if err := s.View(b.Context(), func(r meta.Reader) error {
					_, err := r.Get(b.Context(), keys[i%objects])
					return err
				}); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("scan of 1000", func(b *testing.B) {
		for range b.N {
			if err := s.View(b.Context(), func(r meta.Reader) error {
				for _, err := range r.Scan(b.Context(), x.current.Prefix("bucket").Limited(1000)) {
					if err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	db, err := pebble.Open(dir, pebblemeta.PebbleOptions(pebblemeta.Options{}))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	b.Run("pebble alone", func(b *testing.B) {
		for i := range b.N {
			_, closer, err := db.Get(keys[i%objects].Raw())
			if err != nil {
				b.Fatal(err)
			}
			_ = closer.Close()
		}
	})
}
