package s3

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/headertext"
	"github.com/zot-artifact-store/zas/internal/object"
)

// Names of user metadata: as net/http reads them, and as they are sent. SDKs hand on the letters of the wire, and S3's are small.
const (
	metaPrefix     = "X-Amz-Meta-"
	sentMetaPrefix = "x-amz-meta-"
	redirectHeader = "X-Amz-Website-Redirect-Location"
)

// metadata reads what is stored with an object. aws-chunked is how the body travelled, not what it is.
func (rq *request) metadata() object.Metadata {
	h := rq.header
	get := func(name string) string { return toText(h.Get(name)) }
	m := object.Metadata{
		ContentType: get("Content-Type"), CacheControl: get("Cache-Control"), ContentDisposition: get("Content-Disposition"),
		ContentEncoding: toText(sigv4.StripChunked(h["Content-Encoding"])), ContentLanguage: get("Content-Language"), Expires: get("Expires"),
		Redirect: get(redirectHeader),
	}
	for name, values := range h {
		if strings.HasPrefix(name, metaPrefix) && len(name) > len(metaPrefix) {
			if m.User == nil {
				m.User = make(map[string]string)
			}
			m.User[strings.ToLower(name[len(metaPrefix):])] = decodeMeta(strings.Join(values, ","))
		}
	}
	return m
}

// decodeMeta undoes RFC 2047, in which clients send what is not ASCII.
func decodeMeta(s string) string {
	if strings.Contains(s, "=?") {
		var d mime.WordDecoder
		if decoded, err := d.DecodeHeader(s); err == nil && utf8.ValidString(decoded) {
			return decoded
		}
	}
	return toText(s)
}

// toText is the value of a header: bytes that are not UTF-8 are taken for ISO 8859-1.
func toText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// setMetadata tells what is stored with an object.
func setMetadata(h http.Header, m *object.Metadata) {
	if m.ContentType == "" {
		h["Content-Type"] = []string{"binary/octet-stream"}
	} else {
		h["Content-Type"] = []string{m.ContentType}
	}
	for _, one := range []struct{ name, value string }{
		{"Cache-Control", m.CacheControl}, {"Content-Disposition", m.ContentDisposition}, {"Content-Encoding", m.ContentEncoding},
		{"Content-Language", m.ContentLanguage}, {"Expires", m.Expires}, {redirectHeader, m.Redirect},
	} {
		if one.value != "" {
			h[one.name] = []string{one.value}
		}
	}
	for name, value := range m.User {
		h[sentMetaPrefix+name] = []string{headertext.Encode(value)}
	}
}

// setIdentity tells what the bytes are called.
func setIdentity(h http.Header, id object.Identity) {
	if id.Content == "" {
		h["X-Zas-Artifact-State"] = []string{"pending"}
		return
	}
	h["X-Zas-Content-Digest"] = []string{id.Content.String()}
	h["X-Zas-Artifact-Digest"] = []string{id.Artifact.String()}
}

func setETag(h http.Header, tag string) {
	h["Etag"] = []string{`"` + tag + `"`} // net/http's canonical form; on the wire case does not matter
}

// headerOnce is the idempotency key of a write.
const headerOnce = "X-Zas-Idempotency-Key"

// writeCondition reads If-Match and If-None-Match of a write, and its idempotency key. Errors: fault.NotImplemented for If-None-Match with an ETag.
func (rq *request) writeCondition() (object.WriteCondition, error) {
	c := object.WriteCondition{Match: rq.header.Get("If-Match")}
	if values, ok := rq.header[headerOnce]; ok {
		if c.Once = values[0]; len(values) > 1 {
			c.Once = "" // two are none
		}
		if err := object.CheckOnce(c.Once); err != nil {
			return c, err
		}
	}
	switch none := rq.header.Get("If-None-Match"); none {
	case "":
	case object.AnyETag:
		c.Absent = true
	default:
		return c, fault.NotImplemented.Detail("A header you provided implies functionality that is not implemented: if-none-match other than *")
	}
	if c.Absent && c.Match != "" {
		return c, fault.NotImplemented.Detail("A header you provided implies functionality that is not implemented: if-match with if-none-match")
	}
	return c, nil
}

// deleteCondition is writeCondition with what else S3 has for removals: x-amz-if-match-size and x-amz-if-match-last-modified-time.
func (rq *request) deleteCondition() (object.WriteCondition, error) {
	c, err := rq.writeCondition()
	if err != nil {
		return c, err
	}
	if value := rq.header.Get("X-Amz-If-Match-Size"); value != "" {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return c, badArgument("x-amz-if-match-size", value, "The x-amz-if-match-size header must be a size in bytes.")
		}
		c.Size = &n
	}
	c.Modified, err = rq.exactDate("X-Amz-If-Match-Last-Modified-Time")
	return c, err
}

// exactDate is date for a condition that must not be overlooked: what is no date is refused.
func (rq *request) exactDate(name string) (time.Time, error) {
	value := rq.header.Get(name)
	t, err := parseDate(value)
	if err != nil {
		return t, badArgument(strings.ToLower(name), value, "The %s header must be a date.", strings.ToLower(name))
	}
	return t.Truncate(time.Second), nil
}

// readCondition reads the conditional headers, or those of a copy's source with their prefix. Dates that are none are ignored, as
// RFC 9110 has it.
func (rq *request) readCondition(prefix string) object.ReadCondition {
	return object.ReadCondition{
		Match: rq.header.Get(prefix + "If-Match"), NoneMatch: rq.header.Get(prefix + "If-None-Match"),
		ModifiedSince: rq.date(prefix + "If-Modified-Since"), UnmodifiedSince: rq.date(prefix + "If-Unmodified-Since"),
	}
}

func (rq *request) date(name string) time.Time {
	t, _ := parseDate(rq.header.Get(name))
	return t
}

// parseDate reads a date in one of the forms of HTTP, or of RFC 3339, which some SDKs send; zero for an empty string.
func parseDate(value string) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	t, err := http.ParseTime(value)
	if err != nil {
		t, err = time.Parse(time.RFC3339, value)
	}
	return t, err
}

// partNumber reads partNumber; 0 when it is not there.
func (rq *request) partNumber() (int, error) {
	value, ok := rq.query.find("partNumber")
	if !ok {
		return 0, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > object.MaxParts {
		return 0, badArgument("partNumber", value, "Part number must be an integer between 1 and %d, inclusive.", object.MaxParts)
	}
	return n, nil
}
