package s3

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// readXML reads the whole body, so that it is verified, and decodes it. An empty body leaves v as it is.
// Errors: fault.MalformedXML, fault.EntityTooLarge, those of the body.
func readXML(body io.Reader, limit int64, root string, v any) error {
	raw, err := io.ReadAll(io.LimitReader(body, limit+1))
	switch {
	case err != nil:
		return err
	case int64(len(raw)) > limit:
		return fault.EntityTooLarge
	}
	return decodeXML(raw, root, v)
}

// decodeXML decodes a document with this root element: any namespace or none, elements in any order, unknown ones ignored. Document type
// definitions are refused.
func decodeXML(raw []byte, root string, v any) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return fault.MalformedXML
	}
	if longestTag(raw) > maxTag {
		return fault.MalformedXML.With("", errLimit)
	}
	d := xml.NewTokenDecoder(&plainTokens{d: xml.NewDecoder(bytes.NewReader(raw))})
	var got string
	for got == "" {
		t, err := d.Token()
		if err != nil {
			return fault.MalformedXML.With("", err)
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		got = start.Name.Local
		if got != root {
			return fault.MalformedXML.With("", errors.New("unexpected root element "+got))
		}
		if err := d.DecodeElement(v, &start); err != nil {
			return fault.MalformedXML.With("", err)
		}
	}
	for {
		switch t, err := d.Token(); t := t.(type) {
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return fault.MalformedXML.With("", errTrailing)
			}
		case xml.StartElement:
			return fault.MalformedXML.With("", errTrailing)
		case nil:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fault.MalformedXML.With("", err)
		}
	}
}

// Bounds on what a document may consist of, far above anything that S3 defines: a Complete of 10,000 parts with their checksums, indented, is
// 160,000 tokens. Without them a few megabytes of tags become a hundred times as much in memory.
const (
	maxTokens = 200_000
	maxDepth  = 16
	maxTag    = 64 << 10 // bytes of a tag with its attributes, or of a text
)

var (
	errDirective = errors.New("document type definitions are not accepted")
	errTrailing  = errors.New("something follows the document")
	errLimit     = errors.New("the document has too many elements, or too deep ones, or too long ones")
)

// longestTag is how many bytes stand between one `<` and the next at most.
func longestTag(raw []byte) int {
	longest := 0
	for {
		i := bytes.IndexByte(raw, '<')
		if i < 0 {
			return max(longest, len(raw))
		}
		longest = max(longest, i)
		raw = raw[i+1:]
	}
}

// plainTokens refuses directives, and documents beyond the bounds.
type plainTokens struct {
	d             *xml.Decoder
	tokens, depth int
}

// Token implements xml.TokenReader.
func (p *plainTokens) Token() (xml.Token, error) {
	t, err := p.d.Token()
	switch t.(type) {
	case xml.Directive:
		return nil, errDirective
	case xml.StartElement:
		p.depth++
	case xml.EndElement:
		p.depth--
	}
	if p.tokens++; p.tokens > maxTokens || p.depth > maxDepth {
		return nil, errLimit
	}
	return t, err
}

// readVerified reads an XML body and compares it with what its headers state.
func (c *call) readVerified(in object.Integrity, trailer, root string, v any) error {
	in = c.verified(in, trailer)
	check := in.Checker()
	if err := readXML(io.TeeReader(c.body, check), c.o.MaxXML, root, v); err != nil {
		return err
	}
	return check.Verify()
}

// wantBucket has a request without the body that it needs refused for its bucket first, where that is not there. Errors: fault.BucketNotFound.
func (c *call) wantBucket(ctx context.Context, bucket string) error {
	if c.body.Length() != 0 {
		return nil
	}
	_, err := c.o.Objects.HeadBucket(ctx, bucket)
	return err
}

// wantBody is wantBucket for operations whose body S3 asks for by a code of its own. Errors: fault.BucketNotFound, fault.BodyMissing.
func (c *call) wantBody(ctx context.Context, bucket string) error {
	err := c.wantBucket(ctx, bucket)
	if err == nil && c.body.Length() == 0 {
		err = fault.BodyMissing
	}
	return err
}
