package pebblemeta_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

// brokenDisk is a disk on which an operation of the log fails once it is broken.
type brokenDisk struct {
	*vfs.MemFS
	broken atomic.Bool
	write  bool // writes fail, else syncs
}

func (d *brokenDisk) fs() vfs.FS {
	return errorfs.Wrap(d.MemFS, errorfs.InjectorFunc(func(op errorfs.Op) error {
		write := strings.HasSuffix(op.Path, ".log") && op.Kind == errorfs.OpFileWrite
		if d.broken.Load() && (d.write && write || !d.write && logSync(op)) {
			return errorfs.ErrInjected
		}
		return nil
	}))
}

// openOnBroken opens a store whose Close may fail.
func openOnBroken(t *testing.T, d *brokenDisk, log *bytes.Buffer) *pebblemeta.Store {
	t.Helper()
	s, err := pebblemeta.Open("meta", pebblemeta.Options{FS: d.fs(), Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(ctx context.Context, s meta.Store, table meta.Table[string], name string) error {
	return putValue(ctx, s, table, name, "value")
}

func putValue(ctx context.Context, s meta.Store, table meta.Table[string], name, value string) error {
	return s.Update(ctx, meta.LockSet{}.Write(table.Key(name)), func(tx meta.Tx) error { return table.Put(tx, value, name) })
}

func has(ctx context.Context, s meta.Store, table meta.Table[string], name string) (found bool, err error) {
	err = s.View(ctx, func(r meta.Reader) error {
		_, found, err = table.Find(ctx, r, name)
		return err
	})
	return found, err
}

func TestAFailedSyncOrWriteOfTheLogStopsTheStore(t *testing.T) {
	for name, write := range map[string]bool{"sync": false, "write": true} {
		t.Run(name, func(t *testing.T) {
			table := meta.NewTable[string](0x10, "rows")
			disk, log := &brokenDisk{MemFS: vfs.NewCrashableMem(), write: write}, &bytes.Buffer{}
			s := openOnBroken(t, disk, log)
			if err := put(t.Context(), s, table, "before"); err != nil {
				t.Fatal(err)
			}

			disk.broken.Store(true)
			if err := put(t.Context(), s, table, "lost"); !errors.Is(err, meta.ErrUnknownOutcome) || errors.Is(err, meta.ErrClosed) {
				t.Errorf("the update whose log failed ended with %v", err)
			}
			disk.broken.Store(false) // what has failed once is not to be trusted again

			if err := put(t.Context(), s, table, "after"); !errors.Is(err, meta.ErrClosed) || errors.Is(err, meta.ErrUnknownOutcome) {
				t.Errorf("a later update ended with %v", err)
			}
			if s.Err() == nil || !strings.Contains(log.String(), "stops writing") {
				t.Errorf("nobody is told: %v, %s", s.Err(), log)
			}
			if found, err := has(t.Context(), s, table, "before"); !found || err != nil {
				t.Errorf("what is durable cannot be read: %v", err)
			}
			if _, err := has(t.Context(), s, table, "lost"); !errors.Is(err, meta.ErrUnknownOutcome) {
				t.Errorf("what may be lost was read with %v", err)
			}

			restarted := open(t, "meta", pebblemeta.Options{FS: disk.CrashClone(vfs.CrashCloneCfg{})})
			for name, want := range map[string]bool{"before": true, "lost": false, "after": false} {
				if found, err := has(t.Context(), restarted, table, name); found != want || err != nil {
					t.Errorf("after a restart %s is there: %t (%v)", name, found, err)
				}
			}
		})
	}
}

// Whatever the moment at which the log begins to fail: what was acknowledged is there after a restart, what was
// refused is not, and of the rest it was said that nobody knows.
func TestUpdatesRunningWhenTheLogFailsAreToldTheTruth(t *testing.T) {
	for round := range 60 {
		table := meta.NewTable[string](0x10, "rows")
		disk := &brokenDisk{MemFS: vfs.NewCrashableMem(), write: round%2 == 0}
		s := openOnBroken(t, disk, &bytes.Buffer{})
		// Larger values meet the failure while they are written, but all together must not fill a table: when
		// Pebble finds it on changing to the next log, it ends the process.
		value := strings.Repeat("v", []int{1, 2_000}[round%4/2])
		var wg sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[string]error{}
		for w := range 8 {
			wg.Go(func() {
				for i := range 10 {
					name := strconv.Itoa(w) + "." + strconv.Itoa(i)
					if w == 0 && i == round%10 {
						disk.broken.Store(true)
					}
					err := putValue(t.Context(), s, table, name, value)
					mu.Lock()
					outcomes[name] = err
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		restarted := open(t, "meta", pebblemeta.Options{FS: disk.CrashClone(vfs.CrashCloneCfg{})})
		for name, outcome := range outcomes {
			found, err := has(t.Context(), restarted, table, name)
			if err != nil {
				t.Fatal(err)
			}
			unknown, refused := errors.Is(outcome, meta.ErrUnknownOutcome), errors.Is(outcome, meta.ErrClosed)
			if outcome == nil && !found || refused && (found || unknown) || outcome != nil && !unknown && !refused {
				t.Errorf("round %d: %s ended with %v and is there after a restart: %t", round, name, outcome, found)
			}
		}
	}
}

func TestClosingAStoppedStoreDoesNotHang(t *testing.T) {
	table := meta.NewTable[string](0x10, "rows")
	disk := &brokenDisk{MemFS: vfs.NewMem()}
	s := openOnBroken(t, disk, &bytes.Buffer{})
	disk.broken.Store(true)
	for range 3 {
		if err := put(t.Context(), s, table, "lost"); err == nil {
			t.Error("acknowledged")
		}
	}
	_ = s.Close()
	if err := put(t.Context(), s, table, "after"); !errors.Is(err, meta.ErrClosed) {
		t.Errorf("an update after Close ended with %v", err)
	}
}
