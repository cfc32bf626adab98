package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
)

// canonical holds the parts of a canonical request in canonical form.
type canonical struct {
	method, path, query, headers string // headers are lines, each with its end
	signed                       []string
	payload                      string
}

// request is step 1 of "Calculating a Signature".
func (c canonical) request() []byte {
	b := make([]byte, 0, len(c.method)+len(c.path)+len(c.query)+2*len(c.headers)+len(c.payload)+8)
	for _, s := range []string{c.method, c.path, c.query, c.headers} {
		b = append(b, s...)
		b = append(b, '\n')
	}
	for i, name := range c.signed {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	b = append(b, '\n')
	return append(b, c.payload...)
}

// rawPath is the path as it stands on the request line; a request made by a client has none yet.
func rawPath(r *http.Request) string {
	if r.RequestURI == "" {
		return r.URL.EscapedPath()
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if strings.HasPrefix(path, "/") {
		return path
	}
	// The absolute form of a request target: `GET http://host/path`.
	if _, rest, ok := strings.Cut(path, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return rest[i:]
		}
		return ""
	}
	return path
}

func rawQuery(r *http.Request) string {
	if r.RequestURI == "" {
		return r.URL.RawQuery
	}
	_, query, _ := strings.Cut(r.RequestURI, "?")
	return query
}

// canonicalPaths returns the paths that a client may have signed: the one encoded by the rules of UriEncode and, when
// that differs, the one exactly as sent. S3 encodes once and does not clean the path.
func canonicalPaths(raw string) ([]string, error) {
	if raw == "" {
		raw = "/"
	}
	decoded, err := url.PathUnescape(raw)
	if err != nil {
		return nil, fault.PathInvalid.With("", err)
	}
	encoded := string(appendEncoded(nil, decoded, true))
	if encoded == raw {
		return []string{raw}, nil
	}
	return []string{encoded, raw}, nil
}

const upperHex = "0123456789ABCDEF"

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// appendEncoded is UriEncode of the specification: every byte but the unreserved ones, and but '/' in paths.
func appendEncoded(b []byte, s string, path bool) []byte {
	for i := range len(s) {
		c := s[i]
		if unreserved(c) || path && c == '/' {
			b = append(b, c)
			continue
		}
		b = append(b, '%', upperHex[c>>4], upperHex[c&15])
	}
	return b
}

func encode(s string) string {
	for i := range len(s) {
		if !unreserved(s[i]) {
			return string(appendEncoded(make([]byte, 0, len(s)+16), s, false))
		}
	}
	return s
}

// query is the query in the order in which it was sent.
type query []param

type param struct{ name, value string } // decoded

// Bounds on a query, far above anything that S3 has. They are checked before anything is known of the client.
const (
	maxQuery  = 32 << 10
	maxParams = 128
)

// parseQuery splits at `&` only (`;` is an ordinary byte, since X-Amz-SignedHeaders may hold it unescaped) and refuses
// what cannot be decoded, so that no parameter is signed in one reading and used in another.
func parseQuery(raw string) (query, error) {
	if raw == "" {
		return nil, nil
	}
	n := 1 + strings.Count(raw, "&")
	if len(raw) > maxQuery || n > maxParams {
		return nil, fault.BadRequest.Detail("the query is longer than %d bytes or has more than %d parameters", maxQuery, maxParams)
	}
	q := make(query, 0, n)
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, fault.BadRequest.With("the query cannot be decoded", err)
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, fault.BadRequest.With("the query cannot be decoded", err)
		}
		q = append(q, param{name, value})
	}
	return q, nil
}

// get returns the value of name and how often it occurs.
func (q query) get(name string) (value string, n int) {
	for _, p := range q {
		if p.name == name {
			value = p.value
			n++
		}
	}
	return value, n
}

// checkUnique refuses a name that occurs more than once, in whatever case.
func (q query) checkUnique() error {
	for i, p := range q {
		if slices.ContainsFunc(q[:i], func(o param) bool { return strings.EqualFold(o.name, p.name) }) {
			return fault.BadRequest.Detail("the query parameter %q occurs twice", p.name)
		}
	}
	return nil
}

// values leaves out the parameters of the signature itself.
func (q query) values() url.Values {
	v := make(url.Values, len(q))
	for _, p := range q {
		if !authParam(p.name) {
			v[p.name] = append(v[p.name], p.value)
		}
	}
	return v
}

// canonical is the CanonicalQueryString: encoded, sorted by name and then by value, without the signature.
func (q query) canonical() string {
	pairs := make(query, 0, len(q))
	size := 0
	for _, p := range q {
		if p.name == paramSignature {
			continue
		}
		p = param{encode(p.name), encode(p.value)}
		size += len(p.name) + len(p.value) + 2
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(a, b param) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	var b strings.Builder
	b.Grow(size)
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name)
		b.WriteByte('=')
		b.WriteString(p.value)
	}
	return b.String()
}

// canonicalHeaders is one line for each signed header. A header that is signed but absent counts as empty: clients
// leave out empty headers that they have signed.
func canonicalHeaders(r *http.Request, signed []string) string {
	var b strings.Builder
	b.Grow(64 * len(signed))
	for _, name := range signed {
		b.WriteString(name)
		b.WriteByte(':')
		writeHeader(&b, r, name)
		b.WriteByte('\n')
	}
	return b.String()
}

// writeHeader writes the value of one header. net/http keeps host, content-length and transfer-encoding outside of the
// header map.
func writeHeader(b *strings.Builder, r *http.Request, name string) {
	switch name {
	case "host":
		b.WriteString(host(r))
	case "content-length":
		if r.ContentLength >= 0 {
			b.WriteString(strconv.FormatInt(r.ContentLength, 10))
		}
	case "transfer-encoding":
		b.WriteString(strings.Join(r.TransferEncoding, ","))
	default:
		for i, value := range r.Header[http.CanonicalHeaderKey(name)] {
			if i > 0 {
				b.WriteByte(',')
			}
			writeFolded(b, value)
		}
	}
}

func host(r *http.Request) string {
	if r.Host == "" {
		return r.URL.Host
	}
	return r.Host
}

// writeFolded trims the value and folds each run of blanks inside it into one.
func writeFolded(b *strings.Builder, value string) {
	first := true
	for word := range strings.FieldsFuncSeq(value, func(c rune) bool { return c == ' ' || c == '\t' }) {
		if !first {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		first = false
	}
}
