package content_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

// bench is a store over engines in memory, with a clock of its own. It can be stopped and started again.
type bench struct {
	t       testing.TB
	fs      *vfs.MemFS
	extents *extenttest.Memory
	meta    *pebblemeta.Store
	*content.Store
	now     time.Time
	options content.Options
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newBench(t testing.TB) *bench {
	b := &bench{t: t, fs: vfs.NewCrashableMem(), extents: extenttest.NewMemory(), now: time.Unix(1_800_000_000, 0)}
	b.options = content.Options{InlineMax: 1 << 10, SealSize: 64 << 10, Now: func() time.Time { return b.now }}
	b.open()
	t.Cleanup(func() { _ = b.meta.Close() })
	return b
}

func (b *bench) open() {
	b.t.Helper()
	m, err := pebblemeta.Open("meta", pebblemeta.Options{FS: b.fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20, Logger: quiet()})
	if err != nil {
		b.t.Fatal(err)
	}
	b.meta = m
	b.Store = b.contentOver(m, b.extents)
}

func (b *bench) contentOver(m meta.Store, e extent.Store) *content.Store {
	b.t.Helper()
	s, err := content.Open(b.t.Context(), m, e, b.options)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// restart closes and opens everything, as after an orderly end.
func (b *bench) restart() {
	b.t.Helper()
	if err := b.meta.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

// loseProcess starts again over what had been written when the process died.
func (b *bench) loseProcess() { b.crash(100) }

// crash starts again over a state that a loss of power could have left; percent of the unsynced data are there.
func (b *bench) crash(percent int) {
	b.t.Helper()
	old := b.meta
	rng := rand.New(rand.NewPCG(1, uint64(percent)))
	b.fs = b.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
	b.extents = b.extents.CrashClone(func(n int) int {
		if percent == 100 {
			return n - 1
		}
		return rng.IntN(n)
	})
	b.open()
	_ = old.Close()
}

// after moves the clock.
func (b *bench) after(d time.Duration) { b.now = b.now.Add(d) }

// bytesOf are n bytes that nobody else has for another seed.
func bytesOf(seed uint64, n int) []byte {
	out := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	_, _ = src.Read(out)
	return out
}

func (b *bench) ingest(data []byte) *content.Staged {
	b.t.Helper()
	st, err := b.Ingest(b.t.Context(), content.IngestRequest{Body: bytes.NewReader(data), Size: int64(len(data)), Hashes: content.SHA256})
	if err != nil {
		b.t.Fatal(err)
	}
	return st
}

// push registers data and links it; it is what a protocol does.
func (b *bench) push(data []byte, e content.Edge) content.ID {
	b.t.Helper()
	id, err := push(b.t.Context(), b.Store, data, e)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func push(ctx context.Context, s *content.Store, data []byte, e content.Edge) (content.ID, error) {
	st, err := s.Ingest(ctx, content.IngestRequest{Body: bytes.NewReader(data), Size: int64(len(data)), Hashes: content.SHA256})
	if err != nil {
		return "", err
	}
	defer st.Discard(ctx)
	var id content.ID
	return id, s.Commit(ctx, st, func(r meta.Reader) (meta.Step, error) {
		var register meta.Step
		id, register, err = s.PlanRegister(ctx, r, st)
		if e.Kind == content.EdgeLease {
			return meta.Join(register, s.Grant(id, e.Repository)), err
		}
		return meta.Join(register, s.LinkNew(id, e)), err
	})
}

func (b *bench) do(plan func(r meta.Reader) (meta.Step, error)) {
	b.t.Helper()
	if err := meta.Execute(b.t.Context(), b.Meta(), plan); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) unlink(id content.ID, e content.Edge) {
	b.t.Helper()
	b.do(func(r meta.Reader) (meta.Step, error) { return b.Unlink(b.t.Context(), r, id, e) })
}

// find looks content up by the digest of data.
func (b *bench) find(data []byte) (c content.Content, err error) {
	err = b.Meta().View(b.t.Context(), func(r meta.Reader) error {
		c, err = b.Find(b.t.Context(), r, digest.Of(data))
		return err
	})
	return c, err
}

func (b *bench) read(id content.ID) ([]byte, error) { return readAll(b.t.Context(), b.Store, id) }

func readAll(ctx context.Context, s *content.Store, id content.ID) ([]byte, error) {
	rd, err := s.Open(ctx, func(r meta.Reader) (content.Source, error) { return s.Source(ctx, r, id) })
	if err != nil {
		return nil, err
	}
	defer rd.Close()
	var out bytes.Buffer
	err = rd.WriteRange(ctx, &out, 0, rd.Size(), true)
	return out.Bytes(), err
}

func (b *bench) wantBytes(id content.ID, want []byte) {
	b.t.Helper()
	got, err := b.read(id)
	if err != nil || !bytes.Equal(got, want) {
		b.t.Fatalf("read %d bytes (%v), want %d", len(got), err, len(want))
	}
}

// collect runs the collector to its end.
func (b *bench) collect() content.Collected {
	b.t.Helper()
	done, err := b.Settle(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return done
}

// wantSound checks everything, bytes too. refs are the edges that must have a referrer.
func (b *bench) wantSound(refs ...content.Reference) content.Report {
	b.t.Helper()
	report, err := b.Check(b.t.Context(), true, listed(refs))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range report.Problems {
		b.t.Error(p)
	}
	if b.t.Failed() {
		b.t.FailNow()
	}
	return report
}

func listed(refs []content.Reference) content.References {
	return func(context.Context, meta.Reader) iter.Seq2[content.Reference, error] {
		return func(yield func(content.Reference, error) bool) {
			for _, r := range refs {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// wantEmpty checks that nothing is left: no content, no extent, no trash.
func (b *bench) wantEmpty() {
	b.t.Helper()
	r := b.wantSound()
	if r.Contents+r.Extents+r.Trash+r.Inline+r.Edges > 0 {
		b.t.Fatalf("left over: %+v", r)
	}
}

func wantFault(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func object(repo, referrer string) content.Edge {
	return content.Edge{Repository: repo, Kind: content.EdgeObject, Referrer: referrer}
}

// reader hides everything but Read.
type reader struct{ io.Reader }

// flipped is extents with one bit wrong at an offset.
type flipped struct {
	extent.Store
	at int64
}

func (f flipped) Open(ctx context.Context, l extent.Location, offset, length int64) (io.ReadCloser, error) {
	r, err := f.Store.Open(ctx, l, offset, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, length)
	n, err := io.ReadFull(r, b)
	if i := f.at - offset; i >= 0 && i < int64(n) {
		b[i] ^= 1
	}
	return io.NopCloser(bytes.NewReader(b[:n])), err
}
