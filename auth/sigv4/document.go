package sigv4

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/strictjson"
)

// maxPolicy bounds a policy in base64: S3 has no form with larger fields.
const maxPolicy = 20 << 10

// Policy is the policy document of a POST form (S3 API, "POST Policy"): until when the form is good for what.
type Policy struct {
	Expires time.Time
	// The size of the file in bytes, both ends included; without a content-length-range all of them.
	MinSize, MaxSize int64

	conditions []condition
}

// condition is that of one field.
type condition struct {
	text   string // as the document has it, for the client
	field  string // lower case; empty: a condition that never holds
	value  string
	prefix bool // starts-with, else eq
}

// ParsePolicy reads a policy as the form carries it, in base64. It is strict: two members, `expiration` and
// `conditions`, each once; a condition is an object with one string, or a list of `eq`, `starts-with` or
// `content-length-range` with two operands. Errors: fault.PolicyInvalid.
func ParsePolicy(encoded string) (*Policy, error) {
	if encoded == "" {
		return nil, invalidPolicy("Expecting '{' but found End-of-Input")
	}
	document, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil || len(encoded) > maxPolicy {
		return nil, invalidPolicy("invalid Base64 encoding.")
	}
	members, ok := strictjson.Object(document)
	if !ok || !utf8.Valid(document) {
		return nil, invalidPolicy("Invalid JSON.")
	}
	p := &Policy{MaxSize: math.MaxInt64}
	var expiration, conditions json.RawMessage
	for _, m := range members {
		switch {
		case m.Name == "expiration" && expiration == nil:
			expiration = m.Value
		case m.Name == "conditions" && conditions == nil:
			conditions = m.Value
		default:
			return nil, invalidPolicy("Unexpected: %q", m.Name)
		}
	}
	if err := p.setExpiration(expiration); err != nil {
		return nil, err
	}
	return p, p.setConditions(conditions)
}

func invalidPolicy(format string, args ...any) error {
	return fault.PolicyInvalid.Detail("Invalid Policy: "+format, args...)
}

func (p *Policy) setExpiration(raw json.RawMessage) error {
	if raw == nil {
		return invalidPolicy("Policy missing expiration.")
	}
	text, ok := strictjson.Text(raw)
	if !ok {
		return invalidPolicy("Invalid JSON.")
	}
	if p.Expires.UnmarshalText([]byte(text)) != nil {
		return invalidPolicy("Invalid 'expiration' value: '%s'", text)
	}
	return nil
}

func (p *Policy) setConditions(raw json.RawMessage) error {
	if raw == nil {
		return invalidPolicy("Policy missing conditions.")
	}
	list, ok := strictjson.List(raw)
	if !ok {
		return invalidPolicy("Invalid 'conditions' value: must be a List.")
	}
	for _, one := range list {
		var err error
		switch one[0] {
		case '{':
			err = p.addSimple(one)
		case '[':
			err = p.addList(one)
		default:
			err = invalidPolicy("Invalid condition test: must be a List or Object.")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addSimple adds `{"field": "value"}`.
func (p *Policy) addSimple(raw json.RawMessage) error {
	members, _ := strictjson.Object(raw)
	if len(members) != 1 {
		return invalidPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
	}
	value, ok := strictjson.Text(members[0].Value)
	if !ok {
		return invalidPolicy("Invalid Simple-Condition: value must be a string.")
	}
	name := members[0].Name
	text := `["eq", ` + quote("$"+name) + ", " + quote(value) + "]"
	p.conditions = append(p.conditions, condition{text: text, field: strings.ToLower(name), value: value})
	return nil
}

// addList adds `["eq", "$field", "value"]`, likewise with starts-with, or `["content-length-range", least, most]`.
func (p *Policy) addList(raw json.RawMessage) error {
	list, _ := strictjson.List(raw)
	if len(list) == 0 {
		return invalidPolicy("Invalid Condition: missing operation identifier.")
	}
	operation, ok := strictjson.Text(list[0])
	switch {
	case !ok:
		return invalidPolicy("Invalid JSON.")
	case operation != "eq" && operation != "starts-with" && operation != "content-length-range":
		return invalidPolicy("Invalid Condition: unknown operation '%s'.", operation)
	case len(list) != 3:
		return invalidPolicy("Invalid %s: wrong number of arguments.", operation)
	case operation == "content-length-range":
		return p.addRange(list[1], list[2])
	}
	name, named := strictjson.Text(list[1])
	value, valued := strictjson.Text(list[2])
	if !named || !valued {
		return invalidPolicy("Invalid JSON.")
	}
	c := condition{text: string(raw), value: value, prefix: operation == "starts-with"}
	if field, ok := strings.CutPrefix(name, "$"); ok {
		c.field = strings.ToLower(field)
	}
	p.conditions = append(p.conditions, c)
	return nil
}

// addRange narrows the sizes that are allowed.
func (p *Policy) addRange(least, most json.RawMessage) error {
	from, fromOK := parseSize(least)
	to, toOK := parseSize(most)
	if !fromOK || !toOK {
		return invalidPolicy("Invalid JSON.")
	}
	p.MinSize, p.MaxSize = max(p.MinSize, from), min(p.MaxSize, to)
	return nil
}

// Check says whether a form satisfies the policy at a time. form has the fields before the file by their names in lower
// case, variables replaced, and beside them `bucket` and `key` as they are used. Every field needs a condition but for
// x-amz-signature, policy, and those that begin with x-ignore-. The size of the file is for the caller to check.
// Errors: fault.PolicyViolated.
func (p *Policy) Check(form map[string]string, now time.Time) error {
	if !now.Before(p.Expires) {
		return expiredPolicy()
	}
	covered := make(map[string]bool, len(p.conditions))
	for _, c := range p.conditions {
		value, ok := form[c.field]
		if !ok || c.field == "" || !c.holds(value) {
			return fault.PolicyViolated.Detail("Invalid according to Policy: Policy Condition failed: %s", c.text)
		}
		covered[c.field] = true
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if !covered[name] && name != FieldPolicy && name != FieldSignature && !strings.HasPrefix(name, "x-ignore-") {
			return fault.PolicyViolated.Detail("Invalid according to Policy: Extra input fields: %s", name)
		}
	}
	return nil
}

// holds compares. A Content-Type may be a list, of which each has to begin as the condition says ("Condition Matching").
func (c condition) holds(value string) bool {
	switch {
	case !c.prefix:
		return value == c.value
	case c.field != "content-type":
		return strings.HasPrefix(value, c.value)
	}
	for one := range strings.SplitSeq(value, ",") {
		if !strings.HasPrefix(strings.TrimSpace(one), c.value) {
			return false
		}
	}
	return true
}

// parseSize reads a number of bytes, which some clients send as a string.
func parseSize(raw json.RawMessage) (int64, bool) {
	text, ok := strictjson.Text(raw)
	if !ok {
		text = string(raw)
	}
	n, err := strconv.ParseUint(text, 10, 63)
	return int64(n), err == nil
}

// quote is s as JSON, for people.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
