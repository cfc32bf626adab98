package sigv4

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/zot-artifact-store/zas/fault"
)

const fuzzTrailer = "x-amz-checksum-crc32"

// FuzzChunkReader holds the decoder against a slow one that has the whole body before it, and against itself with other
// portions.
func FuzzChunkReader(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n"+fuzzTrailer+":AAAAAA==\r\n\r\n"), uint16(5))
	f.Add([]byte("0\r\n"+fuzzTrailer+":AAAAAA==\n\r\n\r\n"), uint16(0))
	f.Add([]byte("3\r\nabc\r\n1\r\nd\r\n0\r\n"+fuzzTrailer+":A\r\n\r\n"), uint16(4))
	f.Add([]byte("ffffffffffffffff\r\n"), uint16(1))
	f.Fuzz(func(t *testing.T, framed []byte, length uint16) {
		decode := func(src io.Reader, size int) (string, error) {
			c := newChunked(src, int64(length), []string{fuzzTrailer})
			c.smallChunks = true
			var b strings.Builder
			_, err := io.CopyBuffer(&b, struct{ io.Reader }{c}, make([]byte, size))
			return b.String(), err
		}
		got, err := decode(bytes.NewReader(framed), 1<<10)
		want, ok := decodeSlowly(string(framed), int(length))
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("decoded %q, %v; the slow decoder says %q, %t", got, err, want, ok)
		}
		if err != nil && (len(got) > int(length) || errors.Is(err, io.EOF)) {
			t.Fatalf("%d bytes before %v", len(got), err)
		}
		again, againErr := decode(iotest.OneByteReader(bytes.NewReader(framed)), 3)
		if (againErr == nil) != (err == nil) || err == nil && again != got {
			t.Fatalf("in portions: %q, %v; at once: %q, %v", again, againErr, got, err)
		}
	})
}

// decodeSlowly is the grammar of the framing, read off the specification.
func decodeSlowly(s string, length int) (data string, ok bool) {
	for {
		header, rest, found := strings.Cut(s, "\n")
		digits, crlf := strings.CutSuffix(header, "\r")
		if !found || !crlf || len(header) >= maxLine || len(digits) > 16 || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
			return "", false
		}
		size, err := strconv.ParseInt(digits, 16, 64)
		switch {
		case err != nil || size > int64(length-len(data)):
			return "", false
		case size == 0:
			return data, len(data) == length && endsProperly(rest)
		case int64(len(rest)) < size+2 || rest[size:size+2] != "\r\n":
			return "", false
		}
		data += rest[:size]
		s = rest[size+2:]
	}
}

// endsProperly takes the trailer once, then one to maxBlankLines empty lines.
func endsProperly(s string) bool {
	lines := strings.Split(s, "\n")
	if lines[len(lines)-1] != "" { // the last line has no end
		return false
	}
	lines = lines[:len(lines)-1]
	if len(lines) < 2 || len(lines) > 1+maxBlankLines || len(lines[0]) >= maxLine {
		return false
	}
	name, value, _ := strings.Cut(strings.TrimSuffix(lines[0], "\r"), ":")
	if strings.ToLower(name) != fuzzTrailer || strings.TrimSpace(value) == "" {
		return false
	}
	return !slices.ContainsFunc(lines[1:], func(line string) bool { return line != "" && line != "\r" })
}

// FuzzSignedChunks looks for a body that passes though nobody who has the key has made it.
func FuzzSignedChunks(f *testing.F) {
	key := signingKey{1}
	f.Add([]byte("5;chunk-signature="+strings.Repeat("0", 64)+"\r\nhello\r\n"), "")
	f.Add([]byte("0;chunk-signature="+strings.Repeat("f", 64)+"\r\n\r\n"), "x-amz-trailer-signature:")
	f.Fuzz(func(t *testing.T, framed []byte, more string) {
		for _, trailer := range []bool{false, true} {
			c := newChunked(io.MultiReader(bytes.NewReader(framed), strings.NewReader(more)), 5, nil)
			c.signer = newChunkSigner(seed{key: key, signature: "s"}, trailer)
			if data, err := io.ReadAll(c); err == nil {
				t.Fatalf("%q passes as %q", framed, data)
			}
		}
	})
}

// FuzzCanonicalQuery checks that the canonical form is canonical: it means the same, in whatever order it was sent.
func FuzzCanonicalQuery(f *testing.F) {
	for _, raw := range []string{"", "acl", "a=1&b=2&a=0", "prefix=a+b%2Bc;d&&=x", "%e1%88%b4=%7E", "a=%", "X-Amz-Signature=1&X-Amz-Date=2"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		if err != nil {
			return
		}
		canonical := q.canonical()
		if strings.Trim(canonical, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%=&") != "" {
			t.Fatalf("%q has reserved characters", canonical)
		}
		again, err := parseQuery(canonical)
		if len(canonical) > maxQuery {
			return // encoding has made it longer than what is accepted
		}
		if err != nil || again.canonical() != canonical {
			t.Fatalf("%q becomes %q, then %q, %v", raw, canonical, again.canonical(), err)
		}
		slices.Reverse(q)
		if reversed := q.canonical(); reversed != canonical {
			t.Fatalf("%q reversed becomes %q, not %q", raw, reversed, canonical)
		}
		if values, err := url.ParseQuery(raw); err == nil { // where the standard library understands it, it agrees
			values.Del(paramSignature)
			var expected query
			for name, list := range values {
				for _, value := range list {
					expected = append(expected, param{name, value})
				}
			}
			if want := expected.canonical(); want != canonical {
				t.Fatalf("%q becomes %q, want %q", raw, canonical, want)
			}
		}
	})
}

// FuzzCanonicalPath checks that both forms of a path mean the path that was sent.
func FuzzCanonicalPath(f *testing.F) {
	for _, raw := range []string{"", "/", "/a//b/../c", "/%2F%7e~+", "/%zz", "/ä b"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		paths, err := canonicalPaths(raw)
		want, decodeErr := url.PathUnescape(raw)
		if (err == nil) != (decodeErr == nil) {
			t.Fatal(err, decodeErr)
		}
		for _, path := range paths {
			if got, err := url.PathUnescape(path); err != nil || got != want && raw != "" {
				t.Fatalf("%q means %q, not %q, %v", path, got, want, err)
			}
		}
	})
}

// FuzzParseAuthorization checks that what is accepted can be written down again, with the same meaning.
func FuzzParseAuthorization(f *testing.F) {
	const good = "AWS4-HMAC-SHA256 Credential=AKID/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=00ff"
	for _, header := range []string{good, strings.ReplaceAll(good, ", ", ","), strings.Replace(good, "AKID", "A/B=C", 1), "AWS a:b", "Basic eA==", ""} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		parse := func(header string) (*claim, error) {
			return parseHeader(&http.Request{Header: http.Header{headerDate: {"20130524T000000Z"}}}, header)
		}
		c, err := parse(header)
		if err != nil {
			return
		}
		if c.accessKey == "" || c.scope.region == "" || !c.signs("host") || c.time != time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC) {
			t.Fatalf("%q is accepted as %+v", header, c)
		}
		written := fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
			algorithm, c.accessKey, c.scope.append(nil), strings.Join(c.signedHeaders, ";"), c.signature)
		again, err := parse(written)
		if err != nil || again.accessKey != c.accessKey || again.scope != c.scope || again.signature != c.signature ||
			!slices.Equal(again.signedHeaders, c.signedHeaders) {
			t.Fatalf("%q is %+v, but %q is %+v, %v", header, c, written, again, err)
		}
	})
}

// FuzzPolicy checks that a policy that is accepted allows nothing it does not speak of: neither a field without a
// condition nor a form without a field that has one.
func FuzzPolicy(f *testing.F) {
	for _, document := range []string{
		`{"expiration":"2013-05-25T00:00:00Z","conditions":[{"bucket":"b"},["starts-with","$key","a/"],["eq","$Content-Type","c"]]}`,
		`{"conditions":[["content-length-range","1",10]],"expiration":"2013-05-25T00:00:00.000Z"}`,
		`{"expiration":"2013-05-25T00:00:00Z","conditions":[["eq","key","a"],["contains","$key","a"]]}`,
		`{"expiration":"2013-05-25T00:00:00Z","expiration":"2014-05-25T00:00:00Z","conditions":[]}`,
		`{"expiration":null,"conditions":[{"a":"b","a":"c"}]}`, `[[[[[[`, ``,
	} {
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, document string) {
		p, err := ParsePolicy(base64.StdEncoding.EncodeToString([]byte(document)))
		if err != nil {
			if !errors.Is(err, fault.PolicyInvalid) {
				t.Fatal(err)
			}
			return
		}
		if p.Expires.IsZero() && !strings.Contains(document, "0001-01-01") || p.MinSize < 0 || p.MaxSize < 0 {
			t.Fatalf("%q is accepted as %+v", document, p)
		}
		form := map[string]string{}
		for _, c := range p.conditions {
			form[c.field] = c.value
		}
		before := p.Expires.Add(-1)
		if p.Check(form, before) != nil {
			return // conditions that contradict each other, or never hold
		}
		if p.Check(form, p.Expires) == nil {
			t.Fatalf("%q does not expire", document)
		}
		form["\xff"] = "no condition speaks of this"
		if p.Check(form, before) == nil {
			t.Fatalf("%q allows more than it says", document)
		}
		delete(form, "\xff")
		for name := range form {
			less := maps.Clone(form)
			delete(less, name)
			if p.Check(less, before) == nil {
				t.Fatalf("%q does not need %q", document, name)
			}
		}
	})
}
