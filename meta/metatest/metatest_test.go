package metatest

import (
	"errors"
	"slices"
	"testing"

	"github.com/zot-artifact-store/zas/meta"
)

func TestLockOnly(t *testing.T) {
	Run(t, func(*testing.T) meta.Store { return NewLockOnly() })
}

func TestConflicting(t *testing.T) {
	Run(t, func(*testing.T) meta.Store { return Conflicting(NewLockOnly()) })
}

func TestAStoreWithoutLocksIsCaught(t *testing.T) {
	open := func() *fixture {
		s := NewLockOnly()
		s.lawless = true
		return newFixture(s)
	}
	for name, check := range map[string]func() error{
		"by random histories":               func() error { return checkHistory(t.Context(), open()) },
		"by lost updates":                   func() error { return lostUpdates(t, open()) },
		"by write skew through a key":       func() error { return skewThroughKey(t.Context(), open()) },
		"by write skew through a range":     func() error { return skewThroughRange(t.Context(), open()) },
		"by two rows in a range once empty": func() error { return phantom(t.Context(), open()) },
	} {
		t.Run(name, func(t *testing.T) {
			err := check()
			if err == nil {
				t.Error("was not")
			}
			t.Log(err)
		})
	}
}

func TestFaultyFailsEachCallOnce(t *testing.T) {
	f := newFixture(NewLockOnly())
	f.put(t, "a/1", "a/2")
	f.appendEach(t, "entry")
	thing := func(s meta.Store) error {
		if err := s.View(t.Context(), func(r meta.Reader) error {
			_, err := f.find(t.Context(), r, "a/1")
			return err
		}); err != nil {
			return err
		}
		locks := f.write("a/1", "b/1", "b/2").Guard(f.rows.Guard("a"), f.log.Guard())
		return s.Update(t.Context(), locks, func(tx meta.Tx) error {
			_, scanErr := f.scan(t.Context(), tx, f.rows.Prefix("a"))
			return errors.Join(scanErr, tx.Put(f.key("b/1"), nil), tx.Delete(f.key("a/1")),
				tx.Append(f.log, []byte("another")), tx.Trim(f.log, meta.Position{Version: 1}))
		})
	}
	var fired []string
	for n := 1; ; n++ {
		faulty := Faulty(f, n)
		err := thing(faulty)
		if faulty.Fired() == "" {
			must(t, err)
			break
		}
		wantErr(t, err, ErrInjected)
		fired = append(fired, faulty.Fired())
		unknown := faulty.Fired() == "commit, after it"
		equal(t, errors.Is(err, meta.ErrUnknownOutcome), unknown)
		equal(t, slices.Equal(f.logged(t), []string{"entry"}), !unknown)
	}
	equal(t, fired, []string{
		"view", "get", "update", "scan, at its start", "scan, at a row", "scan, at a row",
		"put", "delete", "append", "trim", "commit, before it", "commit, after it",
	})
}
