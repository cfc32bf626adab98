package object

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zot-artifact-store/zas/fault"
)

// Tag is a name and a value that a bucket or a version is marked with.
type Tag struct {
	Key   string `cbor:"1,keyasint"`
	Value string `cbor:"2,keyasint,omitempty"`
}

// How many tags there may be (S3 User Guide, "Categorizing your objects using tags", "Using cost allocation S3 bucket tags").
const (
	MaxObjectTags = 10
	MaxBucketTags = 50
)

// The longest parts of a tag, in characters.
const (
	maxTagKey   = 128
	maxTagValue = 256
)

// CheckTags reports fault.TagsInvalid for tags that S3 does not accept, and fault.TagsTooMany for more than most.
func CheckTags(tags []Tag, most int) error {
	if len(tags) > most {
		if most == MaxObjectTags {
			return fault.TagsTooMany.Detail("Object tags cannot be greater than %d", most)
		}
		return fault.TagsTooMany.Detail("Bucket tag count cannot be greater than %d", most)
	}
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > maxTagKey || !tagText(t.Key):
			return fault.TagsInvalid.Detail("The TagKey you have provided is invalid")
		case utf8.RuneCountInString(t.Value) > maxTagValue || !tagText(t.Value):
			return fault.TagsInvalid.Detail("The TagValue you have provided is invalid")
		case strings.HasPrefix(t.Key, "aws:"):
			return fault.TagsInvalid.Detail("System tags cannot be added/updated by requester")
		case seen[t.Key]:
			return fault.TagsInvalid.Detail("Cannot provide multiple Tags with the same key")
		}
		seen[t.Key] = true
	}
	return nil
}

// tagText says whether s is of the characters that tags may have.
func tagText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if !unicode.IsLetter(c) && !unicode.IsNumber(c) && !unicode.Is(unicode.Z, c) && !strings.ContainsRune("_.:/=+-@", c) {
			return false
		}
	}
	return true
}
