package extenttest

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/zot-artifact-store/zas/extent"
)

func ranges(t *testing.T, s extent.Store) {
	const size = 9<<20 + 4321
	want := Bytes("ranges", size)
	l := put(t, s, want)
	for _, offset := range []int64{0, 1, 4095, 4096, 1<<20 - 1, 1 << 20, 8<<20 - 1, 8 << 20, 8<<20 + 1, size - 1} {
		for _, length := range []int64{1, 4096, 70_000} {
			end := min(offset+length, size)
			wantBytes(t, fmt.Sprintf("%d bytes from %d on", length, offset), read(t, s, l, offset, length), want[offset:end])
		}
	}
	for _, offset := range []int64{0, 1, 5 << 20} {
		wantBytes(t, fmt.Sprintf("all from %d on", offset), read(t, s, l, offset, size-offset), want[offset:])
	}
}

func beyondTheEnd(t *testing.T, s extent.Store) {
	l := put(t, s, []byte("bytes"))
	for _, c := range []struct {
		offset int64
		want   error
	}{{0, io.ErrUnexpectedEOF}, {4, io.ErrUnexpectedEOF}, {5, io.EOF}, {6, io.EOF}, {1 << 40, io.EOF}} {
		r, err := s.Open(t.Context(), l, c.offset, 10)
		if err == nil {
			_, err = io.ReadFull(r, make([]byte, 10))
			err = errors.Join(err, r.Close())
		}
		wantError(t, fmt.Sprintf("ten bytes from %d on", c.offset), err, c.want)
	}
}

func buffersReused(t *testing.T, s extent.Store) {
	const size = 9 << 20
	want := Bytes("reused", size)
	for _, hint := range []int64{-1, size} {
		l := location()
		w := create(t, s, l, hint)
		buf := make([]byte, 256<<10)
		for at := 0; at < size; at += len(buf) {
			copy(buf, want[at:])
			write(t, w, buf)
			clear(buf)
		}
		commit(t, w)
		wantBytes(t, fmt.Sprintf("written with a hint of %d", hint), read(t, s, l, 0, size), want)
	}
}

// sizesAndHints writes extents of sizes around the places where an implementation may change its ways: blocks, MiB, parts.
func sizesAndHints(t *testing.T, s extent.Store) {
	const mib = 1 << 20
	for _, size := range []int{1, 511, 512, 4095, 4096, 4097, mib - 1, mib, mib + 1} {
		sized(t, s, sizedExtent{size: size, hint: int64(size), piece: 256 << 10})
		sized(t, s, sizedExtent{size: size, hint: -1, piece: 10_007})
	}
	for _, e := range []sizedExtent{
		{8*mib - 1, 8*mib - 1, mib},
		{8 * mib, 8 * mib, 256 << 10},
		{8*mib + 1, 8*mib + 1, 700_001},
		{8 * mib, -1, 700_001},
		{8*mib + 1, -1, 9 * mib},
		{9*mib + 4096, -1, 256 << 10},
		{9 * mib, 100, 300_000},             // longer than said
		{9*mib + 1, 8 * mib, 300_000},       // longer than said, which was long
		{100, 9 * mib, 7},                   // much shorter
		{8*mib + 12345, 100 * mib, 4 * mib}, // shorter, and no whole blocks
		{10, 1 << 50, 10},                   // a lie
		{12 * mib, 12 * mib, 12 * mib},      // in one piece
	} {
		sized(t, s, e)
	}
}

type sizedExtent struct {
	size  int
	hint  int64
	piece int // of one Write
}

func sized(t *testing.T, s extent.Store, e sizedExtent) {
	t.Helper()
	l := location()
	want := Bytes(l, e.size)
	w := create(t, s, l, e.hint)
	for p := want; len(p) > 0; p = p[min(e.piece, len(p)):] {
		write(t, w, p[:min(e.piece, len(p))])
	}
	commit(t, w)
	wantBytes(t, fmt.Sprintf("%+v", e), read(t, s, l, 0, int64(e.size)+1), want)
	if got := listed(t, s)[l]; got != int64(e.size) {
		t.Errorf("%+v: listed with %d bytes", e, got)
	}
	if err := s.Delete(t.Context(), l); err != nil {
		t.Errorf("Delete: %v", err)
	}
}

func concurrentWriters(t *testing.T, s extent.Store) {
	sizes := []int{0, 1, 5000, 256 << 10, 1<<20 + 1, 8<<20 + 1}
	var mu sync.Mutex
	want := make(map[extent.Location]int64)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 3 {
				size := sizes[(i+j)%len(sizes)]
				l := location()
				b := Bytes(l, size)
				w, err := s.Create(t.Context(), l, int64(size*(i%2)))
				if err != nil {
					t.Errorf("Create: %v", err)
					return
				}
				for p := b; len(p) > 0 && err == nil; p = p[min(200_000, len(p)):] {
					_, err = w.Write(p[:min(200_000, len(p))])
				}
				if err := errors.Join(err, w.Commit(t.Context())); err != nil {
					t.Errorf("writing: %v", err)
					return
				}
				mu.Lock()
				want[l] = int64(size)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	wantListed(t, s, want)
	for l, size := range want {
		wantBytes(t, string(l), read(t, s, l, 0, size+1), Bytes(l, int(size)))
	}
}

func list(t *testing.T, s extent.Store) {
	wantListed(t, s, map[extent.Location]int64{})
	want := make(map[extent.Location]int64)
	for size := range int64(40) {
		want[put(t, s, make([]byte, size*100))] = size * 100
	}
	wantListed(t, s, want)

	l := location()
	w := create(t, s, l, -1)
	if _, ok := listed(t, s)[l]; !ok {
		t.Error("an uncommitted extent is not listed")
	}
	if err := w.Abort(); err != nil {
		t.Fatalf("Abort: %v", err)
	}
	wantListed(t, s, want)
}

func listLeft(t *testing.T, s extent.Store) {
	for range 5 {
		put(t, s, []byte("bytes"))
	}
	seen := 0
	for _, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		if seen++; seen == 2 {
			break
		}
	}
	if seen != 2 {
		t.Errorf("%d extents seen, want 2", seen)
	}
}
