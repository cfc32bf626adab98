package content

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/meta"
)

// The tables of contents. Comments name the parts of the keys.
var (
	epochs    = meta.NewTable[epochRow](0x20, "epochs")            // epoch
	contents  = meta.NewTable[contentRow](0x21, "contents")        // id
	digests   = meta.NewTable[ID](0x22, "digests")                 // digest
	artifacts = meta.NewTable[ID](0x23, "artifacts")               // artifact manifest's digest
	edges     = meta.NewTable[edgeRow](0x24, "edges", 1)           // id, repository, kind, referrer
	extents   = meta.NewTable[extentRow](0x25, "extents")          // location
	inlines   = meta.NewTable[[]byte](0x26, "inline bytes")        // location
	trash     = meta.NewTable[trashRow](0x27, "trash")             // location
	due       = meta.NewTable[struct{}](0x28, "collection queue")  // time (U64 of Unix seconds), id
	uploads   = meta.NewTable[uploadRow](0x29, "uploads")          // id
	parts     = meta.NewTable[partRow](0x2A, "parts", 1)           // upload id, number (U64)
	hashes    = meta.NewTable[hashRow](0x2B, "rolling digests", 1) // upload id, number of parts covered (U64)
	pending   = meta.NewTable[hashRow](0x2C, "late digests")       // id: the checkpoint to go on from
	leftovers = meta.NewTable[struct{}](0x2D, "ended uploads")     // upload id
	damage    = meta.NewTable[damageRow](0x2E, "damage")           // location
)

type epochRow struct {
	Claimed int64 `cbor:"1,keyasint"` // Unix nanoseconds
	Fenced  bool  `cbor:"2,keyasint,omitempty"`
}

// contentRow is one content. An alias has no pieces: its bytes are those of the elder.
type contentRow struct {
	Size    int64  `cbor:"1,keyasint"`
	Pieces  pieces `cbor:"2,keyasint,omitempty"`
	Inline  bool   `cbor:"3,keyasint,omitempty"` // the one piece is in the table of inline bytes
	SHA256  []byte `cbor:"4,keyasint,omitempty"` // empty: not yet known
	SHA512  []byte `cbor:"5,keyasint,omitempty"` // where somebody named it so
	Alias   ID     `cbor:"6,keyasint,omitempty"`
	Created int64  `cbor:"7,keyasint"` // Unix nanoseconds
}

func (c contentRow) digest() digest.Digest {
	if len(c.SHA256) == 0 {
		return ""
	}
	return digest.FromSum(digest.SHA256, c.SHA256)
}

type edgeRow struct {
	Until int64 `cbor:"1,keyasint,omitempty"` // Unix seconds; 0: for good
}

func (e edgeRow) live(now time.Time) bool { return e.Until == 0 || e.Until > now.Unix() }

// extentRow says whose an extent is, with the CRC32C of each MiB of it.
type extentRow struct {
	Owner ID     `cbor:"1,keyasint"` // content or upload
	Size  int64  `cbor:"2,keyasint"`
	CRC   []byte `cbor:"3,keyasint,omitempty"` // 4 bytes per MiB, big-endian
}

type trashRow struct {
	Since int64 `cbor:"1,keyasint"` // Unix seconds
}

type uploadRow struct {
	Kind       UploadKind `cbor:"1,keyasint"`
	Repository string     `cbor:"2,keyasint"`
	Owner      string     `cbor:"3,keyasint"`
	Created    int64      `cbor:"4,keyasint"`           // Unix nanoseconds
	Updated    int64      `cbor:"5,keyasint"`           // Unix nanoseconds
	Offset     int64      `cbor:"6,keyasint,omitempty"` // bytes received, of a session
	Pieces     uint64     `cbor:"7,keyasint,omitempty"` // parts written, of a session
	State      []byte     `cbor:"8,keyasint,omitempty"` // SHA-256 of the bytes received, of a session
}

type partRow struct {
	Location extent.Location   `cbor:"1,keyasint"`
	Size     int64             `cbor:"2,keyasint"`
	Inline   bool              `cbor:"3,keyasint,omitempty"`
	Sums     map[Hashes][]byte `cbor:"4,keyasint,omitempty"`
	Modified int64             `cbor:"5,keyasint"` // Unix nanoseconds
}

func (p partRow) piece() piece { return piece{p.Location, p.Size, p.Inline} }

// hashRow is a checkpoint of the SHA-256 over the first parts of an upload.
type hashRow struct {
	Covers []byte `cbor:"1,keyasint"` // chain over (number, location) of the parts covered
	Number int    `cbor:"2,keyasint"` // the last part covered
	Offset int64  `cbor:"3,keyasint"`
	State  []byte `cbor:"4,keyasint"`
}

type damageRow struct {
	Owner ID    `cbor:"1,keyasint"`
	Block int64 `cbor:"2,keyasint"` // number of the MiB
	Seen  int64 `cbor:"3,keyasint"` // Unix nanoseconds
}

// piece is a whole extent, or the whole bytes under an inline location.
type piece struct {
	location extent.Location
	size     int64
	inline   bool
}

// pieces are packed: 16 bytes of location and 8 of size each, so that 10,000 parts are read in microseconds.
type pieces []byte

const (
	pieceSize  = 24
	inlineFlag = 1 << 63 // of the packed size
)

var errPieces = errors.New("content: malformed pieces")

func pack(list ...piece) pieces {
	p := make(pieces, 0, pieceSize*len(list))
	for _, one := range list {
		raw, err := hex.DecodeString(string(one.location))
		if err != nil || len(raw) != 16 {
			panic("content: a malformed location")
		}
		size := uint64(one.size)
		if one.inline {
			size |= inlineFlag
		}
		p = binary.BigEndian.AppendUint64(append(p, raw...), size)
	}
	return p
}

func (p pieces) unpack() ([]piece, error) {
	if len(p)%pieceSize != 0 {
		return nil, errPieces
	}
	list := make([]piece, 0, len(p)/pieceSize)
	for ; len(p) > 0; p = p[pieceSize:] {
		size := binary.BigEndian.Uint64(p[16:pieceSize])
		list = append(list, piece{
			location: extent.Location(hex.EncodeToString(p[:16])),
			size:     int64(size &^ inlineFlag),
			inline:   size&inlineFlag != 0,
		})
	}
	return list, nil
}
