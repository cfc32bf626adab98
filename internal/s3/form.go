package s3

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
)

const (
	// maxForm bounds names and values of the fields before the file, in bytes (S3 API, "POST Object": 20 KB).
	maxForm = 20 << 10
	// lookAhead is what package multipart may read beyond the field that it is at.
	lookAhead = 4 << 10
	// maxBoundary is that of RFC 2046, section 5.1.1.
	maxBoundary = 70
	// maxFilename bounds what stands for ${filename}.
	maxFilename = 1024
	// maxBehind bounds what may follow the file, which is ignored, in bytes.
	maxBehind = 1 << 20
)

// variable is what S3 replaces by the name of the file, in all fields.
const variable = "${filename}"

// form is a multipart/form-data body (RFC 7578) read up to its file: what counts comes before it.
type form struct {
	fields map[string]string // by their names in lower case, variables replaced
	file   io.Reader
}

// readForm reads the fields of a form, of which it keeps no more than maxForm bytes. Errors: fault.PreconditionFailed for a body that is no
// form, fault.FormMalformed, fault.FormTooLarge, fault.ArgumentInvalid for one without a file, those of the body.
func readForm(contentType string, body io.Reader) (*form, error) {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" {
		return nil, fault.Tell(fault.PreconditionFailed,
			fault.Fact{Name: "Condition", Value: "Bucket POST must be of the enclosure-type multipart/form-data"})
	}
	boundary := parameters["boundary"]
	if boundary == "" || len(boundary) > maxBoundary {
		return nil, fault.FormMalformed
	}
	limited := &fuse{body, maxForm + lookAhead}
	f := &form{fields: make(map[string]string)}
	r, size := multipart.NewReader(limited, boundary), 0
	for {
		part, err := r.NextRawPart()
		if err != nil {
			return nil, formError(err)
		}
		name := strings.ToLower(part.FormName())
		if name == "file" {
			limited.rest = unlimited
			f.file = part
			return f, f.replace(baseName(part.FileName()))
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, formError(err)
		}
		if size += len(name) + len(value); size > maxForm {
			return nil, fault.FormTooLarge
		}
		if err := f.add(name, string(value)); err != nil {
			return nil, err
		}
	}
}

// formError is the error of a form that ends before its file, or of its body.
func formError(err error) error {
	switch {
	case err == io.EOF: // exactly: the last boundary was there
		return badArgument("file", "0", "POST requires exactly one file upload per request.")
	case fault.Of(err).Code != fault.Unexpected:
		return err
	}
	return fault.FormMalformed.With("", err)
}

// add keeps a field. A name that occurs twice is refused, for nobody could say which of them a condition is about; metadata is joined, as
// headers are.
func (f *form) add(name, value string) error {
	if name == "" {
		return fault.FormMalformed
	}
	if before, twice := f.fields[name]; twice {
		if !strings.HasPrefix(name, sentMetaPrefix) {
			return badArgument(name, value, "The form has this field twice.")
		}
		value = before + "," + value
	}
	f.fields[name] = value
	return nil
}

// replace puts the name of the file where a field asks for it; in that name nothing is replaced.
func (f *form) replace(filename string) error {
	size := 0
	for name, value := range f.fields {
		n := strings.Count(value, variable)
		if size += len(value) + n*len(filename); n > 0 && len(filename) > maxFilename || size > maxForm {
			return fault.FormTooLarge
		}
		if n > 0 {
			f.fields[name] = strings.ReplaceAll(value, variable, filename)
		}
	}
	return nil
}

// baseName is a file's name without the directories that some browsers send, of either kind of system.
func baseName(s string) string { return s[strings.LastIndexAny(s, `/\`)+1:] }

// signatureFields are those that a signed form has.
func signatureFields() []string {
	return []string{sigv4.FieldPolicy, sigv4.FieldAlgorithm, sigv4.FieldCredential, sigv4.FieldDate, sigv4.FieldSignature}
}

// missing is the error of a field that is not there. Whoever looks for it may have put it behind the file.
func missing(name string) error {
	return badArgument(name, "", "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", name)
}

const unlimited = -1

// fuse is a reader of rest bytes, which then fails; unlimited once that is what rest is.
type fuse struct {
	r    io.Reader
	rest int64
}

// Read implements io.Reader. Errors: fault.FormTooLarge after rest bytes.
func (f *fuse) Read(p []byte) (int, error) {
	if f.rest == unlimited {
		return f.r.Read(p)
	}
	if f.rest == 0 {
		return 0, fault.FormTooLarge
	}
	n, err := f.r.Read(p[:min(int64(len(p)), f.rest)])
	f.rest -= int64(n)
	return n, err
}

// upload is the file of a form, which has to be of a size, and to whose end belongs that of the body.
type upload struct {
	file, body  io.Reader
	least, most int64 // bytes
	size        int64 // bytes read
}

// Read implements io.Reader. Errors: fault.EntityTooLarge, fault.EntityTooSmall, fault.FormMalformed for much behind the file, those of
// the body.
func (u *upload) Read(p []byte) (int, error) {
	n, err := u.file.Read(p)
	u.size += int64(n)
	switch {
	case u.size > u.most:
		return 0, u.tooLarge()
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		return n, err
	case u.size < u.least:
		return 0, fault.Tell(fault.EntityTooSmall, sizeFact("ProposedSize", u.size), sizeFact("MinSizeAllowed", u.least))
	}
	behind, err := io.Copy(io.Discard, io.LimitReader(u.body, maxBehind))
	switch {
	case err != nil:
		return 0, err
	case behind == maxBehind:
		return 0, fault.FormMalformed.Detail("too much follows the file")
	}
	return n, io.EOF
}

// tooLarge tells the size, where its end is near.
func (u *upload) tooLarge() error {
	rest, err := io.Copy(io.Discard, io.LimitReader(u.file, maxBehind))
	facts := []fault.Fact{sizeFact("MaxSizeAllowed", u.most)}
	if err == nil && rest < maxBehind {
		facts = append(facts, sizeFact("ProposedSize", u.size+rest))
	}
	return fault.Tell(fault.EntityTooLarge, facts...)
}
