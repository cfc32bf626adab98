package sigv4

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/fault"
)

// Body is the body of a request without its framing, verified while it is read. Bytes are handed on before what covers
// them has been verified, so whoever stores them must not publish them before the end. The last byte is the exception:
// it is handed out only after everything has been verified, so a reader that stops at Length has not missed an error.
//
// Read reports, besides the errors of the connection:
//
//   - fault.Incomplete: the body ended too early
//   - fault.SizeInvalid: the chunks hold more than x-amz-decoded-content-length
//   - fault.PayloadHashMismatch: the bytes are not those of x-amz-content-sha256
//   - fault.ChunkSignatureMismatch, fault.ChunkMalformed, fault.ChunkSizeInvalid, fault.TrailerMalformed: the chunks are not as they have
//     been signed, not chunks, too small, or not followed by what was announced
//
// A Body is not safe for concurrent use.
type Body struct {
	src     io.Reader
	closer  io.Closer
	length  int64
	payload string
	plain   *plain   // one of these two is src
	chunked *chunked // …
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) { return b.src.Read(p) }

// Close closes the body of the request.
func (b *Body) Close() error { return b.closer.Close() }

// Length is the number of bytes that Read will deliver: x-amz-decoded-content-length for chunked bodies, else
// Content-Length; -1 when it is not known.
func (b *Body) Length() int64 { return b.length }

// Payload is the kind of the body: the value of x-amz-content-sha256, or UnsignedPayload where that may be left out.
func (b *Body) Payload() string { return b.payload }

// TakeSHA256 returns the hash that x-amz-content-sha256 states, if it states one, and makes the caller responsible for
// comparing it: Read no longer hashes. It is for callers who compute the same hash anyway. It returns false, and
// changes nothing, once reading has begun.
func (b *Body) TakeSHA256() (sum [sha256.Size]byte, ok bool) {
	if b.plain == nil || b.plain.hash == nil || b.plain.begun {
		return sum, false
	}
	b.plain.hash = nil
	return b.plain.want, true
}

// TrailerNames are the lower-case names that x-amz-trailer announces. All of them, and no others, are in Trailer.
func (b *Body) TrailerNames() []string {
	if b.chunked == nil {
		return nil
	}
	return slices.Clone(b.chunked.announced)
}

// Trailer is what followed the chunks, or nil before Read has reported io.EOF. Only StreamingSignedTrailer covers it by
// a signature.
func (b *Body) Trailer() http.Header {
	if b.chunked == nil || !errors.Is(b.chunked.err, io.EOF) {
		return nil
	}
	return b.chunked.trailer
}

// seed is where the chain of chunk signatures starts: the signature of the request and what made it.
type seed struct {
	key       signingKey
	time      time.Time
	scope     scope
	signature string
}

func newBody(r *http.Request, payload string, s seed, smallChunks bool) (*Body, error) {
	src := r.Body
	if src == nil {
		src = http.NoBody
	}
	b := &Body{closer: src, payload: payload, length: r.ContentLength}
	declared, err := decodedLength(r)
	if err != nil {
		return nil, err
	}
	names, err := trailerNames(r)
	if err != nil {
		return nil, err
	}
	trailer := payload == StreamingSignedTrailer || payload == StreamingUnsignedTrailer
	if len(names) > 0 && !trailer {
		return nil, fault.BadRequest.Detail("x-amz-trailer needs an x-amz-content-sha256 that ends in -TRAILER")
	}
	if trailer || payload == StreamingSigned {
		if declared < 0 {
			return nil, fault.LengthRequired.Detail("a chunked body needs x-amz-decoded-content-length")
		}
		b.chunked = newChunked(src, declared, names)
		b.chunked.smallChunks = smallChunks
		if payload != StreamingUnsignedTrailer {
			b.chunked.signer = newChunkSigner(s, payload == StreamingSignedTrailer)
		}
		b.src, b.length = b.chunked, declared
		return b, nil
	}
	// `Content-Encoding: aws-chunked` alone does not mean chunks. A decoded length that differs would: such a body must
	// not be stored with its framing.
	if declared >= 0 && r.ContentLength >= 0 && declared != r.ContentLength {
		return nil, fault.BadRequest.Detail("x-amz-decoded-content-length differs from Content-Length, but x-amz-content-sha256 does not say that the body is chunked")
	}
	b.plain = &plain{src: src, left: r.ContentLength}
	if sum, ok := parseSHA256(payload); ok {
		b.plain.want, b.plain.hash = sum, sha256.New()
	}
	b.src = b.plain
	return b, nil
}

// decodedLength is -1 when the header is not there.
func decodedLength(r *http.Request) (int64, error) {
	values := r.Header[headerDecodedLength]
	if len(values) == 0 {
		return -1, nil
	}
	n, ok := parseLength(values[0])
	if !ok || len(values) > 1 {
		return 0, fault.LengthRequired.Detail("x-amz-decoded-content-length must be one number")
	}
	return n, nil
}

// trailerNames refuses everything but checksums, as AWS does: a trailer must never stand in for a signed header.
func trailerNames(r *http.Request) ([]string, error) {
	var names []string
	for _, value := range r.Header[headerTrailer] {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if !strings.HasPrefix(name, "x-amz-checksum-") || slices.Contains(names, name) || len(names) >= maxTrailers {
				return nil, fault.BadRequest.Detail("The value specified in the x-amz-trailer header is not supported")
			}
			names = append(names, name)
		}
	}
	return names, nil
}

// plain is a body without framing.
type plain struct {
	src   io.Reader
	left  int64     // bytes to come; negative when not known
	hash  hash.Hash // nil when there is nothing to compare
	want  [sha256.Size]byte
	begun bool
	err   error
}

func (p *plain) Read(b []byte) (int, error) {
	p.begun = true
	if p.err != nil || len(b) == 0 {
		return 0, p.err
	}
	var n int
	var err error
	if p.left != 0 {
		if p.left > 0 && int64(len(b)) > p.left {
			b = b[:p.left]
		}
		n, err = p.src.Read(b)
	}
	if p.hash != nil {
		p.hash.Write(b[:n])
	}
	if p.left >= 0 {
		p.left -= int64(n)
	}
	switch {
	case p.left == 0, errors.Is(err, io.EOF) && p.left < 0:
		if p.err = p.verify(); !errors.Is(p.err, io.EOF) {
			return 0, p.err // withhold the last bytes
		}
	case err != nil:
		p.err = incomplete(err)
	}
	return n, p.err
}

// verify reports io.EOF for a body that is what it should be.
func (p *plain) verify() error {
	if p.hash != nil && !bytes.Equal(p.hash.Sum(nil), p.want[:]) {
		return payloadMismatch(p.want[:], p.hash.Sum(nil))
	}
	return io.EOF
}

// incomplete translates the ends of a body that come too early, and leaves other errors as they are. The cause is never
// io.EOF: nobody may take this for the proper end.
func incomplete(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.Incomplete.With("", io.ErrUnexpectedEOF)
	}
	return err
}

// StripChunked removes every `aws-chunked` from the values of Content-Encoding and returns the encodings that are left,
// joined by commas; they are what S3 stores.
func StripChunked(contentEncoding []string) string {
	var rest []string
	for _, value := range contentEncoding {
		for coding := range strings.SplitSeq(value, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "aws-chunked") {
				rest = append(rest, coding)
			}
		}
	}
	return strings.Join(rest, ",")
}
