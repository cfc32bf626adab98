package fileextent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/zot-artifact-store/zas/extent"
)

const directFrom = 8 << 20 // bytes; shorter extents gain nothing from going past the page cache

// writer is one extent being written.
type writer struct {
	store *Store
	at    extent.Location
	dir   *directory
	mark  uint64 // of dir, after the file was made
	f     file
	hint  int64

	size   int64   // bytes taken
	large  bool    // the choice whether to stream has been made
	stream *stream // nil while writing goes through the page cache
	err    error   // the first failure; nothing is written after it
	done   bool    // committed or given up
}

// Write implements extent.Writer. Beyond 8 MiB a failure may be one of an earlier Write.
func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, os.ErrClosed
	}
	taken := 0
	if !w.large {
		taken = w.buffered(p[:min(int64(len(p)), directFrom-w.size)])
		if w.size == directFrom {
			w.enlarge()
		}
	}
	if rest := p[taken:]; len(rest) > 0 && w.err == nil {
		if w.stream != nil {
			taken += w.streamed(rest)
		} else {
			taken += w.buffered(rest)
		}
	}
	if w.err != nil {
		return taken, fmt.Errorf("writing extent %s: %w", w.at, w.err)
	}
	return taken, nil
}

func (w *writer) buffered(p []byte) int {
	if w.err != nil {
		return 0
	}
	if w.err = take(w.store.room, int64(len(p))); w.err != nil {
		return 0
	}
	n, err := w.f.Write(p)
	w.size += int64(n)
	if err != nil {
		w.err = portError(err)
	}
	return n
}

func (w *writer) streamed(p []byte) int {
	n, err := w.stream.Write(p)
	w.size += int64(n)
	if err != nil {
		w.err = portError(err)
	}
	return n
}

// enlarge begins to stream past the page cache, if there are buffers for it.
func (w *writer) enlarge() {
	w.large = true
	bufs := w.store.bufs
	if bufs == nil || !bufs.reserve() {
		return
	}
	if w.f.setDirect(true) != nil {
		bufs.release()
		return
	}
	w.stream = newStream(w.store, w.f, w.size, w.hint)
}

// Commit implements extent.Writer. The file is synced first, then its directory. After a failed sync no extent of this store is committed any more:
// see Store.Err.
func (w *writer) Commit(ctx context.Context) error {
	if w.done {
		return os.ErrClosed
	}
	if err := w.commit(ctx); err != nil {
		w.err = err
		return fmt.Errorf("committing extent %s: %w", w.at, err)
	}
	w.done = true
	return nil
}

func (w *writer) commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.err != nil {
		return w.err
	}
	if err := w.store.Err(); err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return portError(err)
	}
	if err := w.syncFile(); err != nil {
		return err
	}
	switch err := w.dir.settle(w.store.sys, w.mark); {
	case errors.Is(err, errNotTried):
		return err
	case err != nil:
		return w.store.fail(err)
	}
	if !w.store.end(w) {
		return extent.ErrNotFound // deleted meanwhile
	}
	return nil
}

// flush gives all bytes to the filesystem, and the file its size.
func (w *writer) flush() error {
	if w.stream == nil {
		return nil
	}
	err := w.stream.finish(true)
	w.stream = nil
	if err != nil {
		return err
	}
	return w.f.Truncate(w.size)
}

// syncFile makes the bytes durable and closes the file.
func (w *writer) syncFile() error {
	err := w.f.sync()
	closing := w.f.Close()
	w.f = nil
	switch {
	case noRoom(err):
		return portError(err) // a network filesystem may find out only now; other extents are as good as they were
	case err != nil:
		return w.store.fail(err)
	}
	return closing
}

// Abort implements extent.Writer. After a failed Commit it still removes the file.
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	var errs []error
	if w.stream != nil {
		_ = w.stream.finish(false) // what failed to be written is given up anyway
	}
	if w.f != nil {
		errs = append(errs, w.f.Close())
	}
	if w.store.end(w) {
		if err := w.store.sys.remove(w.store.path(w.at)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("giving up extent %s: %w", w.at, err)
	}
	return nil
}

// take sets room aside, or reports extent.ErrFull.
func take(r *room, n int64) error {
	ok, err := r.take(n)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w above the floor", extent.ErrFull)
	}
	return nil
}
