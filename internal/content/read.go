package content

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// Source is bytes found in a View: small ones themselves, or where the others are.
type Source struct {
	owner  ID
	size   int64
	bytes  []byte
	pieces []piece
	starts []int64        // offset of each piece
	small  map[int][]byte // bytes of inline pieces, by their number
}

// Size is the number of bytes.
func (s Source) Size() int64 { return s.size }

// BytesSource is a source of bytes at hand.
func BytesSource(b []byte) Source { return Source{size: int64(len(b)), bytes: b} }

// Source is where the bytes of content are. Errors: fault.BlobNotFound.
func (s *Store) Source(ctx context.Context, r meta.Reader, id ID) (Source, error) {
	c, err := s.Get(ctx, r, id)
	if err != nil {
		return Source{}, err
	}
	return s.SourceOf(ctx, r, c)
}

// SourceOf is Source of content found in the same View.
func (s *Store) SourceOf(ctx context.Context, r meta.Reader, c Content) (Source, error) {
	list, err := c.pieces.unpack()
	if err != nil {
		return Source{}, err
	}
	if c.Inline && len(list) == 1 {
		return s.InlineSource(ctx, r, list[0].location)
	}
	return s.piecesSource(ctx, r, c.ID, list)
}

// piecesSource reads inline pieces (small parts) at once: they may go as soon as the View ends, extents stay for readers.
func (s *Store) piecesSource(ctx context.Context, r meta.Reader, owner ID, list []piece) (Source, error) {
	src := Source{owner: owner, pieces: list, starts: make([]int64, len(list)), small: make(map[int][]byte)}
	for i, p := range list {
		src.starts[i] = src.size
		src.size += p.size
		if p.inline {
			b, err := s.inlineBytes(ctx, r, p.location)
			if err != nil {
				return Source{}, err
			}
			src.small[i] = b
		}
	}
	return src, nil
}

// InlineSource is the bytes of an inline version. Errors: fault.BlobNotFound.
func (s *Store) InlineSource(ctx context.Context, r meta.Reader, l extent.Location) (Source, error) {
	b, err := s.inlineBytes(ctx, r, l)
	return Source{size: int64(len(b)), bytes: b}, err
}

// Reading is a read under way. Its extents stay until Close.
type Reading struct {
	store *Store
	src   Source
	reg   *reader
}

// Open registers a reader, finds its source in one View by fn, and hands both out. fn's error is returned as it is.
func (s *Store) Open(ctx context.Context, fn func(meta.Reader) (Source, error)) (*Reading, error) {
	rd := &Reading{store: s, reg: s.readers.register(s.o.Now())}
	var version uint64
	err := s.meta.View(ctx, func(r meta.Reader) (err error) {
		version = r.Version()
		rd.src, err = fn(r)
		return err
	})
	if err != nil {
		s.readers.release(rd.reg)
		return nil, err
	}
	var pins []extent.Location
	for _, p := range rd.src.pieces {
		if !p.inline {
			pins = append(pins, p.location)
		}
	}
	s.readers.settle(rd.reg, version, pins)
	return rd, nil
}

// Size is the number of bytes.
func (rd *Reading) Size() int64 { return rd.src.size }

// Close ends the read.
func (rd *Reading) Close() error {
	rd.store.readers.release(rd.reg)
	return nil
}

// WriteRange writes n bytes from offset off to w. plain says that w ends in an unencrypted HTTP/1.1 connection: bytes that have been checked
// since the server started go to it by sendfile; all others are copied, each MiB checked before it is written.
// Errors: fault.Damaged, with nothing written of the damaged MiB; w's.
func (rd *Reading) WriteRange(ctx context.Context, w io.Writer, off, n int64, plain bool) error {
	if rd.src.bytes != nil || len(rd.src.pieces) == 0 {
		_, err := w.Write(rd.src.bytes[off : off+n])
		return err
	}
	for i := rd.pieceAt(off); n > 0; i++ {
		p := rd.src.pieces[i]
		at := off - rd.src.starts[i]
		take := min(n, p.size-at)
		if p.inline {
			if _, err := w.Write(rd.src.small[i][at : at+take]); err != nil {
				return err
			}
		} else if err := rd.writePiece(ctx, w, p, section{at, take}, plain); err != nil {
			return err
		}
		off, n = off+take, n-take
	}
	return nil
}

type section struct{ off, n int64 }

func (rd *Reading) pieceAt(off int64) int {
	return sort.Search(len(rd.src.starts), func(i int) bool { return rd.src.starts[i] > off }) - 1
}

func (rd *Reading) writePiece(ctx context.Context, w io.Writer, p piece, part section, plain bool) error {
	if plain && rd.store.checked.has(p.location) {
		f, err := rd.store.extents.Open(ctx, p.location, part.off, part.n)
		if err != nil {
			return rd.store.lost(ctx, rd.src.owner, p, err)
		}
		defer f.Close()
		_, err = io.CopyN(w, f, part.n)
		return err
	}
	return rd.store.copyChecked(ctx, w, rd.src.owner, p, part)
}

// copyChecked copies part of a piece through whole blocks whose CRC32C is checked before they are written.
func (s *Store) copyChecked(ctx context.Context, w io.Writer, owner ID, p piece, part section) error {
	row, err := s.findExtent(ctx, p.location)
	if err != nil {
		return s.lost(ctx, owner, p, err)
	}
	first := part.off / blockSize * blockSize
	last := min(p.size, (part.off+part.n+blockSize-1)/blockSize*blockSize)
	f, err := s.extents.Open(ctx, p.location, first, last-first)
	if err != nil {
		return s.lost(ctx, owner, p, err)
	}
	defer f.Close()
	buf := blocks.Get().(*[]byte)
	defer blocks.Put(buf)
	for at := first; at < last; at += blockSize {
		b := (*buf)[:min(blockSize, last-at)]
		if _, err := io.ReadFull(f, b); err != nil {
			return s.damaged(ctx, owner, p, at, err)
		}
		if i := at / blockSize * 4; int64(len(row.CRC)) < i+4 || binary.BigEndian.Uint32(row.CRC[i:]) != crc32.Checksum(b, castagnoli) {
			return s.damaged(ctx, owner, p, at, nil)
		}
		if _, err := w.Write(b[max(0, part.off-at):min(int64(len(b)), part.off+part.n-at)]); err != nil {
			return err
		}
	}
	if first == 0 && last == p.size {
		s.checked.add(p.location)
	}
	return nil
}

// findExtent reads the row of an extent. It stays as long as the bytes do.
func (s *Store) findExtent(ctx context.Context, l extent.Location) (row extentRow, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		row, err = extents.Get(ctx, r, string(l))
		return err
	})
	return row, err
}

// lost reports bytes that should be there and are not.
func (s *Store) lost(ctx context.Context, owner ID, p piece, err error) error {
	if errors.Is(err, extent.ErrNotFound) || errors.Is(err, meta.ErrNotFound) {
		return s.damaged(ctx, owner, p, 0, err)
	}
	return err
}

// damaged reports a block that cannot be read as it was written. The bytes stay where they are.
func (s *Store) damaged(ctx context.Context, owner ID, p piece, at int64, cause error) error {
	s.checked.remove(p.location)
	s.o.Logger.ErrorContext(ctx, "stored bytes are damaged", "content", owner, "location", p.location, "offset", at, "error", cause)
	key := damage.Key(string(p.location))
	row := damageRow{Owner: owner, Block: at / blockSize, Seen: s.o.Now().UnixNano()}
	err := s.meta.Update(context.WithoutCancel(ctx), meta.LockSet{}.Write(key), func(tx meta.Tx) error { return damage.PutKey(tx, key, row) })
	if err != nil {
		s.o.Logger.ErrorContext(ctx, "damage is not recorded", "location", p.location, "error", err)
	}
	return fault.Damaged.With("", fmt.Errorf("%s at %d: %w", p.location, at, errors.Join(cause, errChecksum)))
}

var errChecksum = errors.New("content: bytes do not match their checksum")

// NewReader reads n bytes from offset off, each MiB checked. It needs Close, and the Reading open until then.
func (rd *Reading) NewReader(ctx context.Context, off, n int64) io.ReadCloser {
	if rd.src.bytes != nil || len(rd.src.pieces) == 0 {
		return io.NopCloser(bytes.NewReader(rd.src.bytes[off : off+n]))
	}
	r, w := io.Pipe()
	p := &pipe{PipeReader: r, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		w.CloseWithError(rd.WriteRange(ctx, w, off, n, false))
	}()
	return p
}

// pipe is the reading end of a copy that runs beside; Close ends the copy and waits for it.
type pipe struct {
	*io.PipeReader
	done chan struct{}
}

func (p *pipe) Close() error {
	err := p.PipeReader.Close()
	<-p.done
	return err
}
