package meta_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/meta"
)

// names of the locks of a set, an exclusive one with "!".
func names(set meta.LockSet) []string {
	var out []string
	for _, l := range set.Sorted() {
		name := string(l.Name)
		if l.Exclusive {
			name += "!"
		}
		out = append(out, name)
	}
	return out
}

func TestALockSetHasEachNameOnceInItsStrongestMode(t *testing.T) {
	table := meta.NewTable[string]('t', "rows", 0, 1)
	a, b := table.Key("a", "1"), table.Key("b")
	for _, c := range []struct {
		name string
		set  meta.LockSet
		want []string
	}{
		{"nothing", meta.LockSet{}, nil},
		{"a read", meta.LockSet{}.Read(a), []string{"kta\x001\x00"}},
		{"a write", meta.LockSet{}.Write(a), []string{"gt", "gta\x00", "kta\x001\x00!"}},
		{"a guard", meta.LockSet{}.Guard(table.Guard("a")), []string{"gta\x00!"}},
		{"read, then written", meta.LockSet{}.Read(b).Write(b), []string{"gt", "gtb\x00", "ktb\x00!"}},
		{"written, then read", meta.LockSet{}.Write(b).Read(b), []string{"gt", "gtb\x00", "ktb\x00!"}},
		{"under a guard", meta.LockSet{}.Write(b).Guard(table.Guard("b")), []string{"gt", "gtb\x00!", "ktb\x00!"}},
		{"joined", meta.LockSet{}.Read(a, b).Join(meta.LockSet{}.Guard(table.Guard())), []string{"gt!", "kta\x001\x00", "ktb\x00"}},
	} {
		if diff := cmp.Diff(c.want, names(c.set)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestSetsMadeFromOneSetDoNotShare(t *testing.T) {
	table := meta.NewTable[string]('t', "rows")
	base := meta.LockSet{}.Read(table.Key("a"), table.Key("b"), table.Key("c"))
	first, second := base.Read(table.Key("x")), base.Write(table.Key("y"))
	joined, guarded := base.Join(first), base.Join(second)
	for set, want := range map[*meta.LockSet]string{&base: "c", &first: "x", &second: "y!", &joined: "x", &guarded: "y!"} {
		got := names(*set)
		if last := got[len(got)-1]; last != "kt"+want[:1]+"\x00"+want[1:] {
			t.Errorf("the last lock is %q, want that of %s", last, want)
		}
	}
}

// The rules of the port, one after another, against a table with guards for all of it and for its groups.
func TestDeclaredAccesses(t *testing.T) {
	table, log := meta.NewTable[string]('t', "rows", 0, 1), meta.NewLog('l', "log")
	row, other, top := table.Key("a", "1"), table.Key("b", "1"), table.Key()
	group, all := table.Guard("a"), table.Guard()
	accesses := []struct {
		name string
		can  func(meta.Declared) error
	}{
		{"get", func(d meta.Declared) error { return d.CanGet(row) }},
		{"get other", func(d meta.Declared) error { return d.CanGet(other) }},
		{"put", func(d meta.Declared) error { return d.CanPut(row) }},
		{"put top", func(d meta.Declared) error { return d.CanPut(top) }},
		{"scan", func(d meta.Declared) error { return d.CanScan(table.Prefix("a")) }},
		{"scan part", func(d meta.Declared) error {
			return d.CanScan(table.From(table.Starting("1", "a"), "a", "12").Reversed().Limited(1))
		}},
		{"scan all", func(d meta.Declared) error { return d.CanScan(table.All()) }},
		{"scan starting", func(d meta.Declared) error { return d.CanScan(table.Starting("a")) }},
		{"trim", func(d meta.Declared) error { return d.CanTrim(log) }},
	}
	for _, c := range []struct {
		set     meta.LockSet
		allowed []string
	}{
		{meta.LockSet{}, nil},
		{meta.LockSet{}.Read(row), []string{"get"}},
		{meta.LockSet{}.Write(row), []string{"get", "put"}},
		{meta.LockSet{}.Write(top), []string{"put top"}},
		{meta.LockSet{}.Guard(group), []string{"get", "scan", "scan part"}},
		{meta.LockSet{}.Guard(all), []string{"get", "get other", "scan", "scan part", "scan all", "scan starting"}},
		{meta.LockSet{}.Write(row).Guard(group), []string{"get", "put", "scan", "scan part"}},
		{meta.LockSet{}.Guard(log.Guard()), []string{"trim"}},
	} {
		var allowed []string
		for _, a := range accesses {
			if err := a.can(c.set.Declare()); err == nil {
				allowed = append(allowed, a.name)
			} else if !errors.Is(err, meta.ErrUndeclared) {
				t.Errorf("%s: %v", a.name, err)
			}
		}
		if diff := cmp.Diff(c.allowed, allowed); diff != "" {
			t.Errorf("%q: %s", names(c.set), diff)
		}
	}
}

// What makes locks enough: of two transactions whose accesses meet, at least one writing, the locks meet too, one of them
// being exclusive.
func TestAccessesThatMeetHaveLocksThatMeet(t *testing.T) {
	table := meta.NewTable[string]('t', "rows", 0, 1)
	name := rapid.SampledFrom([]string{"", "a", "b", "\x00"})
	draw := func(t *rapid.T, label string) meta.LockSet {
		var set meta.LockSet
		for i := range rapid.IntRange(0, 3).Draw(t, label) {
			k := table.Key(rapid.SliceOfN(name, 0, 2).Draw(t, fmt.Sprint(label, i))...)
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				set = set.Read(k)
			case 1:
				set = set.Write(k)
			case 2:
				set = set.Guard(table.Guard(name.Draw(t, "group")))
			case 3:
				set = set.Guard(table.Guard())
			}
		}
		return set
	}
	rapid.Check(t, func(t *rapid.T) {
		one, two := draw(t, "one"), draw(t, "two")
		k := table.Key(rapid.SliceOfN(name, 0, 2).Draw(t, "key")...)
		r := table.Prefix(rapid.SliceOfN(name, 0, 1).Draw(t, "range")...)
		writes := two.Declare().CanPut(k) == nil
		reads := one.Declare().CanGet(k) == nil || one.Declare().CanPut(k) == nil || one.Declare().CanScan(r) == nil && r.Contains(k.Raw())
		if writes && reads && !conflict(one, two) {
			t.Fatalf("%q and %q both reach %q", names(one), names(two), k.Raw())
		}
	})
}

func conflict(one, two meta.LockSet) bool {
	return slices.ContainsFunc(one.Sorted(), func(a meta.Lock) bool {
		return slices.ContainsFunc(two.Sorted(), func(b meta.Lock) bool {
			return string(a.Name) == string(b.Name) && (a.Exclusive || b.Exclusive)
		})
	})
}
