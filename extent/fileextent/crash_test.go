package fileextent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/extent/extenttest"
)

const root = "/data/extents"

// openLossy opens a store on d.
func openLossy(t *testing.T, d *lossyDisk, o Options) *Store {
	t.Helper()
	s, err := open(root, o, d)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func location() extent.Location { return extent.NewLocation("00000000000000ab") }

// locationIn makes up a location of the directory dir.
func locationIn(dir string) extent.Location { return location()[:30] + extent.Location(dir) }

// sized is an extent to be written.
type sized struct {
	size int
	hint int64
}

// begin creates the extent at l and writes it, in pieces.
func (z sized) begin(s *Store, l extent.Location) (extent.Writer, error) {
	w, err := s.Create(ctx(), l, z.hint)
	if err != nil {
		return nil, err
	}
	for p := extenttest.Bytes(l, z.size); len(p) > 0; p = p[min(3_000_000, len(p)):] {
		if _, err := w.Write(p[:min(3_000_000, len(p))]); err != nil {
			return w, err
		}
	}
	return w, nil
}

// store writes and commits the extent at l, or gives it up.
func (z sized) store(s *Store, l extent.Location) error {
	w, err := z.begin(s, l)
	if w != nil {
		defer w.Abort()
	}
	if err != nil {
		return err
	}
	return w.Commit(ctx())
}

// wantDurable fails unless the extent is whole after a loss of power.
func wantDurable(t *testing.T, d *lossyDisk, s *Store, l extent.Location, size int) {
	t.Helper()
	if b, ok := d.afterCrash(s.path(l)); !ok || !bytes.Equal(b, extenttest.Bytes(l, size)) {
		t.Errorf("%s of %d bytes after a loss of power: there %t, with %d bytes", l, size, ok, len(b))
	}
}

var shapes = []sized{
	{0, -1}, {1, 1}, {5000, -1}, {5000, 5000}, {9 << 20, -1}, {9<<20 + 1, 9<<20 + 1}, {9<<20 + 1, 1}, {10, 9 << 20}, {0, 9 << 20},
}

func TestACommittedExtentOutlivesALossOfPower(t *testing.T) {
	for _, z := range shapes {
		t.Run(fmt.Sprintf("%d bytes announced as %d", z.size, z.hint), func(t *testing.T) {
			d := newLossyDisk()
			s := openLossy(t, d, Options{})
			l := location()
			if err := z.store(s, l); err != nil {
				t.Fatalf("storing: %v", err)
			}
			wantDurable(t, d, s, l, z.size)
			if files, dirs := d.count("sync"), strings.Count(strings.Join(d.calls, "\n"), "syncdir "+s.dir(l).path); files != 1 || dirs != 1 {
				t.Errorf("%d syncs of the file and %d of its directory, want one each", files, dirs)
			}
			if n := d.entries[s.path(l)].content.size; n != z.size {
				t.Errorf("the file has %d bytes", n)
			}
		})
	}
}

// A process may be killed at any call while it makes the directories; the next one goes on, and then the power fails.
func TestDirectoriesOfAKilledProcessAreMadeDurable(t *testing.T) {
	killed := errors.New("killed")
	for n := 1; ; n++ {
		d := newLossyDisk()
		left := n
		d.before = func(string, string) error {
			if left--; left <= 0 {
				return killed
			}
			return nil
		}
		_, err := open(root, Options{}, d)
		if err == nil {
			if n < 256 {
				t.Errorf("open makes only %d calls", n)
			}
			return
		}
		if n > 20 && n < 250 {
			continue // one directory after another
		}
		d.before = func(string, string) error { return nil }
		s := openLossy(t, d, Options{})
		for _, dir := range []string{"00", "80", "ff"} {
			l := locationIn(dir)
			if err := (sized{10, -1}).store(s, l); err != nil {
				t.Fatalf("storing: %v", err)
			}
			wantDurable(t, d, s, l, 10)
		}
	}
}

func TestAStoreOpensAfterALossOfPower(t *testing.T) {
	d := newLossyDisk()
	s := openLossy(t, d, Options{})
	kept, open := location(), location()
	if err := (sized{100, -1}).store(s, kept); err != nil {
		t.Fatalf("storing: %v", err)
	}
	if _, err := (sized{100, -1}).begin(s, open); err != nil {
		t.Fatalf("writing: %v", err)
	}
	d.crash()
	s = openLossy(t, d, Options{})
	if _, err := s.Create(ctx(), kept, -1); !errors.Is(err, extent.ErrExists) {
		t.Errorf("Create of a committed extent: %v", err)
	}
	wantDurable(t, d, s, kept, 100)
}

func TestConcurrentCommitsAreDurableWhenTheyReturn(t *testing.T) {
	d := newLossyDisk()
	s := openLossy(t, d, Options{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				l := locationIn("07")
				if err := (sized{10, -1}).store(s, l); err != nil {
					t.Errorf("storing: %v", err)
				}
				if b, ok := d.afterCrash(s.path(l)); !ok || len(b) != 10 {
					t.Errorf("%s is lost", l)
				}
			}
		})
	}
	all.Wait()
}

func TestCommitsShareOnlyADirectorySyncThatBeganAfterTheFileWasMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLossyDisk()
		s := openLossy(t, d, Options{})
		syncing := make(chan struct{}) // each receive lets one sync of a directory end
		d.before = func(call, _ string) error {
			if call == "syncdir" {
				<-syncing
			}
			return nil
		}
		before := d.count("syncdir")
		var all sync.WaitGroup
		commit := func() {
			all.Go(func() {
				l := locationIn("07")
				if err := (sized{10, -1}).store(s, l); err != nil {
					t.Errorf("storing: %v", err)
				}
				wantDurable(t, d, s, l, 10)
			})
		}
		commit()
		synctest.Wait() // it syncs
		for range 5 {
			commit()
		}
		synctest.Wait() // these wait, since that sync may have missed them
		syncing <- struct{}{}
		synctest.Wait() // one of them syncs for all
		syncing <- struct{}{}
		all.Wait()
		if n := d.count("syncdir") - before; n != 2 {
			t.Errorf("%d syncs of the directory for six commits, want 2", n)
		}
	})
}

func TestADirectorySyncThatBeganBeforeTheFileWasMadeDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLossyDisk()
		s := openLossy(t, d, Options{})
		late := locationIn("07")
		creating, syncing := make(chan struct{}), make(chan struct{})
		d.before = func(call, path string) error {
			switch {
			case call == "create" && path == s.path(late):
				<-creating
			case call == "syncdir":
				<-syncing
			}
			return nil
		}
		var all sync.WaitGroup
		store := func(l extent.Location) {
			all.Go(func() {
				if err := (sized{10, -1}).store(s, l); err != nil {
					t.Errorf("storing: %v", err)
				}
			})
			synctest.Wait()
		}
		store(late)             // is about to make its file
		store(locationIn("07")) // syncs the directory
		close(creating)
		synctest.Wait() // the late one is made, and to be committed
		close(syncing)
		all.Wait()
		wantDurable(t, d, s, late, 10)
	})
}

func TestAFailedDirectorySyncFailsAllThatWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLossyDisk()
		s := openLossy(t, d, Options{})
		before := d.count("syncdir")
		syncing := make(chan error)
		d.before = func(call, _ string) error {
			if call == "syncdir" {
				return <-syncing
			}
			return nil
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := (sized{10, -1}).store(s, locationIn("07")); !errors.Is(err, syscall.EIO) {
					t.Errorf("storing: %v", err)
				}
			})
			synctest.Wait()
		}
		syncing <- syscall.EIO
		close(syncing) // more syncs would succeed
		all.Wait()
		if n := d.count("syncdir") - before; n != 1 {
			t.Errorf("%d syncs of the directory, want 1", n)
		}
	})
}

func TestAFailedSyncFailsTheStoreAndIsNotTriedAgain(t *testing.T) {
	for _, call := range []string{"sync", "syncdir"} {
		t.Run(call, func(t *testing.T) {
			d := newLossyDisk()
			s := openLossy(t, d, Options{})
			early := []extent.Location{locationIn("07"), locationIn("07"), locationIn("08")}
			var writers []extent.Writer
			for _, l := range early {
				w, err := (sized{10, -1}).begin(s, l)
				if err != nil {
					t.Fatalf("writing: %v", err)
				}
				writers = append(writers, w)
			}
			before := d.count(call)
			d.before = func(c, _ string) error {
				if c == call {
					return syscall.EIO
				}
				return nil
			}
			for range 2 {
				if err := writers[0].Commit(ctx()); !errors.Is(err, syscall.EIO) {
					t.Errorf("Commit: %v", err)
				}
			}
			d.before = func(string, string) error { return nil } // the disk seems well again
			for _, w := range writers {
				if err := w.Commit(ctx()); !errors.Is(err, syscall.EIO) || !errors.Is(s.Err(), syscall.EIO) {
					t.Errorf("Commit: %v; Err: %v", err, s.Err())
				}
				if err := w.Abort(); err != nil {
					t.Errorf("Abort: %v", err)
				}
			}
			if n := d.count(call) - before; n != 1 {
				t.Errorf("%d calls of %s, want 1", n, call)
			}
			if _, err := s.Create(ctx(), location(), -1); !errors.Is(err, syscall.EIO) {
				t.Errorf("Create: %v", err)
			}
			if err := (sized{10, -1}).store(openLossy(t, d, Options{}), location()); err != nil {
				t.Errorf("in a store opened again: %v", err)
			}
		})
	}
}

func TestADirectoryThatCouldNotBeOpenedForItsSyncFailsOneCommit(t *testing.T) {
	d := newLossyDisk()
	s := openLossy(t, d, Options{})
	d.before = func(call, _ string) error {
		if call == "syncdir" {
			return fmt.Errorf("%w: %w", errNotTried, syscall.EMFILE)
		}
		return nil
	}
	if err := (sized{10, -1}).store(s, locationIn("07")); !errors.Is(err, syscall.EMFILE) || s.Err() != nil {
		t.Fatalf("storing: %v; Err: %v", err, s.Err())
	}
	d.before = func(string, string) error { return nil }
	l := locationIn("07")
	if err := (sized{10, -1}).store(s, l); err != nil {
		t.Fatalf("storing: %v", err)
	}
	wantDurable(t, d, s, l, 10)
}

// Whatever call fails, an extent that was committed is durable, and one that was not is gone after Abort.
func TestEachCallMayFail(t *testing.T) {
	for _, z := range []sized{{5000, -1}, {9<<20 + 1, -1}, {8 << 20, 8 << 20}} {
		for n := 1; ; n++ {
			d := newLossyDisk()
			s := openLossy(t, d, Options{})
			failed := ""
			var mu sync.Mutex
			left := n
			d.before = func(call, _ string) error {
				mu.Lock()
				defer mu.Unlock()
				if left--; left != 0 {
					return nil
				}
				failed = call
				return syscall.EIO
			}
			l := location()
			err := z.store(s, l)
			if failed == "" {
				break
			}
			if _, there := d.entries[s.path(l)]; err != nil && there {
				t.Errorf("%s fails: there is still a file", failed)
			}
			if err == nil {
				wantDurable(t, d, s, l, z.size)
			}
			if s.bufs != nil && len(s.bufs.slots) != 0 || len(s.writing) != 0 {
				t.Errorf("%s fails: %d slots and %d writers are left", failed, len(s.bufs.slots), len(s.writing))
			}
			if failed == "sync" && s.Err() == nil || failed == "write" && s.Err() != nil {
				t.Errorf("%s fails: Err: %v", failed, s.Err())
			}
			if sound := s.Err() == nil; sound {
				if err := (sized{10, -1}).store(s, location()); err != nil {
					t.Errorf("another extent after %s failed: %v", failed, err)
				}
			}
		}
	}
}

func TestAParentThatMayNotBeOpenedIsLeftAlone(t *testing.T) {
	d := newLossyDisk()
	openLossy(t, d, Options{})
	for _, err := range []error{syscall.EACCES, syscall.EIO} {
		d.before = func(call, path string) error {
			if call == "syncdir" && path == "/data" {
				return err
			}
			return nil
		}
		if _, got := open(root, Options{}, d); errors.Is(got, err) == errors.Is(err, fs.ErrPermission) {
			t.Errorf("open, when the parent's sync fails with %v: %v", err, got)
		}
	}
}
