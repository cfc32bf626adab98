package object

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/zot-artifact-store/zas/fault"
)

// Metadata is what a client stores with a version and gets back with it as headers. Each write replaces all of it.
type Metadata struct {
	ContentType        string            `cbor:"1,keyasint,omitempty"`
	CacheControl       string            `cbor:"2,keyasint,omitempty"`
	ContentDisposition string            `cbor:"3,keyasint,omitempty"`
	ContentEncoding    string            `cbor:"4,keyasint,omitempty"`
	ContentLanguage    string            `cbor:"5,keyasint,omitempty"`
	Expires            string            `cbor:"6,keyasint,omitempty"`
	User               map[string]string `cbor:"7,keyasint,omitempty"` // names in lower case
	Redirect           string            `cbor:"8,keyasint,omitempty"` // where a website would send a browser; it is kept and told, and copies do not have it
}

// maxUserMetadata is S3's limit on names and values of user metadata together, in bytes.
const maxUserMetadata = 2 << 10

// maxRedirect is S3's limit on Redirect, in bytes.
const maxRedirect = 2 << 10

// Check reports fault.MetadataTooLarge, fault.RedirectInvalid, and fault.ArgumentInvalid for what is no UTF-8.
func (m Metadata) Check() error {
	for _, value := range []string{m.ContentType, m.CacheControl, m.ContentDisposition, m.ContentEncoding, m.ContentLanguage, m.Expires, m.Redirect} {
		if !utf8.ValidString(value) {
			return errNotText
		}
	}
	size := 0
	for name, value := range m.User {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return errNotText
		}
		size += len(name) + len(value)
	}
	if size > maxUserMetadata {
		return fault.Tell(fault.MetadataTooLarge, fault.Fact{Name: "Size", Value: strconv.Itoa(size)},
			fault.Fact{Name: "MaxSizeAllowed", Value: strconv.Itoa(maxUserMetadata)})
	}
	redirect := m.Redirect
	if redirect != "" && !strings.HasPrefix(redirect, "/") && !strings.HasPrefix(redirect, "http://") && !strings.HasPrefix(redirect, "https://") ||
		len(redirect) > maxRedirect {
		return fault.RedirectInvalid
	}
	return nil
}

var errNotText = fault.ArgumentInvalid.Detail("metadata is not valid UTF-8")

// CheckKey reports fault.KeyTooLong, fault.PathInvalid or fault.ArgumentInvalid for what is no key (S3 User Guide, "Naming Amazon S3
// objects"). Keys are any UTF-8 of 1 to 1024 bytes: `a//b` and `a/../b` are keys of their own.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fault.ArgumentInvalid.Detail("the key is empty")
	case len(key) > maxKey:
		return fault.KeyTooLong
	case !utf8.ValidString(key):
		return fault.PathInvalid.Detail("the key is not valid UTF-8")
	}
	return nil
}
