package pebblemeta_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

// heldDisk is a disk whose syncs of the log wait while it is held.
type heldDisk struct {
	*vfs.MemFS
	hold    sync.RWMutex
	waiting atomic.Int32
}

func (d *heldDisk) fs() vfs.FS {
	return errorfs.Wrap(d.MemFS, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if logSync(op) {
			d.waiting.Add(1)
			d.hold.RLock()
			defer d.hold.RUnlock()
			d.waiting.Add(-1)
		}
		return nil
	}))
}

// duringSync runs fn while the commits of updates are readable and wait for the disk.
func duringSync(t *testing.T, d *heldDisk, fn func(), updates ...func() error) {
	t.Helper()
	d.hold.Lock()
	results := make(chan error, len(updates))
	for _, update := range updates {
		go func() { results <- update() }()
	}
	for d.waiting.Load() == 0 {
		runtime.Gosched()
	}
	fn()
	d.hold.Unlock()
	for range updates {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// reading is a way to learn of what another transaction has written, or of something else.
type reading struct {
	name  string
	waits bool // until what it has read is durable
	look  func(context.Context, meta.Reader) error
}

// readings on a table whose rows a/2 and a/4 are there, a/3 has just been put and a/5 just been deleted, and a log that
// has just grown by its second entry and been trimmed of its first.
func readings(table meta.Table[string], log meta.Log) []reading {
	get := func(name string) func(context.Context, meta.Reader) error {
		return func(ctx context.Context, r meta.Reader) error {
			_, _, err := table.Find(ctx, r, "a", name)
			return err
		}
	}
	scan := func(rg meta.Range, stop int) func(context.Context, meta.Reader) error {
		return func(ctx context.Context, r meta.Reader) error {
			for _, err := range r.Scan(ctx, rg) {
				if stop--; err != nil || stop == 0 {
					return err
				}
			}
			return nil
		}
	}
	group := table.Prefix("a")
	below := func(name string) meta.Range {
		r := group
		r.To = table.Key("a", name).Raw()
		return r
	}
	return []reading{
		{"a get of a row just put", true, get("3")},
		{"a get of a row just deleted", true, get("5")},
		{"a get of an older row", false, get("2")},
		{"a get of a row never there", false, get("7")},
		{"a scan over a row just put", true, scan(group, 0)},
		{"a scan that ends at a row just put", true, scan(group, 2)},
		{"a scan left before a row just put", false, scan(group, 1)},
		{"a scan limited to end before it", false, scan(group.Limited(1), 0)},
		{"a scan limited to end at it", true, scan(group.Limited(2), 0)},
		{"a scan backwards over it", true, scan(group.Reversed(), 2)},
		{"a scan backwards left before it", false, scan(table.Prefix("b").Reversed(), 0)},
		{"a scan backwards that ends at it", true, scan(below("4").Reversed(), 1)},
		{"a scan backwards left just before it", false, scan(below("5").Reversed(), 1)},
		{"a scan of a range emptied just now", true, scan(table.Starting("5", "a"), 0)},
		{"a scan backwards over a row just deleted", true, scan(group.Reversed(), 1)},
		{"a scan of a range always empty", false, scan(table.Starting("7", "a"), 0)},
		{"a scan of the log", true, scan(log.After(meta.Position{Version: 1}), 0)},
		{"a scan of what has been trimmed", true, func(ctx context.Context, r meta.Reader) error {
			rg := log.After(meta.Position{})
			rg.To = log.Entry(meta.Position{Version: 2})
			return scan(rg, 0)(ctx, r)
		}},
		{"nothing", false, func(context.Context, meta.Reader) error { return nil }},
	}
}

func TestReadsWaitForWhatTheySaw(t *testing.T) {
	table, log := meta.NewTable[string](0x10, "rows", 0, 1), meta.NewLog(0x11, "log")
	locks := meta.LockSet{}.Read(table.Key("a", "2"), table.Key("a", "3"), table.Key("a", "5"), table.Key("a", "7")).
		Guard(table.Guard("a"), table.Guard("b"))
	ways := map[string]func(s meta.Store, look func(meta.Reader) error) error{
		"view": func(s meta.Store, look func(meta.Reader) error) error { return s.View(t.Context(), look) },
		"update that writes nothing": func(s meta.Store, look func(meta.Reader) error) error {
			return s.Update(t.Context(), locks, func(tx meta.Tx) error { return look(tx) })
		},
		"update that fails": func(s meta.Store, look func(meta.Reader) error) error {
			err := s.Update(t.Context(), locks.Write(table.Key("c")), func(tx meta.Tx) error {
				return errors.Join(look(tx), table.Put(tx, "", "c"), errLooked)
			})
			if errors.Is(err, errLooked) {
				return nil
			}
			return err
		},
	}
	for way, run := range ways {
		for _, r := range readings(table, log) {
			if way != "view" && (r.name == "a scan of the log" || r.name == "a scan of what has been trimmed") {
				continue // only views may
			}
			t.Run(way+", "+r.name, func(t *testing.T) {
				disk := &heldDisk{MemFS: vfs.NewCrashableMem()}
				s := open(t, "meta", pebblemeta.Options{FS: disk.fs()})
				prepare(t, s, table, log)
				waited := false
				ended := make(chan error, 1)
				duringSync(t, disk, func() {
					go func() { ended <- run(s, func(rd meta.Reader) error { return r.look(t.Context(), rd) }) }()
					for !waited {
						select {
						case err := <-ended:
							ended <- err
							return
						default:
							waited = s.Metrics().UndurableWaits > 0
							runtime.Gosched()
						}
					}
				}, func() error { return change(t.Context(), s, table, log) })
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				if waited != r.waits {
					t.Errorf("waited: %t", waited)
				}
			})
		}
	}
}

func prepare(t *testing.T, s meta.Store, table meta.Table[string], log meta.Log) {
	t.Helper()
	err := s.Update(t.Context(), meta.LockSet{}.Write(table.Key("a", "2"), table.Key("a", "4"), table.Key("a", "5")), func(tx meta.Tx) error {
		return errors.Join(table.Put(tx, "", "a", "2"), table.Put(tx, "", "a", "4"), table.Put(tx, "", "a", "5"),
			tx.Append(log, []byte("first")))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func change(ctx context.Context, s meta.Store, table meta.Table[string], log meta.Log) error {
	locks := meta.LockSet{}.Write(table.Key("a", "3"), table.Key("a", "5")).Guard(log.Guard())
	return s.Update(ctx, locks, func(tx meta.Tx) error {
		return errors.Join(table.Put(tx, "", "a", "3"), table.Delete(tx, "a", "5"),
			tx.Append(log, []byte("second")), tx.Trim(log, meta.Position{Version: 1}))
	})
}

// However a view and a commit interleave, the view does not return what the commit wrote before it is durable.
func TestNoViewReturnsACommitDuringItsSync(t *testing.T) {
	const readers = 6
	const rounds = 1000 // few enough not to change logs, which waits for a sync itself
	table := meta.NewTable[int](0x10, "rows")
	disk := &heldDisk{MemFS: vfs.NewMem()}
	s := open(t, "meta", pebblemeta.Options{FS: disk.fs()})
	var synced atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for ctx.Err() == nil {
				n := 0
				err := s.View(context.Background(), func(r meta.Reader) (err error) {
					n, _, err = table.Find(ctx, r, "counter")
					return err
				})
				if after := int(synced.Load()); err == nil && n > after {
					t.Errorf("a view returned %d when only %d was durable", n, after)
					return
				}
			}
		})
	}
	for i := 1; i <= rounds && !t.Failed(); i++ {
		duringSync(t, disk, func() {
			for range 20 {
				runtime.Gosched()
			}
			for readable := false; !readable; {
				if err := s.Update(t.Context(), meta.LockSet{}, func(tx meta.Tx) error {
					readable = tx.Version() >= uint64(i)
					return nil
				}); err != nil {
					t.Error(err)
					return
				}
			}
			for range 20 {
				runtime.Gosched()
			}
			synced.Store(int64(i))
		}, func() error {
			return s.Update(t.Context(), meta.LockSet{}.Write(table.Key("counter")), func(tx meta.Tx) error { return table.Put(tx, i, "counter") })
		})
	}
	cancel()
	wg.Wait()
}

// What a view waits for would really be gone: the disk does not have it yet.
func TestWhatIsWaitedForIsNotOnTheDisk(t *testing.T) {
	table := meta.NewTable[string](0x10, "rows")
	disk := &heldDisk{MemFS: vfs.NewCrashableMem()}
	s := open(t, "meta", pebblemeta.Options{FS: disk.fs()})
	put := func() error {
		return s.Update(t.Context(), meta.LockSet{}.Write(table.Key("a")), func(tx meta.Tx) error { return table.Put(tx, "", "a") })
	}
	has := func(s meta.Store) bool {
		found := false
		err := s.View(t.Context(), func(r meta.Reader) (err error) {
			_, found, err = table.Find(t.Context(), r, "a")
			return err
		})
		if err != nil {
			t.Error(err)
		}
		return found
	}
	duringSync(t, disk, func() {
		if has(open(t, "meta", pebblemeta.Options{FS: disk.CrashClone(vfs.CrashCloneCfg{})})) {
			t.Error("the row is on the disk before its sync")
		}
	}, put)
	if !has(s) || !has(open(t, "meta", pebblemeta.Options{FS: disk.CrashClone(vfs.CrashCloneCfg{})})) {
		t.Error("the row is not on the disk after its sync")
	}
}

func TestAViewThatWaitsGivesUpWithItsContext(t *testing.T) {
	table := meta.NewTable[string](0x10, "rows")
	disk := &heldDisk{MemFS: vfs.NewMem()}
	s := open(t, "meta", pebblemeta.Options{FS: disk.fs()})
	duringSync(t, disk, func() {
		ctx, cancel := context.WithCancel(t.Context())
		err := s.View(ctx, func(r meta.Reader) error {
			_, _, err := table.Find(ctx, r, "a")
			cancel()
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v", err)
		}
	}, func() error {
		return s.Update(t.Context(), meta.LockSet{}.Write(table.Key("a")), func(tx meta.Tx) error { return table.Put(tx, "", "a") })
	})
}

func TestLocksAreFreeDuringTheSync(t *testing.T) {
	const writers = 8
	table := meta.NewTable[int](0x10, "rows")
	disk := &heldDisk{MemFS: vfs.NewMem()}
	s := open(t, "meta", pebblemeta.Options{FS: disk.fs()})
	var ran atomic.Int32
	increment := func() error {
		return s.Update(t.Context(), meta.LockSet{}.Write(table.Key("hot")), func(tx meta.Tx) error {
			n, _, err := table.Find(t.Context(), tx, "hot")
			ran.Add(1)
			return errors.Join(err, table.Put(tx, n+1, "hot"))
		})
	}
	updates := make([]func() error, writers)
	for i := range updates {
		updates[i] = increment
	}
	syncs := s.Metrics().Syncs
	duringSync(t, disk, func() {
		for patience := 1_000_000; ran.Load() < writers && patience > 0; patience-- {
			runtime.Gosched()
		}
		if n := ran.Load(); n < writers {
			t.Errorf("%d of %d transactions ran: the others wait for the hot row's lock", n, writers)
		}
	}, updates...)
	if got := s.Metrics().Syncs - syncs; got > 3 {
		t.Errorf("%d commits took %d syncs", writers, got)
	}
}
