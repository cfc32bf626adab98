package server

import (
	"os"
	"path/filepath"
	"testing"
)

// Attack 25.
func TestALinkInPlaceOfTheLockIsNotWrittenThrough(t *testing.T) {
	outside, dir := filepath.Join(t.TempDir(), "file"), t.TempDir()
	if err := os.WriteFile(outside, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if d, err := ClaimDirectory(dir); err == nil {
		t.Errorf("the directory was taken, %v", d.Close())
	}
	if text, err := os.ReadFile(outside); err != nil || string(text) != "kept" {
		t.Errorf("the file outside is %q, %v", text, err)
	}
}
