package pebblemeta_test

import (
	"errors"
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
	after := s.Metrics()
	if after.Commits-before.Commits != 3 || after.Syncs-before.Syncs != 3 || after.LogBytes == before.LogBytes || after.DiskBytes == 0 {
		t.Errorf("before three commits %+v, after %+v", before, after)
	}
}

func TestADamagedFileIsAnErrorToItsReadersOnly(t *testing.T) {
	table, dir := meta.NewTable[string](0x10, "rows"), t.TempDir()
	s, err := pebblemeta.Open(dir, pebblemeta.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(t.Context(), s, table, "a"), s.Close()); err != nil {
		t.Fatal(err)
	}
	// Opening moves what is in the log to a table file.
	if s, err = pebblemeta.Open(dir, pebblemeta.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no table files: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/8] ^= 0xff // in the first block, which holds the rows
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s, err = pebblemeta.Open(dir, pebblemeta.Options{}); err != nil {
		t.Logf("the damage is found on opening: %v", err)
		return
	}
	defer func() { _ = s.Close() }()
	if _, err := has(t.Context(), s, table, "a"); err == nil || s.Metrics().DamagedFiles == 0 {
		t.Errorf("read with error %v, and %d reports of damage", err, s.Metrics().DamagedFiles)
	}
	if err := put(t.Context(), s, table, "b"); err != nil {
		t.Errorf("other rows cannot be written: %v", err)
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
