package client

import (
	"errors"
	"fmt"
	"strings"
)

// Ref names a bucket, an object, or a version of it. Keys are any UTF-8 of 1 to 1024 bytes, and taken as they are: `a//b` and `a/../b`
// are keys of their own.
type Ref struct {
	Bucket  string
	Key     string // empty: the bucket
	Version string // empty: the current one; `null` is one that was written without versioning
}

// At is the Ref of the current version of a key.
func At(bucket, key string) Ref { return Ref{Bucket: bucket, Key: key} }

// ParseRef reads s3://BUCKET, or s3://BUCKET/KEY. The key is verbatim: nothing is decoded.
func ParseRef(s string) (Ref, error) {
	rest, ok := strings.CutPrefix(s, "s3://")
	bucket, key, _ := strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return Ref{}, fmt.Errorf("%q is no s3://BUCKET/KEY", s)
	}
	return Ref{Bucket: bucket, Key: key}, nil
}

// String is the Ref as s3://BUCKET/KEY, with the version behind it.
func (r Ref) String() string {
	s := "s3://" + r.Bucket
	if r.Key != "" {
		s += "/" + r.Key
	}
	if r.Version != "" {
		s += " version " + r.Version
	}
	return s
}

// path is the Ref as the path of a request.
func (r Ref) path() string {
	switch {
	case r.Bucket == "":
		return "/"
	case r.Key == "":
		return "/" + escape(r.Bucket)
	}
	return "/" + escape(r.Bucket) + "/" + escape(r.Key)
}

// escape is how S3 encodes keys in paths: all but the unreserved characters and the slash (SigV4, "UriEncode").
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

var errNoKey = errors.New("the reference names no object")

// object reports that r names no object.
func (r Ref) object() error {
	if r.Bucket == "" || r.Key == "" {
		return &Error{Ref: r, Cause: errNoKey}
	}
	return nil
}
