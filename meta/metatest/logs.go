package metatest

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/zot-artifact-store/zas/meta"
)

func logs() []clause {
	return []clause{
		{"a log keeps the order of the appends of a transaction", func(t *testing.T, f *fixture) {
			var want []string
			f.update(t, meta.LockSet{}, func(tx meta.Tx) error {
				want = nil
				for i := range 300 {
					want = append(want, strconv.Itoa(i))
					must(t, tx.Append(f.log, []byte(want[i])))
				}
				return nil
			})
			equal(t, f.logged(t), want)
		}},
		{"a log is in the order of the commits", commitOrder},
		{"a log is read on from a position", func(t *testing.T, f *fixture) {
			f.appendEach(t, "1", "2", "3")
			all := f.entries(t, meta.Position{})
			var rest []string
			for _, e := range f.entries(t, all[0].at) {
				rest = append(rest, e.value)
			}
			equal(t, rest, []string{"2", "3"})
		}},
		{"the engine keeps no reference to a value appended", func(t *testing.T, f *fixture) {
			f.update(t, meta.LockSet{}, func(tx meta.Tx) error {
				value := []byte("before")
				err := tx.Append(f.log, value)
				copy(value, "after!")
				return err
			})
			equal(t, f.logged(t), []string{"before"})
		}},
		{"a trim removes the entries up to its position and no others", func(t *testing.T, f *fixture) {
			f.appendEach(t, "1", "2", "3")
			f.put(t, "a/1")
			at := f.entries(t, meta.Position{})[1].at
			f.trim(t, at)
			equal(t, f.logged(t), []string{"3"})
			f.trim(t, at)
			equal(t, f.logged(t), []string{"3"})
			equal(t, f.stored(t), []string{"a/1"})
		}},
		{"a trim spares the appends of its own transaction", func(t *testing.T, f *fixture) {
			f.appendEach(t, "1")
			f.update(t, meta.LockSet{}.Guard(f.log.Guard()), func(tx meta.Tx) error {
				must(t, tx.Append(f.log, []byte("2")))
				return tx.Trim(f.log, meta.Position{Version: 1 << 62})
			})
			equal(t, f.logged(t), []string{"2"})
		}},
		{"versions grow with every commit, and a view's is that of the newest in it", func(t *testing.T, f *fixture) {
			last := uint64(0)
			for i := range 20 {
				f.appendEach(t, strconv.Itoa(i))
				at := f.entries(t, meta.Position{})[i].at
				if at.Version <= last {
					t.Fatalf("version %d after %d", at.Version, last)
				}
				last = at.Version
				f.view(t, func(r meta.Reader) error {
					equal(t, r.Version(), last)
					return nil
				})
				f.update(t, meta.LockSet{}, func(tx meta.Tx) error {
					equal(t, tx.Version(), last)
					return nil
				})
			}
		}},
	}
}

// appendEach appends each value in a transaction of its own.
func (f *fixture) appendEach(t *testing.T, values ...string) {
	t.Helper()
	for _, v := range values {
		f.update(t, meta.LockSet{}, func(tx meta.Tx) error { return tx.Append(f.log, []byte(v)) })
	}
}

func (f *fixture) trim(t *testing.T, upTo meta.Position) {
	t.Helper()
	f.update(t, meta.LockSet{}.Guard(f.log.Guard()), func(tx meta.Tx) error { return tx.Trim(f.log, upTo) })
}

// commitOrder: the values of a counter, appended with its increments, are in order and complete in the log; and a view that has seen
// an entry has seen all before it.
func commitOrder(t *testing.T, f *fixture) {
	const workers, each = 8, 25
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if err := f.increment(t, "a/counter"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	var follower sync.WaitGroup
	follower.Go(func() {
		seen := 0
		for {
			values := f.logged(t)
			if len(values) < seen || !slices.Equal(values, numbers(len(values))) {
				t.Errorf("a view of the log, which had %d entries, is %v", seen, values)
			}
			seen = len(values)
			select {
			case <-done:
				return
			default:
			}
		}
	})
	wg.Wait()
	close(done)
	follower.Wait()
	equal(t, f.logged(t), numbers(workers*each))
	equal(t, f.stored(t), []string{fmt.Sprintf("a/counter=%d", workers*each)})
}

// increment adds one to the counter at path and appends its new value to the log.
func (f *fixture) increment(t *testing.T, path string) error {
	return f.Update(t.Context(), f.write(path), func(tx meta.Tx) error {
		now, err := f.find(t.Context(), tx, path)
		if err != nil {
			return err
		}
		n, _ := strconv.Atoi(now) // absent is 0
		next := strconv.Itoa(n + 1)
		if err := tx.Append(f.log, []byte(next)); err != nil {
			return err
		}
		return f.rows.PutKey(tx, f.key(path), next)
	})
}

func numbers(n int) []string {
	var out []string
	for i := range n {
		out = append(out, strconv.Itoa(i+1))
	}
	return out
}
