package repository

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// Name is one row per name of the shared namespace: a repository, a bucket, or both faces of one name.
type Name struct {
	Owner      string `cbor:"1,keyasint"` // principal id
	Bucket     bool   `cbor:"2,keyasint,omitempty"`
	Repository bool   `cbor:"3,keyasint,omitempty"` // something was pushed to it, or it was created as one
	Created    int64  `cbor:"4,keyasint"`           // Unix nanoseconds
}

// Closing says that the name's bucket has been deleted while its evidence is still being removed: it has neither face.
func (n Name) Closing() bool { return !n.Bucket && !n.Repository }

// Names is the namespace: name → Name. A bucket is a repository with keys, so its repository face needs no flag to be read.
var Names = meta.NewTable[Name](0x30, "names")

// MaxName is the longest repository name in bytes (OCI distribution specification 1.1: hosts and names together 255).
const MaxName = 255

// reserved names belong to the server's own URL space.
var reserved = map[string]bool{"api": true, "livez": true, "metrics": true, "readyz": true, "startupz": true, "zot": true}

// CheckBucket reports fault.BucketNameInvalid unless name is a bucket's: S3's grammar cut with OCI's.
// 3 to 63 characters a-z, 0-9, '.' and '-', beginning and ending with a letter or digit, no two separators in a row
// but dashes, no IP address, none of S3's reserved prefixes and suffixes, no reserved name.
func CheckBucket(name string) error {
	bad := len(name) < 3 || len(name) > 63 || reserved[name] || checkComponent(name) != nil || strings.Contains(name, "_")
	for _, p := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		bad = bad || strings.HasPrefix(name, p)
	}
	for _, s := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		bad = bad || strings.HasSuffix(name, s)
	}
	if _, err := netip.ParseAddr(name); bad || err == nil {
		return fault.BucketNameInvalid.With(name, nil)
	}
	return nil
}

// CheckRepository reports fault.RepositoryNameInvalid unless name is a repository's
// (OCI distribution specification 1.1, "Pulling manifests": components joined by '/').
func CheckRepository(name string) error {
	if len(name) == 0 || len(name) > MaxName {
		return fault.RepositoryNameInvalid.With(name, nil)
	}
	for c := range strings.SplitSeq(name, "/") {
		if checkComponent(c) != nil {
			return fault.RepositoryNameInvalid.With(name, nil)
		}
	}
	if first, _, _ := strings.Cut(name, "/"); reserved[first] {
		return fault.RepositoryNameInvalid.With(name, nil)
	}
	return nil
}

var errComponent = errors.New("not a path component")

// checkComponent matches [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*.
func checkComponent(c string) error {
	const alnum = "abcdefghijklmnopqrstuvwxyz0123456789"
	for {
		rest := strings.TrimLeft(c, alnum)
		if len(rest) == len(c) {
			return errComponent
		}
		if rest == "" {
			return nil
		}
		c = strings.TrimLeft(rest, "._-")
		switch sep := rest[:len(rest)-len(c)]; {
		case sep == "." || sep == "_" || sep == "__" || strings.Trim(sep, "-") == "":
			if sep == "" {
				return errComponent
			}
		default:
			return errComponent
		}
	}
}

// CheckTag reports fault.TagInvalid unless tag is one: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
func CheckTag(tag string) error {
	ok := len(tag) >= 1 && len(tag) <= 128
	for i := range len(tag) {
		c := tag[i]
		word := c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		ok = ok && (word || i > 0 && (c == '.' || c == '-'))
	}
	if !ok {
		return fault.TagInvalid.With(tag, nil)
	}
	return nil
}

// FindName reads the row of name; false when there is none.
func FindName(ctx context.Context, r meta.Reader, name string) (Name, bool, error) {
	return Names.Find(ctx, r, name)
}
