package oci

import (
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
)

// maxRanges is how many ranges one answer has at most; who asks for more gets the whole.
const maxRanges = 64

// parseRange reads a Range header for a content of size bytes (RFC 9110, section 14.1.2): the parts to send, none for the whole.
// Other units than bytes are ignored, and so are more or longer ranges than are worth it.
// Errors: fault.RangeNotSatisfiable when no range lies within the content, or the header is malformed.
func parseRange(header string, size int64) ([]section, error) {
	list, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return nil, nil
	}
	var parts []section
	var total int64
	for spec := range strings.SplitSeq(list, ",") {
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue
		}
		part, ok := parseSpec(spec, size)
		if !ok {
			return nil, fault.RangeNotSatisfiable.With(clip(header), nil)
		}
		if part.n > 0 {
			parts = append(parts, part)
			total += part.n
		}
		if len(parts) > maxRanges {
			return nil, nil
		}
	}
	if len(parts) == 0 {
		return nil, fault.RangeNotSatisfiable.With(clip(header), nil)
	}
	if len(parts) > 1 && total > size {
		return nil, nil
	}
	return parts, nil
}

// parseSpec reads `first-last`, `first-` or `-length`. What lies outside of the content is a section without bytes.
func parseSpec(spec string, size int64) (section, bool) {
	from, to, ok := strings.Cut(spec, "-")
	if !ok {
		return section{}, false
	}
	if from == "" {
		n, ok := parseNumber(to)
		n = min(n, size)
		return section{size - n, n}, ok
	}
	first, ok := parseNumber(from)
	if !ok {
		return section{}, false
	}
	last := size - 1
	if to != "" {
		n, ok := parseNumber(to)
		if !ok || n < first {
			return section{}, false
		}
		last = min(n, last)
	}
	if first > last {
		return section{}, true
	}
	return section{first, last - first + 1}, true
}

// parseNumber reads digits alone; what does not fit is the largest number.
func parseNumber(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, true
	}
	return n, true
}

// parseContentRange reads where a chunk lies (OCI distribution specification 1.1, "Pushing a blob in chunks": `first-last`; some
// clients write it as HTTP does, with a unit before and a size behind).
// Errors: fault.SessionRange.
func parseContentRange(header string) (section, error) {
	spec := strings.TrimPrefix(strings.TrimPrefix(header, "bytes "), "bytes=")
	spec, _, _ = strings.Cut(spec, "/")
	from, to, _ := strings.Cut(strings.TrimSpace(spec), "-")
	first, ok := parseNumber(from)
	last, okToo := parseNumber(to)
	if !ok || !okToo || last < first || last == 1<<63-1 {
		return section{}, fault.SessionRange.Detail("Content-Range must be of the form first-last")
	}
	return section{first, last - first + 1}, nil
}
