package telemetry_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/extent/fileextent"
	"github.com/zot-artifact-store/zas/internal/telemetry"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

func TestExtentsAreCountedAndStayFiles(t *testing.T) {
	store, err := fileextent.Open(filepath.Join(t.TempDir(), "extents"), fileextent.Options{Floor: -1})
	if err != nil {
		t.Fatal(err)
	}
	f := face{metrics: telemetry.NewMetrics()}
	counted := f.metrics.Extents(store)
	if _, ok := counted.(extent.FreeSpace); !ok {
		t.Error("the free space is no longer told")
	}
	at := extent.NewLocation(extent.NewEpoch())
	w, err := counted.Create(t.Context(), at, 5)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, "bytes")
	if err := errors.Join(err, w.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	r, err := counted.Open(t.Context(), at, 0, 5)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := r.(*os.File); !ok {
		t.Errorf("a reader is a %T", r)
	}
	_ = r.Close()
	if _, err := counted.Open(t.Context(), extent.NewLocation(at.Epoch()), 0, 1); !errors.Is(err, extent.ErrNotFound) {
		t.Errorf("an absent extent: %v", err)
	}
	wantMetrics(t, f,
		`zas_store_operations_total{operation="commit",result="ok",store="extents"} 1`,
		`zas_store_operations_total{operation="open",result="ok",store="extents"} 1`,
		`zas_store_operations_total{operation="open",result="failed",store="extents"} 1`,
		`zas_store_bytes_total{direction="written",store="extents"} 5`)
}

func TestTransactionsAreCountedByWhoEndedThem(t *testing.T) {
	store, err := pebblemeta.Open("", pebblemeta.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	f := face{metrics: telemetry.NewMetrics()}
	counted := f.metrics.Meta(store)
	refusal := errors.New("not today")
	if err := counted.Update(t.Context(), meta.LockSet{}, func(meta.Tx) error { return refusal }); !errors.Is(err, refusal) {
		t.Errorf("the refusal became %v", err)
	}
	if err := counted.View(t.Context(), func(meta.Reader) error { return nil }); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := counted.View(ctx, func(meta.Reader) error { return nil }); err == nil {
		t.Error("a cancelled view succeeded")
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	wantMetrics(t, f,
		`zas_store_operations_total{operation="update",result="refused",store="metadata"} 1`,
		`zas_store_operations_total{operation="view",result="ok",store="metadata"} 1`,
		`zas_store_operations_total{operation="view",result="failed",store="metadata"} 1`,
		`zas_store_transaction_attempts_total 1`)
}

func wantMetrics(t *testing.T, f face, lines ...string) {
	t.Helper()
	text := f.scrape()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("metrics lack %s", line)
		}
	}
}
