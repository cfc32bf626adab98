package pebblemeta_test

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

func TestPutIsThereAfterReopen(t *testing.T) {
	fs := vfs.NewMem()
	s, err := pebblemeta.Open("a/b", pebblemeta.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	table := meta.NewTable[string](0x10, "t", 1)
	err = s.Update(t.Context(), meta.LockSet{}.Write(table.Key("a", "b")), func(tx meta.Tx) error {
		return table.Put(tx, "v", "a", "b")
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.View(t.Context(), nil); !errors.Is(err, meta.ErrClosed) {
		t.Fatal(err)
	}
	if s, err = pebblemeta.Open("a/b", pebblemeta.Options{FS: fs}); err != nil {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(r meta.Reader) error {
		v, err := table.Get(t.Context(), r, "a", "b")
		if v != "v" || r.Version() != 1 {
			t.Errorf("%q %v version %d", v, err, r.Version())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", s.Metrics())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
