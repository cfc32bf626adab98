package pebblemeta_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

const (
	crashRuns        = 10 // each begins on a new disk
	crashGenerations = 5  // of a run; each begins on the disk that the crash of the one before has left
	crashesEach      = 20
	crashWriters     = 3
	crashReaders     = 3
)

// schema is what these tests store.
type schema struct {
	counters meta.Table[int]    // one row for each writer
	brief    meta.Table[string] // rows that are made once and deleted once: by writer, then by number
	log      meta.Log           // "writer:count" for each increment
}

func newSchema() schema {
	return schema{
		counters: meta.NewTable[int](0x10, "counters", 0),
		brief:    meta.NewTable[string](0x11, "brief", 1),
		log:      meta.NewLog(0x12, "log"),
	}
}

// ledger is what somebody has been told of the store: after a power cut all of it must still hold.
type ledger struct {
	mu      sync.Mutex
	told    int               // how often something was
	least   map[string]int    // counters that were at least so high
	gone    map[string]bool   // rows of brief that were seen absent after they had been there
	version uint64            // the highest that was told
	there   map[string]string // by writer, its row of brief that is there, unless it is just being deleted
}

func newLedger() *ledger {
	return &ledger{least: map[string]int{}, gone: map[string]bool{}, there: map[string]string{}}
}

func (l *ledger) clone() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &ledger{
		least: maps.Clone(l.least), gone: maps.Clone(l.gone), version: l.version, there: map[string]string{},
	}
}

func (l *ledger) sawCount(writer string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told++
	l.least[writer] = max(l.least[writer], n)
}

func (l *ledger) sawVersion(v uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told++
	l.version = max(l.version, v)
}

func (l *ledger) sawGone(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told++
	l.gone[name] = true
}

func (l *ledger) setThere(writer, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.there[writer] = name
}

func (l *ledger) timesTold() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told
}

func (l *ledger) isThere(writer string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.there[writer]
}

// logSync says whether op makes a write-ahead log durable.
func logSync(op errorfs.Op) bool {
	return strings.HasSuffix(op.Path, ".log") &&
		(op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData)
}

// slowSync gives others time between a write becoming readable and its sync.
func slowSync(op errorfs.Op) error {
	if logSync(op) {
		for range rand.IntN(200) {
			runtime.Gosched()
		}
	}
	return nil
}

func TestNothingThatWasToldIsLostInAPowerCut(t *testing.T) {
	runs := crashRuns
	if testing.Short() {
		runs /= 10
	}
	var totals pebblemeta.Metrics
	for range runs {
		disk, told := vfs.NewCrashableMem(), newLedger()
		for generation := range crashGenerations {
			var m pebblemeta.Metrics
			disk, told, m = crashOften(t, disk, told, generation)
			totals.Commits, totals.UndurableWaits = totals.Commits+m.Commits, totals.UndurableWaits+m.UndurableWaits
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	t.Logf("%d crashes, %d commits, %d waits for durability",
		runs*crashGenerations*crashesEach, totals.Commits, totals.UndurableWaits)
	if totals.UndurableWaits == 0 {
		t.Error("no reader met what is not durable: this test has shown nothing")
	}
}

// crashOften runs a load on disk and cuts the power at several moments of it, looking each time at what is left. It returns what the last
// crash has left, and what had been told before it.
func crashOften(t *testing.T, disk *vfs.MemFS, told *ledger, generation int) (*vfs.MemFS, *ledger, pebblemeta.Metrics) {
	s, err := pebblemeta.Open("data/meta", pebblemeta.Options{
		FS: errorfs.Wrap(disk, errorfs.InjectorFunc(slowSync)), MemTableBytes: 64 << 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	var pause sync.RWMutex // held while a crash is looked at
	pause.Lock()
	stop := startLoad(t, s, told, &pause, generation)
	var crashed *vfs.MemFS
	var toldBefore *ledger
	for range crashesEach {
		pause.Unlock()
		for until := told.timesTold() + rand.IntN(20); told.timesTold() < until && !t.Failed(); {
			runtime.Gosched()
		}
		toldBefore = told.clone()
		crashed = disk.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: 25 * rand.IntN(5), RNG: rand.New(rand.NewPCG(rand.Uint64(), 1)),
		})
		pause.Lock()
		checkCrashed(t, crashed, toldBefore)
	}
	pause.Unlock()
	stop()
	m := s.Metrics()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return crashed, toldBefore, m
}

// startLoad writes and reads until the function that it returns is called.
func startLoad(t *testing.T, s *pebblemeta.Store, told *ledger, pause *sync.RWMutex, generation int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	x := newSchema()
	var wg sync.WaitGroup
	loop := func(once func(i int) error) {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				pause.RLock()
				err := once(i)
				pause.RUnlock()
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for w := range crashWriters {
		writer := strconv.Itoa(w)
		loop(func(i int) error {
			return errors.Join(x.increment(s, told, writer), x.makeAndDelete(s, told, writer, fmt.Sprintf("%d.%d", generation, i)))
		})
	}
	for range crashReaders {
		loop(func(int) error { return x.lookAround(s, told, strconv.Itoa(rand.IntN(crashWriters)), rand.IntN(7)) })
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// increment counts one up and tells of it.
func (x schema) increment(s meta.Store, told *ledger, writer string) error {
	ctx, n := context.Background(), 0
	err := s.Update(ctx, meta.LockSet{}.Write(x.counters.Key(writer)), func(tx meta.Tx) error {
		was, _, err := x.counters.Find(ctx, tx, writer)
		n = was + 1
		return errors.Join(err, x.counters.Put(tx, n, writer), tx.Append(x.log, fmt.Appendf(nil, "%s:%d", writer, n)))
	})
	if err == nil {
		told.sawCount(writer, n)
	}
	return err
}

// makeAndDelete makes a row that is there for the readers to see, and deletes it.
func (x schema) makeAndDelete(s meta.Store, told *ledger, writer, name string) error {
	ctx, locks := context.Background(), meta.LockSet{}.Write(x.brief.Key(writer, name))
	if err := s.Update(ctx, locks, func(tx meta.Tx) error { return x.brief.Put(tx, name, writer, name) }); err != nil {
		return err
	}
	told.setThere(writer, name)
	if err := s.Update(ctx, locks, func(tx meta.Tx) error { return x.brief.Delete(tx, writer, name) }); err != nil {
		return err
	}
	told.sawGone(writer + "/" + name)
	return nil
}

var errLooked = errors.New("looked, and wrote nothing")

// lookAround reads in one of several ways, and tells what was there once the call has returned.
func (x schema) lookAround(s meta.Store, told *ledger, writer string, way int) error {
	ctx, name := context.Background(), told.isThere(writer)
	var saw func()
	look := func(r meta.Reader) (err error) {
		saw, err = x.look(ctx, r, told, []string{writer, name}, way)
		return err
	}
	var err error
	locks := meta.LockSet{}.Read(x.counters.Key(writer), x.brief.Key(writer, name)).Guard(x.brief.Guard(writer), x.counters.Guard())
	switch {
	case way >= 4 || name == "" || rand.IntN(3) == 0:
		err = s.View(ctx, look)
	case rand.IntN(2) == 0:
		err = s.Update(ctx, locks, func(tx meta.Tx) error { return look(tx) })
	default:
		err = s.Update(ctx, locks, func(tx meta.Tx) error { return errors.Join(look(tx), errLooked) })
		if errors.Is(err, errLooked) {
			err = nil
		}
	}
	if err == nil {
		saw()
	}
	return err
}

func (x schema) look(ctx context.Context, r meta.Reader, told *ledger, row []string, way int) (func(), error) {
	writer, name := row[0], row[1]
	switch way {
	case 0:
		n, _, err := x.counters.Find(ctx, r, writer)
		return func() { told.sawCount(writer, n) }, err
	case 1:
		counts := map[string]int{}
		for e, err := range x.counters.Scan(ctx, r, x.counters.All().Reversed()) {
			if err != nil {
				return nil, err
			}
			counts[e.Parts[0]] = e.Value
		}
		return func() {
			for writer, n := range counts {
				told.sawCount(writer, n)
			}
		}, nil
	case 2:
		_, found, err := x.brief.Find(ctx, r, writer, name)
		return func() {
			if !found && name != "" {
				told.sawGone(writer + "/" + name)
			}
		}, err
	case 3:
		found := false
		for e, err := range x.brief.Scan(ctx, r, x.brief.Prefix(writer)) {
			if err != nil {
				return nil, err
			}
			found = found || e.Value == name
		}
		return func() {
			if !found && name != "" {
				told.sawGone(writer + "/" + name)
			}
		}, nil
	case 4:
		version := r.Version()
		return func() { told.sawVersion(version) }, nil
	default:
		counts := map[string]int{}
		position := meta.Position{}
		last := x.log.After(meta.Position{}).Reversed().Limited(3)
		err := x.readLog(ctx, r, last, func(at meta.Position, writer string, n int) {
			position.Version, counts[writer] = max(position.Version, at.Version), max(counts[writer], n)
		})
		return func() {
			told.sawVersion(position.Version)
			for writer, n := range counts {
				told.sawCount(writer, n)
			}
		}, err
	}
}

func (x schema) readLog(ctx context.Context, r meta.Reader, rg meta.Range, entry func(at meta.Position, writer string, n int)) error {
	for row, err := range r.Scan(ctx, rg) {
		if err != nil {
			return err
		}
		at, err := x.log.PositionOf(row.Key)
		if err != nil {
			return err
		}
		writer, count, _ := strings.Cut(string(row.Value), ":")
		n, err := strconv.Atoi(count)
		if err != nil {
			return err
		}
		entry(at, writer, n)
	}
	return nil
}

// checkCrashed opens what a crash has left and compares it with what was told before.
func checkCrashed(t *testing.T, disk *vfs.MemFS, told *ledger) {
	t.Helper()
	ctx, x := context.Background(), newSchema()
	s, err := pebblemeta.Open("data/meta", pebblemeta.Options{FS: disk, MemTableBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	logged := map[string][]int{}
	err = s.View(ctx, func(r meta.Reader) error {
		err := x.readLog(ctx, r, x.log.After(meta.Position{}), func(_ meta.Position, w string, n int) { logged[w] = append(logged[w], n) })
		if err != nil {
			return err
		}
		for w := range crashWriters {
			writer := strconv.Itoa(w)
			n, _, err := x.counters.Find(ctx, r, writer)
			if err != nil {
				return err
			}
			if n < told.least[writer] {
				t.Errorf("counter %s is %d after the crash, and was said to be %d", writer, n, told.least[writer])
			}
			if entries := logged[writer]; len(entries) != n || !slices.IsSorted(entries) || n > 0 && entries[n-1] != n {
				t.Errorf("counter %s is %d and has %d entries in the log: half a transaction", writer, n, len(entries))
			}
		}
		for e, err := range x.brief.Scan(ctx, r, x.brief.All()) {
			if err != nil {
				return err
			}
			if told.gone[strings.Join(e.Parts, "/")] {
				t.Errorf("row %v is back after the crash, and was said to be gone", e.Parts)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.increment(s, told, "0"); err != nil {
		t.Fatal(err)
	}
	before := told.version
	if err := s.View(ctx, func(r meta.Reader) error { told.sawVersion(r.Version()); return nil }); err != nil {
		t.Fatal(err)
	}
	if told.version <= before {
		t.Errorf("version %d was told before the crash, and the first commit after it has no higher one", before)
	}
}
