package s3

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// errEmptyVersion is S3's answer to `?versionId=`.
func errEmptyVersion() error {
	return fault.ArgumentInvalid.Detail("Version id cannot be the empty string")
}

// versionID reads versionId; empty when it is not there. Errors: fault.ArgumentInvalid.
func (rq *request) versionID() (string, error) {
	id, there := rq.query.find("versionId")
	if there && id == "" {
		return "", errEmptyVersion()
	}
	return id, nil
}

// protectedRef is the version whose protection rq is about. An empty id is the current version here: nothing that a client lost in a
// variable can go by these operations.
func (rq *request) protectedRef() object.VersionRef {
	return object.VersionRef{Bucket: rq.bucket, Key: rq.key, VersionID: rq.query.get("versionId")}
}

// versionRef is the version that rq is about.
func (rq *request) versionRef() (object.VersionRef, error) {
	id, err := rq.versionID()
	return object.VersionRef{Bucket: rq.bucket, Key: rq.key, VersionID: id}, err
}

// setVersion tells a version id; none where the bucket has never had versioning.
func setVersion(h http.Header, id string) {
	if id != "" {
		h["X-Amz-Version-Id"] = []string{id}
	}
}

// setWritten tells the id of the version that a request wrote. S3 keeps to itself that it is a null version; reads tell it.
func setWritten(h http.Header, id string) {
	if id != object.NullVersion {
		setVersion(h, id)
	}
}

// marks are what a writer says of a version beside its bytes and metadata: tags and protection.
type marks struct {
	tags    []object.Tag
	protect object.Protection
}

// needs are the rights that the marks take beside that to write.
func (m marks) needs(bucket, key string) (needs []need) {
	if len(m.tags) > 0 {
		needs = append(needs, onObject("s3:PutObjectTagging", bucket, key)...)
	}
	if m.protect.Retention != (object.Retention{}) {
		needs = append(needs, onObject("s3:PutObjectRetention", bucket, key)...)
	}
	if m.protect.Hold != object.HoldUnset {
		needs = append(needs, onObject("s3:PutObjectLegalHold", bucket, key)...)
	}
	return needs
}

const retainUntil = "x-amz-object-lock-retain-until-date"

// marks reads x-amz-tagging and x-amz-object-lock-*. Errors: fault.ArgumentInvalid, fault.TagsInvalid, fault.BadRequest.
func (rq *request) marks() (m marks, err error) {
	if value := rq.header.Get("X-Amz-Tagging"); value != "" {
		if m.tags, err = parseTagging(value); err != nil {
			return m, err
		}
	}
	mode, until := rq.header.Get("X-Amz-Object-Lock-Mode"), rq.header.Get("X-Amz-Object-Lock-Retain-Until-Date")
	if (mode == "") != (until == "") {
		absent := "x-amz-object-lock-mode"
		if until == "" {
			absent = retainUntil
		}
		return m, badArgument(absent, "", "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied.")
	}
	if mode != "" {
		var ok bool
		if m.protect.Retention.Mode, ok = lockMode(mode); !ok {
			return m, badArgument("x-amz-object-lock-mode", mode, "Unknown wormMode directive.")
		}
		t, err := time.Parse(time.RFC3339, until)
		if err != nil {
			return m, badArgument(retainUntil, until, "The retain until date must be provided in ISO 8601 format")
		}
		m.protect.Retention.Until = t.UnixNano()
	}
	if value := rq.header.Get("X-Amz-Object-Lock-Legal-Hold"); value != "" {
		var ok bool
		if m.protect.Hold, ok = holdOf(value); !ok {
			return m, badArgument("x-amz-object-lock-legal-hold", value, "Legal Hold must be either of 'ON' or 'OFF'")
		}
	}
	return m, nil
}

// parseTagging reads x-amz-tagging, which is in the form of a query.
func parseTagging(s string) ([]object.Tag, error) {
	invalid := badArgument("x-amz-tagging", s,
		"The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	seen := map[string]bool{}
	var tags []object.Tag
	for pair := range strings.SplitSeq(s, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		k, errKey := url.QueryUnescape(key)
		v, errValue := url.QueryUnescape(value)
		if errKey != nil || errValue != nil || k == "" || seen[k] {
			return nil, invalid
		}
		seen[k] = true
		tags = append(tags, object.Tag{Key: k, Value: v})
	}
	return tags, object.CheckTags(tags, object.MaxObjectTags)
}

// The words of object lock on the wire.
const (
	governance = "GOVERNANCE"
	compliance = "COMPLIANCE"
	holdOn     = "ON"
	holdOff    = "OFF"
)

func lockMode(s string) (object.LockMode, bool) {
	switch s {
	case governance:
		return object.Governance, true
	case compliance:
		return object.Compliance, true
	}
	return object.Unlocked, false
}

func modeName(m object.LockMode) string {
	if m == object.Compliance {
		return compliance
	}
	return governance
}

func holdOf(s string) (object.Hold, bool) {
	switch s {
	case holdOn:
		return object.HoldOn, true
	case holdOff:
		return object.HoldOff, true
	}
	return object.HoldUnset, false
}

func holdName(h object.Hold) string {
	if h == object.HoldOn {
		return holdOn
	}
	return holdOff
}

// setMarks tells the number of tags and the protection.
func setMarks(h http.Header, v *object.Version) {
	if len(v.Tags) > 0 {
		h["X-Amz-Tagging-Count"] = []string{strconv.Itoa(len(v.Tags))}
	}
	if v.Retention.Mode != object.Unlocked {
		h["X-Amz-Object-Lock-Mode"] = []string{modeName(v.Retention.Mode)}
		h["X-Amz-Object-Lock-Retain-Until-Date"] = []string{lockTime(v.Retention.Until)}
	}
	if v.Hold != object.HoldUnset {
		h["X-Amz-Object-Lock-Legal-Hold"] = []string{holdName(v.Hold)}
	}
}

// lockTime is a time in Unix nanoseconds as object lock tells it.
func lockTime(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000Z") }

// bypass reads x-amz-bypass-governance-retention. Errors: fault.ArgumentInvalid.
func (rq *request) bypass() (bool, error) {
	switch value := rq.header.Get("X-Amz-Bypass-Governance-Retention"); strings.ToLower(value) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	default:
		return false, fault.ArgumentInvalid.Detail("The header 'x-amz-bypass-governance-retention' must be true or false")
	}
}

func needsOfBypass(bypass bool, bucket, key string) []need {
	if !bypass {
		return nil
	}
	return onObject("s3:BypassGovernanceRetention", bucket, key)
}
