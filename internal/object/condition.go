package object

import (
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/fault"
)

// AnyETag is the `*` of If-Match and If-None-Match.
const AnyETag = "*"

// WriteCondition is what has to hold of a key before it is written (RFC 9110 section 13.1; S3 User Guide,
// "Conditional writes"). The zero value always holds.
type WriteCondition struct {
	Absent bool   // If-None-Match: *
	Match  string // If-Match: an ETag, or AnyETag

	Size     *int64    // x-amz-if-match-size, of a removal
	Modified time.Time // x-amz-if-match-last-modified-time, of a removal, in whole seconds; zero: not stated

	// Once is the client's idempotency key: where the current version was made by a write with this key, that write has been done, its
	// answer was lost, and it is answered again. Equal bytes would be no proof: two who race to write the same lock file send the same.
	Once string
}

// maxOnce is the longest idempotency key in bytes.
const maxOnce = 64

// CheckOnce reports fault.ArgumentInvalid for what is no idempotency key: 1 to 64 visible characters of ASCII.
func CheckOnce(key string) error {
	if key == "" || len(key) > maxOnce {
		return errOnce
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return errOnce
		}
	}
	return nil
}

var errOnce = fault.ArgumentInvalid.Detail("an idempotency key has 1 to %d visible characters of ASCII", maxOnce)

// check reports fault.PreconditionFailed when c does not hold of the current version, and fault.KeyNotFound when it asks for
// a version and there is none.
func (c WriteCondition) check(current *Version) error {
	switch {
	case c.Absent && current != nil:
		return failed("If-None-Match")
	case c.Match == "" && c.Size == nil && c.Modified.IsZero():
		return nil
	case current == nil:
		return fault.KeyNotFound
	case c.Match != "" && !matches(c.Match, current.ETag()):
		return failed("If-Match")
	case c.Size != nil && *c.Size != current.Size:
		return failed("If-Match-Size")
	case !c.Modified.IsZero() && !current.Time().Truncate(time.Second).Equal(c.Modified):
		return failed("If-Match-Last-Mod-Time")
	}
	return nil
}

// failed is fault.PreconditionFailed, which names the condition.
func failed(condition string) error {
	return fault.Tell(fault.PreconditionFailed, fault.Fact{Name: "Condition", Value: condition})
}

// ReadCondition is the conditional headers of a read (RFC 9110 section 13.1). The zero value always holds.
type ReadCondition struct {
	Match           string // If-Match: a list of ETags, or AnyETag
	NoneMatch       string // If-None-Match, likewise
	ModifiedSince   time.Time
	UnmodifiedSince time.Time
}

// check evaluates c in the order of RFC 9110 section 13.2.2. Times count in whole seconds, as Last-Modified does.
// Errors: fault.PreconditionFailed.
func (c ReadCondition) check(v *Version) (notModified bool, err error) {
	tag, modified := v.ETag(), v.Time().Truncate(time.Second)
	switch {
	case c.Match != "":
		if !matches(c.Match, tag) {
			return false, failed("If-Match")
		}
	case !c.UnmodifiedSince.IsZero() && modified.After(c.UnmodifiedSince):
		return false, failed("If-Unmodified-Since")
	}
	switch {
	case c.NoneMatch != "":
		return matches(c.NoneMatch, tag), nil
	case !c.ModifiedSince.IsZero():
		return !modified.After(c.ModifiedSince), nil
	}
	return false, nil
}

// strict is check for the source of a copy: S3 answers 412 to whatever does not hold.
func (c ReadCondition) strict(v *Version) error {
	notModified, err := c.check(v)
	if notModified {
		return failed("If-None-Match")
	}
	return err
}

// matches says whether the list of ETags, quoted or not, has tag. Weak ETags (`W/`) never match: S3 makes none.
func matches(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		if one == AnyETag || TrimETag(one) == tag {
			return true
		}
	}
	return false
}

// TrimETag is an ETag without its quotes.
func TrimETag(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}
