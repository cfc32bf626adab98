package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/strictjson"
)

// Bucket is the policy of a bucket (S3 User Guide, "Policies and permissions in Amazon S3"): what its owner allows and denies to people without
// credentials. The root principal is above it. ParseBucket makes one.
type Bucket struct{ statements []statement }

// statement is one rule. Its action and resources are patterns: `*` is any run of characters, `?` one.
type statement struct {
	deny      bool
	everybody bool     // else it is about root alone
	actions   []string // in lower case, as S3 compares them
	buckets   bool     // about the bucket itself
	keys      []string // about keys
}

// MaxBucket is how many bytes a policy may have (S3 API, "PutBucketPolicy").
const MaxBucket = 20 << 10

func malformed(text string) error { return fault.BucketPolicyMalformed.Detail("%s", text) }

// ParseBucket reads the policy of a bucket, strictly: names are exact, nothing is there twice or unknown, every action and resource exists.
// Errors, in the words of S3: fault.BucketPolicyMalformed; fault.NotImplemented for conditions and for NotPrincipal, NotAction and
// NotResource, which would be ignored otherwise; fault.EntityTooLarge.
func ParseBucket(text []byte, bucket string) (*Bucket, error) {
	text = bytes.TrimSpace(text)
	switch {
	case len(text) > MaxBucket:
		return nil, fault.EntityTooLarge
	case len(text) == 0 || text[0] != '{':
		return nil, malformed("Policies must be valid JSON and the first byte must be '{'")
	case !utf8.Valid(text) || !json.Valid(text):
		return nil, malformed("This policy contains invalid Json")
	}
	all, err := members(text, "Version", "Id", "Statement")
	if err != nil {
		return nil, err
	}
	if version, there := all["Version"]; there {
		if s := string(version); s != `"2008-10-17"` && s != `"2012-10-17"` {
			return nil, malformed("The policy must contain a valid version string")
		}
	}
	list, err := statementsOf(all["Statement"])
	if err != nil {
		return nil, err
	}
	b := &Bucket{}
	for _, raw := range list {
		s, err := parseStatement(raw, bucket)
		if err != nil {
			return nil, err
		}
		b.statements = append(b.statements, s)
	}
	return b, nil
}

// members are those of an object, which has these at most, each once.
func members(raw json.RawMessage, known ...string) (map[string]json.RawMessage, error) {
	list, ok := strictjson.Object(raw)
	if !ok {
		return nil, malformed("Policy has invalid syntax: an object is expected")
	}
	all := map[string]json.RawMessage{}
	for _, m := range list {
		if _, twice := all[m.Name]; twice {
			return nil, malformed("Policy has duplicate element: " + m.Name)
		}
		all[m.Name] = m.Value
	}
	for _, m := range list {
		if !slices.Contains(known, m.Name) {
			return nil, malformed("Unknown field " + m.Name)
		}
	}
	return all, nil
}

// statementsOf is one statement, or several.
func statementsOf(raw json.RawMessage) ([]json.RawMessage, error) {
	if raw == nil {
		return nil, malformed("Missing required field Statement")
	}
	if raw[0] == '{' {
		return []json.RawMessage{raw}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, malformed("Policy has invalid syntax: Statement is an object or a list of them")
	}
	if len(list) == 0 {
		return nil, malformed("Could not parse the policy: Statement is empty!")
	}
	return list, nil
}

func parseStatement(raw json.RawMessage, bucket string) (s statement, err error) {
	all, err := members(raw, "Sid", "Effect", "Principal", "Action", "Resource", "Condition", "NotPrincipal", "NotAction", "NotResource")
	if err != nil {
		return s, err
	}
	for _, name := range []string{"Condition", "NotPrincipal", "NotAction", "NotResource"} {
		if _, there := all[name]; there {
			return s, fault.NotImplemented.Detail("%s in the policy of a bucket is not implemented: without it the policy would mean something else", name)
		}
	}
	for _, name := range []string{"Effect", "Principal", "Action", "Resource"} {
		if all[name] == nil {
			return s, malformed("Missing required field " + name)
		}
	}
	var effect string
	if err := json.Unmarshal(all["Effect"], &effect); err != nil || effect != "Allow" && effect != "Deny" {
		return s, malformed("Invalid effect: " + effect)
	}
	s.deny = effect == "Deny"
	if err := s.parseActions(all["Action"]); err != nil {
		return s, err
	}
	if s.everybody, err = parsePrincipal(all["Principal"]); err != nil {
		return s, err
	}
	if err := s.parseResources(all["Resource"], bucket); err != nil {
		return s, err
	}
	return s, s.fits()
}

var errNoStrings = errors.New("neither a string nor a list of them")

// stringsOf is a string, or a list of them which is not empty.
func stringsOf(raw json.RawMessage) (list []string, err error) {
	if one, ok := strictjson.Text(raw); ok {
		return []string{one}, nil
	}
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		return nil, errNoStrings
	}
	return list, nil
}

// parsePrincipal says whether a statement is about everybody. Besides, there is root.
func parsePrincipal(raw json.RawMessage) (everybody bool, err error) {
	if raw[0] == '{' {
		all, err := members(raw, "AWS")
		if err != nil || all["AWS"] == nil {
			return false, malformed("Invalid principal in policy")
		}
		raw = all["AWS"]
	}
	list, err := stringsOf(raw)
	if err != nil {
		return false, malformed("Invalid principal in policy")
	}
	for _, p := range list {
		switch {
		case p == "*" && len(list) == 1:
			everybody = true
		case p != auth.RootID:
			return false, malformed("Invalid principal in policy")
		}
	}
	return everybody, nil
}

func (s *statement) parseActions(raw json.RawMessage) error {
	list, err := stringsOf(raw)
	if err != nil {
		return malformed("Policy has invalid action")
	}
	for _, a := range list {
		a = strings.ToLower(a)
		if a != "*" && (!strings.HasPrefix(a, "s3:") || !someAction(a, onKey) && !someAction(a, onBucket)) {
			return malformed("Policy has invalid action")
		}
		s.actions = append(s.actions, a)
	}
	return nil
}

func (s *statement) parseResources(raw json.RawMessage, bucket string) error {
	list, err := stringsOf(raw)
	if err != nil {
		return malformed("Policy has invalid resource")
	}
	for _, r := range list {
		name, ok := strings.CutPrefix(r, "arn:aws:s3:::")
		of, key, isKey := strings.Cut(name, "/")
		if !ok || of != bucket || isKey && key == "" {
			return malformed("Policy has invalid resource")
		}
		if isKey {
			s.keys = append(s.keys, key)
		} else {
			s.buckets = true
		}
	}
	return nil
}

// fits reports an action that is on none of the resources.
func (s *statement) fits() error {
	for _, a := range s.actions {
		if !(s.buckets && someAction(a, onBucket)) && !(len(s.keys) > 0 && someAction(a, onKey)) {
			return malformed("Action does not apply to any resource(s) in statement")
		}
	}
	return nil
}

// Verdict is what a policy says of a request.
type Verdict uint8

// The verdicts. Deny is above Allow.
const (
	Silent Verdict = iota
	Allow
	Deny
)

// Anonymous is what the policy says of an anonymous caller's action on its bucket, or on a key of it.
func (b *Bucket) Anonymous(a auth.Action, r auth.Resource) Verdict {
	verdict := Silent
	for i := range b.statements {
		s := &b.statements[i]
		switch {
		case !s.everybody || !s.about(a, r):
		case s.deny:
			return Deny
		default:
			verdict = Allow
		}
	}
	return verdict
}

func (s *statement) about(a auth.Action, r auth.Resource) bool {
	if !anyMatches(s.actions, strings.ToLower(string(a))) {
		return false
	}
	switch r.Type {
	case auth.Bucket:
		return s.buckets
	case auth.Object:
		return anyMatches(s.keys, r.Key)
	}
	return false
}

// Public says whether the policy allows anything to everybody (S3 API, "GetBucketPolicyStatus").
func (b *Bucket) Public() bool {
	return slices.ContainsFunc(b.statements, func(s statement) bool { return s.everybody && !s.deny })
}

func anyMatches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return wildcard(p, name) })
}

// wildcard matches bytes, with one way back, so in a time of at most len(pattern) times len(name).
func wildcard(pattern, name string) bool {
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p, n = p+1, n+1
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// someAction says whether a pattern in lower case is that of an action on this kind of resource.
func someAction(pattern string, actions string) bool {
	for name := range strings.FieldsSeq(actions) {
		if wildcard(pattern, "s3:"+strings.ToLower(name)) {
			return true
		}
	}
	return false
}

// The actions of S3 by what they are on (Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3").
const (
	onBucket = `CreateBucket DeleteBucket DeleteBucketPolicy DeleteBucketWebsite GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketAcl
		GetBucketCORS GetBucketLocation GetBucketLogging GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls
		GetBucketPolicy GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging GetBucketVersioning
		GetBucketWebsite GetEncryptionConfiguration GetIntelligentTieringConfiguration GetInventoryConfiguration GetLifecycleConfiguration
		GetMetricsConfiguration GetReplicationConfiguration ListBucket ListBucketMultipartUploads ListBucketVersions PutAccelerateConfiguration
		PutAnalyticsConfiguration PutBucketAcl PutBucketCORS PutBucketLogging PutBucketNotification PutBucketObjectLockConfiguration
		PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketRequestPayment PutBucketTagging PutBucketVersioning
		PutBucketWebsite PutEncryptionConfiguration PutIntelligentTieringConfiguration PutInventoryConfiguration PutLifecycleConfiguration
		PutMetricsConfiguration PutReplicationConfiguration`
	onKey = `AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectTagging DeleteObjectVersion DeleteObjectVersionTagging
		GetObject GetObjectAcl GetObjectAttributes GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent GetObjectVersion
		GetObjectVersionAcl GetObjectVersionAttributes GetObjectVersionForReplication GetObjectVersionTagging GetObjectVersionTorrent
		ListMultipartUploadParts ObjectOwnerOverrideToBucketOwner PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention PutObjectTagging
		PutObjectVersionAcl PutObjectVersionTagging ReplicateDelete ReplicateObject ReplicateTags RestoreObject`
)

// ReadBucket reads the text of a policy: MaxBucket bytes at most. Errors: fault.EntityTooLarge, those of r.
func ReadBucket(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxBucket+1))
	if err == nil && len(text) > MaxBucket {
		err = fault.EntityTooLarge
	}
	return text, err
}
