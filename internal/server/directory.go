package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Directory is a data directory that this process alone uses.
type Directory struct {
	Path string // absolute
	lock *os.File
}

// ClaimDirectory makes path, for its owner only, and locks it until Close. The lock ends with the process, however that ends.
// Errors: another process uses it; it is the data directory of another product.
func ClaimDirectory(path string) (*Directory, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if sign, product := otherProduct(path); product != "" {
		return nil, fmt.Errorf("the data directory %s belongs to %s (it holds %s): choose an empty one", path, product, sign)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR|noFollow, 0o600) // it will be truncated
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	switch err := lockFile(lock); {
	case errors.Is(err, errLocked):
		owner, _ := os.ReadFile(lock.Name())
		return nil, errors.Join(fmt.Errorf("the data directory %s is in use by another zas (process %s): stop it, or choose another directory",
			path, strings.TrimSpace(string(owner))), lock.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock the data directory: %w", err), lock.Close())
	}
	err = lock.Truncate(0)
	if err == nil {
		_, err = lock.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0) // for people who wonder
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the data directory: %w", err), lock.Close())
	}
	return &Directory{Path: path, lock: lock}, nil
}

// Close gives the directory back.
func (d *Directory) Close() error { return d.lock.Close() }

// errLocked says that another process holds the lock.
var errLocked = errors.New("locked")

// otherProduct recognises data directories that must not be mixed with: it names what it saw and whose it is.
func otherProduct(path string) (sign, product string) {
	signs := []struct{ name, product string }{
		{".minio.sys", "MinIO"},
		{"docker/registry/v2", "distribution (the CNCF registry)"},
		{"cache.db", "zot"},
		{"meta.db", "zot"},
		{"_trivy", "zot"},
		{"oci-layout", "an OCI layout"},
	}
	for _, s := range signs {
		if exists(filepath.Join(path, s.name)) {
			return s.name, s.product
		}
	}
	// zot: a directory for each repository, possibly nested, with an OCI layout each.
	for _, pattern := range []string{"*/oci-layout", "*/*/oci-layout"} {
		if found, _ := fs.Glob(os.DirFS(path), pattern); len(found) > 0 { // the patterns are well-formed
			return found[0], "zot, or holds OCI layouts"
		}
	}
	return "", ""
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
