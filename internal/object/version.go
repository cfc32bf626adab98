package object

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// NullVersion is how a version that was written without versioning is addressed (S3 User Guide, "How S3 Versioning works").
const NullVersion = "null"

// Version is one state of a key, whole: listing and reading need no other row. The names of its fields in storage are numbers.
type Version struct {
	ID       string `cbor:"1,keyasint"`           // unique, also of a null version; clients address a null version as NullVersion
	Null     bool   `cbor:"2,keyasint,omitempty"` // written while the bucket was not versioned, or versioning was suspended
	Order    uint64 `cbor:"3,keyasint"`           // one more than the version that it followed: the order of versions does not rest on clocks
	Owner    string `cbor:"4,keyasint,omitempty"` // principal id
	Modified int64  `cbor:"5,keyasint"`           // Unix nanoseconds
	Size     int64  `cbor:"6,keyasint"`           // bytes

	MD5       []byte   `cbor:"7,keyasint"`           // of the bytes, or of the MD5s of the parts
	PartCount int      `cbor:"8,keyasint,omitempty"` // of a version that was uploaded in parts
	Checksum  Checksum `cbor:"9,keyasint"`

	// Where the bytes are: content of its own row, or an inline location.
	Content content.ID      `cbor:"10,keyasint,omitempty"`
	Inline  extent.Location `cbor:"11,keyasint,omitempty"`
	SHA256  []byte          `cbor:"12,keyasint,omitempty"` // of the bytes; empty when it was not known in time for this row

	Metadata Metadata `cbor:"13,keyasint"`

	Marker     bool      `cbor:"14,keyasint,omitempty"` // a delete marker: it has no bytes, and hides those before it
	Superseded int64     `cbor:"15,keyasint,omitempty"` // Unix nanoseconds: when the next version came; 0 of the current one
	Revision   uint32    `cbor:"16,keyasint,omitempty"` // counts changes of what follows, which happen in place
	Tags       []Tag     `cbor:"17,keyasint,omitempty"` // in the client's order
	Retention  Retention `cbor:"18,keyasint,omitzero"`
	Hold       Hold      `cbor:"19,keyasint,omitempty"`

	Once string `cbor:"20,keyasint,omitempty"` // the idempotency key of the write, as the client made it up
}

// ETag is the entity tag without quotes: the MD5, with the number of parts of a multipart upload after a dash.
func (v *Version) ETag() string { return etag(v.MD5, v.PartCount) }

// AppendETag appends the entity tag to b.
func (v *Version) AppendETag(b []byte) []byte { return appendETag(b, v.MD5, v.PartCount) }

func etag(md5 []byte, parts int) string {
	var b [48]byte
	return string(appendETag(b[:0], md5, parts))
}

func appendETag(b, md5 []byte, parts int) []byte {
	b = hex.AppendEncode(b, md5)
	if parts > 0 {
		b = append(b, '-')
		b = strconv.AppendInt(b, int64(parts), 10)
	}
	return b
}

// Time is when the version was written.
func (v *Version) Time() time.Time { return time.Unix(0, v.Modified).UTC() }

// Address is the version id as clients see it.
func (v *Version) Address() string {
	if v.Null {
		return NullVersion
	}
	return v.ID
}

// digest is the SHA-256 of the bytes, where the version's row has it.
func (v *Version) digest() digest.Digest {
	if len(v.SHA256) == 0 {
		return ""
	}
	return digest.FromSum(digest.SHA256, v.SHA256)
}

// historyKey is the key of the row of an earlier version.
func historyKey(bucket, key string, order uint64) meta.Key {
	return history.Key(bucket, key, meta.U64(^order))
}

// Identity is what the bytes of a version are called.
type Identity struct {
	Content  digest.Digest // SHA-256; empty while that of a multipart upload is being computed
	Artifact digest.Digest // of its artifact manifest; empty likewise
}

func identify(d digest.Digest, size int64) Identity {
	if d == "" {
		return Identity{}
	}
	return Identity{Content: d, Artifact: artifact.Digest(d, size)}
}

// nonce makes a version id unique.
type nonce [10]byte

func newNonce() (n nonce) {
	_, _ = rand.Read(n[:]) // never fails
	return n
}

// versionIDs spells version ids: 26 letters and digits of 48 bits of order and the nonce.
func versionIDs() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

// versionIDLen is the length of a version id.
const versionIDLen = 26

// id is that of the version with this order. So an id alone tells where the version's row is.
func (n nonce) id(order uint64) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], order<<16)
	copy(raw[6:], n[:])
	return versionIDs().EncodeToString(raw[:])
}

// orderOf is the order of the version with this id; 0, which none has, for an id that looks like one and was not made here.
// Errors: fault.ArgumentInvalid for what is no id.
func orderOf(id string) (uint64, error) {
	raw, err := versionIDs().DecodeString(id)
	switch {
	case err != nil && foreignID(id):
		return 0, nil
	case err != nil || len(raw) != 16:
		return 0, fault.Tell(fault.ArgumentInvalid.Detail("Invalid version id specified"),
			fault.Fact{Name: "ArgumentName", Value: "versionId"}, fault.Fact{Name: "ArgumentValue", Value: id})
	}
	return binary.BigEndian.Uint64(raw) >> 16, nil
}

// foreignID says whether id has the length and the letters of one, with digits that ids of this store do not have.
func foreignID(id string) bool {
	return len(id) == versionIDLen && strings.Trim(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// referrer is what edges and index rows of a version's repository call it: the id, then the key, so that the version can be found.
func referrer(key, id string) string { return id + "/" + key }

// ParseReferrer is the key and the version id in the referrer of an object's edge; false when it is none.
func ParseReferrer(s string) (key, versionID string, ok bool) {
	if len(s) <= versionIDLen || s[versionIDLen] != '/' {
		return "", "", false
	}
	return s[versionIDLen+1:], s[:versionIDLen], true
}

func objectEdge(bucket, key, id string) content.Edge {
	return content.Edge{Repository: bucket, Kind: content.EdgeObject, Referrer: referrer(key, id)}
}

// The tables of buckets and keys. Comments name the parts of the keys.
var (
	buckets   = meta.NewTable[bucketRow](0x40, "buckets")              // bucket
	owned     = meta.NewTable[ownedRow](0x41, "buckets by owner")      // owner, bucket
	objects   = meta.NewTable[Version](0x42, "objects", 1)             // bucket, key: the current version, unless it is a delete marker
	parts     = meta.NewTable[partsRow](0x43, "parts of versions")     // bucket, version id
	uploads   = meta.NewTable[uploadRow](0x44, "multipart uploads", 1) // bucket, key, upload id
	completed = meta.NewTable[completedRow](0x45, "completed uploads") // day (U64), upload id
	markers   = meta.NewTable[Version](0x46, "delete markers", 1)      // bucket, key: the current version, where it is a delete marker
	history   = meta.NewTable[Version](0x47, "earlier versions", 1)    // bucket, key, order (U64, inverted): newest first
	nulls     = meta.NewTable[uint64](0x48, "earlier null versions")   // bucket, key: the order of the null version that is in history
)

// Actor is who does something, and in which request; events tell it.
type Actor struct {
	Principal string // id
	Request   string // request id
}

// maxKey is the longest key in bytes (S3 User Guide, "Naming Amazon S3 objects").
const maxKey = 1024
