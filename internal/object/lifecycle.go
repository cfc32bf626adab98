package object

import (
	"crypto/rand"
	"time"
	"unicode/utf16"

	"github.com/zot-artifact-store/zas/fault"
)

// Lifecycle is when versions, delete markers and uploads of a bucket go by themselves (S3 User Guide, "Lifecycle configuration
// elements"). NewLifecycle makes one that is valid; so is one that was read.
type Lifecycle struct {
	Rules []LifecycleRule `cbor:"1,keyasint"`
	// TransitionMinimum is x-amz-transition-default-minimum-object-size. It is told again; there are no transitions here.
	TransitionMinimum string `cbor:"2,keyasint"`
}

// LifecycleRule is what happens to the objects, and the uploads, of one filter. Actions whose fields are zero do not happen.
type LifecycleRule struct {
	ID      string          `cbor:"1,keyasint"` // unique in the bucket
	Enabled bool            `cbor:"2,keyasint,omitempty"`
	Filter  LifecycleFilter `cbor:"3,keyasint"`

	// Expiration of current versions: so many days after they were written, or once that day has begun. In a bucket with versioning a
	// delete marker replaces them. At most one of the two is set.
	ExpireDays int   `cbor:"4,keyasint,omitempty"`
	ExpireDate int64 `cbor:"5,keyasint,omitempty"` // Unix seconds, midnight UTC

	// DeleteMarkers removes the delete markers that are the only version of their keys. It is nil where the rule says nothing of them;
	// false does nothing, and is told again.
	DeleteMarkers *bool `cbor:"6,keyasint,omitempty"`

	// Expiration of noncurrent versions: so many days after they ceased to be current, but for the newest NoncurrentKeep of them.
	NoncurrentDays int `cbor:"7,keyasint,omitempty"`
	NoncurrentKeep int `cbor:"8,keyasint,omitempty"` // NewerNoncurrentVersions

	// AbortDays ends multipart uploads that many days after they began.
	AbortDays int `cbor:"9,keyasint,omitempty"`
}

// Idle says that the rule has no action.
func (r *LifecycleRule) Idle() bool {
	return r.ExpireDays == 0 && r.ExpireDate == 0 && r.DeleteMarkers == nil && r.NoncurrentDays == 0 && r.AbortDays == 0
}

// LifecycleFilter is which objects a rule is about: those of which all that is set holds. The empty one is about all.
type LifecycleFilter struct {
	Form        FilterForm `cbor:"1,keyasint,omitempty"`
	Prefix      *string    `cbor:"2,keyasint,omitempty"` // of the key
	Tags        []Tag      `cbor:"3,keyasint,omitempty"` // the object has them all, with these values
	GreaterThan *int64     `cbor:"4,keyasint,omitempty"` // bytes: larger objects only
	LessThan    *int64     `cbor:"5,keyasint,omitempty"` // bytes: smaller objects only
}

// FilterForm is how a filter was written, so that it is told in the same words. It has no other meaning. Its numbers are stored.
type FilterForm uint8

// The forms of filters.
const (
	FilterOne    FilterForm = iota // <Filter> with one condition, or none
	FilterAnd                      // <Filter><And> with several
	FilterPrefix                   // <Prefix> in the rule, the form of 2012
)

// The limits of lifecycle configurations (S3 API, "PutBucketLifecycleConfiguration").
const (
	maxLifecycleRules = 1000
	maxFilterSize     = 1000 << 40 // bytes
)

// The values of x-amz-transition-default-minimum-object-size.
const (
	AllStorageClasses    = "all_storage_classes_128K" // the default
	VariesByStorageClass = "varies_by_storage_class"
)

// NewLifecycle checks rules, names those that have no ID, and puts them together. An empty minimum is AllStorageClasses.
// Errors, in the words of S3: fault.ArgumentInvalid, fault.BadRequest; fault.MalformedXML for what S3's schema excludes.
func NewLifecycle(rules []LifecycleRule, minimum string) (*Lifecycle, error) {
	switch minimum {
	case "":
		minimum = AllStorageClasses
	case AllStorageClasses, VariesByStorageClass:
	default:
		return nil, fault.BadRequest.Detail("Invalid TransitionDefaultMinimumObjectSize found")
	}
	switch {
	case len(rules) == 0:
		return nil, fault.MalformedXML
	case len(rules) > maxLifecycleRules:
		return nil, fault.BadRequest.Detail("The number of lifecycle rules must not exceed the allowed limit of %d rules.", maxLifecycleRules)
	}
	ids := make(map[string]bool, len(rules))
	for i := range rules {
		id := rules[i].ID
		switch {
		case len(utf16.Encode([]rune(id))) > maxRuleID:
			return nil, fault.ArgumentInvalid.Detail("ID length should not exceed allowed limit of %d", maxRuleID)
		case id != "" && ids[id]:
			return nil, fault.ArgumentInvalid.Detail("Rule ID must be unique. Found same ID for more than one rule")
		}
		ids[id] = true
	}
	l := &Lifecycle{Rules: rules, TransitionMinimum: minimum}
	for i := range rules {
		if err := rules[i].check(rules[0].Filter.Form != FilterPrefix); err != nil {
			return nil, err
		}
		if rules[i].ID == "" {
			rules[i].ID = rand.Text()
		}
	}
	return l, nil
}

// check is of one rule. S3 calls a configuration whose first rule has a Filter its second form, and takes no other rules in it.
func (r *LifecycleRule) check(second bool) error {
	legacy := r.Filter.Form == FilterPrefix
	switch {
	case legacy && second:
		return fault.BadRequest.Detail("Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.")
	case !legacy && !second:
		return fault.BadRequest.Detail("Filter element can only be used in Lifecycle V2.")
	case r.NoncurrentKeep != 0 && legacy:
		return fault.BadRequest.Detail("NewerNoncurrentVersions element can only be used in Lifecycle V2.")
	case r.Idle():
		return fault.BadRequest.Detail("At least one action needs to be specified in a rule")
	}
	if err := r.Filter.check(); err != nil {
		return err
	}
	for _, one := range []struct {
		n             int
		field, action string
	}{
		{r.ExpireDays, "Days", "Expiration"},
		{r.NoncurrentDays, "NoncurrentDays", "NoncurrentVersionExpiration"},
		{r.NoncurrentKeep, "NewerNoncurrentVersions", "NoncurrentVersionExpiration"},
		{r.AbortDays, "DaysAfterInitiation", "AbortIncompleteMultipartUpload"},
	} {
		if one.n < 0 {
			return fault.ArgumentInvalid.Detail("'%s' for %s action must be a positive integer", one.field, one.action)
		}
	}
	if r.ExpireDate%int64(24*time.Hour/time.Second) != 0 {
		return fault.ArgumentInvalid.Detail("'Date' must be at midnight GMT")
	}
	if r.DeleteMarkers != nil {
		if err := r.Filter.excludes("ExpiredObjectDeleteMarker"); err != nil {
			return err
		}
	}
	if r.AbortDays != 0 {
		return r.Filter.excludes("AbortIncompleteMultipartUpload")
	}
	return nil
}

// excludes refuses filters by what delete markers and uploads do not have.
func (f *LifecycleFilter) excludes(action string) error {
	switch {
	case len(f.Tags) > 0:
		return fault.BadRequest.Detail("%s cannot be specified with Tags.", action)
	case f.GreaterThan != nil || f.LessThan != nil:
		return fault.BadRequest.Detail("%s cannot be specified with Object Size.", action)
	}
	return nil
}

func (f *LifecycleFilter) check() error {
	conditions := len(f.Tags)
	for _, given := range []bool{f.Prefix != nil, f.GreaterThan != nil, f.LessThan != nil} {
		if given {
			conditions++
		}
	}
	if f.Form == FilterAnd && conditions < 2 || f.Form != FilterAnd && conditions > 1 {
		return fault.MalformedXML
	}
	if f.Prefix != nil && len(*f.Prefix) > maxKey {
		return fault.BadRequest.Detail("The maximum size of a prefix is %d.", maxKey)
	}
	if err := f.checkTags(); err != nil {
		return err
	}
	switch {
	case f.GreaterThan != nil && (*f.GreaterThan < 0 || *f.GreaterThan > maxFilterSize):
		return fault.BadRequest.Detail("'ObjectSizeGreaterThan' should be between 0 and %d.", int64(maxFilterSize))
	case f.LessThan != nil && (*f.LessThan < 1 || *f.LessThan > maxFilterSize):
		return fault.BadRequest.Detail("'ObjectSizeLessThan' should be between 1 and %d.", int64(maxFilterSize))
	case f.GreaterThan != nil && f.LessThan != nil && *f.LessThan <= *f.GreaterThan:
		return fault.BadRequest.Detail("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.")
	}
	return nil
}

func (f *LifecycleFilter) checkTags() error {
	seen := make(map[string]bool, len(f.Tags))
	for _, t := range f.Tags {
		switch {
		case t.Key == "" || len(utf16.Encode([]rune(t.Key))) > maxTagKey:
			return fault.BadRequest.Detail("A Tag's Key must be a length between 1 and %d.", maxTagKey)
		case len(utf16.Encode([]rune(t.Value))) > maxTagValue:
			return fault.BadRequest.Detail("A Tag's Value must be a length between 0 and %d.", maxTagValue)
		case seen[t.Key]:
			return fault.BadRequest.Detail("Duplicate Tag Keys are not allowed.")
		}
		seen[t.Key] = true
	}
	if len(f.Tags) > MaxObjectTags {
		return fault.BadRequest.Detail("A filter can have at most %d tags: an object has no more.", MaxObjectTags)
	}
	return nil
}
