// Package digest is the name of immutable bytes: an algorithm and the hash that it gives,
// written `sha256:HEX` (OCI image specification 1.1, "Digests").
package digest

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Algorithm is a registered digest algorithm of the OCI image specification.
type Algorithm string

// The algorithms that are understood. Every stored content has a SHA256; SHA512 is a second name.
const (
	SHA256 Algorithm = "sha256"
	SHA512 Algorithm = "sha512"
)

// ErrMalformed says that a string is no digest of a known algorithm.
var ErrMalformed = errors.New("malformed digest")

// New returns a running hash of a, or nil when a is not a known algorithm.
func (a Algorithm) New() hash.Hash {
	switch a {
	case SHA256:
		return sha256.New()
	case SHA512:
		return sha512.New()
	}
	return nil
}

// HexLen is the length of the hexadecimal part of a's digests; 0 for an unknown algorithm.
func (a Algorithm) HexLen() int {
	switch a {
	case SHA256:
		return 2 * sha256.Size
	case SHA512:
		return 2 * sha512.Size
	}
	return 0
}

// Digest is a valid digest in its one written form, lower-case hexadecimal. The zero value is no digest.
// Values come from Parse, FromSum, Of or Compute, so a non-empty Digest never needs another check.
type Digest string

// Parse checks s against `algorithm:hex`. It reports ErrMalformed for anything but
// sha256 and sha512 with exactly their number of lower-case hexadecimal digits.
func Parse(s string) (Digest, error) {
	name, digits, ok := strings.Cut(s, ":")
	want := Algorithm(name).HexLen()
	if !ok || want == 0 || len(digits) != want {
		return "", fmt.Errorf("%w: want sha256: and 64, or sha512: and 128, hexadecimal digits", ErrMalformed)
	}
	for i := range len(digits) {
		c := digits[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", fmt.Errorf("%w: digits are 0-9 and a-f", ErrMalformed)
		}
	}
	return Digest(s), nil
}

// FromSum names the hash value sum of algorithm a. It panics when sum has not a's length.
func FromSum(a Algorithm, sum []byte) Digest {
	if 2*len(sum) != a.HexLen() {
		panic("digest: a sum of the wrong length for " + string(a))
	}
	return Digest(string(a) + ":" + hex.EncodeToString(sum))
}

// Of is the SHA-256 digest of b.
func Of(b []byte) Digest {
	sum := sha256.Sum256(b)
	return FromSum(SHA256, sum[:])
}

// Compute reads r to its end and returns its SHA-256 digest and length in bytes.
func Compute(r io.Reader) (Digest, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return "", n, err
	}
	return FromSum(SHA256, h.Sum(nil)), n, nil
}

// Algorithm is the part before the colon.
func (d Digest) Algorithm() Algorithm {
	name, _, _ := strings.Cut(string(d), ":")
	return Algorithm(name)
}

// Hex is the part after the colon.
func (d Digest) Hex() string {
	_, digits, _ := strings.Cut(string(d), ":")
	return digits
}

// Sum is the hash value in bytes.
func (d Digest) Sum() []byte {
	b, _ := hex.DecodeString(d.Hex())
	return b
}

// String is the written form.
func (d Digest) String() string { return string(d) }
