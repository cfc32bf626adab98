package object_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/metatest"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

const (
	inlineMax = 1 << 10
	minPart   = 100
)

// absentVersion is the id of no version.
const absentVersion = "AAAAAAAAAEAAAAAAAAAAAAAAAA"

var alice = object.Actor{Principal: "alice", Request: "request-1"}

// bench is the domain over engines in memory, with a clock of its own.
type bench struct {
	t       testing.TB
	meta    meta.Store
	extents extent.Store
	content *content.Store
	now     time.Time
	options content.Options
	*object.Service
}

func newBench(t testing.TB) *bench { return newBenchOver(t, openMeta(t), extenttest.NewMemory()) }

// engines are what the domain has to be right on: the embedded one, one that only locks what is declared, and one that runs
// every transaction's function twice.
func engines(t testing.TB) map[string]func() meta.Store {
	return map[string]func() meta.Store{
		"pebble":      func() meta.Store { return openMeta(t) },
		"locks only":  func() meta.Store { return metatest.NewLockOnly() },
		"conflicting": func() meta.Store { return metatest.Conflicting(metatest.NewLockOnly()) },
	}
}

// onEachEngine runs the test on a bench of each.
func onEachEngine(t *testing.T, test func(t *testing.T, b *bench)) {
	for name, open := range engines(t) {
		t.Run("on "+name, func(t *testing.T) { test(t, newBenchOver(t, open(), extenttest.NewMemory())) })
	}
}

func openMeta(t testing.TB) *pebblemeta.Store {
	t.Helper()
	m, err := pebblemeta.Open("meta", pebblemeta.Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemTableBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func newBenchOver(t testing.TB, m meta.Store, e extent.Store) *bench {
	return newBenchWith(t, m, e, content.Options{})
}

func newBenchWith(t testing.TB, m meta.Store, e extent.Store, o content.Options) *bench {
	b := &bench{t: t, meta: m, extents: e, now: time.Unix(1_800_000_000, 0), options: o}
	clock := func() time.Time { return b.now }
	o.InlineMax, o.SealSize, o.Now = inlineMax, 64<<10, clock
	var err error
	if b.content, err = content.Open(t.Context(), m, e, o); err != nil {
		t.Fatal(err)
	}
	b.Service = object.New(b.content, object.Options{MinPart: minPart, Now: clock})
	return b
}

// over is another process over these engines, at the same time.
func (b *bench) over(m meta.Store, e extent.Store) *bench {
	next := newBenchWith(b.t, m, e, b.options)
	next.now = b.now
	return next
}

// bucket makes a bucket of alice's.
func (b *bench) bucket(name string) {
	b.t.Helper()
	if err := b.CreateBucket(b.t.Context(), object.CreateBucketRequest{By: alice, Bucket: name}); err != nil {
		b.t.Fatal(err)
	}
}

func putRequest(bucket, key string, data []byte) object.PutRequest {
	return object.PutRequest{By: alice, Bucket: bucket, Key: key, Body: bytes.NewReader(data), Size: int64(len(data))}
}

func (b *bench) put(bucket, key string, data []byte) object.Stored {
	b.t.Helper()
	stored, err := b.Put(b.t.Context(), putRequest(bucket, key, data))
	if err != nil {
		b.t.Fatalf("put %s/%s: %v", bucket, key, err)
	}
	return stored
}

// read is the bytes of a key, through the same path as responses.
func (b *bench) read(bucket, key string) ([]byte, error) {
	return b.readPart(object.GetRequest{Bucket: bucket, Key: key})
}

func (b *bench) readPart(req object.GetRequest) ([]byte, error) {
	ctx := b.t.Context()
	found, rd, err := b.Get(ctx, req)
	if err != nil {
		return nil, err
	}
	defer rd.Close()
	var buf bytes.Buffer
	err = rd.WriteRange(ctx, &buf, found.Offset, found.Length, false)
	return buf.Bytes(), err
}

// wantBytes fails unless the key has these bytes.
func (b *bench) wantBytes(bucket, key string, want []byte) {
	b.t.Helper()
	got, err := b.read(bucket, key)
	if err != nil {
		b.t.Fatalf("get %s/%s: %v", bucket, key, err)
	}
	if !bytes.Equal(got, want) {
		b.t.Fatalf("%s/%s has %d bytes, not the %d expected, or others", bucket, key, len(got), len(want))
	}
}

// wantFault fails unless err is of code.
func wantFault(t testing.TB, err error, code *fault.Code) {
	t.Helper()
	if !errors.Is(err, code) {
		t.Fatalf("got %v, want %s", err, code.Name())
	}
}

// check fails unless every row of the store agrees with every other.
func (b *bench) check() {
	b.t.Helper()
	report, err := b.content.Check(b.t.Context(), true, b.References)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range report.Problems {
		b.t.Error(p)
	}
}

// bytesOf are n bytes of their own for each seed.
func bytesOf(seed uint64, n int) []byte {
	out := make([]byte, n)
	_, _ = io.ReadFull(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}), out)
	return out
}

// upload stores pieces as a multipart upload of numbered parts, without completing it.
func (b *bench) upload(req object.CreateUploadRequest, pieces ...[]byte) (object.UploadRef, []object.CompletePart) {
	b.t.Helper()
	req.By = alice
	u, err := b.CreateUpload(b.t.Context(), req)
	if err != nil {
		b.t.Fatal(err)
	}
	ref := object.UploadRef{Bucket: req.Bucket, Key: req.Key, ID: u.ID}
	list := make([]object.CompletePart, len(pieces))
	for i, p := range pieces {
		part, err := b.putPart(b.t.Context(), ref, i+1, p)
		if err != nil {
			b.t.Fatal(err)
		}
		list[i] = object.CompletePart{Number: i + 1, ETag: part.ETag}
	}
	return ref, list
}

func (b *bench) putPart(ctx context.Context, u object.UploadRef, number int, data []byte) (object.Part, error) {
	return b.PutPart(ctx, object.PutPartRequest{Upload: u, Number: number, Body: bytes.NewReader(data), Size: int64(len(data))})
}

func completeRequest(u object.UploadRef, list []object.CompletePart) object.CompleteRequest {
	return object.CompleteRequest{By: alice, Upload: u, Parts: list, Size: -1}
}
