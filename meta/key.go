package meta

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Key is an encoded key together with the guards that it falls under. Only tables and logs make keys.
//
// The encoding is one byte for the table, then each part ended by 0x00, with 0x00 within a part written as
// 0x01 0x01 and 0x01 as 0x01 0x02. So an end is never mistaken for content, and keys sort by table, then by the
// bytes of each part in turn: a part that is a prefix of another sorts first, and the order of S3 keys (bytes of
// their UTF-8) is the order of rows.
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

const (
	endByte    = 0x00 // ends a part
	escapeByte = 0x01 // precedes what stands for one of these two bytes
)

// appendPart adds the encoding of part to b.
func appendPart(b []byte, part string) []byte {
	for i := 0; i < len(part); i++ {
		if part[i] <= escapeByte {
			b = append(b, escapeByte, part[i]+1)
		} else {
			b = append(b, part[i])
		}
	}
	return append(b, endByte)
}

var errMalformedKey = errors.New("meta: malformed key")

// SplitKey decodes the parts of an encoded key (the table byte left out). What no table encodes is an error.
func SplitKey(raw []byte) ([]string, error) {
	if len(raw) == 0 {
		return nil, errMalformedKey
	}
	var parts []string
	var part []byte
	for i := 1; i < len(raw); i++ {
		switch raw[i] {
		case endByte:
			parts = append(parts, string(part))
			part = part[:0]
		case escapeByte:
			if i++; i == len(raw) || raw[i] < 1 || raw[i] > 2 {
				return nil, errMalformedKey
			}
			part = append(part, raw[i]-1)
		default:
			part = append(part, raw[i])
		}
	}
	if raw[len(raw)-1] != endByte && len(raw) > 1 {
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
