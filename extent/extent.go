// Package extent is the port to bytes: immutable runs under opaque locations that are never used again.
// It knows nothing of digests, names or references. A filesystem and a cloud bucket both fit it.
package extent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"iter"
)

// Errors of the port. Implementations wrap them; callers use errors.Is.
var (
	// ErrNotFound says that no committed extent is at the location.
	ErrNotFound = errors.New("extent: not found")
	// ErrExists says that the location has been written before.
	ErrExists = errors.New("extent: location is in use")
	// ErrFull says that the backend has no room; the caller may delete and try again.
	ErrFull = errors.New("extent: no space left")
)

// Location names one extent: the epoch of the process that wrote it and a random number, each 16 hexadecimal digits.
// It is made up by the writer before the first byte, and never used a second time.
type Location string

// Epoch numbers the life of one process over a store; it is claimed durably in metadata before the first write.
type Epoch string

// NewLocation makes up a location of epoch e.
func NewLocation(e Epoch) Location {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return Location(string(e) + hex.EncodeToString(b[:]))
}

// NewEpoch makes up an epoch.
func NewEpoch() Epoch {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return Epoch(hex.EncodeToString(b[:]))
}

// Epoch is the epoch in which l was written.
func (l Location) Epoch() Epoch {
	if !l.Valid() {
		return ""
	}
	return Epoch(l[:16])
}

// Valid says whether l has the form of a location, so that it may be used in a path.
func (l Location) Valid() bool {
	if len(l) != 32 {
		return false
	}
	for i := range len(l) {
		if c := l[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Info describes a stored extent.
type Info struct {
	Location Location
	Size     int64 // bytes
}

// Store keeps extents. Implementations are safe for concurrent use.
type Store interface {
	// Create begins the extent at l. size is its length in bytes where it is known, else -1: a hint for preallocation only.
	// Nothing is promised of an extent before Commit. Errors: ErrExists, ErrFull.
	Create(ctx context.Context, l Location, size int64) (Writer, error)
	// Open returns a reader that stands at offset. What follows after length bytes is unspecified: the caller takes no more than
	// length (io.CopyN). A filesystem returns an *os.File, so that io.CopyN to a socket becomes sendfile.
	// An uncommitted extent is not found while its writer lives; what a dead process left of one may open in part, and nothing names it.
	// Errors: ErrNotFound; an offset or length beyond the end surfaces as io.EOF or io.ErrUnexpectedEOF of reads.
	Open(ctx context.Context, l Location, offset, length int64) (io.ReadCloser, error)
	// Delete removes the extent for good; an absent one is no error, and of one being written the Commit then fails. After a loss of power the
	// extent may be back, whole. Readers that have it open read on where the system allows it.
	Delete(ctx context.Context, l Location) error
	// List yields every location present, committed or not, in no particular order.
	List(ctx context.Context) iter.Seq2[Info, error]
}

// Writer is an extent being written, by one goroutine.
type Writer interface {
	io.Writer // Errors: ErrFull; a failure may be one of an earlier Write
	// Commit makes all bytes written durable, and the location with them, before it returns nil. After an error the extent may or may not be
	// there; a failed sync is never tried again. Errors: ErrFull, and ErrNotFound for an extent deleted meanwhile.
	Commit(ctx context.Context) error
	// Abort gives the extent up and frees its space; after a Commit that succeeded it does nothing, so it can be deferred.
	Abort() error
}

// FreeSpace is an optional ability of a Store: how much room is left.
type FreeSpace interface {
	// Free is the number of bytes available to the store.
	Free() (int64, error)
}
