package server

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestTheSecretIsKept(t *testing.T) {
	dir := t.TempDir()
	first, err := keptSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, secretFile)
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if again, err := keptSecret(dir); err != nil || again != first {
		t.Errorf("another secret after a restart, %v", err)
	}
	if other, err := keptSecret(t.TempDir()); err != nil || other == first {
		t.Errorf("the same secret in another directory, %v", err)
	}
	a, err := first.key("a")
	b, err2 := first.key("b")
	if err != nil || err2 != nil || len(a) != 32 || bytes.Equal(a, b) || bytes.Equal(a, first[:]) {
		t.Error("the keys of two purposes are not apart")
	}
	for _, damaged := range []string{"", "00", "no hexadecimal"} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keptSecret(dir); err == nil {
			t.Errorf("%q is taken for a secret", damaged)
		}
	}
}
