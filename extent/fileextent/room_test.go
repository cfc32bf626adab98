package fileextent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/extent"
)

func ctx() context.Context { return context.Background() }

func TestNoSpaceIsErrFullAndTheStoreStaysSound(t *testing.T) {
	for _, call := range []string{"create", "write", "direct write", "sync"} {
		for _, no := range []error{syscall.ENOSPC, syscall.EDQUOT} {
			t.Run(fmt.Sprintf("%s fails with %v", call, no), func(t *testing.T) {
				d := newLossyDisk()
				s := openLossy(t, d, Options{})
				d.before = func(c, _ string) error {
					if c == call {
						return no
					}
					return nil
				}
				w, err := (sized{10 << 20, -1}).begin(s, location())
				for tries := 0; tries < 2 && w != nil; tries++ {
					err = w.Commit(ctx()) // nor does it go well the second time
				}
				if !errors.Is(err, extent.ErrFull) {
					t.Errorf("storing: %v", err)
				}
				if w != nil && w.Abort() != nil {
					t.Error("Abort fails")
				}
				d.before = func(string, string) error { return nil }
				if err := (sized{10 << 20, -1}).store(s, location()); err != nil {
					t.Errorf("storing after room was made: %v", err)
				}
			})
		}
	}
}

func TestPreallocationIsNoCondition(t *testing.T) {
	d := newLossyDisk()
	s := openLossy(t, d, Options{})
	d.before = func(call, _ string) error {
		if call == "allocate" {
			return syscall.ENOSPC
		}
		return nil
	}
	l := location()
	if err := (sized{10 << 20, 1 << 50}).store(s, l); err != nil {
		t.Fatalf("storing: %v", err)
	}
	wantDurable(t, d, s, l, 10<<20)
}

func TestPreallocationDoesNotBelieveAHint(t *testing.T) {
	d := newLossyDisk()
	s := openLossy(t, d, Options{})
	l := location()
	w, err := (sized{3 << 20, 1 << 50}).begin(s, l)
	if err != nil {
		t.Fatalf("writing: %v", err)
	}
	if err := w.(*writer).stream.finish(true); err != nil {
		t.Fatalf("finish: %v", err)
	}
	if n := d.entries[s.path(l)].content.size; n != step {
		t.Errorf("%d bytes are allocated, want %d", n, step)
	}
}

func TestTheFloorIsKept(t *testing.T) {
	const mib = 1 << 20
	now := time.Unix(1_000_000_000, 0)
	d := newLossyDisk()
	s := openLossy(t, d, Options{Floor: 100 * mib, Now: func() time.Time { return now }})
	left := func(n int64) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.left = n
		now = now.Add(time.Minute)
	}

	for _, z := range []sized{{mib, -1}, {10 * mib, -1}, {10 * mib, 10 * mib}} {
		left(100*mib + int64(z.size) - 1)
		if err := z.store(s, location()); !errors.Is(err, extent.ErrFull) {
			t.Errorf("%v, with a byte too little: %v", z, err)
		}
		left(100*mib + int64(z.size) + block)
		if err := z.store(s, location()); err != nil {
			t.Errorf("%v, with just enough room: %v", z, err)
		}
	}

	left(100 * mib)
	if _, err := s.Create(ctx(), location(), -1); !errors.Is(err, extent.ErrFull) {
		t.Errorf("Create at the floor: %v", err)
	}
	d.left += mib // no time passes
	if err := (sized{10, -1}).store(s, location()); err != nil {
		t.Errorf("after room was made: %v", err)
	}

	left(101 * mib)
	if free, err := s.Free(); free != mib || err != nil {
		t.Errorf("Free: %d, %v; want %d", free, err, mib)
	}
	left(99 * mib)
	if free, err := s.Free(); free != 0 || err != nil {
		t.Errorf("Free below the floor: %d, %v; want 0", free, err)
	}
}

func TestTheDefaultFloor(t *testing.T) {
	for _, c := range []struct{ floor, total, want int64 }{
		{0, 10 << 30, (10 << 30) / 100}, {0, 10 << 40, 1 << 30}, {7, 10 << 40, 7}, {-1, 10 << 40, 0},
	} {
		if got := (&room{floor: c.floor}).kept(c.total); got != c.want {
			t.Errorf("of %d bytes with Floor %d stay free: %d, want %d", c.total, c.floor, got, c.want)
		}
	}
}

func TestTheFilesystemIsAskedOncePerSecond(t *testing.T) {
	now := time.Unix(1_000_000_000, 0)
	d := newLossyDisk()
	s := openLossy(t, d, Options{Now: func() time.Time { return now }})
	for _, want := range []int{1, 2} {
		now = now.Add(roomAge)
		for range 10 {
			if err := (sized{10_000, -1}).store(s, location()); err != nil {
				t.Fatalf("storing: %v", err)
			}
		}
		if n := d.count("space"); n != want {
			t.Errorf("asked %d times, want %d", n, want)
		}
	}
}

func TestWhereTheRoomIsNotToldItIsNotLimited(t *testing.T) {
	d := newLossyDisk()
	s := openLossy(t, d, Options{})
	d.before = func(call, _ string) error {
		if call == "space" {
			return errors.ErrUnsupported
		}
		return nil
	}
	if err := (sized{10 << 20, 10 << 20}).store(s, location()); err != nil {
		t.Errorf("storing: %v", err)
	}
	if free, err := s.Free(); free < math.MaxInt64/2 || err != nil {
		t.Errorf("Free: %d, %v", free, err)
	}
}

func TestDirectWriting(t *testing.T) {
	big, small := sized{10 << 20, 10 << 20}, sized{directFrom - 1, -1}
	for _, c := range []struct {
		name   string
		o      Options
		fail   string // the call that fails with EINVAL
		before bool   // already when the store is opened
		z      sized
		want   int // direct writes beside the probe
		other  int // writes through the page cache
	}{
		{name: "of a long stream", z: sized{10<<20 + 1, 10<<20 + 1}, want: 11},
		{name: "from 8 MiB on where the size is unknown", z: sized{10<<20 + 1, -1}, want: 3, other: 3},
		{name: "not of a short one", z: small, other: 3},
		{name: "not where it is not wanted", o: Options{DirectStreams: -1}, z: big, other: 4},
		{name: "not where the probe cannot ask for it", fail: "setdirect", before: true, z: big, other: 4},
		{name: "not where the probe fails", fail: "direct write", before: true, z: big, other: 4},
		{name: "not where a file refuses it", fail: "setdirect", z: big, other: 4},
		{name: "given up where a write is refused", fail: "direct write", z: big, want: 1, other: 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newLossyDisk()
			fail := func(call, _ string) error {
				if call == c.fail {
					return syscall.EINVAL
				}
				return nil
			}
			if c.fail == "setdirect" && !c.before || c.fail == "direct write" {
				fail = failOnce(c.fail, fail)
			}
			if c.before {
				d.before = fail
			}
			s := openLossy(t, d, c.o)
			d.before = fail
			before, others := d.count("direct write"), d.count("write")
			l := location()
			if err := c.z.store(s, l); err != nil {
				t.Fatalf("storing: %v", err)
			}
			wantDurable(t, d, s, l, c.z.size)
			if n := d.count("direct write") - before; n != c.want {
				t.Errorf("%d direct writes, want %d", n, c.want)
			}
			if n := d.count("write") - others; n != c.other {
				t.Errorf("%d writes through the page cache, want %d", n, c.other)
			}
		})
	}
}

// failOnce is fail for the first call of that name.
func failOnce(name string, fail func(call, path string) error) func(call, path string) error {
	over := false
	return func(call, path string) error {
		if over || call != name {
			return nil
		}
		over = true
		return fail(call, path)
	}
}

func TestAStreamBeyondTheLimitTakesNoBuffers(t *testing.T) {
	d := newLossyDisk()
	s := openLossy(t, d, Options{DirectStreams: 1})
	z := sized{9 << 20, 9 << 20}
	first, err := z.begin(s, location())
	if err != nil {
		t.Fatalf("writing: %v", err)
	}
	buffered := d.count("write")
	l := location()
	if err := z.store(s, l); err != nil {
		t.Fatalf("storing: %v", err)
	}
	wantDurable(t, d, s, l, z.size)
	if d.count("write") == buffered {
		t.Error("a second stream writes directly")
	}
	if err := first.Abort(); err != nil {
		t.Fatalf("Abort: %v", err)
	}
	buffered = d.count("write")
	if err := z.store(s, location()); err != nil {
		t.Fatalf("storing: %v", err)
	}
	if d.count("write") != buffered {
		t.Error("a stream does not write directly after another was given up")
	}
}
