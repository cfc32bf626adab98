package fileextent_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/extent/fileextent"
)

// pathOf is where the extent at l is kept.
func pathOf(root string, l extent.Location) string {
	return filepath.Join(root, string(l[len(l)-2:]), string(l))
}

// Attack 25: what somebody plants in the data directory leads the server nowhere else.
func TestPlantedLinks(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	s := openAt(t, root)
	for name, link := range map[string]func(old, new string) error{"a symbolic link": os.Symlink, "a hard link": os.Link} {
		l := extent.NewLocation(epoch)
		if err := link(outside, pathOf(root, l)); err != nil {
			t.Fatal(err)
		}
		t.Run(name+" in place of an extent is not written through", func(t *testing.T) {
			if _, err := s.Create(t.Context(), l, 10); !errors.Is(err, extent.ErrExists) {
				t.Errorf("Create: %v", err)
			}
		})
		if name == "a symbolic link" {
			t.Run(name+" in place of an extent is not read through", func(t *testing.T) {
				if r, err := s.Open(t.Context(), l, 0, 6); err == nil {
					_ = r.Close()
					t.Error("Open follows it")
				}
			})
		}
		t.Run(name+" in place of an extent is deleted, not what it leads to", func(t *testing.T) {
			if err := s.Delete(t.Context(), l); err != nil {
				t.Error(err)
			}
			if text, err := os.ReadFile(outside); err != nil || string(text) != "secret" {
				t.Errorf("the file outside is %q, %v", text, err)
			}
		})
	}
	t.Run("a symbolic link in place of a directory is refused", func(t *testing.T) {
		elsewhere := t.TempDir()
		if err := os.Remove(filepath.Join(root, "7f")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(elsewhere, filepath.Join(root, "7f")); err != nil {
			t.Fatal(err)
		}
		if _, err := fileextent.Open(root, fileextent.Options{}); err == nil {
			t.Error("it was opened")
		}
		if entries, _ := os.ReadDir(elsewhere); len(entries) != 0 {
			t.Errorf("written elsewhere: %v", entries)
		}
	})
	t.Run("the root itself may be a link", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "extents")
		if err := os.Symlink(t.TempDir(), link); err != nil {
			t.Fatal(err)
		}
		if err := put(t.Context(), openAt(t, link), extent.NewLocation(epoch), 10); err != nil {
			t.Error(err)
		}
	})
}
