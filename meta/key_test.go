package meta_test

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/meta"
)

// part generates parts of keys, most of them with bytes that mean something to the encoding.
func part() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom([]rune("\x00\x01\x02ab")), 0, 4, -1),
		rapid.Custom(func(t *rapid.T) string {
			return string(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 'a', 0xFE, 0xFF}), 0, 4).Draw(t, "bytes"))
		}),
		rapid.Map(rapid.Uint64(), meta.U64),
		rapid.String(),
	)
}

func parts() *rapid.Generator[[]string] { return rapid.SliceOfN(part(), 0, 4) }

func TestKeysSortAsTheirPartsDo(t *testing.T) {
	table := meta.NewTable[string](0x10, "rows")
	rapid.Check(t, func(t *rapid.T) {
		a, b := parts().Draw(t, "a"), parts().Draw(t, "b")
		if got, want := bytes.Compare(table.Key(a...).Raw(), table.Key(b...).Raw()), slices.Compare(a, b); got != want {
			t.Fatalf("keys of %q and %q compare as %d, their parts as %d", a, b, got, want)
		}
	})
}

func TestKeysSplitIntoTheirParts(t *testing.T) {
	table := meta.NewTable[string](0x10, "rows")
	rapid.Check(t, func(t *rapid.T) {
		want := parts().Draw(t, "parts")
		got, err := meta.SplitKey(table.Key(want...).Raw())
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q split into %q, %v", want, got, err)
		}
	})
}

func TestNumbersSortAsParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")
		if cmp.Compare(a, b) != cmp.Compare(meta.U64(a), meta.U64(b)) || meta.ParseU64(meta.U64(a)) != a {
			t.Fatalf("%d and %d are %q and %q", a, b, meta.U64(a), meta.U64(b))
		}
	})
}

// The rows of every range are those that its description says, whatever the bytes.
func TestRangesHoldTheRowsThatTheySay(t *testing.T) {
	table := meta.NewTable[string](0x10, "rows")
	rapid.Check(t, func(t *rapid.T) {
		lead, start, row := parts().Draw(t, "lead"), part().Draw(t, "start"), parts().Draw(t, "row")
		if rapid.Bool().Draw(t, "beneath") {
			row = append(slices.Clone(lead), row...)
		}
		at := parts().Draw(t, "at")
		beneath := func(lead []string) bool { return len(row) >= len(lead) && slices.Equal(row[:len(lead)], lead) }
		starting := beneath(lead) && len(row) > len(lead) && strings.HasPrefix(row[len(lead)], start)
		prefix := table.Prefix(lead...)
		for name, c := range map[string]struct {
			r    meta.Range
			want bool
		}{
			"all":      {table.All(), true},
			"prefix":   {prefix, beneath(lead)},
			"starting": {table.Starting(start, lead...), starting},
			"after":    {table.After(prefix, at...), beneath(lead) && slices.Compare(row, at) > 0 && !beneath(at)},
			"before":   {table.Before(prefix, at...), beneath(lead) && slices.Compare(row, at) < 0},
			"from":     {table.From(prefix, at...), beneath(lead) && slices.Compare(row, at) >= 0},
			"skip": {table.SkipPrefix(prefix, start, lead...), beneath(lead) && !starting &&
				slices.Compare(row, append(slices.Clone(lead), start)) >= 0},
		} {
			if got := c.r.Contains(table.Key(row...).Raw()); got != c.want {
				t.Fatalf("%s of %q, start %q, at %q contains %q: %t", name, lead, start, at, row, got)
			}
		}
	})
}

func TestRowsOfOtherTablesAreInNoRange(t *testing.T) {
	first, second := meta.NewTable[string](0x10, "first"), meta.NewTable[string](0x11, "second")
	rapid.Check(t, func(t *rapid.T) {
		k := second.Key(parts().Draw(t, "row")...).Raw()
		if first.All().Contains(k) || !second.All().Contains(k) || meta.NewLog(0x10, "log").After(meta.Position{}).Contains(k) {
			t.Fatalf("%q", k)
		}
	})
}

func TestAMalformedKeyIsRefused(t *testing.T) {
	for _, raw := range []string{"", "ta", "ta\x01", "ta\x01\x00", "t\x01\x03\x00", "t\x01\x00", "ta\x00b"} {
		if got, err := meta.SplitKey([]byte(raw)); err == nil {
			t.Errorf("%q split into %q", raw, got)
		}
	}
}

func FuzzSplitKey(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte) {
		parts, err := meta.SplitKey(raw)
		if err != nil {
			return
		}
		if again := meta.NewTable[string](raw[0], "rows").Key(parts...).Raw(); !bytes.Equal(again, raw) {
			t.Errorf("%q split into %q, which is encoded as %q", raw, parts, again)
		}
	})
}

func TestLogEntriesSortByPosition(t *testing.T) {
	log := meta.NewLog(0x10, "log")
	position := rapid.Custom(func(t *rapid.T) meta.Position {
		return meta.Position{Version: rapid.Uint64().Draw(t, "version"), Index: rapid.Uint16().Draw(t, "index")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := position.Draw(t, "a"), position.Draw(t, "b")
		want := cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.Index, b.Index))
		if got := bytes.Compare(log.Entry(a), log.Entry(b)); got != want {
			t.Fatalf("%v and %v compare as %d", a, b, got)
		}
		if got, err := log.PositionOf(log.Entry(a)); err != nil || got != a {
			t.Fatalf("%v is read as %v, %v", a, got, err)
		}
		inRest := want < 0 || a == meta.Position{} // after the zero position are all
		if got := log.After(a).Contains(log.Entry(b)); got != inRest {
			t.Fatalf("%v is after %v: %t", b, a, got)
		}
	})
	if _, err := log.PositionOf(meta.NewLog(0x11, "other").Entry(meta.Position{})); err == nil {
		t.Error("an entry of another log has a position")
	}
}

func TestGuardsOfAKey(t *testing.T) {
	table := meta.NewTable[string](0x10, "rows", 2, 0)
	for _, c := range []struct {
		parts []string
		want  []string
	}{
		{nil, []string{"\x10"}},
		{[]string{"a"}, []string{"\x10"}},
		{[]string{"a", "b"}, []string{"\x10", "\x10a\x00b\x00"}},
		{[]string{"a", "b", "c"}, []string{"\x10", "\x10a\x00b\x00"}},
	} {
		var got []string
		for _, g := range table.Key(c.parts...).Guards() {
			got = append(got, string(g))
		}
		if diff := gocmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.parts, diff)
		}
	}
}
