package pebblemeta_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

func TestWhatWasPutIsThereAfterReopening(t *testing.T) {
	table := meta.NewTable[string](0x10, "rows")
	for name, o := range map[string]pebblemeta.Options{
		"as it is":             {},
		"with separate values": {SeparateValues: 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "not", "there", "yet")
			s, err := pebblemeta.Open(dir, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(put(t.Context(), s, table, "a"), s.Close(), s.Close()); err != nil {
				t.Fatal(err)
			}
			if err := s.View(t.Context(), nil); !errors.Is(err, meta.ErrClosed) {
				t.Errorf("a view after Close ended with %v", err)
			}
			s = open(t, dir, o)
			err = s.View(t.Context(), func(r meta.Reader) error {
				if version := r.Version(); version != 1 {
					t.Errorf("the newest commit has version %d", version)
				}
				_, err := table.Get(t.Context(), r, "a")
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestANewDatabaseSurvivesAPowerCutWithAllItsDirectories(t *testing.T) {
	table, disk := meta.NewTable[string](0x10, "rows"), vfs.NewCrashableMem()
	s := open(t, "not/there/yet", pebblemeta.Options{FS: disk})
	if err := put(t.Context(), s, table, "a"); err != nil {
		t.Fatal(err)
	}
	s = open(t, "not/there/yet", pebblemeta.Options{FS: disk.CrashClone(vfs.CrashCloneCfg{})})
	if found, err := has(t.Context(), s, table, "a"); !found || err != nil {
		t.Errorf("found: %t, %v", found, err)
	}
}

func TestOneStoreAtATimeHasTheDirectory(t *testing.T) {
	const dirVariable = "PEBBLEMETA_TEST_DIR"
	if dir := os.Getenv(dirVariable); dir != "" { // this is the second process
		_, err := pebblemeta.Open(dir, pebblemeta.Options{})
		if err == nil || !strings.Contains(err.Error(), "in use by another process") {
			t.Fatalf("opened in a second process: %v", err)
		}
		return
	}
	dir := t.TempDir()
	s, err := pebblemeta.Open(dir, pebblemeta.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pebblemeta.Open(dir, pebblemeta.Options{}); err == nil || !strings.Contains(err.Error(), "in use by another process or store") {
		t.Errorf("opened twice: %v", err)
	}
	second := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	second.Env = append(os.Environ(), dirVariable+"="+dir)
	if out, err := second.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, pebblemeta.Options{})
}

func TestACheckpointIsAStoreOfItsOwn(t *testing.T) {
	table, dir := meta.NewTable[string](0x10, "rows"), t.TempDir()
	s := open(t, filepath.Join(dir, "live"), pebblemeta.Options{})
	if err := put(t.Context(), s, table, "before"); err != nil {
		t.Fatal(err)
	}
	if err := s.Checkpoint(filepath.Join(dir, "copy")); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), s, table, "after"); err != nil {
		t.Fatal(err)
	}
	if err := s.Checkpoint(filepath.Join(dir, "copy")); err == nil {
		t.Error("a checkpoint was written over another")
	}
	s = open(t, filepath.Join(dir, "copy"), pebblemeta.Options{})
	for name, want := range map[string]bool{"before": true, "after": false} {
		if found, err := has(t.Context(), s, table, name); found != want || err != nil {
			t.Errorf("%s is in the checkpoint: %t, %v", name, found, err)
		}
	}
}

func TestMetricsCount(t *testing.T) {
	table := meta.NewTable[string](0x10, "rows")
	s := open(t, t.TempDir(), pebblemeta.Options{})
	before := s.Metrics()
	for range 3 {
		if err := put(t.Context(), s, table, "a"); err != nil {
			t.Fatal(err)
		}
	}
	after := s.Metrics() // the last sync may not have been counted yet
	if after.Commits-before.Commits != 3 || after.Syncs-before.Syncs < 2 || after.LogBytes == before.LogBytes || after.DiskBytes == 0 {
		t.Errorf("before three commits %+v, after %+v", before, after)
	}
}

func TestADamagedFileIsAnErrorToItsReadersOnly(t *testing.T) {
	const rows = 64
	table, dir := meta.NewTable[[]byte](0x10, "rows"), t.TempDir()
	quiet := pebblemeta.Options{Logger: slog.New(slog.DiscardHandler)}
	name := func(i int) string { return fmt.Sprintf("%02d", i) }
	s, err := pebblemeta.Open(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows { // many blocks of the file
		err = errors.Join(err, s.Update(t.Context(), meta.LockSet{}.Write(table.Key(name(i))), func(tx meta.Tx) error {
			return table.Put(tx, randomValue(), name(i))
		}))
	}
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	// Opening moves what is in the log to a table file.
	if s, err = pebblemeta.Open(dir, quiet); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	damageLargest(t, dir)
	if s, err = pebblemeta.Open(dir, quiet); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	failed := 0
	for i := range rows {
		err := s.View(t.Context(), func(r meta.Reader) error {
			_, err := table.Get(t.Context(), r, name(i))
			return err
		})
		if errors.Is(err, meta.ErrNotFound) {
			t.Errorf("row %d is said to be absent", i)
		}
		if err != nil {
			failed++
		}
	}
	if failed == 0 || failed > rows/4 || s.Metrics().DamagedFiles == 0 {
		t.Errorf("%d of %d reads failed, with %d reports of damage", failed, rows, s.Metrics().DamagedFiles)
	}
}

// damageLargest changes a byte in the middle of the largest table file.
func damageLargest(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no table files: %v", err)
	}
	var name string
	var largest []byte
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > len(largest) {
			name, largest = file, b
		}
	}
	largest[len(largest)/2] ^= 0xff
	if err := os.WriteFile(name, largest, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADatabaseOfAnotherProgramIsRefused(t *testing.T) {
	disk := vfs.NewMem()
	db, err := pebble.Open("meta", &pebble.Options{FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Set([]byte("key"), nil, pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = pebblemeta.Open("meta", pebblemeta.Options{FS: disk})
	if err == nil || !strings.Contains(err.Error(), "not this program's") {
		t.Errorf("opened: %v", err)
	}
}
