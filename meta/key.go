package meta

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
)

// Key is an encoded key together with the guards that it falls under. Only tables and logs make keys.
//
// The encoding is one byte for the table, then each part with 0x00 written as 0x00 0xFF and ended by 0x00.
// So keys sort by table, then by the bytes of each part in turn: a part that is a prefix of
// another sorts first, and the order of S3 keys (bytes of their UTF-8) is the order of rows.
type Key struct {
	raw    []byte
	guards []int // lengths of the prefixes of raw that are guards, ascending
}

// Raw is the encoded key. It must not be changed.
func (k Key) Raw() []byte { return k.raw }

// Guards yields the encoded names of the guards that the key falls under.
func (k Key) Guards() [][]byte {
	out := make([][]byte, len(k.guards))
	for i, n := range k.guards {
		out[i] = k.raw[:n]
	}
	return out
}

// GuardCount and GuardAt are Guards without allocation.
func (k Key) GuardCount() int { return len(k.guards) }

// GuardAt is the encoded name of guard i.
func (k Key) GuardAt(i int) []byte { return k.raw[:k.guards[i]] }

// Range is the rows from From (inclusive) to To (exclusive), with the guard that covers all of them, if any.
type Range struct {
	From, To []byte
	guards   [][]byte // every guard that covers the whole range
	Reverse  bool     // yield in descending order
	Limit    int      // rows at most; 0: no limit
}

// Guards are the guards of which each covers the whole range. Empty when only a View may scan it.
func (r Range) Guards() [][]byte { return r.guards }

// Limited is r, cut after n rows.
func (r Range) Limited(n int) Range { r.Limit = n; return r }

// Reversed is r in descending order.
func (r Range) Reversed() Range { r.Reverse = true; return r }

// Contains says whether the encoded key lies in r.
func (r Range) Contains(key []byte) bool {
	return bytes.Compare(key, r.From) >= 0 && bytes.Compare(key, r.To) < 0
}

// appendPart adds the encoding of part to b.
func appendPart(b []byte, part string) []byte {
	for {
		i := strings.IndexByte(part, 0)
		if i < 0 {
			break
		}
		b = append(b, part[:i]...)
		b = append(b, 0x00, 0xFF)
		part = part[i+1:]
	}
	b = append(b, part...)
	return append(b, 0x00)
}

var errMalformedKey = errors.New("meta: malformed key")

// SplitKey decodes the parts of an encoded key (the table byte left out).
func SplitKey(raw []byte) ([]string, error) {
	if len(raw) == 0 {
		return nil, errMalformedKey
	}
	var parts []string
	var part []byte
	for i := 1; i < len(raw); i++ {
		if raw[i] != 0x00 {
			part = append(part, raw[i])
			continue
		}
		if i+1 < len(raw) && raw[i+1] == 0xFF {
			part = append(part, 0x00)
			i++
			continue
		}
		parts = append(parts, string(part))
		part = part[:0]
	}
	if len(part) > 0 {
		return nil, errMalformedKey
	}
	return parts, nil
}

// U64 is n as a part whose order is the numeric order.
func U64(n uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return string(b[:])
}

// ParseU64 is the number in a part made by U64; 0 when it is none.
func ParseU64(part string) uint64 {
	if len(part) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64([]byte(part))
}

// successor is the smallest byte string greater than every string with prefix b.
func successor(b []byte) []byte {
	out := bytes.Clone(b)
	for i := len(out) - 1; i >= 0; i-- {
		if out[i] != 0xFF {
			out[i]++
			return out[:i+1]
		}
	}
	return nil
}
