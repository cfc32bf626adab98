package extenttest

import (
	"maps"
	"slices"
	"testing"

	"github.com/zot-artifact-store/zas/extent"
	"pgregory.net/rapid"
)

// model runs random calls against s and against maps of bytes.
func model(t *testing.T, s extent.Store) {
	rapid.Check(t, func(t *rapid.T) {
		m := &modelled{store: s, committed: make(map[extent.Location][]byte), writing: make(map[extent.Location]*modelledWriter)}
		defer m.clear(t)
		t.Repeat(map[string]func(*rapid.T){
			"create":       m.create,
			"create again": m.createAgain,
			"write":        m.write,
			"commit":       m.commit,
			"abort":        m.abort,
			"delete":       m.delete,
			"read":         m.read,
			"list":         m.list,
		})
	})
}

// modelled is a store beside what it ought to hold.
type modelled struct {
	store     extent.Store
	committed map[extent.Location][]byte
	writing   map[extent.Location]*modelledWriter
	lost      []extent.Location // deleted or given up
}

type modelledWriter struct {
	extent.Writer
	written []byte
	deleted bool
}

// pickOf draws a key of m, or skips the action when there is none.
func pickOf[V any](t *rapid.T, m map[extent.Location]V) extent.Location {
	if len(m) == 0 {
		t.Skip("none")
	}
	return rapid.SampledFrom(slices.Sorted(maps.Keys(m))).Draw(t, "location")
}

func (m *modelled) create(t *rapid.T) {
	l := location()
	hint := rapid.SampledFrom([]int64{-1, 0, 1000, 9 << 20}).Draw(t, "hint")
	m.writing[l] = &modelledWriter{Writer: create(t, m.store, l, hint)}
}

func (m *modelled) createAgain(t *rapid.T) {
	present := maps.Clone(m.committed)
	for l, w := range m.writing {
		if !w.deleted {
			present[l] = nil
		}
	}
	_, err := m.store.Create(t.Context(), pickOf(t, present), -1)
	wantError(t, "Create", err, extent.ErrExists)
}

func (m *modelled) write(t *rapid.T) {
	w := m.writing[pickOf(t, m.writing)]
	b := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes")
	b = slices.Repeat(b, rapid.SampledFrom([]int{1, 1000}).Draw(t, "times"))
	write(t, w, b)
	w.written = append(w.written, b...)
}

func (m *modelled) commit(t *rapid.T) {
	l := pickOf(t, m.writing)
	w := m.writing[l]
	delete(m.writing, l)
	if !w.deleted {
		commit(t, w)
		m.committed[l] = w.written
		return
	}
	if w.Commit(t.Context()) == nil {
		t.Fatalf("a deleted extent is committed")
	}
	m.giveUp(t, l, w)
}

func (m *modelled) abort(t *rapid.T) {
	l := pickOf(t, m.writing)
	m.giveUp(t, l, m.writing[l])
}

func (m *modelled) giveUp(t *rapid.T, l extent.Location, w *modelledWriter) {
	if err := w.Abort(); err != nil {
		t.Fatalf("Abort: %v", err)
	}
	delete(m.writing, l)
	m.lost = append(m.lost, l)
}

func (m *modelled) delete(t *rapid.T) {
	present := maps.Clone(m.committed)
	for l := range m.writing {
		present[l] = nil
	}
	m.drop(t, pickOf(t, present))
}

func (m *modelled) drop(t *rapid.T, l extent.Location) {
	if err := m.store.Delete(t.Context(), l); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	if w := m.writing[l]; w != nil {
		w.deleted = true
		return
	}
	delete(m.committed, l)
	m.lost = append(m.lost, l)
}

func (m *modelled) read(t *rapid.T) {
	l := pickOf(t, m.committed)
	want := m.committed[l]
	offset := rapid.IntRange(0, len(want)).Draw(t, "offset")
	length := rapid.IntRange(0, len(want)-offset).Draw(t, "length")
	wantBytes(t, string(l), read(t, m.store, l, int64(offset), int64(length)), want[offset:offset+length])
}

func (m *modelled) list(t *rapid.T) {
	got := listed(t, m.store)
	for l, b := range m.committed {
		size, ok := got[l]
		if !ok || size != int64(len(b)) {
			t.Fatalf("List: %s with %d bytes (%t), want %d", l, size, ok, len(b))
		}
		delete(got, l)
	}
	for l, w := range m.writing {
		if _, ok := got[l]; ok == w.deleted {
			t.Fatalf("List: %s that is being written: %t", l, ok)
		}
		delete(got, l)
		wantNotFound(t, m.store, l)
	}
	if len(got) > 0 {
		t.Fatalf("List: also %v", got)
	}
	for _, l := range m.lost {
		wantNotFound(t, m.store, l)
	}
}

// clear leaves the store empty for the next run.
func (m *modelled) clear(t *rapid.T) {
	for l, w := range m.writing {
		m.giveUp(t, l, w)
	}
	for l := range m.committed {
		m.drop(t, l)
	}
}
