//go:build !linux

package fileextent

import (
	"errors"
	"os"
)

// Elsewhere than on Linux the store works, with neither direct writing nor preallocation nor a look at the room left, and links in place of
// extents are followed.

const noFollow = 0

func datasync(f *os.File) error { return f.Sync() }

func setDirect(*os.File, bool) error { return errors.ErrUnsupported }

func allocate(*os.File, int64, int64) error { return errors.ErrUnsupported }

func statfs(string) (left, total int64, err error) { return 0, 0, errors.ErrUnsupported }
