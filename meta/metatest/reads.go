package metatest

import (
	"fmt"
	"testing"

	"github.com/zot-artifact-store/zas/meta"
)

func gets() []clause {
	return []clause{
		{"an absent key is not found", func(t *testing.T, f *fixture) {
			f.view(t, func(r meta.Reader) error {
				_, err := r.Get(t.Context(), f.key("a/1"))
				wantErr(t, err, meta.ErrNotFound)
				return nil
			})
		}},
		{"a value is got as it was put last", func(t *testing.T, f *fixture) {
			k := f.key("a/1")
			for _, value := range []string{"one", "", "\x00\xff", string(make([]byte, 70_000))} {
				f.update(t, f.write("a/1"), func(tx meta.Tx) error { return tx.Put(k, []byte(value)) })
				f.view(t, func(r meta.Reader) error {
					got, err := r.Get(t.Context(), k)
					equal(t, string(got), value)
					return err
				})
			}
		}},
		{"a deleted key is not found", func(t *testing.T, f *fixture) {
			f.put(t, "a/1", "a/2")
			f.update(t, f.write("a/1"), func(tx meta.Tx) error { return tx.Delete(f.key("a/1")) })
			equal(t, f.stored(t), []string{"a/2"})
		}},
		{"deleting an absent key is no error", func(t *testing.T, f *fixture) {
			f.update(t, f.write("a/1"), func(tx meta.Tx) error { return tx.Delete(f.key("a/1")) })
			equal(t, f.stored(t), nil)
		}},
		{"the engine keeps no reference to a value put", func(t *testing.T, f *fixture) {
			k := f.key("a/1")
			f.update(t, f.write("a/1"), func(tx meta.Tx) error {
				value := []byte("before")
				err := tx.Put(k, value)
				copy(value, "after!")
				got, getErr := tx.Get(t.Context(), k)
				equal(t, string(got), "before")
				must(t, getErr)
				return err
			})
			f.view(t, func(r meta.Reader) error {
				got, err := r.Get(t.Context(), k)
				equal(t, string(got), "before")
				return err
			})
		}},
		{"a value got belongs to the caller", func(t *testing.T, f *fixture) {
			k := f.key("a/1")
			f.update(t, f.write("a/1"), func(tx meta.Tx) error {
				must(t, tx.Put(k, []byte("before")))
				got, err := tx.Get(t.Context(), k)
				copy(got, "after!")
				return err
			})
			for range 2 {
				f.view(t, func(r meta.Reader) error {
					got, err := r.Get(t.Context(), k)
					equal(t, string(got), "before")
					copy(got, "after!")
					return err
				})
			}
		}},
	}
}

func scans() []clause {
	return []clause{
		{"a scan yields the rows of its range in the order of their keys", func(t *testing.T, f *fixture) {
			f.put(t, "b/1", "a/2", "a/1", "a/10", "c", "a", "ab/1")
			for _, c := range []struct {
				name string
				r    meta.Range
				want []string
			}{
				{"all", f.rows.All(), []string{"a", "a/1", "a/10", "a/2", "ab/1", "b/1", "c"}},
				{"prefix", f.rows.Prefix("a"), []string{"a", "a/1", "a/10", "a/2"}},
				{"starting", f.rows.Starting("1", "a"), []string{"a/1", "a/10"}},
				{"first part starting", f.rows.Starting("a"), []string{"a", "a/1", "a/10", "a/2", "ab/1"}},
				{"after", f.rows.After(f.rows.All(), "a"), []string{"ab/1", "b/1", "c"}},
				{"after a row", f.rows.After(f.rows.Prefix("a"), "a", "1"), []string{"a/10", "a/2"}},
				{"from", f.rows.From(f.rows.Prefix("a"), "a", "10"), []string{"a/10", "a/2"}},
				{"skipping", f.rows.SkipPrefix(f.rows.Prefix("a"), "1", "a"), []string{"a/2"}},
				{"limited", f.rows.All().Limited(2), []string{"a", "a/1"}},
				{"limit beyond the end", f.rows.Prefix("b").Limited(5), []string{"b/1"}},
				{"reversed", f.rows.Prefix("a").Reversed(), []string{"a/2", "a/10", "a/1", "a"}},
				{"reversed and limited", f.rows.All().Reversed().Limited(2), []string{"c", "b/1"}},
				{"an empty range", f.rows.Prefix("x"), nil},
				{"after the last", f.rows.After(f.rows.Prefix("a"), "x"), nil},
			} {
				t.Run(c.name, func(t *testing.T) {
					f.view(t, func(r meta.Reader) error {
						got, err := f.scan(t.Context(), r, c.r)
						equal(t, got, c.want)
						return err
					})
				})
			}
		}},
		{"a scan of many rows yields each once", func(t *testing.T, f *fixture) {
			var want []string
			for i := range 300 {
				want = append(want, fmt.Sprintf("a/%03d", i))
			}
			f.put(t, want...)
			equal(t, f.stored(t), want)
		}},
		{"a scan may be left early, and another begun in its loop", func(t *testing.T, f *fixture) {
			f.put(t, "a/1", "a/2", "b/1")
			f.view(t, func(r meta.Reader) error {
				for row, err := range f.rows.Scan(t.Context(), r, f.rows.Prefix("a")) {
					must(t, err)
					equal(t, row.Value, "a/1")
					inner, err := f.scan(t.Context(), r, f.rows.Prefix("b"))
					equal(t, inner, []string{"b/1"})
					must(t, err)
					break
				}
				return nil
			})
		}},
		{"a scan shows the writes of its transaction", scanOwnWrites},
		{"a scan is not changed by writes in its own loop", func(t *testing.T, f *fixture) {
			f.put(t, "a/1", "a/2", "a/3")
			locks := f.write("a/1", "a/2", "a/3", "a/4").Guard(f.rows.Guard("a"))
			f.update(t, locks, func(tx meta.Tx) error {
				var seen []string
				for row, err := range f.rows.Scan(t.Context(), tx, f.rows.Prefix("a")) {
					must(t, err)
					seen = append(seen, row.Value)
					must(t, f.rows.Delete(tx, "a", "3"))
					must(t, f.rows.Put(tx, "a/4", "a", "4"))
				}
				equal(t, seen, []string{"a/1", "a/2", "a/3"})
				return nil
			})
			equal(t, f.stored(t), []string{"a/1", "a/2", "a/4"})
		}},
	}
}

func scanOwnWrites(t *testing.T, f *fixture) {
	f.put(t, "a/2", "a/4", "a/6", "b/1")
	locks := f.write("a/1", "a/2", "a/3", "a/4", "a/5", "a/7", "b/2").Guard(f.rows.Guard("a"))
	f.update(t, locks, func(tx meta.Tx) error {
		must(t, f.rows.Put(tx, "a/7", "a", "7"))
		must(t, f.rows.Put(tx, "new", "a", "2"))
		must(t, f.rows.Put(tx, "a/1", "a", "1"))
		must(t, f.rows.Put(tx, "a/3", "a", "3"))
		must(t, f.rows.Put(tx, "a/5", "a", "5"))
		must(t, f.rows.Put(tx, "b/2", "b", "2"))
		must(t, f.rows.Delete(tx, "a", "4"))
		must(t, f.rows.Delete(tx, "a", "5"))
		must(t, f.rows.Put(tx, "a/3", "a", "3"))
		for _, c := range []struct {
			r    meta.Range
			want []string
		}{
			{f.rows.Prefix("a"), []string{"a/1", "a/2=new", "a/3", "a/6", "a/7"}},
			{f.rows.Prefix("a").Reversed(), []string{"a/7", "a/6", "a/3", "a/2=new", "a/1"}},
			{f.rows.Prefix("a").Limited(3), []string{"a/1", "a/2=new", "a/3"}},
			{f.rows.Prefix("a").Reversed().Limited(3), []string{"a/7", "a/6", "a/3"}},
			{f.rows.After(f.rows.Prefix("a"), "a", "3"), []string{"a/6", "a/7"}},
		} {
			got, err := f.scan(t.Context(), tx, c.r)
			equal(t, got, c.want)
			must(t, err)
		}
		return nil
	})
	equal(t, f.stored(t), []string{"a/1", "a/2=new", "a/3", "a/6", "a/7", "b/1", "b/2"})
}
