package reference_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/internal/reference"
)

// update writes the pages instead of comparing them.
var update = flag.Bool("update", false, "write the pages")

func TestThePagesAreUpToDate(t *testing.T) {
	pages, err := reference.Pages()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		path := filepath.Join("..", "..", "docs", "reference", p.Name)
		if *update {
			if err := os.WriteFile(path, []byte(p.Text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v: run make generate", err)
		}
		if diff := cmp.Diff(string(text), p.Text); diff != "" {
			t.Errorf("docs/reference/%s is not up to date, run make generate:\n%s", p.Name, diff)
		}
	}
}
