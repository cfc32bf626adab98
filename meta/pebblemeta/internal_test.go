package pebblemeta

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/meta"
)

func openInternal(t *testing.T, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open("meta", Options{FS: fs, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestVersionsAreReservedOnDiskBeforeTheyAreUsed(t *testing.T) {
	disk := vfs.NewCrashableMem()
	s := openInternal(t, disk)
	s.ceiling = s.next + 2 // as if only two of the block were left
	var last uint64
	for range 5 {
		err := s.Update(t.Context(), meta.LockSet{}, func(tx meta.Tx) error { return tx.Append(meta.NewLog(0x10, "log"), nil) })
		if err != nil {
			t.Fatal(err)
		}
		last = s.applied.Load()
		if reserved, err := readNumber(s.db, ceilingKey()); err != nil || reserved < last {
			t.Errorf("version %d was used, and %d were reserved (%v)", last, reserved, err)
		}
	}
	if s.ceiling != last-3+reservedVersions {
		t.Errorf("the ceiling is %d after version %d", s.ceiling, last)
	}
	restarted := openInternal(t, disk.CrashClone(vfs.CrashCloneCfg{}))
	if restarted.next < s.ceiling {
		t.Errorf("a restart goes on from %d, and versions up to %d may have been used", restarted.next, s.ceiling)
	}
}

func TestDurableCommitsAreForgotten(t *testing.T) {
	s := openInternal(t, vfs.NewMem())
	for range 3 {
		err := s.Update(t.Context(), meta.LockSet{}, func(tx meta.Tx) error { return tx.Append(meta.NewLog(0x10, "log"), nil) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if c := s.newest.Load(); c.state.Load() != durable || c.prev.Load() != nil {
		t.Error("the chain of commits grows")
	}
}

func TestAPanicOfPebbleInACommitStopsTheStore(t *testing.T) {
	s := openInternal(t, vfs.NewMem())
	err := s.guard(func() error {
		logger{s.log}.Fatalf("commit error")
		return nil
	})
	if err == nil || !s.wedged.Load() {
		t.Fatalf("%v", err)
	}
	s.stop(err)
	if err := s.Update(t.Context(), meta.LockSet{}, nil); !errors.Is(err, meta.ErrClosed) {
		t.Errorf("an update ended with %v", err)
	}
	if err := s.Close(); !errors.Is(err, meta.ErrClosed) {
		t.Errorf("closing ended with %v", err)
	}
}

func TestLocksThatShareAStripe(t *testing.T) {
	key := func(name string) meta.Key { return meta.NewTable[string](0x10, "rows").Key(name) }
	acquire := func(s *stripes, locks meta.LockSet) held { return s.acquire(locks.Declare().Locks(), &atomic.Uint64{}) }
	t.Run("are taken in the strongest mode", func(t *testing.T) {
		s := newStripes(1)
		for _, locks := range []meta.LockSet{
			meta.LockSet{}.Read(key("a"), key("c")).Write(key("b")),
			meta.LockSet{}.Write(key("a")).Read(key("b"), key("c")),
		} {
			h := acquire(s, locks)
			if s.table[0].TryRLock() {
				t.Error("others may read what is to be written")
			}
			h.release()
		}
		if !s.table[0].TryLock() {
			t.Error("not given back")
		}
	})
	t.Run("do not lead to a circle of waits", func(t *testing.T) {
		s := newStripes(3)
		names := []string{"a", "b", "c", "d", "e", "f"}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 200 {
					var locks meta.LockSet
					for range 4 {
						k := key(names[rand.IntN(len(names))])
						if rand.IntN(2) == 0 {
							locks = locks.Write(k)
						} else {
							locks = locks.Read(k)
						}
					}
					h := acquire(s, locks)
					runtime.Gosched()
					h.release()
				}
			})
		}
		wg.Wait()
	})
}

func TestFormatsAreUpgradedStepByStep(t *testing.T) {
	disk := vfs.NewMem()
	db, err := pebble.Open("meta", &pebble.Options{FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var done []string
	step := func(name string) upgradeStep {
		return func(_ *pebble.DB, b *pebble.Batch) error {
			done = append(done, name)
			return b.Set([]byte("row"), []byte(name), nil)
		}
	}
	failing := func(*pebble.DB, *pebble.Batch) error { return errors.New("the step failed") }
	for _, c := range []struct {
		steps  []upgradeStep
		format uint64 // that the database has after it
		done   string
		err    string
	}{
		{nil, 1, "", ""},
		{[]upgradeStep{step("to 2")}, 2, "to 2", ""},
		{[]upgradeStep{step("to 2")}, 2, "", ""},
		{[]upgradeStep{step("to 2"), step("to 3"), failing}, 3, "to 3", "upgrade from format 3: the step failed"},
		{[]upgradeStep{step("to 2"), step("to 3"), step("to 4")}, 4, "to 4", ""},
		{[]upgradeStep{step("to 2")}, 4, "", "written by a newer version"},
	} {
		done = nil
		err := upgradeBy(db, c.steps)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%d steps: got error %v, want %q", len(c.steps), err, c.err)
		}
		format, err := readNumber(db, formatKey())
		if got := fmt.Sprint(strings.Join(done, ", ")); format != c.format || err != nil || got != c.done {
			t.Errorf("%d steps: the database has format %d (%v) after steps %q", len(c.steps), format, err, got)
		}
	}
}
