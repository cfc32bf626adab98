package metatest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/meta"
)

func random() []clause {
	return []clause{
		{"random transactions agree with a sorted map", func(t *testing.T, f *fixture) {
			space := 0
			rapid.Check(t, func(rt *rapid.T) {
				space++ // the store is the same for all runs: each has rows of its own
				runRandom(rt, t.Context(), f, strconv.Itoa(space))
			})
		}},
		{"random concurrent transactions are serializable in the order of their versions", func(t *testing.T, f *fixture) {
			must(t, checkHistory(t.Context(), f))
		}},
	}
}

func runRandom(rt *rapid.T, ctx context.Context, f *fixture, space string) {
	stored := model{}
	steps := drawSteps(f.rows, space)
	for range rapid.IntRange(1, 8).Draw(rt, "transactions") {
		todo := rapid.SliceOfN(steps, 1, 12).Draw(rt, "steps")
		fails := rapid.IntRange(0, 4).Draw(rt, "fails") == 0
		locks := meta.LockSet{}.Guard(f.rows.Guard(space))
		for _, s := range todo {
			if s.writes() {
				locks = locks.Write(s.key)
			}
		}
		var after model
		err := f.Update(ctx, locks, func(tx meta.Tx) error {
			after = maps.Clone(stored)
			if err := agree(after, todo, func(s step) (string, error) { return s.run(ctx, tx) }); err != nil {
				return err
			}
			if fails {
				return errOwn
			}
			return nil
		})
		switch {
		case fails && errors.Is(err, errOwn):
		case fails || err != nil:
			rt.Fatalf("update: %v", err)
		default:
			stored = after
		}
		err = f.View(ctx, func(r meta.Reader) error {
			var reads []step
			for _, s := range todo {
				if !s.writes() {
					reads = append(reads, s)
				}
			}
			reads = append(reads, step{kind: stepScan, rg: f.rows.Prefix(space)})
			return agree(stored, reads, func(s step) (string, error) { return s.read(ctx, r) })
		})
		if err != nil {
			rt.Fatalf("view: %v", err)
		}
	}
}

// agree does steps on m and on a store, and reports the first that saw something else.
func agree(m model, steps []step, do func(step) (string, error)) error {
	for _, s := range steps {
		got, err := do(s)
		if err != nil {
			return fmt.Errorf("%v: %w", s, err)
		}
		if want := s.replay(m); got != want {
			return fmt.Errorf("%v\n got %s\nwant %s", s, got, want)
		}
	}
	return nil
}

// drawSteps generates steps on the rows of one space, with names that are hard on the encoding of keys.
func drawSteps(table meta.Table[string], space string) *rapid.Generator[step] {
	name := rapid.SampledFrom([]string{"", "a", "ab", "a\x00", "a\x00b", "a\x01", "b", "\x00", "\x01", "\xff", "\xff\xff", "é"})
	return rapid.Custom(func(t *rapid.T) step {
		kind := stepKind(rapid.IntRange(int(stepGet), int(stepDelete)).Draw(t, "kind"))
		parts := []string{space, name.Draw(t, "group")}
		if rapid.Bool().Draw(t, "deep") {
			parts = append(parts, name.Draw(t, "name"))
		}
		s := step{kind: kind, key: table.Key(parts...)}
		switch kind {
		case stepPut:
			s.value = rapid.StringN(0, 8, -1).Draw(t, "value")
		case stepScan:
			s.rg = drawRange(t, table, space, name)
			s.stop = rapid.IntRange(0, 3).Draw(t, "stop")
		}
		return s
	})
}

func drawRange(t *rapid.T, table meta.Table[string], space string, name *rapid.Generator[string]) meta.Range {
	r := table.Prefix(space)
	switch rapid.IntRange(0, 3).Draw(t, "range") {
	case 0:
		r = table.Prefix(space, name.Draw(t, "prefix"))
	case 1:
		r = table.Starting(name.Draw(t, "start"), space)
	}
	switch rapid.IntRange(0, 5).Draw(t, "begin") {
	case 0:
		r = table.After(r, space, name.Draw(t, "after"))
	case 1:
		r = table.From(r, space, name.Draw(t, "from"))
	case 2:
		r = table.SkipPrefix(r, name.Draw(t, "skip"), space)
	}
	r.Reverse = rapid.Bool().Draw(t, "reverse")
	return r.Limited(rapid.IntRange(0, 4).Draw(t, "limit"))
}
