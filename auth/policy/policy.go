// Package policy is the decision of who may do what: root everything, nobody in particular what has been configured for anonymous
// reading, everybody else nothing. It implements auth.Authorizer.
package policy

import (
	"context"
	"slices"
	"strings"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
)

// Policy is a set of rules for anonymous callers. Its zero value allows nothing to anybody but root. Rules are added while the
// server is built; from the first decision on it must not be changed.
type Policy struct {
	repositories []repositoryRule // longest pattern first
	objects      []objectRule
	listed       map[string]bool // buckets
}

var _ auth.Authorizer = (*Policy)(nil)

// repositoryRule says what anonymous callers may do in the repositories that a pattern matches.
type repositoryRule struct {
	pattern Glob
	read    bool
}

// objectRule lets anonymous callers get the objects of a bucket whose keys begin with prefix, or the one whose key it is.
type objectRule struct {
	bucket, key string
	exact       bool
}

// Repositories adds what holds for the repositories that pattern matches: whether anonymous callers may pull. Of several patterns
// that match a repository only the longest counts, as in zot; of several of that length all must allow it.
func (p *Policy) Repositories(pattern Glob, read bool) {
	p.repositories = append(p.repositories, repositoryRule{pattern, read})
	slices.SortStableFunc(p.repositories, func(a, b repositoryRule) int { return len(b.pattern.text) - len(a.pattern.text) })
}

// Objects lets anonymous callers get objects of a bucket: all whose keys match, where key is a key or, with `*` at its end, a prefix.
// It allows no listing.
func (p *Policy) Objects(bucket, key string) {
	prefix, isPrefix := strings.CutSuffix(key, "*")
	p.objects = append(p.objects, objectRule{bucket, prefix, !isPrefix})
}

// Listing lets anonymous callers list the keys of a bucket.
func (p *Policy) Listing(bucket string) {
	if p.listed == nil {
		p.listed = make(map[string]bool)
	}
	p.listed[bucket] = true
}

// PullsAnonymously says whether there are repositories that anonymous callers may pull from.
func (p *Policy) PullsAnonymously() bool {
	return slices.ContainsFunc(p.repositories, func(r repositoryRule) bool { return r.read })
}

// Authorize implements auth.Authorizer.
func (p *Policy) Authorize(_ context.Context, who auth.Principal, a auth.Action, r auth.Resource) error {
	switch {
	case who.ID == auth.RootID:
		return nil
	case !who.Anonymous():
		return fault.AccessDenied.With(string(a)+" on "+string(r.Type)+" "+r.Name, nil)
	case p.anonymous(a, r):
		return nil
	}
	return fault.CredentialsMissing
}

// anonymous decides for a caller whom nobody knows. Resources are typed: a rule for a bucket is none for the repository of its name.
func (p *Policy) anonymous(a auth.Action, r auth.Resource) bool {
	switch {
	case a == "s3:GetObject" && r.Type == auth.Object:
		return slices.ContainsFunc(p.objects, func(rule objectRule) bool { return rule.matches(r.Name, r.Key) })
	case a == "s3:ListBucket" && r.Type == auth.Bucket:
		return p.listed[r.Name]
	case a == "oci:pull" && r.Type == auth.Repository:
		return p.pulls(r.Name)
	case a == "oci:catalog" && r.Type == auth.Server:
		return p.PullsAnonymously()
	}
	return false
}

func (o objectRule) matches(bucket, key string) bool {
	if bucket != o.bucket {
		return false
	}
	return key == o.key || !o.exact && strings.HasPrefix(key, o.key)
}

// pulls looks at the longest patterns that match repo.
func (p *Policy) pulls(repo string) bool {
	length := -1
	for _, rule := range p.repositories {
		if length >= 0 && len(rule.pattern.text) < length {
			break
		}
		if !rule.pattern.Match(repo) {
			continue
		}
		if !rule.read {
			return false
		}
		length = len(rule.pattern.text)
	}
	return length >= 0
}
