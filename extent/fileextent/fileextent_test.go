package fileextent_test

import (
	"testing"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/extent/fileextent"
)

func open(t *testing.T) extent.Store {
	t.Helper()
	s, err := fileextent.Open(t.TempDir(), fileextent.Options{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

func TestContract(t *testing.T) { extenttest.Run(t, open) }
