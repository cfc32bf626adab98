package object

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
)

// Algorithm is one of S3's checksum algorithms (S3 User Guide, "Checking object integrity"). The zero value is none.
type Algorithm uint8

// The algorithms. Their numbers are stored.
const (
	CRC32 Algorithm = iota + 1
	CRC32C
	CRC64NVME
	SHA1
	SHA256
	SHA512
	MD5
	XXHASH64
	XXHASH3
	XXHASH128
)

// Algorithms is each of them, in the order of their numbers.
func Algorithms() []Algorithm {
	return []Algorithm{CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5, XXHASH64, XXHASH3, XXHASH128}
}

// algorithmInfo is what sets the algorithms apart; the index is the algorithm.
var algorithmInfo = [...]struct {
	name     string
	hash     content.Hashes
	size     int // bytes of a sum
	crc      polynomial
	standard ChecksumType // where the client names none
}{
	CRC32:     {"CRC32", content.CRC32, 4, crc32IEEE, Composite},
	CRC32C:    {"CRC32C", content.CRC32C, 4, crc32Castagnoli, Composite},
	CRC64NVME: {"CRC64NVME", content.CRC64NVME, 8, crc64NVME, FullObject},
	SHA1:      {"SHA1", content.SHA1, 20, polynomial{}, Composite},
	SHA256:    {"SHA256", content.SHA256, 32, polynomial{}, Composite},
	SHA512:    {"SHA512", content.SHA512, 64, polynomial{}, Composite},
	MD5:       {"MD5", content.MD5, 16, polynomial{}, Composite},
	XXHASH64:  {"XXHASH64", content.XXHASH64, 8, polynomial{}, Composite},
	XXHASH3:   {"XXHASH3", content.XXHASH3, 8, polynomial{}, Composite},
	XXHASH128: {"XXHASH128", content.XXHASH128, 16, polynomial{}, Composite},
}

// String is the name in S3's API: `CRC32C`.
func (a Algorithm) String() string {
	if int(a) >= len(algorithmInfo) {
		return ""
	}
	return algorithmInfo[a].name
}

// ParseAlgorithm finds an algorithm by its name, in any case; false when it is none of them.
func ParseAlgorithm(name string) (Algorithm, bool) {
	for _, a := range Algorithms() {
		if strings.EqualFold(a.String(), name) {
			return a, true
		}
	}
	return 0, false
}

func (a Algorithm) hash() content.Hashes { return algorithmInfo[a].hash }

// ChecksumType says what the checksum of a multipart upload is computed over.
type ChecksumType uint8

// The types. Their numbers are stored.
const (
	FullObject ChecksumType = iota // over the bytes
	Composite                      // over the checksums of the parts
)

// String is the name in S3's API.
func (t ChecksumType) String() string {
	if t == Composite {
		return "COMPOSITE"
	}
	return "FULL_OBJECT"
}

// Checksum is a sum that S3 clients can ask for. The zero value is none.
type Checksum struct {
	Algorithm Algorithm    `cbor:"1,keyasint,omitempty"`
	Type      ChecksumType `cbor:"2,keyasint,omitempty"`
	Sum       []byte       `cbor:"3,keyasint,omitempty"`
	Parts     int          `cbor:"4,keyasint,omitempty"` // of a Composite
}

// String is the value in headers and XML: base64, with the number of parts of a composite after a dash.
func (c Checksum) String() string {
	s := base64.StdEncoding.EncodeToString(c.Sum)
	if c.Type == Composite {
		s += "-" + strconv.Itoa(c.Parts)
	}
	return s
}

// ParseSum reads the base64 sum of a. Errors: fault.BadRequest when it is not one of a's length.
func ParseSum(a Algorithm, s string) ([]byte, error) {
	sum, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(sum) != algorithmInfo[a].size {
		return nil, fault.BadRequest.Detail("Value for x-amz-checksum-%s header is invalid.", strings.ToLower(a.String()))
	}
	return sum, nil
}

// Integrity is what a client states of the bytes that it sends. The zero value states nothing.
type Integrity struct {
	SHA256    []byte                 // x-amz-content-sha256
	MD5       []byte                 // Content-MD5
	Algorithm Algorithm              // of the checksum to verify and keep
	Sum       []byte                 // its value, where it is known before the body
	Trailer   func() ([]byte, error) // finds its value after the body; nil: it does not come so late
}

// hashes are what has to be computed for it, beside what each version has.
func (in Integrity) hashes(keep Algorithm) content.Hashes {
	h := content.MD5 | keep.hash()
	if in.Algorithm != 0 {
		h |= in.Algorithm.hash()
	}
	return h
}

// verify compares what was stated with what was received. It is for content.IngestRequest.
func (in Integrity) verify(sums content.Sums) error {
	if in.SHA256 != nil && string(in.SHA256) != string(sums.Get(content.SHA256)) {
		return fault.Tell(fault.PayloadHashMismatch, fault.Fact{Name: "ClientComputedContentSHA256", Value: hex.EncodeToString(in.SHA256)},
			fault.Fact{Name: "S3ComputedContentSHA256", Value: hex.EncodeToString(sums.Get(content.SHA256))})
	}
	var sum []byte
	if in.Algorithm != 0 {
		sum = sums.Get(in.Algorithm.hash())
	}
	return in.compare(sums.Get(content.MD5), sum)
}

// compare is verify with the sums at hand.
func (in Integrity) compare(md5, sum []byte) error {
	if in.MD5 != nil && string(in.MD5) != string(md5) {
		return fault.Tell(fault.ChecksumMismatch.Detail("The Content-MD5 you specified did not match what we received."),
			fault.Fact{Name: "CalculatedDigest", Value: base64.StdEncoding.EncodeToString(md5)},
			fault.Fact{Name: "ExpectedDigest", Value: hex.EncodeToString(in.MD5)})
	}
	want := in.Sum
	if in.Trailer != nil {
		var err error
		if want, err = in.Trailer(); err != nil {
			return err
		}
	}
	if want != nil && string(want) != string(sum) {
		return mismatch(in.Algorithm)
	}
	return nil
}

// Checker verifies a small body, such as a document, that is not stored. Write never fails.
type Checker struct {
	in       Integrity
	md5, sum hash.Hash
}

// Checker is for the bytes that in is about.
func (in Integrity) Checker() *Checker {
	c := &Checker{in: in, md5: content.MD5.New(), sum: content.MD5.New()}
	if in.Algorithm != 0 {
		c.sum = in.Algorithm.hash().New()
	}
	return c
}

// Write implements io.Writer.
func (c *Checker) Write(p []byte) (int, error) {
	_, _ = c.md5.Write(p)
	return c.sum.Write(p)
}

// Verify compares, after the last byte. Errors: fault.ChecksumMismatch, those of the trailer.
func (c *Checker) Verify() error { return c.in.compare(c.md5.Sum(nil), c.sum.Sum(nil)) }

func mismatch(a Algorithm) error {
	return fault.ChecksumMismatch.Detail("The %s you specified did not match the calculated checksum.", a)
}

// checksumOf is the full-object checksum among sums.
func checksumOf(a Algorithm, sums content.Sums) Checksum {
	return Checksum{Algorithm: a, Sum: sums.Get(a.hash())}
}

// chooseType is the type of a multipart upload's checksum. Errors: fault.BadRequest for a type that the algorithm cannot have
// (S3 User Guide, "Checking object integrity", table of algorithms and types).
func chooseType(a Algorithm, asked *ChecksumType) (ChecksumType, error) {
	if asked == nil {
		return algorithmInfo[a].standard, nil
	}
	full, composite := algorithmInfo[a].crc.width > 0, a != CRC64NVME
	if *asked == FullObject && !full || *asked == Composite && !composite {
		return 0, fault.BadRequest.Detail("The %s checksum type cannot be used with the %s checksum algorithm.", *asked, strings.ToLower(a.String()))
	}
	return *asked, nil
}

// joinChecksums is the checksum of an object from those of its parts, which all have a sum of a.
func joinChecksums(a Algorithm, t ChecksumType, list []content.Part) Checksum {
	if t == Composite {
		h := a.hash().New()
		for _, p := range list {
			h.Write(p.Sum(a.hash()))
		}
		return Checksum{Algorithm: a, Type: t, Sum: h.Sum(nil), Parts: len(list)}
	}
	join := crcJoin{polynomial: algorithmInfo[a].crc}
	for _, p := range list {
		join.add(bigEndian(p.Sum(a.hash())), p.Size)
	}
	sum := binary.BigEndian.AppendUint64(nil, join.crc)
	return Checksum{Algorithm: a, Type: t, Sum: sum[len(sum)-algorithmInfo[a].size:]}
}

func bigEndian(sum []byte) (n uint64) {
	for _, b := range sum {
		n = n<<8 | uint64(b)
	}
	return n
}
