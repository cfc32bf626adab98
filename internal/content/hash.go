package content

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"hash/crc32"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"

	"github.com/zot-artifact-store/zas/digest"
)

// Hashes is a set of hash functions.
type Hashes uint16

// The hash functions, by their bit.
const (
	SHA256 Hashes = 1 << iota
	MD5
	SHA1
	CRC32
	CRC32C
	CRC64NVME
	SHA512
	XXHASH64
	XXHASH3
	XXHASH128

	hashCount = iota
)

// castagnoli is the table of CRC32C; building it again would cost, it never changes.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// New is a running hash of the one function in h; nil for anything but exactly one.
func (h Hashes) New() hash.Hash {
	switch h {
	case SHA256:
		return sha256.New()
	case MD5:
		return md5.New()
	case SHA1:
		return sha1.New()
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(castagnoli)
	case CRC64NVME:
		return crc64nvme.New()
	case SHA512:
		return sha512.New()
	case XXHASH64:
		return xxhash.New()
	case XXHASH3:
		return xxh3.New()
	case XXHASH128:
		return xxh3.New128()
	}
	return nil
}

// Sums are the results of one pass over some bytes.
type Sums struct {
	Size int64 // bytes
	sums [hashCount][]byte
}

// Get is the sum of the one function h, big-endian where it is a number; nil when it was not computed. It must not be changed.
func (s Sums) Get(h Hashes) []byte {
	for i := range hashCount {
		if h == 1<<i {
			return s.sums[i]
		}
	}
	return nil
}

func (s Sums) digest() digest.Digest {
	if sum := s.Get(SHA256); sum != nil {
		return digest.FromSum(digest.SHA256, sum)
	}
	return ""
}

// byHash is the sums as rows keep them, without those that rows have elsewhere.
func (s Sums) byHash() map[Hashes][]byte {
	m := make(map[Hashes][]byte, 2)
	for i := range hashCount {
		if s.sums[i] != nil {
			m[1<<i] = s.sums[i]
		}
	}
	return m
}

// running is a set of hashes under way.
type running struct {
	hashes [hashCount]hash.Hash
}

func start(set Hashes) running {
	var r running
	for i := range hashCount {
		if set&(1<<i) != 0 {
			r.hashes[i] = Hashes(1 << i).New()
		}
	}
	return r
}

func (r running) write(b []byte) {
	for _, h := range r.hashes {
		if h != nil {
			h.Write(b)
		}
	}
}

func (r running) sums(size int64) Sums {
	s := Sums{Size: size}
	for i, h := range r.hashes {
		if h != nil {
			s.sums[i] = h.Sum(nil)
		}
	}
	return s
}
