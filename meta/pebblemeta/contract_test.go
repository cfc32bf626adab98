package pebblemeta_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/metatest"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

// open opens a store for the time of a test.
func open(t testing.TB, dir string, o pebblemeta.Options) *pebblemeta.Store {
	t.Helper()
	s, err := pebblemeta.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestContractInMemory(t *testing.T) {
	metatest.Run(t, func(t *testing.T) meta.Store {
		return open(t, "meta", pebblemeta.Options{FS: vfs.NewMem()})
	})
}

func TestContractOnDisk(t *testing.T) {
	metatest.Run(t, func(t *testing.T) meta.Store { return open(t, t.TempDir(), pebblemeta.Options{}) })
}

// Tables of a few rows: every clause also meets rows in table files, separated values and several levels.
func TestContractWithSmallTablesAndSeparatedValues(t *testing.T) {
	metatest.Run(t, func(t *testing.T) meta.Store {
		return open(t, "meta", pebblemeta.Options{FS: vfs.NewMem(), MemTableBytes: 32 << 10, SeparateValues: 4})
	})
}
