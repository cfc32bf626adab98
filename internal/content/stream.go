package content

import (
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"sync"
)

// blockSize is the unit of CRC32C: bytes are checked in whole blocks when they are read.
const blockSize = 1 << 20

// chunkSize is what one step of a stream reads, hashes and writes: small enough to stay in the cache of a core.
const chunkSize = 256 << 10

// blockSums computes the CRC32C of each block of what is written to it.
type blockSums struct {
	crc  []byte
	cur  uint32
	fill int
}

func (b *blockSums) write(p []byte) {
	for len(p) > 0 {
		n := min(len(p), blockSize-b.fill)
		b.cur = crc32.Update(b.cur, castagnoli, p[:n])
		b.fill += n
		p = p[n:]
		if b.fill == blockSize {
			b.flush()
		}
	}
}

func (b *blockSums) flush() {
	b.crc = binary.BigEndian.AppendUint32(b.crc, b.cur)
	b.cur, b.fill = 0, 0
}

// done closes the last, short block and gives all sums.
func (b *blockSums) done() []byte {
	if b.fill > 0 {
		b.flush()
	}
	return b.crc
}

// fan hands chunks to one goroutine per hash, so that the slowest hash, not their sum, bounds a stream.
// A chunk returns to the pool when all are done with it.
type fan struct {
	inputs []chan *chunk
	done   sync.WaitGroup
}

type chunk struct {
	buf  []byte
	n    int
	uses sync.WaitGroup
}

func newFan(r running) *fan {
	f := &fan{}
	for _, h := range r.hashes {
		if h == nil {
			continue
		}
		in := make(chan *chunk, 2)
		f.inputs = append(f.inputs, in)
		f.done.Go(func() { consume(h, in) })
	}
	return f
}

func consume(h hash.Hash, in <-chan *chunk) {
	for c := range in {
		h.Write(c.buf[:c.n])
		c.uses.Done()
	}
}

func (f *fan) send(c *chunk) {
	c.uses.Add(len(f.inputs))
	for _, in := range f.inputs {
		in <- c
	}
}

func (f *fan) close() {
	for _, in := range f.inputs {
		close(in)
	}
	f.done.Wait()
}

// chunks is the pool of stream buffers. It is shared by all stores: buffers have no identity.
var chunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, chunkSize)} }}

// ring is how many chunks one stream has in flight: its memory is ring × chunkSize.
const ring = 4

// stream copies up to limit bytes from r to w and feeds the hashes and the block sums on the way.
// It returns how many bytes went through; err is nil at the end of r or at the limit.
func stream(w io.Writer, r io.Reader, limit int64, sums running, blocks *blockSums) (total int64, err error) {
	f := newFan(sums)
	defer f.close()
	var flight [ring]*chunk
	defer func() {
		for _, c := range flight {
			if c != nil {
				c.uses.Wait()
				chunks.Put(c)
			}
		}
	}()
	for i := 0; total < limit; i = (i + 1) % ring {
		if flight[i] == nil {
			flight[i] = chunks.Get().(*chunk)
		}
		c := flight[i]
		c.uses.Wait()
		n, readErr := io.ReadFull(r, c.buf[:min(chunkSize, limit-total)])
		if n > 0 {
			c.n = n
			f.send(c)
			blocks.write(c.buf[:n])
			if _, err := w.Write(c.buf[:n]); err != nil {
				return total, writeError{err}
			}
			total += int64(n)
		}
		switch {
		case errors.Is(readErr, io.EOF), endOfReader(readErr):
			return total, nil
		case readErr != nil:
			return total, readErr
		}
	}
	return total, nil
}

// endOfReader tells io.ReadFull's own ErrUnexpectedEOF (a clean end within a chunk) from the one that a broken body reports:
// ReadFull returns the bare value, net/http and the chunk decoder too, so bodies are wrapped by brokenBody first.
func endOfReader(err error) bool { return err == io.ErrUnexpectedEOF }

// brokenBody wraps a body so that an unexpected end of it is not taken for its end.
type brokenBody struct{ r io.Reader }

var errBroken = errors.New("the body ended unexpectedly")

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.ErrUnexpectedEOF {
		err = errBroken
	}
	return n, err
}

// writeError marks an error of the backend, as opposed to one of the body.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }
