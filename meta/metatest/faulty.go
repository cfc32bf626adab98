package metatest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/zot-artifact-store/zas/meta"
)

// ErrInjected is the failure that a Faulty store makes up.
var ErrInjected = errors.New("metatest: injected fault")

// FaultyStore is a store of which one call fails. Faulty makes it.
type FaultyStore struct {
	store meta.Store
	n     int64
	left  atomic.Int64
	point atomic.Pointer[string]
}

// Faulty wraps store so that the n-th call at the port fails with ErrInjected, counted from 1: the start of a View or
// Update, a Get, a step of a Scan, a Put, Delete, Append or Trim, a commit before it happens, and one after it has happened, whose
// answer is lost (meta.ErrUnknownOutcome). A test does a thing with n = 1, 2, … until nothing fails:
//
//	for n, fired := 1, true; fired; n++ {
//		faulty := metatest.Faulty(store, n)
//		err := thing(faulty)
//		fired = faulty.Fired() != ""
//		// check that err is nil or nothing is half done, and that doing it again on store succeeds
//	}
func Faulty(store meta.Store, n int) *FaultyStore {
	f := &FaultyStore{store: store, n: int64(n)}
	f.left.Store(int64(n))
	return f
}

// Fired names the call that failed, or is empty as long as none has.
func (f *FaultyStore) Fired() string {
	if p := f.point.Load(); p != nil {
		return *p
	}
	return ""
}

// Calls is how many calls there have been at the port: with a large n, what a thing costs.
func (f *FaultyStore) Calls() int64 { return f.n - f.left.Load() }

// hit counts a call, and returns its error if it is the one to fail.
func (f *FaultyStore) hit(point string) error {
	if f.left.Add(-1) != 0 {
		return nil
	}
	f.point.Store(&point)
	return fmt.Errorf("%s: %w", point, ErrInjected)
}

// View implements meta.Store.
func (f *FaultyStore) View(ctx context.Context, fn func(meta.Reader) error) error {
	if err := f.hit("view"); err != nil {
		return err
	}
	return f.store.View(ctx, func(r meta.Reader) error { return fn(faultyReader{r, f}) })
}

// Update implements meta.Store.
func (f *FaultyStore) Update(ctx context.Context, locks meta.LockSet, fn func(meta.Tx) error) error {
	if err := f.hit("update"); err != nil {
		return err
	}
	err := f.store.Update(ctx, locks, func(tx meta.Tx) error {
		if err := fn(faultyTx{faultyReader{tx, f}, tx}); err != nil {
			return err
		}
		return f.hit("commit, before it")
	})
	if err != nil {
		return err
	}
	if err := f.hit("commit, after it"); err != nil {
		return fmt.Errorf("%w: %w", meta.ErrUnknownOutcome, err)
	}
	return nil
}

type faultyReader struct {
	meta.Reader
	f *FaultyStore
}

func (r faultyReader) Get(ctx context.Context, k meta.Key) ([]byte, error) {
	if err := r.f.hit("get"); err != nil {
		return nil, err
	}
	return r.Reader.Get(ctx, k)
}

func (r faultyReader) Scan(ctx context.Context, rg meta.Range) iter.Seq2[meta.Row, error] {
	return func(yield func(meta.Row, error) bool) {
		if err := r.f.hit("scan, at its start"); err != nil {
			yield(meta.Row{}, err)
			return
		}
		for row, err := range r.Reader.Scan(ctx, rg) {
			if err == nil {
				err = r.f.hit("scan, at a row")
			}
			if err != nil {
				row = meta.Row{}
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

type faultyTx struct {
	faultyReader
	tx meta.Tx
}

func (t faultyTx) Put(k meta.Key, value []byte) error {
	if err := t.f.hit("put"); err != nil {
		return err
	}
	return t.tx.Put(k, value)
}

func (t faultyTx) Delete(k meta.Key) error {
	if err := t.f.hit("delete"); err != nil {
		return err
	}
	return t.tx.Delete(k)
}

func (t faultyTx) Append(log meta.Log, value []byte) error {
	if err := t.f.hit("append"); err != nil {
		return err
	}
	return t.tx.Append(log, value)
}

func (t faultyTx) Trim(log meta.Log, upTo meta.Position) error {
	if err := t.f.hit("trim"); err != nil {
		return err
	}
	return t.tx.Trim(log, upTo)
}
