package oci

import (
	"net/http"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// Section is a run of N bytes from Off, for tests.
type Section struct{ Off, N int64 }

// ParseRange, ParseContentRange, ParsePath, Parse, ParseMark and FormatMark give tests the parsers of foreign bytes.
func ParseRange(header string, size int64) (list []Section, err error) {
	parts, err := parseRange(header, size)
	for _, p := range parts {
		list = append(list, Section{p.off, p.n})
	}
	return list, err
}

func ParseContentRange(header string) (Section, error) {
	p, err := parseContentRange(header)
	return Section{p.off, p.n}, err
}

func ParsePath(path string) (kind int, repo, ref, title string, ok bool) {
	t, ok := parsePath(path)
	return int(t.kind), t.repo, t.ref, t.rest, ok
}

// ParseCondition reads the headers of a request.
func ParseCondition(r *http.Request) repository.Condition { return parseCondition(r) }

// Attachment is the Content-Disposition of a title.
func Attachment(title string) string { return attachment(title) }

// Parse is the name of a request's operation and whom it is on.
func Parse(r *http.Request) (name, on string, err error) {
	op, err := parse(r)
	if err != nil {
		return "", "", err
	}
	_, resource := op.needs()
	return op.name(), resource.Name, nil
}

func ParseMark(s string) (repository.Mark, error) { return parseMark(s) }
func FormatMark(m repository.Mark) string         { return formatMark(m) }

// Form is how a code looks on the wire.
func Form(c *fault.Code) (status int, code string) {
	f := formOf(c)
	return f.status, f.code
}
