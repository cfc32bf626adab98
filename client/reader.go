package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"github.com/zot-artifact-store/zas/digest"
)

// Reader reads a version of an object. It goes on by itself when the connection breaks. Read and Seek are for one goroutine at a time,
// ReadAt for many.
type Reader struct {
	info  Info
	open  func(off, n int64) *stream
	at    int64
	s     *stream
	sum   hash.Hash // of all that was read, while it was read in order
	ended bool
}

var (
	_ io.ReadSeekCloser = (*Reader)(nil)
	_ io.ReaderAt       = (*Reader)(nil)
	_ io.WriterTo       = (*Reader)(nil)
)

// Open opens an object for reading, within ctx. Who reads all of it from beginning to end, without Seek, gets fault.DigestMismatch in place of
// io.EOF when it is not what the server has. Errors: fault.KeyNotFound.
func (c *Client) Open(ctx context.Context, from Ref) (*Reader, error) {
	info, err := c.pin(ctx, from)
	if err != nil {
		return nil, err
	}
	return &Reader{info: info, sum: sha256.New(), open: func(off, n int64) *stream { return c.newStream(ctx, info, off, n) }}, nil
}

// Info is what the server tells of the version.
func (r *Reader) Info() Info { return r.info }

// Size is its bytes.
func (r *Reader) Size() int64 { return r.info.Size }

var errClosed = errors.New("the reader is closed")

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	switch {
	case r.ended:
		return 0, as("GetObject", r.info.Ref, errClosed)
	case len(p) == 0:
		return 0, nil
	case r.at >= r.info.Size:
		return 0, r.end()
	case r.s == nil:
		r.s = r.open(r.at, r.info.Size-r.at)
	}
	n, err := r.s.Read(p)
	r.at += int64(n)
	if r.sum != nil {
		r.sum.Write(p[:n])
	}
	if errors.Is(err, io.EOF) {
		err = r.end()
	}
	return n, err
}

// end is what Read reports at the end.
func (r *Reader) end() error {
	if r.sum == nil {
		return io.EOF
	}
	if _, err := verified("GetObject", r.info, digest.FromSum(digest.SHA256, r.sum.Sum(nil))); err != nil {
		return err
	}
	return io.EOF
}

// WriteTo implements io.WriterTo, with large reads.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	return io.CopyBuffer(w, onlyReader{r}, make([]byte, 256<<10))
}

// Seek implements io.Seeker. It sends nothing.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.info.Size
	}
	if offset < 0 {
		return r.at, errors.New("seek before the beginning")
	}
	if offset == r.at {
		return offset, nil
	}
	if r.s != nil {
		r.s.Close()
		r.s = nil
	}
	if r.at, r.sum = offset, nil; offset == 0 {
		r.sum = sha256.New()
	}
	return offset, nil
}

// ReadAt implements io.ReaderAt, with a request for each call. What it reads is not compared with the digest, which is of the whole.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("read before the beginning")
	}
	n := min(int64(len(p)), r.info.Size-off)
	if n <= 0 {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	s := r.open(off, n)
	defer s.Close()
	got, err := io.ReadFull(s, p[:n])
	if err == nil && n < int64(len(p)) {
		err = io.EOF
	}
	return got, err
}

// Close ends the request under way.
func (r *Reader) Close() error {
	r.ended = true
	if r.s != nil {
		r.s.Close()
		r.s = nil
	}
	return nil
}
