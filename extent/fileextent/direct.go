package fileextent

import (
	"errors"
	"sync"
	"syscall"
	"unsafe"
)

const (
	block     = 4096     // alignment of direct writes, in bytes: no sector in use is larger
	chunkSize = 1 << 20  // bytes written at once
	chunks    = 2        // buffers of a stream: one fills while the other is written
	step      = 64 << 20 // most bytes preallocated at once, since a hint may be a lie
	blindStep = 16 << 20 // the same where the size is not known
)

// buffers lends aligned chunks to a limited number of streams. Idle ones go with the next garbage collections.
type buffers struct {
	slots chan struct{} // nil when there is no direct writing
	pool  sync.Pool     // of *[chunkSize]byte
}

func newBuffers(streams int) *buffers {
	b := &buffers{slots: make(chan struct{}, streams)}
	b.pool.New = func() any {
		return (*[chunkSize]byte)(aligned(chunkSize))
	}
	return b
}

// aligned makes n bytes that begin at a multiple of block in memory, as direct writes want it.
func aligned(n int) []byte {
	raw := make([]byte, n+block)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(raw))) % block
	return raw[skip:][:n]
}

// reserve says whether one more stream may have buffers.
func (b *buffers) reserve() bool {
	select {
	case b.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (b *buffers) release() { <-b.slots }

// stream writes a file past the page cache, while its caller receives the next chunk. The goroutine of run is its own:
// started by newStream, awaited by finish.
type stream struct {
	f     file
	room  *room
	bufs  *buffers
	full  chan []byte
	empty chan returned

	cur []byte // being filled; nil when none is in hand
	err error  // the first failure that came back

	// Used by run only.
	off       int64 // where the next chunk goes
	allocated int64 // up to here room was found
	hint      int64 // size of the whole, negative when unknown
}

// returned is a buffer that was written, or not.
type returned struct {
	buf *[chunkSize]byte
	err error
}

// newStream takes over f, which stands at off and has direct writing turned on.
func newStream(s *Store, f file, off, hint int64) *stream {
	d := &stream{
		f: f, room: s.room, bufs: s.bufs, off: off, allocated: off, hint: hint,
		full: make(chan []byte, chunks), empty: make(chan returned, chunks),
	}
	for range chunks {
		d.empty <- returned{buf: s.bufs.pool.Get().(*[chunkSize]byte)}
	}
	go d.run()
	return d
}

func (d *stream) run() {
	defer close(d.empty)
	var failed error
	for b := range d.full {
		if failed == nil {
			failed = d.put(b)
		}
		d.empty <- returned{(*[chunkSize]byte)(b[:chunkSize]), failed}
	}
}

// put writes whole blocks at the end.
func (d *stream) put(b []byte) error {
	if err := d.reserve(int64(len(b))); err != nil {
		return err
	}
	n, err := d.f.Write(b)
	if errors.Is(err, syscall.EINVAL) {
		// The filesystem takes it back after all: through the page cache, then.
		if err = d.f.setDirect(false); err == nil {
			_, err = d.f.Write(b[n:])
		}
	}
	d.off += int64(len(b))
	return err
}

// reserve finds room for the next n bytes: well ahead and in one piece, if it can.
func (d *stream) reserve(n int64) error {
	if d.off+n <= d.allocated {
		return nil
	}
	want := int64(blindStep)
	if d.hint >= 0 {
		want = min(step, roundUp(d.hint-d.off))
	}
	if want >= n {
		if ok, _ := d.room.take(want); ok && d.f.allocate(d.off, want) == nil {
			d.allocated = d.off + want
			return nil
		}
	}
	return take(d.room, n)
}

func roundUp(n int64) int64 { return (n + block - 1) &^ (block - 1) }

// Write copies p into chunks and hands on those that are full. It reports failures of earlier chunks.
func (d *stream) Write(p []byte) (int, error) {
	taken := 0
	for taken < len(p) && d.err == nil {
		if d.cur == nil {
			r := <-d.empty
			d.cur, d.err = r.buf[:0], r.err
			continue
		}
		n := copy(d.cur[len(d.cur):chunkSize], p[taken:])
		d.cur = d.cur[:len(d.cur)+n]
		taken += n
		if len(d.cur) == chunkSize {
			d.full <- d.cur
			d.cur = nil
		}
	}
	return taken, d.err
}

// finish ends the goroutine, and gives the buffers back. With flush the rest is written first, padded to whole blocks.
func (d *stream) finish(flush bool) error {
	switch {
	case d.cur == nil:
	case flush && d.err == nil && len(d.cur) > 0:
		end := len(d.cur)
		d.cur = d.cur[:roundUp(int64(end))]
		clear(d.cur[end:])
		d.full <- d.cur
	default:
		d.bufs.pool.Put((*[chunkSize]byte)(d.cur[:chunkSize]))
	}
	close(d.full)
	for r := range d.empty {
		if d.err == nil {
			d.err = r.err
		}
		d.bufs.pool.Put(r.buf)
	}
	d.bufs.release()
	return d.err
}

// probeDirect says whether direct writing works in the directory root.
func probeDirect(sys system, root string) (bool, error) {
	path := probePath(root)
	_ = sys.remove(path) // of a process that died here
	f, err := sys.create(path)
	if err != nil {
		return false, err
	}
	works := f.setDirect(true) == nil
	if works {
		_, err := f.Write(aligned(block))
		works = err == nil
	}
	return works, errors.Join(f.Close(), sys.remove(path))
}
