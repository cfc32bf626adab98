// Package extenttest is the contract of extent.Store as tests, with a store in memory that can lose power and one that fails on demand.
package extenttest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zot-artifact-store/zas/extent"
)

// Run tests that the stores which open returns keep the contract of the port. open is called once for each subtest and returns an empty store.
func Run(t *testing.T, open func(t *testing.T) extent.Store) {
	for _, statement := range []struct {
		name string
		test func(t *testing.T, s extent.Store)
	}{
		{"an absent extent is not found", absent},
		{"an uncommitted extent is not opened", uncommitted},
		{"a location is never written twice", writtenTwice},
		{"what is no location is refused", notALocation},
		{"a zero-length extent is kept", zeroLength},
		{"ranges read exactly", ranges},
		{"what follows the end is EOF", beyondTheEnd},
		{"the buffer of a write is free again at once", buffersReused},
		{"any size is kept whatever the hint said", sizesAndHints},
		{"a commit ends the writing", commitEnds},
		{"abort gives the extent up", abort},
		{"abort after commit does nothing", abortAfterCommit},
		{"delete of an absent extent is no error", deleteAbsent},
		{"a deleted extent is not found", deleted},
		{"an extent deleted while being written is not committed", deletedWhileWritten},
		{"an open reader never reads other bytes", readerOfDeleted},
		{"list sees extents with their sizes", list},
		{"list can be left early", listLeft},
		{"a cancelled context changes nothing", cancelled},
		{"concurrent writers do not mix", concurrentWriters},
		{"every extent reads as a map of bytes would", model},
	} {
		t.Run(statement.name, func(t *testing.T) { statement.test(t, open(t)) })
	}
}

// tb is what the helpers of the contract need of a *testing.T or a *rapid.T.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Bytes makes n bytes that differ for each seed, and of which no two stretches of 512 are alike.
func Bytes(seed extent.Location, n int) []byte {
	var key [32]byte
	copy(key[:], seed)
	random := make([]byte, 4096)
	_, _ = rand.NewChaCha8(key).Read(random)
	b := make([]byte, n)
	for at := 0; at < n; at += len(random) {
		copy(b[at:], random)
	}
	for at := 0; at+8 <= n; at += 256 {
		binary.BigEndian.PutUint64(b[at:], binary.BigEndian.Uint64(b[at:])+uint64(at))
	}
	return b
}

func location() extent.Location { return extent.NewLocation("00000000000000ab") }

// create begins an extent, or fails the test.
func create(t tb, s extent.Store, l extent.Location, size int64) extent.Writer {
	t.Helper()
	w, err := s.Create(context.Background(), l, size)
	if err != nil {
		t.Fatalf("Create(%s, %d): %v", l, size, err)
	}
	return w
}

// write writes all of b at once.
func write(t tb, w extent.Writer, b []byte) {
	t.Helper()
	if n, err := w.Write(b); n != len(b) || err != nil {
		t.Fatalf("Write of %d bytes: %d, %v", len(b), n, err)
	}
}

func commit(t tb, w extent.Writer) {
	t.Helper()
	if err := w.Commit(context.Background()); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

// put stores b in a new extent.
func put(t tb, s extent.Store, b []byte) extent.Location {
	t.Helper()
	l := location()
	w := create(t, s, l, int64(len(b)))
	write(t, w, b)
	commit(t, w)
	return l
}

// read returns length bytes of the extent from offset on, or fewer where it ends before.
func read(t tb, s extent.Store, l extent.Location, offset, length int64) []byte {
	t.Helper()
	r, err := s.Open(context.Background(), l, offset, length)
	if err != nil {
		t.Fatalf("Open(%s, %d, %d): %v", l, offset, length, err)
	}
	b := make([]byte, length)
	n, err := io.ReadFull(r, b)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		t.Fatalf("reading %s from %d on: %v", l, offset, err)
	}
	if err := r.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	return b[:n]
}

// wantBytes compares long contents without printing them.
func wantBytes(t tb, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	t.Fatalf("%s: %d bytes that differ from byte %d on; want %d bytes", what, len(got), at, len(want))
}

func wantError(t tb, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: error %v, want %v", what, err, want)
	}
}

func wantNotFound(t tb, s extent.Store, l extent.Location) {
	t.Helper()
	r, err := s.Open(context.Background(), l, 0, 1)
	if err == nil {
		_ = r.Close()
	}
	wantError(t, "Open", err, extent.ErrNotFound)
}

// listed returns the sizes of all extents.
func listed(t tb, s extent.Store) map[extent.Location]int64 {
	t.Helper()
	sizes := make(map[extent.Location]int64)
	for info, err := range s.List(context.Background()) {
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		if _, twice := sizes[info.Location]; twice {
			t.Fatalf("List: %s twice", info.Location)
		}
		sizes[info.Location] = info.Size
	}
	return sizes
}

func wantListed(t tb, s extent.Store, want map[extent.Location]int64) {
	t.Helper()
	if diff := cmp.Diff(want, listed(t, s)); diff != "" {
		t.Fatalf("List (-want +got):\n%s", diff)
	}
}

func absent(t *testing.T, s extent.Store) {
	wantNotFound(t, s, location())
	put(t, s, []byte("another"))
	wantNotFound(t, s, location())
}

func uncommitted(t *testing.T, s extent.Store) {
	l := location()
	w := create(t, s, l, -1)
	wantNotFound(t, s, l)
	write(t, w, []byte("bytes"))
	wantNotFound(t, s, l)
	commit(t, w)
	wantBytes(t, "after commit", read(t, s, l, 0, 5), []byte("bytes"))
}

func writtenTwice(t *testing.T, s extent.Store) {
	ctx := t.Context()
	l := location()
	w := create(t, s, l, -1)
	_, err := s.Create(ctx, l, -1)
	wantError(t, "Create of an extent that is being written", err, extent.ErrExists)
	write(t, w, []byte("first"))
	commit(t, w)
	_, err = s.Create(ctx, l, -1)
	wantError(t, "Create of a committed extent", err, extent.ErrExists)
	wantBytes(t, "after all", read(t, s, l, 0, 5), []byte("first"))
}

func notALocation(t *testing.T, s extent.Store) {
	for _, l := range []extent.Location{"", "x", "../../../../../../../../../../00", location() + "0", location()[:31] + "G"} {
		if _, err := s.Create(t.Context(), l, -1); err == nil {
			t.Errorf("Create(%q) succeeds", l)
		}
		wantNotFound(t, s, l)
		if err := s.Delete(t.Context(), l); err != nil {
			t.Errorf("Delete(%q): %v", l, err)
		}
	}
	wantListed(t, s, map[extent.Location]int64{})
}

func zeroLength(t *testing.T, s extent.Store) {
	for _, size := range []int64{0, -1, 5, 9 << 20} {
		l := location()
		commit(t, create(t, s, l, size))
		wantBytes(t, "an extent without a Write", read(t, s, l, 0, 1), nil)
	}
	wantBytes(t, "an extent of an empty Write", read(t, s, put(t, s, nil), 0, 1), nil)
}

func commitEnds(t *testing.T, s extent.Store) {
	l := location()
	w := create(t, s, l, -1)
	write(t, w, []byte("bytes"))
	commit(t, w)
	if _, err := w.Write([]byte("more")); err == nil {
		t.Error("a Write after Commit succeeds")
	}
	if err := w.Commit(t.Context()); err == nil {
		t.Error("a second Commit succeeds")
	}
	wantBytes(t, "after all", read(t, s, l, 0, 10), []byte("bytes"))
}

func abort(t *testing.T, s extent.Store) {
	l, kept := location(), put(t, s, []byte("kept"))
	w := create(t, s, l, 9<<20)
	write(t, w, make([]byte, 9<<20))
	if err := w.Abort(); err != nil {
		t.Fatalf("Abort: %v", err)
	}
	wantNotFound(t, s, l)
	wantListed(t, s, map[extent.Location]int64{kept: 4})
	if _, err := w.Write([]byte("more")); err == nil {
		t.Error("a Write after Abort succeeds")
	}
	if err := w.Commit(t.Context()); err == nil {
		t.Error("a Commit after Abort succeeds")
	}
	if err := w.Abort(); err != nil {
		t.Errorf("a second Abort: %v", err)
	}
}

func abortAfterCommit(t *testing.T, s extent.Store) {
	l := location()
	w := create(t, s, l, -1)
	write(t, w, []byte("bytes"))
	commit(t, w)
	if err := w.Abort(); err != nil {
		t.Fatalf("Abort: %v", err)
	}
	wantBytes(t, "after Abort", read(t, s, l, 0, 5), []byte("bytes"))
}

func deleteAbsent(t *testing.T, s extent.Store) {
	if err := s.Delete(t.Context(), location()); err != nil {
		t.Fatalf("Delete: %v", err)
	}
}

func deleted(t *testing.T, s extent.Store) {
	l, kept := put(t, s, []byte("bytes")), put(t, s, []byte("kept"))
	for range 2 {
		if err := s.Delete(t.Context(), l); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		wantNotFound(t, s, l)
		wantListed(t, s, map[extent.Location]int64{kept: 4})
	}
}

func deletedWhileWritten(t *testing.T, s extent.Store) {
	l := location()
	w := create(t, s, l, -1)
	write(t, w, []byte("bytes"))
	if err := s.Delete(t.Context(), l); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	if err := w.Commit(t.Context()); err == nil {
		t.Error("Commit succeeds")
	}
	wantNotFound(t, s, l)
	if err := w.Abort(); err != nil {
		t.Errorf("Abort: %v", err)
	}
	wantListed(t, s, map[extent.Location]int64{})
}

func readerOfDeleted(t *testing.T, s extent.Store) {
	want := Bytes("deleted", 1<<20)
	l := put(t, s, want)
	r, err := s.Open(t.Context(), l, 0, int64(len(want)))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer r.Close()
	if err := s.Delete(t.Context(), l); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	put(t, s, Bytes("another", 1<<20))
	got := make([]byte, len(want))
	// A system may break the reader off, but the end must not look like one.
	if n, err := io.ReadFull(r, got); err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		wantBytes(t, "the reader", got[:n], want)
	}
}

func cancelled(t *testing.T, s extent.Store) {
	l, kept, w := location(), put(t, s, []byte("kept")), create(t, s, location(), -1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Create(ctx, l, -1)
	wantError(t, "Create", err, context.Canceled)
	_, err = s.Open(ctx, kept, 0, 4)
	wantError(t, "Open", err, context.Canceled)
	wantError(t, "Commit", w.Commit(ctx), context.Canceled)
	wantError(t, "Delete", s.Delete(ctx, kept), context.Canceled)
	for _, err := range s.List(ctx) {
		wantError(t, "List", err, context.Canceled)
	}
	if err := w.Abort(); err != nil {
		t.Fatalf("Abort: %v", err)
	}
	wantListed(t, s, map[extent.Location]int64{kept: 4})
}
