package object

import (
	"slices"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
)

// CORSRule allows requests from other origins (S3 User Guide, "Elements of a CORS configuration"). Patterns have at most one `*`, which
// stands for anything.
type CORSRule struct {
	ID      string   `cbor:"1,keyasint,omitempty"`
	Origins []string `cbor:"2,keyasint"` // patterns
	Methods []string `cbor:"3,keyasint"`
	Headers []string `cbor:"4,keyasint,omitempty"` // patterns of names that requests may have; case does not matter
	Expose  []string `cbor:"5,keyasint,omitempty"` // names that scripts may read in answers
	MaxAge  *int32   `cbor:"6,keyasint,omitempty"` // seconds; S3 takes negative ones
}

// The limits of CORS configurations (S3 API, "PutBucketCors").
const (
	maxCORSRules = 100
	maxRuleID    = 255
)

// CheckCORS reports fault.MalformedXML for rules without origins or methods, and for none; fault.BadRequest for what else is wrong with
// them, in the words of S3.
func CheckCORS(rules []CORSRule) error {
	switch {
	case len(rules) == 0:
		return fault.MalformedXML
	case len(rules) > maxCORSRules:
		return fault.BadRequest.Detail("The number of CORS rules should not exceed allowed limit of %d rules.", maxCORSRules)
	}
	for i := range rules {
		if err := rules[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *CORSRule) check() error {
	if len(c.Origins) == 0 || len(c.Methods) == 0 {
		return fault.MalformedXML
	}
	if len(c.ID) > maxRuleID {
		return fault.BadRequest.Detail("ID length should not exceed allowed limit of %d", maxRuleID)
	}
	for _, origin := range c.Origins {
		if strings.Count(origin, "*") > 1 {
			return fault.BadRequest.Detail("AllowedOrigin \"%s\" can not have more than one wildcard.", origin)
		}
	}
	for _, method := range c.Methods {
		if !CORSMethod(method) {
			return fault.BadRequest.Detail("Found unsupported HTTP method in CORS config. Unsupported method is %s", method)
		}
	}
	for _, header := range c.Headers {
		if strings.Count(header, "*") > 1 {
			return fault.BadRequest.Detail("AllowedHeader \"%s\" can not have more than one wildcard.", header)
		}
	}
	for _, header := range c.Expose {
		if strings.Contains(header, "*") {
			return fault.BadRequest.Detail("ExposeHeader \"%s\" contains wildcard. We currently do not support wildcard for ExposeHeader.", header)
		}
	}
	for _, header := range append(slices.Clone(c.Headers), c.Expose...) {
		if header != "" && !HeaderName(header) {
			return fault.BadRequest.Detail("AllowedHeader \"%s\" contains invalid character.", header)
		}
	}
	return nil
}

// CORSMethod says whether CORS rules may name this method, in capital letters.
func CORSMethod(s string) bool {
	switch s {
	case "GET", "HEAD", "PUT", "POST", "DELETE":
		return true
	}
	return false
}

// HeaderName says whether s may be the name of a header (RFC 9110 section 5.6.2, "token").
func HeaderName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// MatchCORS finds the first rule that allows a request of this method, with these headers, from this origin. anyOrigin says that the
// rule allows all origins, so that the answer depends on none. The rule is nil where there is none.
func MatchCORS(rules []CORSRule, origin, method string, headers []string) (rule *CORSRule, anyOrigin bool) {
	for i := range rules {
		r := &rules[i]
		at := slices.IndexFunc(r.Origins, func(pattern string) bool { return matchesPattern(pattern, origin) })
		if at < 0 || !slices.Contains(r.Methods, method) || !r.allowsHeaders(headers) {
			continue
		}
		return r, r.Origins[at] == "*"
	}
	return nil, false
}

func (c *CORSRule) allowsHeaders(headers []string) bool {
	for _, h := range headers {
		if !slices.ContainsFunc(c.Headers, func(pattern string) bool { return matchesPattern(strings.ToLower(pattern), strings.ToLower(h)) }) {
			return false
		}
	}
	return true
}

// matchesPattern says whether s is of a pattern with at most one `*`.
func matchesPattern(pattern, s string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == s
	}
	return len(s) >= len(before)+len(after) && strings.HasPrefix(s, before) && strings.HasSuffix(s, after)
}
