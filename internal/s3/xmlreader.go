package s3

import (
	"bytes"
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
	d := xml.NewTokenDecoder(&plainTokens{xml.NewDecoder(bytes.NewReader(raw))})
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

var (
	errDirective = errors.New("document type definitions are not accepted")
	errTrailing  = errors.New("something follows the document")
)

// plainTokens refuses directives.
type plainTokens struct{ d *xml.Decoder }

// Token implements xml.TokenReader.
func (p *plainTokens) Token() (xml.Token, error) {
	t, err := p.d.Token()
	if _, ok := t.(xml.Directive); ok {
		return nil, errDirective
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
