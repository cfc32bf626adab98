package metatest

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/zot-artifact-store/zas/meta"
)

func isolation() []clause {
	return []clause{
		{"nobody sees a transaction under way", func(t *testing.T, f *fixture) {
			f.put(t, "a/1")
			f.update(t, f.write("a/1", "a/2"), func(tx meta.Tx) error {
				must(t, f.rows.Put(tx, "new", "a", "2"))
				must(t, f.rows.Delete(tx, "a", "1"))
				equal(t, f.stored(t), []string{"a/1"})
				return nil
			})
			equal(t, f.stored(t), []string{"a/2=new"})
		}},
		{"a view is one snapshot while writers run", oneSnapshot},
		{"no increment of a counter is lost", func(t *testing.T, f *fixture) { must(t, lostUpdates(t, f)) }},
		{"write skew through an absent key is prevented", func(t *testing.T, f *fixture) { must(t, skewThroughKey(t.Context(), f)) }},
		{"write skew through an empty range is prevented", func(t *testing.T, f *fixture) { must(t, skewThroughRange(t.Context(), f)) }},
		{"of two that find a range empty one fills it", func(t *testing.T, f *fixture) { must(t, phantom(t.Context(), f)) }},
	}
}

// oneSnapshot: a view, however long it lasts, sees the same; and the two rows that writers change together are equal.
func oneSnapshot(t *testing.T, f *fixture) {
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := f.Update(t.Context(), f.write("a/1", "b/1"), func(tx meta.Tx) error {
				must(t, f.rows.Put(tx, strconv.Itoa(i), "a", "1"))
				return f.rows.Put(tx, strconv.Itoa(i), "b", "1")
			}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 50 {
		f.view(t, func(r meta.Reader) error {
			version := r.Version()
			first, err := f.find(t.Context(), r, "a/1")
			must(t, err)
			for range 5 {
				runtime.Gosched()
				for _, path := range []string{"b/1", "a/1"} {
					again, err := f.find(t.Context(), r, path)
					equal(t, again, first)
					must(t, err)
				}
				_, err := f.scan(t.Context(), r, f.rows.All())
				must(t, err)
			}
			equal(t, r.Version(), version)
			return nil
		})
	}
	close(stop)
	wg.Wait()
}

func lostUpdates(t *testing.T, f *fixture) error {
	const workers, each = 8, 30
	errs := make(chan error, workers*each)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				errs <- f.increment(t, "a/counter")
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return f.View(t.Context(), func(r meta.Reader) error {
		if got, err := f.find(t.Context(), r, "a/counter"); err != nil || got != strconv.Itoa(workers*each) {
			return fmt.Errorf("the counter is %s after %d increments (%v)", got, workers*each, err)
		}
		return nil
	})
}

const skewRounds = 100

// race runs both at the same time.
func race(a, b func() error) error {
	start, result := make(chan struct{}), make(chan error, 2)
	for _, fn := range []func() error{a, b} {
		go func() {
			<-start
			result <- fn()
		}()
	}
	close(start)
	first, second := <-result, <-result
	if first != nil {
		return first
	}
	return second
}

// count reports an error unless the group has want rows.
func (f *fixture) count(ctx context.Context, group string, want int) error {
	return f.View(ctx, func(r meta.Reader) error {
		got, err := f.scan(ctx, r, f.rows.Prefix(group))
		if err == nil && len(got) != want {
			err = fmt.Errorf("group %s has rows %v, want %d", group, got, want)
		}
		return err
	})
}

// skewThroughKey: each of two writes its key if the other's is absent; so one of them is written.
func skewThroughKey(ctx context.Context, f *fixture) error {
	for i := range skewRounds {
		group := strconv.Itoa(i)
		writeUnless := func(own, other string) func() error {
			return func() error {
				return f.Update(ctx, f.write(own).Read(f.key(other)), func(tx meta.Tx) error {
					found, err := f.find(ctx, tx, other)
					if err != nil || found != "-" {
						return err
					}
					runtime.Gosched()
					return f.rows.PutKey(tx, f.key(own), own)
				})
			}
		}
		x, y := group+"/x", group+"/y"
		if err := race(writeUnless(x, y), writeUnless(y, x)); err != nil {
			return err
		}
		if err := f.count(ctx, group, 1); err != nil {
			return err
		}
	}
	return nil
}

// fillUnless writes a row if group is empty.
func (f *fixture) fillUnless(ctx context.Context, group, path string) func() error {
	return func() error {
		return f.Update(ctx, f.write(path).Guard(f.rows.Guard(group)), func(tx meta.Tx) error {
			any, err := meta.Any(ctx, tx, f.rows.Prefix(group))
			if err != nil || any {
				return err
			}
			runtime.Gosched()
			return f.rows.PutKey(tx, f.key(path), path)
		})
	}
}

// skewThroughRange: each of two writes into its group if the other's is empty; so one of them does.
func skewThroughRange(ctx context.Context, f *fixture) error {
	for i := range skewRounds {
		x, y := fmt.Sprintf("x%d", i), fmt.Sprintf("y%d", i)
		if err := race(f.fillUnless(ctx, x, y+"/1"), f.fillUnless(ctx, y, x+"/1")); err != nil {
			return err
		}
		if inX, inY := f.count(ctx, x, 1), f.count(ctx, y, 1); (inX == nil) == (inY == nil) {
			return fmt.Errorf("both or none of the groups were filled: %v, %v", inX, inY)
		}
	}
	return nil
}

func phantom(ctx context.Context, f *fixture) error {
	for i := range skewRounds {
		group := strconv.Itoa(i)
		if err := race(f.fillUnless(ctx, group, group+"/1"), f.fillUnless(ctx, group, group+"/2")); err != nil {
			return err
		}
		if err := f.count(ctx, group, 1); err != nil {
			return err
		}
	}
	return nil
}
