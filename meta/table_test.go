package meta_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/metatest"
)

type person struct {
	Name string   `cbor:"1,keyasint"`
	Tags []string `cbor:"2,keyasint,omitempty"`
}

// personNow is person some versions of the program later.
type personNow struct {
	Name string `cbor:"1,keyasint"`
	Age  int    `cbor:"3,keyasint,omitempty"`
}

// update runs fn on rows of which anything may be done.
func update[V any](t *testing.T, s meta.Store, table meta.Table[V], fn func(meta.Tx) error, keys ...meta.Key) error {
	t.Helper()
	return s.Update(t.Context(), meta.LockSet{}.Guard(table.Guard()).Write(keys...), fn)
}

func TestATableKeepsItsValues(t *testing.T) {
	s, table := metatest.NewLockOnly(), meta.NewTable[person](0x10, "people", 0)
	want := person{Name: "Ada", Tags: []string{"a", "b"}}
	must(t, update(t, s, table, func(tx meta.Tx) error { return table.Put(tx, want, "x", "1") }, table.Key("x", "1")))
	view(t, s, func(ctx context.Context, r meta.Reader) error {
		got, err := table.Get(ctx, r, "x", "1")
		equal(t, got, want)
		for e, err := range table.Scan(ctx, r, table.All()) {
			equal(t, e, meta.Entry[person]{Parts: []string{"x", "1"}, Value: want})
			must(t, err)
		}
		_, found, findErr := table.Find(ctx, r, "x", "2")
		equal(t, found, false)
		return errors.Join(err, findErr)
	})
	must(t, update(t, s, table, func(tx meta.Tx) error { return table.Delete(tx, "x", "1") }, table.Key("x", "1")))
	view(t, s, func(ctx context.Context, r meta.Reader) error {
		_, err := table.Get(ctx, r, "x", "1")
		if !errors.Is(err, meta.ErrNotFound) {
			t.Errorf("got error %v", err)
		}
		found, err := meta.Any(ctx, r, table.All())
		equal(t, found, false)
		return err
	})
}

func TestRowsOfOtherVersionsOfTheProgramAreRead(t *testing.T) {
	s := metatest.NewLockOnly()
	then, now := meta.NewTable[person](0x10, "people", 0), meta.NewTable[personNow](0x10, "people", 0)
	must(t, update(t, s, then, func(tx meta.Tx) error {
		return errors.Join(then.Put(tx, person{Name: "Ada", Tags: []string{"a"}}, "then"), now.Put(tx, personNow{Name: "Eve", Age: 7}, "now"))
	}, then.Key("then"), then.Key("now")))
	view(t, s, func(ctx context.Context, r meta.Reader) error {
		old, err := now.Get(ctx, r, "then")
		equal(t, old, personNow{Name: "Ada"})
		recent, recentErr := then.Get(ctx, r, "now")
		equal(t, recent, person{Name: "Eve"})
		return errors.Join(err, recentErr)
	})
}

func TestATableOfBytesKeepsThemAsTheyAre(t *testing.T) {
	s, table := metatest.NewLockOnly(), meta.NewTable[[]byte](0x10, "bytes", 0)
	want := []byte("\x00\xffbytes")
	must(t, update(t, s, table, func(tx meta.Tx) error { return table.Put(tx, want, "x") }, table.Key("x")))
	view(t, s, func(ctx context.Context, r meta.Reader) error {
		raw, err := r.Get(ctx, table.Key("x"))
		equal(t, len(raw), len(want)+1)
		got, getErr := table.Get(ctx, r, "x")
		equal(t, got, want)
		return errors.Join(err, getErr)
	})
}

func TestARowOfAnUnknownFormatIsAnError(t *testing.T) {
	s, table := metatest.NewLockOnly(), meta.NewTable[person](0x10, "people", 0)
	for _, raw := range []string{"", "\x02\xa0", "\x01\xff", "\x01"} {
		must(t, update(t, s, table, func(tx meta.Tx) error { return tx.Put(table.Key("x"), []byte(raw)) }, table.Key("x")))
		view(t, s, func(ctx context.Context, r meta.Reader) error {
			if got, err := table.Get(ctx, r, "x"); err == nil {
				t.Errorf("%q was read as %v", raw, got)
			}
			steps := 0
			for _, err := range table.Scan(ctx, r, table.All()) {
				if steps++; err == nil || steps > 1 {
					t.Errorf("a scan over %q goes on, error %v", raw, err)
				}
			}
			return nil
		})
	}
}

func TestAGuardThatATableDoesNotDeclareIsADefect(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	meta.NewTable[person](0x10, "people", 1).Guard("a", "b")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[V any](t *testing.T, got, want V) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs from what is wanted (-) in what is there (+):\n%s", diff)
	}
}

func view(t *testing.T, s meta.Store, fn func(context.Context, meta.Reader) error) {
	t.Helper()
	must(t, s.View(t.Context(), func(r meta.Reader) error { return fn(t.Context(), r) }))
}
