package extenttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zot-artifact-store/zas/extent"
	"pgregory.net/rapid"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) extent.Store { return NewMemory() })
}

func TestFaultyWithoutFaultsIsItsStore(t *testing.T) {
	Run(t, func(*testing.T) extent.Store { return Faulty(NewMemory(), 0) })
}

func TestMemoryKeepsWhatIsCommittedThroughACrash(t *testing.T) {
	outcomes := make(map[string]bool)
	rapid.Check(t, func(t *rapid.T) {
		m := NewMemory()
		ended := make(map[extent.Location]string)
		for range rapid.IntRange(1, 20).Draw(t, "extents") {
			l := location()
			w := create(t, m, l, -1)
			write(t, w, Bytes(l, 100))
			end := rapid.SampledFrom([]string{"committed", "deleted", "aborted", "written"}).Draw(t, "end")
			if end == "committed" || end == "deleted" {
				commit(t, w)
			}
			if end == "deleted" && m.Delete(t.Context(), l) != nil || end == "aborted" && w.Abort() != nil {
				t.Fatalf("an error in memory")
			}
			ended[l] = end
		}
		before := listed(t, m)
		c := m.CrashClone(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") })
		wantListed(t, m, before)

		after := listed(t, c)
		for _, l := range slices.Sorted(maps.Keys(ended)) {
			size, there := after[l]
			whole := there && size == 100 && string(read(t, c, l, 0, 100)) == string(Bytes(l, 100))
			if ended[l] == "committed" && !whole || ended[l] == "deleted" && there && !whole {
				t.Fatalf("a %s extent: there %t, %d bytes", ended[l], there, size)
			}
			outcomes[fmt.Sprintf("%s, there %t, whole %t", ended[l], there, whole)] = true
		}
	})
	want := []string{
		"aborted, there false, whole false", "aborted, there true, whole false", "aborted, there true, whole true",
		"committed, there true, whole true",
		"deleted, there false, whole false", "deleted, there true, whole true",
		"written, there false, whole false", "written, there true, whole false", "written, there true, whole true",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(outcomes))); diff != "" {
		t.Errorf("what crashes led to (-want +got):\n%s", diff)
	}
}

func TestMemoryCountsRoomAndReaders(t *testing.T) {
	m := NewMemory()
	m.Limit(10)
	l := put(t, m, []byte("eight by"))
	w := create(t, m, location(), -1)
	_, err := w.Write([]byte("three"))
	wantError(t, "Write beyond the limit", err, extent.ErrFull)
	wantError(t, "Commit after it", w.Commit(t.Context()), extent.ErrFull)
	if free, err := m.Free(); free != 2 || err != nil {
		t.Errorf("Free: %d, %v; want 2", free, err)
	}
	put(t, m, []byte("by"))
	_, err = m.Create(t.Context(), location(), -1)
	wantError(t, "Create when full", err, extent.ErrFull)

	r, err := m.Open(t.Context(), l, 0, 8)
	if err != nil || m.Readers() != 1 {
		t.Fatalf("Open: %v; %d readers", err, m.Readers())
	}
	if err := r.Close(); err != nil || m.Readers() != 0 {
		t.Fatalf("Close: %v; %d readers", err, m.Readers())
	}
	_, err = r.Read(make([]byte, 1))
	wantError(t, "Read after Close", err, os.ErrClosed)
	if err := m.Delete(t.Context(), l); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	if free, _ := m.Free(); free != 8 {
		t.Errorf("Free after Delete: %d, want 8", free)
	}
}

// everyCall uses each call of a store once.
func everyCall(s extent.Store, l extent.Location) error {
	ctx := context.Background()
	w, err := s.Create(ctx, l, -1)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write([]byte("bytes")); err != nil {
		return err
	}
	if err := w.Commit(ctx); err != nil {
		return err
	}
	r, err := s.Open(ctx, l, 0, 5)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 5)); err != nil {
		return err
	}
	for _, err := range s.List(ctx) {
		if err != nil {
			return err
		}
	}
	return s.Delete(ctx, l)
}

func TestFaultyFailsEachCallInTurn(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(extent.Store, int) *FaultyStore
		want []string // the call, and how many extents are left when it fails
	}{
		{"before", Faulty, []string{"Create 0", "Write 0", "Commit 0", "Open 1", "Read 1", "List 1", "List step 1", "Delete 1"}},
		{"after", FaultyAfter, []string{"Create 1", "Write 0", "Commit 1", "Open 1", "Read 1", "List 1", "List step 1", "Delete 0"}},
	} {
		t.Run("with the failure "+c.name+" the effect", func(t *testing.T) {
			var got []string
			for n := 1; ; n++ {
				m := NewMemory()
				faulty := c.make(m, n)
				err := everyCall(faulty, location())
				if faulty.Fired() == "" {
					if err != nil {
						t.Errorf("without a fault: %v", err)
					}
					break
				}
				if !errors.Is(err, ErrInjected) {
					t.Errorf("%s: %v", faulty.Fired(), err)
				}
				if m.Readers() != 0 {
					t.Errorf("%s: %d readers are open", faulty.Fired(), m.Readers())
				}
				got = append(got, fmt.Sprintf("%s %d", faulty.Fired(), len(listed(t, m))))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFaultyDoesNotCommitAnExtentWithAHole(t *testing.T) {
	s := Faulty(NewMemory(), 2)
	w := create(t, s, location(), -1)
	_, err := w.Write([]byte("bytes"))
	wantError(t, "Write", err, ErrInjected)
	wantError(t, "Commit", w.Commit(t.Context()), ErrInjected)
}
