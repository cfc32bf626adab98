package object

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/internal/artifact"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// NullVersion is how a version that was written without versioning is addressed (S3 User Guide, "How S3 Versioning works").
const NullVersion = "null"

// Version is one state of a key, whole: listing and reading need no other row. The names of its fields in storage are numbers.
type Version struct {
	ID       string `cbor:"1,keyasint"`           // unique, also of a null version; clients address a null version as NullVersion
	Null     bool   `cbor:"2,keyasint,omitempty"` // written while the bucket was not versioned
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

// newVersionID makes up a version id.
func newVersionID() string { return rand.Text() }

// versionIDLen is the length of a version id.
const versionIDLen = 26

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
	objects   = meta.NewTable[Version](0x42, "objects", 1)             // bucket, key: the current version
	parts     = meta.NewTable[partsRow](0x43, "parts of versions")     // bucket, version id
	uploads   = meta.NewTable[uploadRow](0x44, "multipart uploads", 1) // bucket, key, upload id
	completed = meta.NewTable[completedRow](0x45, "completed uploads") // day (U64), upload id
)

// Actor is who does something, and in which request; events tell it.
type Actor struct {
	Principal string // id
	Request   string // request id
}

// maxKey is the longest key in bytes (S3 User Guide, "Naming Amazon S3 objects").
const maxKey = 1024
