package fileextent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// system is what the store asks of the filesystem when it writes. It stands apart so that a filesystem which loses power can stand in its place.
type system interface {
	// mkdir makes one directory; fs.ErrExist and fs.ErrNotExist (no parent) are told apart.
	mkdir(path string) error
	// isDir reports an error unless there is a directory at path itself, not at the end of a link.
	isDir(path string) error
	// create makes a new file for writing; fs.ErrExist when there is one.
	create(path string) (file, error)
	// syncDir makes the entries of a directory durable. After an error that is errNotTried it may be called again.
	syncDir(path string) error
	// remove takes a file's name away; fs.ErrNotExist when there is none.
	remove(path string) error
	// space is the room left to an unprivileged user, and in all, in bytes.
	space(path string) (left, total int64, err error)
}

// file is a new file, written from its beginning to its end.
type file interface {
	io.WriteCloser
	// setDirect turns writing past the page cache on or off. While it is on, writes are whole aligned blocks.
	setDirect(on bool) error
	// allocate finds room for length bytes at offset; it may lengthen the file.
	allocate(offset, length int64) error
	Truncate(size int64) error
	// sync makes the contents and the size durable. It is called once.
	sync() error
}

// errNotTried says that a sync has not begun, so that nothing is in doubt.
var errNotTried = errors.New("sync not tried")

// disk is the operating system's filesystem.
type disk struct{}

func (disk) mkdir(path string) error { return os.Mkdir(path, 0o700) }

func (disk) isDir(path string) error {
	info, err := os.Lstat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", path)
	}
	return err
}

func (disk) create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (disk) syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotTried, err) // too many open files, say
	}
	return errors.Join(d.Sync(), d.Close())
}

func (disk) remove(path string) error { return os.Remove(path) }

func (disk) space(path string) (left, total int64, err error) { return statfs(path) }

type diskFile struct{ *os.File }

func (f diskFile) setDirect(on bool) error             { return setDirect(f.File, on) }
func (f diskFile) allocate(offset, length int64) error { return allocate(f.File, offset, length) }
func (f diskFile) sync() error                         { return datasync(f.File) }

// makeDir makes the directory at path, with its parents, so that it outlives a loss of power. Parents that are there already are synced as well,
// since a process may have died after it made one.
func makeDir(sys system, path string) error {
	parent := filepath.Dir(path)
	if parent == path {
		return nil
	}
	if err := makeDir(sys, parent); err != nil {
		return err
	}
	made := sys.mkdir(path)
	if made != nil && !errors.Is(made, fs.ErrExist) {
		return made
	}
	err := sys.syncDir(parent)
	if made != nil && errors.Is(err, fs.ErrPermission) {
		return nil // where we may not look we have not written
	}
	return err
}
