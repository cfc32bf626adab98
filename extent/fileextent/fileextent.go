// Package fileextent is an extent.Store in a directory of a local filesystem: one file for each extent.
//
// The extent at a location is the file <root>/<last two digits of the location>/<location>. A file is created under its final name, once;
// there is no rename, and no symbolic link is followed but those on the way to the root. Commit syncs the file and its directory before it returns. Large streams go past the page cache where
// the filesystem allows it.
//
// A file that a dead process left uncommitted stays, and can be opened in part, until somebody lists and deletes it: nothing names it.
// One process at a time uses a root.
package fileextent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/zot-artifact-store/zas/extent"
)

var (
	_ extent.Store     = (*Store)(nil)
	_ extent.FreeSpace = (*Store)(nil)
)

// Options are the settings of a Store. The zero value is good.
type Options struct {
	// Floor is the number of bytes of the filesystem that stay free: below it writing reports extent.ErrFull, so that metadata and
	// deletion still have room. 0 stands for 1 GiB or 1 % of the filesystem, whichever is less; a negative one for no floor.
	Floor int64
	// DirectStreams is how many streams at once may write past the page cache; each takes 2 MiB of buffers. Others go through the page cache.
	// 0 stands for 32; a negative one for none.
	DirectStreams int
	// Now tells the time; nil stands for time.Now.
	Now func() time.Time
}

// Store is an extent.Store in a directory. It is safe for concurrent use.
type Store struct {
	root string
	sys  system
	dirs [256]*directory
	room *room
	bufs *buffers // nil where direct writing does not work

	mu      sync.RWMutex
	writing map[extent.Location]*writer
	failed  error
}

// Open opens the store in the directory root, and makes it durably where it is absent.
func Open(root string, o Options) (*Store, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	return open(root, o, disk{})
}

func open(root string, o Options, sys system) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.DirectStreams == 0 {
		o.DirectStreams = 32
	}
	s := &Store{
		root:    root,
		sys:     sys,
		room:    &room{sys: sys, root: root, floor: o.Floor, now: o.Now},
		writing: make(map[extent.Location]*writer),
	}
	if err := s.makeDirs(); err != nil {
		return nil, fmt.Errorf("making directories for extents: %w", err)
	}
	if o.DirectStreams < 0 {
		return s, nil
	}
	direct, err := probeDirect(sys, root)
	if err != nil {
		return nil, fmt.Errorf("trying to write extents: %w", err)
	}
	if direct {
		s.bufs = newBuffers(o.DirectStreams)
	}
	return s, nil
}

// makeDirs makes the root and all 256 directories in it, so that a commit has only one directory to sync. One that leads elsewhere is refused:
// whoever can plant a link must not make the server write there.
func (s *Store) makeDirs() error {
	if err := makeDir(s.sys, s.root); err != nil {
		return err
	}
	for i := range s.dirs {
		path := filepath.Join(s.root, fmt.Sprintf("%02x", i))
		err := s.sys.mkdir(path)
		if errors.Is(err, fs.ErrExist) {
			err = s.sys.isDir(path)
		}
		if err != nil {
			return err
		}
		s.dirs[i] = newDirectory(path)
	}
	return s.sys.syncDir(s.root)
}

// probePath is a file of the root that is no extent.
func probePath(root string) string { return filepath.Join(root, "direct-io-probe") }

// Err reports why the store no longer commits: a sync has failed, so what the filesystem holds is no longer known. Reading and deleting go on.
// Only opening the store again, best after a look at the disk, clears it. It is nil for a sound store.
func (s *Store) Err() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.failed
}

// fail puts the store into the failed state.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = fmt.Errorf("the extent store has failed: %w", err)
	}
	return s.failed
}

// Free is the number of bytes that can be written before the floor. It may be a second old. The error is errors.ErrUnsupported where the system
// does not tell.
func (s *Store) Free() (int64, error) { return s.room.free() }

// Create implements extent.Store. In the failed state it reports Err.
func (s *Store) Create(ctx context.Context, l extent.Location, size int64) (extent.Writer, error) {
	w, err := s.create(ctx, l, size)
	if err != nil {
		return nil, fmt.Errorf("creating extent %s: %w", l, err)
	}
	return w, nil
}

func (s *Store) create(ctx context.Context, l extent.Location, size int64) (*writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !l.Valid() {
		return nil, errors.New("not a location")
	}
	if err := take(s.room, block); err != nil {
		return nil, err
	}
	w := &writer{store: s, at: l, dir: s.dir(l), hint: size}
	if err := s.begin(w); err != nil {
		return nil, err
	}
	f, err := s.sys.create(s.path(l))
	if err != nil {
		s.end(w)
		return nil, portError(err)
	}
	w.f, w.mark = f, w.dir.mark()
	if size >= directFrom {
		w.enlarge()
	}
	return w, nil
}

// begin enters w among the extents being written.
func (s *Store) begin(w *writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	if s.writing[w.at] != nil {
		return extent.ErrExists
	}
	s.writing[w.at] = w
	return nil
}

// end takes w from the extents being written, and says whether it was still there.
func (s *Store) end(w *writer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing[w.at] != w {
		return false
	}
	delete(s.writing, w.at)
	return true
}

// Open implements extent.Store. The reader is an *os.File.
func (s *Store) Open(ctx context.Context, l extent.Location, offset, _ int64) (io.ReadCloser, error) {
	f, err := s.openFile(ctx, l, offset)
	if err != nil {
		return nil, fmt.Errorf("opening extent %s: %w", l, err)
	}
	return f, nil
}

func (s *Store) openFile(ctx context.Context, l extent.Location, offset int64) (*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !l.Valid() || s.isWriting(l) {
		return nil, extent.ErrNotFound
	}
	f, err := os.OpenFile(s.path(l), os.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, portError(err)
	}
	if offset == 0 {
		return f, nil
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *Store) isWriting(l extent.Location) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.writing[l] != nil
}

// Delete implements extent.Store. The directory is not synced: a file that comes back after a loss of power has no owner, and goes with the next sweep.
// An extent that is still being written is lost to its writer, whose Commit then fails.
func (s *Store) Delete(ctx context.Context, l extent.Location) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !l.Valid() {
		return nil
	}
	s.mu.Lock()
	delete(s.writing, l)
	s.mu.Unlock()
	if err := s.sys.remove(s.path(l)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting extent %s: %w", l, err)
	}
	return nil
}

// List implements extent.Store. The size of an extent that is being written may be that of its preallocation.
func (s *Store) List(ctx context.Context) iter.Seq2[extent.Info, error] {
	return func(yield func(extent.Info, error) bool) {
		for i := range s.dirs {
			if !s.listDir(ctx, s.dirs[i].path, yield) {
				return
			}
		}
	}
}

// listDir yields the extents of one directory, and says whether to go on.
func (s *Store) listDir(ctx context.Context, path string, yield func(extent.Info, error) bool) bool {
	d, err := os.Open(path)
	if err != nil {
		yield(extent.Info{}, fmt.Errorf("listing extents: %w", err))
		return false
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(1024)
		for _, e := range entries {
			l := extent.Location(e.Name())
			if !l.Valid() || s.dir(l).path != path {
				continue
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted meanwhile
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(extent.Info{}, fmt.Errorf("listing extents: %w", err))
				return false
			}
			if !yield(extent.Info{Location: l, Size: info.Size()}, nil) {
				return false
			}
		}
		if err == io.EOF {
			return true
		}
		if err != nil {
			yield(extent.Info{}, fmt.Errorf("listing extents: %w", err))
			return false
		}
	}
}

// dir is the directory of a valid location.
func (s *Store) dir(l extent.Location) *directory {
	return s.dirs[digit(l[len(l)-2])<<4|digit(l[len(l)-1])]
}

func digit(c byte) int {
	if c >= 'a' {
		return int(c-'a') + 10
	}
	return int(c - '0')
}

func (s *Store) path(l extent.Location) string {
	return s.dir(l).path + string(filepath.Separator) + string(l)
}

// portError gives errors of the filesystem the meaning that they have in the port.
func portError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", extent.ErrNotFound, err)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w: %w", extent.ErrExists, err)
	case noRoom(err):
		return fmt.Errorf("%w: %w", extent.ErrFull, err)
	}
	return err
}

func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
