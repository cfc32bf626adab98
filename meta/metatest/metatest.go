// Package metatest is the contract of meta.Store as tests, and wrappers that prove its users right.
//
// Run is what an engine must pass. NewLockOnly is an engine that honours declared locks and validates nothing: a
// domain that passes its tests on it declares enough for every engine. Faulty and Conflicting wrap an
// engine to fail, or to run again, at chosen places.
package metatest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/meta"
)

// Run checks that the stores which open makes keep the contract of meta.Store. Each call of open returns an empty store, and
// closes it by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) meta.Store) {
	for _, group := range [][]clause{gets(), scans(), transactions(), refusals(), logs(), isolation(), random()} {
		for _, c := range group {
			t.Run(c.statement, func(t *testing.T) { c.check(t, newFixture(open(t))) })
		}
	}
}

// clause is one statement of the contract.
type clause struct {
	statement string
	check     func(*testing.T, *fixture)
}

// fixture is a store with a table of rows named group/name and a log.
type fixture struct {
	meta.Store
	rows meta.Table[string] // guards: the whole table, each group
	log  meta.Log
}

func newFixture(s meta.Store) *fixture {
	return &fixture{Store: s, rows: meta.NewTable[string](0xF0, "rows", 0, 1), log: meta.NewLog(0xF1, "log")}
}

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr checks that err is want.
func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// equal checks that got is want.
func equal[V any](t *testing.T, got, want V) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs from what is wanted (-) in what is there (+):\n%s", diff)
	}
}

// key of the row at a path such as "group/name".
func (f *fixture) key(path string) meta.Key { return f.rows.Key(strings.Split(path, "/")...) }

func (f *fixture) write(paths ...string) meta.LockSet {
	var locks meta.LockSet
	for _, p := range paths {
		locks = locks.Write(f.key(p))
	}
	return locks
}

// put commits rows with their own path as value.
func (f *fixture) put(t *testing.T, paths ...string) {
	t.Helper()
	must(t, f.Update(t.Context(), f.write(paths...), func(tx meta.Tx) error {
		for _, p := range paths {
			if err := f.rows.PutKey(tx, f.key(p), p); err != nil {
				return err
			}
		}
		return nil
	}))
}

// update commits what fn does under locks.
func (f *fixture) update(t *testing.T, locks meta.LockSet, fn func(meta.Tx) error) {
	t.Helper()
	must(t, f.Update(t.Context(), locks, fn))
}

// view runs fn over a snapshot.
func (f *fixture) view(t *testing.T, fn func(meta.Reader) error) {
	t.Helper()
	must(t, f.View(t.Context(), fn))
}

// stored is the whole table, as "path" for rows with their own path as value and "path=value" for others.
func (f *fixture) stored(t *testing.T) []string {
	t.Helper()
	var all []string
	f.view(t, func(r meta.Reader) (err error) {
		all, err = f.scan(t.Context(), r, f.rows.All())
		return err
	})
	return all
}

func (f *fixture) scan(ctx context.Context, r meta.Reader, rg meta.Range) ([]string, error) {
	var got []string
	for row, err := range f.rows.Scan(ctx, r, rg) {
		if err != nil {
			return got, err
		}
		path := strings.Join(row.Parts, "/")
		if path != row.Value {
			path += "=" + row.Value
		}
		got = append(got, path)
	}
	return got, nil
}

// find is the value at path, or "-" when there is none.
func (f *fixture) find(ctx context.Context, r meta.Reader, path string) (string, error) {
	v, ok, err := f.rows.Find(ctx, r, strings.Split(path, "/")...)
	if !ok {
		v = "-"
	}
	return v, err
}

// entry is an entry of the log.
type entry struct {
	at    meta.Position
	value string
}

// entries are the log's entries after a position.
func (f *fixture) entries(t *testing.T, after meta.Position) []entry {
	t.Helper()
	var all []entry
	f.view(t, func(r meta.Reader) error {
		all = nil
		for row, err := range r.Scan(t.Context(), f.log.After(after)) {
			if err != nil {
				return err
			}
			at, err := f.log.PositionOf(row.Key)
			if err != nil {
				return err
			}
			all = append(all, entry{at, string(row.Value)})
		}
		return nil
	})
	return all
}

// logged are the values of all entries.
func (f *fixture) logged(t *testing.T) []string {
	t.Helper()
	var values []string
	for _, e := range f.entries(t, meta.Position{}) {
		values = append(values, e.value)
	}
	return values
}
