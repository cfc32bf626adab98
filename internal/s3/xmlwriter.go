package s3

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strconv"
	"time"
)

// namespace is that of S3's documents.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// document is an XML answer being written. Elements appear as they are told, empty ones too: clients expect some of them empty.
type document struct {
	b    []byte
	root string
}

// newXML begins a document with this root element, in namespace ns unless that is empty.
func newXML(root, ns string) *document {
	d := &document{b: make([]byte, 0, 1024), root: root}
	d.b = append(d.b, xml.Header...)
	d.b = append(append(d.b, '<'), root...)
	if ns != "" {
		d.b = append(append(append(d.b, ` xmlns="`...), ns...), '"')
	}
	d.b = append(d.b, '>')
	return d
}

func (d *document) open(name string) {
	d.b = append(append(append(d.b, '<'), name...), '>')
}

func (d *document) close(name string) {
	d.b = append(append(append(d.b, "</"...), name...), '>')
}

// text writes an element with a text.
func (d *document) text(name, value string) {
	d.open(name)
	d.escape(value)
	d.close(name)
}

// optional is text that leaves an empty element out.
func (d *document) optional(name, value string) {
	if value != "" {
		d.text(name, value)
	}
}

func (d *document) number(name string, n int64) {
	d.open(name)
	d.b = strconv.AppendInt(d.b, n, 10)
	d.close(name)
}

func (d *document) boolean(name string, v bool) {
	d.open(name)
	d.b = strconv.AppendBool(d.b, v)
	d.close(name)
}

// truncated says whether a list goes on.
func (d *document) truncated(v bool) { d.boolean("IsTruncated", v) }

// etag writes an ETag with its quotes.
func (d *document) etag(value string) {
	d.open("ETag")
	d.b = append(d.b, "&quot;"...)
	d.b = append(append(d.b, value...), "&quot;"...)
	d.close("ETag")
}

func (d *document) time(name string, t time.Time) {
	d.open(name)
	d.b = t.UTC().AppendFormat(d.b, "2006-01-02T15:04:05.000Z")
	d.close(name)
}

// escape writes text; bytes that XML 1.0 cannot hold become U+FFFD, as encoding/xml has it.
func (d *document) escape(s string) {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7F || c == '&' || c == '<' || c == '>' || c == '"' || c == '\'' {
			var buf bytes.Buffer
			_ = xml.EscapeText(&buf, []byte(s)) // a Buffer does not fail
			d.b = append(d.b, buf.Bytes()...)
			return
		}
	}
	d.b = append(d.b, s...)
}

// send ends the document and answers with it.
func (d *document) send(w http.ResponseWriter, status int) {
	d.close(d.root)
	h := w.Header()
	h["Content-Type"] = []string{"application/xml"}
	h["Content-Length"] = []string{strconv.Itoa(len(d.b))}
	w.WriteHeader(status)
	_, _ = w.Write(d.b) // a client that is gone learns nothing from an error
}

// appendURL is encoding-type=url: all bytes but the unreserved ones and `/` as %XX.
func appendURL(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~', c == '/':
			b = append(b, c)
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}
