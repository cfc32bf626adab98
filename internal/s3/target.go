package s3

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
)

// request is an HTTP request taken apart: all that operations are parsed from.
type request struct {
	method      string
	bucket, key string
	virtual     bool // the host names the bucket
	query       query
	header      http.Header
	length      int64 // Content-Length; -1: not declared
}

// newRequest takes r apart. Its errors leave what could be understood. Errors: fault.PathInvalid, fault.BadRequest, and
// fault.BucketNameInvalid for a host below one of domains that names no bucket.
func newRequest(r *http.Request, domains Domains) (*request, error) {
	rq := &request{method: r.Method, header: r.Header, length: r.ContentLength}
	path, rawQuery := r.URL.EscapedPath(), r.URL.RawQuery
	if r.RequestURI != "" {
		path, rawQuery = splitURI(r.RequestURI)
	}
	bucket, err := domains.bucket(r.Host)
	if err != nil {
		return rq, err
	}
	if rq.virtual = bucket != ""; rq.virtual {
		path = "/" + bucket + path
	}
	if rq.bucket, rq.key, err = splitPath(path); err != nil {
		return rq, err
	}
	rq.query, err = parseQuery(rawQuery)
	return rq, err
}

// splitURI takes a request target apart without changing a byte of it. Its absolute form (`http://host/path`) is that of proxies.
func splitURI(uri string) (path, rawQuery string) {
	path, rawQuery, _ = strings.Cut(uri, "?")
	if !strings.HasPrefix(path, "/") {
		if _, rest, ok := strings.Cut(path, "://"); ok {
			_, rest, _ = strings.Cut(rest, "/")
			return "/" + rest, rawQuery
		}
	}
	return path, rawQuery
}

// splitPath decodes `/bucket/key`. Everything after the second slash is the key, slashes, dots and all.
func splitPath(path string) (bucket, key string, err error) {
	decoded, err := url.PathUnescape(path)
	if err != nil || !strings.HasPrefix(decoded, "/") {
		return "", "", fault.PathInvalid.With("", err)
	}
	bucket, key, _ = strings.Cut(decoded[1:], "/")
	return bucket, key, nil
}

// query is the decoded parameters in the order in which they were sent.
type query []param

type param struct{ name, value string }

// maxParameters is far above anything that S3 has. It holds for requests that nobody has signed, too.
const maxParameters = 128

// parseQuery splits at `&` alone, as the signature does. Errors: fault.BadRequest for what cannot be decoded and for a name that
// occurs twice.
func parseQuery(raw string) (query, error) {
	if strings.Count(raw, "&") >= maxParameters {
		return nil, fault.BadRequest.Detail("the query has more than %d parameters", maxParameters)
	}
	var q query
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
		if q.has(name) {
			return nil, fault.BadRequest.Detail("the query parameter %q occurs twice", name)
		}
		q = append(q, param{name, value})
	}
	return q, nil
}

func (q query) has(name string) bool {
	_, ok := q.find(name)
	return ok
}

// get is the value of name; empty when it is not there.
func (q query) get(name string) string {
	value, _ := q.find(name)
	return value
}

func (q query) find(name string) (string, bool) {
	for _, p := range q {
		if p.name == name {
			return p.value, true
		}
	}
	return "", false
}
