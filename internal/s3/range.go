package s3

import (
	"math"
	"strconv"
	"strings"
)

// byteRange is one range of a Range header (RFC 9110 section 14.1.2). The zero value is the whole.
type byteRange struct {
	given       bool
	suffix      bool  // the last `last` bytes
	first, last int64 // both included
}

// parseRange reads `bytes=…`. Several ranges, other units and what is malformed count as no range, as S3 has it.
func parseRange(s string) byteRange {
	spec, ok := strings.CutPrefix(s, "bytes=")
	if !ok {
		return byteRange{}
	}
	from, to, ok := strings.Cut(spec, "-")
	if !ok {
		return byteRange{}
	}
	r := byteRange{given: true, last: math.MaxInt64}
	okFirst, okLast := true, true
	if from == "" {
		r.suffix = true
	} else {
		r.first, okFirst = parseOffset(from)
	}
	if to != "" {
		r.last, okLast = parseOffset(to)
	}
	if !okFirst || !okLast || from == "" && to == "" || !r.suffix && r.first > r.last {
		return byteRange{}
	}
	return r
}

// parseOffset reads digits; a number too large is the largest.
func parseOffset(s string) (int64, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return math.MaxInt64, s != ""
	}
	return n, true
}

// in is where r lies in a whole of this size; false when it lies outside.
func (r byteRange) in(size int64) (off, n int64, ok bool) {
	switch {
	case !r.given:
		return 0, size, true
	case r.suffix && size == 0: // the last bytes of nothing are all of it; a range of no bytes has no Content-Range
		return 0, 0, r.last > 0
	case r.suffix:
		n = min(r.last, size)
		return size - n, n, n > 0
	case r.first >= size:
		return 0, 0, false
	}
	return r.first, min(r.last, size-1) - r.first + 1, true
}
