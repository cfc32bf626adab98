package content_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/metatest"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

// load is workers that use one store at once, and what has been acknowledged to them.
type load struct {
	store *content.Store
	life  int // tells edges of one process from those of the next
	seeds int // how many different bytes there are of each size
	mu    sync.Mutex
	acked map[content.Edge]modelledRef
	doubt map[content.Edge]modelledRef // a change is under way: both outcomes are right
	after func()                       // called after each change
}

func newLoad(s *content.Store) *load {
	return &load{store: s, seeds: 5, acked: map[content.Edge]modelledRef{}, doubt: map[content.Edge]modelledRef{}, after: func() {}}
}

// begin puts an edge in doubt until end says what became of it.
func (l *load) begin(e content.Edge, ref modelledRef) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.acked, e)
	l.doubt[e] = ref
}

func (l *load) end(e content.Edge, ref modelledRef, there bool) {
	defer l.after()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.doubt, e)
	if there {
		l.acked[e] = ref
	}
}

func (l *load) snapshot() (acked, doubt map[content.Edge]modelledRef) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.acked), maps.Clone(l.doubt)
}

// work pushes by every way there is and drops again, at random.
func (l *load) work(ctx context.Context, worker, rounds int) error {
	rng := rand.New(rand.NewPCG(7, uint64(worker)))
	var mine []content.Edge
	for i := range rounds {
		data := bytesOf(uint64(rng.IntN(l.seeds)), []int{300, 3000, 70_000}[rng.IntN(3)])
		e := object(fmt.Sprint("repo", rng.IntN(2)), fmt.Sprint(l.life, "-", worker, "-", i))
		var err error
		switch kind := rng.IntN(8); {
		case (kind == 0 || kind > 5 && l.seeds > 5) && len(mine) > 0:
			n := rng.IntN(len(mine))
			err = l.drop(ctx, mine[n])
			mine = append(mine[:n], mine[n+1:]...)
			e = content.Edge{}
		case kind == 1:
			err = l.bySession(ctx, e, data)
		case kind == 2:
			err = l.byParts(ctx, e, data, rng.IntN(2) == 0)
		case kind < 5:
			if err = l.byLink(ctx, e, data); errors.Is(err, fault.BlobNotFound) {
				continue
			}
		default:
			err = l.byPush(ctx, e, data)
		}
		if err != nil {
			return fmt.Errorf("worker %d, round %d: %w", worker, i, err)
		}
		if e.Referrer != "" {
			mine = append(mine, e)
		}
	}
	return nil
}

func (l *load) byPush(ctx context.Context, e content.Edge, data []byte) error {
	l.begin(e, modelledRef{data: data})
	id, err := push(ctx, l.store, data, e)
	l.end(e, modelledRef{id, data}, err == nil)
	return err
}

// byLink refers to content that is there already, perhaps about to be collected.
func (l *load) byLink(ctx context.Context, e content.Edge, data []byte) error {
	l.begin(e, modelledRef{data: data})
	var c content.Content
	err := execute(ctx, l.store, func(r meta.Reader) (step meta.Step, err error) {
		if c, err = l.store.Find(ctx, r, digest.Of(data)); err != nil {
			return step, err
		}
		return l.store.Link(ctx, r, c.ID, e)
	})
	l.end(e, modelledRef{c.ID, data}, err == nil)
	return err
}

func (l *load) drop(ctx context.Context, e content.Edge) error {
	l.mu.Lock()
	ref := l.acked[e]
	l.mu.Unlock()
	l.begin(e, ref)
	err := execute(ctx, l.store, func(r meta.Reader) (meta.Step, error) { return l.store.Unlink(ctx, r, ref.id, e) })
	l.end(e, ref, false)
	return err
}

func (l *load) bySession(ctx context.Context, e content.Edge, data []byte) error {
	u, begin := l.store.NewUpload(e.Repository, "root", content.Session)
	if err := execute(ctx, l.store, func(meta.Reader) (meta.Step, error) { return begin, nil }); err != nil {
		return err
	}
	if _, err := l.store.Append(ctx, u.ID, 0, bytes.NewReader(data[:len(data)/2])); err != nil {
		return err
	}
	if _, err := l.store.Append(ctx, u.ID, int64(len(data)/2), bytes.NewReader(data[len(data)/2:])); err != nil {
		return err
	}
	f, err := l.store.PrepareFinish(ctx, u.ID, digest.Of(data))
	if err != nil {
		return err
	}
	l.begin(e, modelledRef{data: data})
	var id content.ID
	err = execute(ctx, l.store, func(r meta.Reader) (step meta.Step, err error) {
		id, step, err = l.store.PlanFinish(ctx, r, f)
		return meta.Join(step, l.store.LinkNew(id, e)), err
	})
	l.end(e, modelledRef{id, data}, err == nil)
	return err
}

func (l *load) byParts(ctx context.Context, e content.Edge, data []byte, now bool) error {
	u, begin := l.store.NewUpload(e.Repository, "root", content.Multipart)
	if err := execute(ctx, l.store, func(meta.Reader) (meta.Step, error) { return begin, nil }); err != nil {
		return err
	}
	half := len(data) / 2
	for i, part := range [][]byte{data[:half], data[half:]} {
		if _, err := l.store.PutPart(ctx, u.ID, i+1, content.IngestRequest{Body: bytes.NewReader(part), Size: -1}); err != nil {
			return err
		}
	}
	if now {
		if err := l.store.FinishHash(ctx, u.ID, []int{1, 2}); err != nil {
			return err
		}
	}
	l.begin(e, modelledRef{u.ID, data})
	var done content.Completion
	err := execute(ctx, l.store, func(r meta.Reader) (step meta.Step, err error) {
		done, step, err = l.store.PlanComplete(ctx, r, u.ID, []int{1, 2})
		return meta.Join(step, l.store.LinkNew(done.ID, e)), err
	})
	l.end(e, modelledRef{done.ID, data}, err == nil)
	if err == nil {
		l.store.Completed(done)
	}
	return err
}

// run has some workers at work, with a collector beside them that is as busy as they are.
func (l *load) run(ctx context.Context, workers, rounds int) error {
	errs := make(chan error, workers+1)
	var busy, idle sync.WaitGroup
	stop := make(chan struct{})
	for w := range workers {
		busy.Go(func() { errs <- l.work(ctx, w, rounds) })
	}
	idle.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := l.store.Collect(ctx, true); err != nil {
				errs <- err
				return
			}
		}
	})
	busy.Wait()
	close(stop)
	idle.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ticking is a clock that jumps at each look, so that leases end while they are in use.
func ticking() func() time.Time {
	var mu sync.Mutex
	now := time.Unix(1_800_000_000, 0)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(20 * time.Second)
		return now
	}
}

// TestConcurrentUseIsSound has eight workers and the collector on one store whose leases last but moments, over an engine that
// honours declared locks and nothing else: any lock that is missing shows as an unsound store.
func TestConcurrentUseIsSound(t *testing.T) {
	for name, engine := range map[string]func(t *testing.T) meta.Store{
		"over locks alone": func(*testing.T) meta.Store { return metatest.NewLockOnly() },
		"over locks alone, each transaction run twice": func(*testing.T) meta.Store { return metatest.Conflicting(metatest.NewLockOnly()) },
		"over Pebble": func(t *testing.T) meta.Store {
			m, err := pebblemeta.Open("meta", pebblemeta.Options{FS: vfs.NewMem(), Logger: quiet()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = m.Close() })
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, e := engine(t), extenttest.NewMemory()
			o := content.Options{InlineMax: 1 << 10, SealSize: 20_000, Lease: 5 * time.Minute, Now: ticking()}
			s, err := content.Open(t.Context(), m, e, o)
			if err != nil {
				t.Fatal(err)
			}
			l := newLoad(s)
			if err := l.run(t.Context(), 8, 40); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.wantAll(t, s)
		})
	}
}

// wantAll checks that the store is sound and has everything that was acknowledged, and nothing that was not even begun.
func (l *load) wantAll(t *testing.T, s *content.Store) {
	t.Helper()
	acked, doubt := l.snapshot()
	wantLoad(t, s, acked, doubt)
}

func wantLoad(t *testing.T, s *content.Store, acked, doubt map[content.Edge]modelledRef) {
	t.Helper()
	var refs []content.Reference
	for e, ref := range acked {
		refs = append(refs, content.Reference{ID: ref.id, Edge: e})
		if got, err := readAll(t.Context(), s, ref.id); err != nil || !bytes.Equal(got, ref.data) {
			t.Fatalf("%v was acknowledged and has %d bytes (%v), not %d", e, len(got), err, len(ref.data))
		}
	}
	for e, ref := range doubt { // the edge may be there: then so must the bytes
		err := s.Meta().View(t.Context(), func(r meta.Reader) error {
			c, _ := s.Find(t.Context(), r, digest.Of(ref.data))
			for _, id := range []content.ID{c.ID, ref.id} {
				if held, err := s.HoldsEdge(t.Context(), r, id, e); err == nil && held {
					refs = append(refs, content.Reference{ID: id, Edge: e})
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	report, err := s.Check(t.Context(), true, listed(refs))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Error(p)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// frozen is an extent store that can be held still while a crash is taken of it and of the metadata beside it.
type frozen struct {
	extent.Store
	mu *sync.RWMutex
}

func (f frozen) Create(ctx context.Context, l extent.Location, size int64) (extent.Writer, error) {
	w, err := f.Store.Create(ctx, l, size)
	return frozenWriter{w, f.mu}, err
}

func (f frozen) Delete(ctx context.Context, l extent.Location) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.Store.Delete(ctx, l)
}

type frozenWriter struct {
	extent.Writer
	mu *sync.RWMutex
}

func (w frozenWriter) Commit(ctx context.Context) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.Writer.Commit(ctx)
}

// crashClones is how many states after a loss of power the test looks at.
func crashClones() int {
	if testing.Short() {
		return 100
	}
	if os.Getenv("CI") != "" || os.Getenv("ZAS_NIGHTLY") != "" {
		return 1000
	}
	return 150
}

// TestALossOfPowerLosesNothingAcknowledged cuts the power at random moments of a busy store, keeping any part of what was not synced, and
// looks at what is left: everything acknowledged, with its bytes; nothing half there; and after collection nothing too much.
func TestALossOfPowerLosesNothingAcknowledged(t *testing.T) {
	const perRun = 25
	for run := range (crashClones() + perRun - 1) / perRun {
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			t.Parallel()
			crashRun(t, uint64(run), perRun)
		})
	}
}

// crashed is one state after a loss of power, with what had been acknowledged just before.
type crashed struct {
	fs           *vfs.MemFS
	extents      *extenttest.Memory
	acked, doubt map[content.Edge]modelledRef
}

func crashRun(t *testing.T, seed uint64, clones int) {
	fs, memory := vfs.NewCrashableMem(), extenttest.NewMemory()
	m, err := pebblemeta.Open("meta", pebblemeta.Options{FS: fs, CacheBytes: 1 << 20, MemTableBytes: 256 << 10, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var still sync.RWMutex
	clock := ticking()
	o := content.Options{InlineMax: 1 << 10, SealSize: 20_000, Lease: 5 * time.Minute, Now: clock}
	s, err := content.Open(t.Context(), m, frozen{memory, &still}, o)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	l := newLoad(s)
	var states []crashed
	l.after = func() {
		still.Lock()
		defer still.Unlock()
		if len(states) >= clones || rng.IntN(9) > 0 {
			return
		}
		acked, doubt := l.snapshot()
		cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng}
		states = append(states, crashed{fs.CrashClone(cfg), memory.CrashClone(rng.IntN), acked, doubt})
	}
	if err := l.run(t.Context(), 4, 60); err != nil {
		t.Fatal(err)
	}
	for _, c := range states {
		c.check(t, o)
	}
	last := states[len(states)-1]
	t.Logf("%d states; in the last one %d references were acknowledged and %d changing", len(states), len(last.acked), len(last.doubt))
}

func (c crashed) check(t *testing.T, o content.Options) {
	t.Helper()
	m, err := pebblemeta.Open("meta", pebblemeta.Options{FS: c.fs, CacheBytes: 1 << 20, MemTableBytes: 256 << 10, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := content.Open(t.Context(), m, c.extents, o)
	if err != nil {
		t.Fatal(err)
	}
	wantLoad(t, s, c.acked, c.doubt)
	if _, err := s.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantLoad(t, s, c.acked, c.doubt)
	report, err := s.Check(t.Context(), false)
	if err != nil || report.Orphans > 0 || report.Trash > 0 {
		t.Fatalf("left over after collection: %+v, %v", report, err)
	}
}
