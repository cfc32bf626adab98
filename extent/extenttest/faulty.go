package extenttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/zot-artifact-store/zas/extent"
)

// ErrInjected marks a failure that was asked for.
var ErrInjected = errors.New("injected fault")

// FaultyStore is a store of which one call fails.
type FaultyStore struct {
	store extent.Store
	after bool // the failing call is carried out all the same

	mu    sync.Mutex
	left  int
	fired string
}

var _ extent.Store = (*FaultyStore)(nil)

// Faulty is s with a failure: the n-th call of Create, Write, Commit, Open, Read, Delete, List or a step of List reports ErrInjected
// and has no effect. Calls before and after it are those of s. With n = 0 none fails. A test runs its verb with n = 1, 2, 3 and so on until
// Fired is "":
//
//	for n := 1; ; n++ {
//		faulty := extenttest.Faulty(extenttest.NewMemory(), n)
//		err := verb(faulty)
//		if faulty.Fired() == "" {
//			break // n is beyond the last call, and err must be nil
//		}
//		// nothing partial is visible, and trying again succeeds
//	}
func Faulty(s extent.Store, n int) *FaultyStore { return &FaultyStore{store: s, left: n} }

// FaultyAfter is like Faulty, but the failing call has been carried out when it reports ErrInjected, as when an answer is lost: an extent is committed,
// created or deleted without its caller knowing.
func FaultyAfter(s extent.Store, n int) *FaultyStore {
	return &FaultyStore{store: s, left: n, after: true}
}

// Fired names the call that failed, "Commit" for example; it is "" as long as none has.
func (f *FaultyStore) Fired() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// hit counts a call, and says whether it is the one that fails.
func (f *FaultyStore) hit(call string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		return false
	}
	f.left--
	if f.left > 0 {
		return false
	}
	f.fired = call
	return true
}

func injected(call string) error { return fmt.Errorf("%s: %w", call, ErrInjected) }

// do carries call out, or not, and makes it fail when its turn has come.
func (f *FaultyStore) do(name string, call func() error) error {
	hit := f.hit(name)
	if hit && !f.after {
		return injected(name)
	}
	if err := call(); err != nil || !hit {
		return err
	}
	return injected(name)
}

// Create implements extent.Store.
func (f *FaultyStore) Create(ctx context.Context, l extent.Location, size int64) (extent.Writer, error) {
	w := &faultyWriter{faults: f}
	err := f.do("Create", func() (err error) {
		w.Writer, err = f.store.Create(ctx, l, size)
		return err
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Open implements extent.Store.
func (f *FaultyStore) Open(ctx context.Context, l extent.Location, offset, length int64) (io.ReadCloser, error) {
	if f.hit("Open") {
		return nil, injected("Open")
	}
	r, err := f.store.Open(ctx, l, offset, length)
	if err != nil {
		return nil, err
	}
	return faultyReader{r, f}, nil
}

// Delete implements extent.Store.
func (f *FaultyStore) Delete(ctx context.Context, l extent.Location) error {
	return f.do("Delete", func() error { return f.store.Delete(ctx, l) })
}

// List implements extent.Store.
func (f *FaultyStore) List(ctx context.Context) iter.Seq2[extent.Info, error] {
	return func(yield func(extent.Info, error) bool) {
		if f.hit("List") {
			yield(extent.Info{}, injected("List"))
			return
		}
		for info, err := range f.store.List(ctx) {
			if err == nil && f.hit("List step") {
				info, err = extent.Info{}, injected("List step")
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

type faultyWriter struct {
	extent.Writer
	faults *FaultyStore
	err    error // an extent with a hole is not committed
}

// Write implements extent.Writer.
func (w *faultyWriter) Write(p []byte) (n int, err error) {
	if w.err != nil {
		return 0, w.err
	}
	err = w.faults.do("Write", func() (err error) {
		n, err = w.Writer.Write(p)
		return err
	})
	w.err = err
	return n, err
}

// Commit implements extent.Writer.
func (w *faultyWriter) Commit(ctx context.Context) error {
	if w.err != nil {
		return w.err
	}
	return w.faults.do("Commit", func() error { return w.Writer.Commit(ctx) })
}

type faultyReader struct {
	io.ReadCloser
	faults *FaultyStore
}

// Read implements io.Reader.
func (r faultyReader) Read(p []byte) (int, error) {
	if r.faults.hit("Read") {
		return 0, injected("Read")
	}
	return r.ReadCloser.Read(p)
}
