package config

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/zot-artifact-store/zas/auth/policy"
	"github.com/zot-artifact-store/zas/module"
)

// AccessControl is zot's section of that name, of which anonymous reading is honoured. The rest is refused by name, here or by Foreign:
// what grants or limits access is never left aside.
type AccessControl struct {
	Repositories map[string]RepositoryAccess `json:"repositories,omitempty"` // by pattern, see policy.Glob
}

// RepositoryAccess is who may do what in the repositories of one pattern.
type RepositoryAccess struct {
	AnonymousPolicy []string          `json:"anonymousPolicy,omitempty"`
	DefaultPolicy   []string          `json:"defaultPolicy,omitempty"`
	Policies        []json.RawMessage `json:"policies,omitempty"`
}

// ReadAction is the one action that may be granted to anonymous callers.
const ReadAction = "read"

// check reports the first setting, in the order of patterns, that is not honoured.
func (a AccessControl) check(path string) error {
	const later = "not yet supported"
	for _, pattern := range slices.Sorted(maps.Keys(a.Repositories)) {
		r, at := a.Repositories[pattern], path+".repositories."+pattern
		if _, err := policy.ParseGlob(pattern); err != nil {
			return &module.ConfigError{Path: at, Reason: err.Error()}
		}
		switch {
		case len(r.Policies) > 0:
			return &module.ConfigError{Path: at + ".policies", Reason: later}
		case len(r.DefaultPolicy) > 0:
			return &module.ConfigError{Path: at + ".defaultPolicy", Reason: later}
		}
		for _, action := range r.AnonymousPolicy {
			if action != ReadAction {
				return &module.ConfigError{Path: at + ".anonymousPolicy", Reason: "anonymous callers may be given `read` and nothing else, not " + action}
			}
		}
	}
	return nil
}

// Grant adds what the section allows to p. The section must have been checked, as Parse does.
func (a AccessControl) Grant(p *policy.Policy) error {
	for pattern, access := range a.Repositories {
		glob, err := policy.ParseGlob(pattern)
		if err != nil {
			return err
		}
		p.Repositories(glob, slices.Contains(access.AnonymousPolicy, ReadAction))
	}
	return nil
}

// URL is an absolute http or https URL without query, user or slash at its end; empty: none.
type URL string

// UnmarshalJSON refuses other forms.
func (u *URL) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	parsed, err := url.Parse(s)
	switch {
	case s == "":
	case err != nil, parsed.Scheme != "http" && parsed.Scheme != "https", parsed.Host == "", parsed.User != nil, parsed.RawQuery != "", parsed.Fragment != "":
		return errors.New("want a URL such as https://registry.example.com")
	}
	*u = URL(strings.TrimRight(s, "/"))
	return nil
}
