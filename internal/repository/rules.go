package repository

import (
	"slices"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/pattern"
)

// ImmutableTags says which tags stay where they are once they are set: those that match a pattern, in repositories that match a glob.
type ImmutableTags struct {
	Repositories []pattern.Glob
	Patterns     []pattern.Whole
}

// matches says whether name is of one of the globs.
func matches(globs []pattern.Glob, name string) bool {
	return slices.ContainsFunc(globs, func(g pattern.Glob) bool { return g.Match(name) })
}

// immutable says whether any tag of repo may be immutable.
func (o Options) immutable(repo string) bool {
	return slices.ContainsFunc(o.Immutable, func(rule ImmutableTags) bool { return matches(rule.Repositories, repo) })
}

// mayMove reports fault.TagImmutable, with the pattern, when a tag that is set must stay as it is.
func (o Options) mayMove(repo, tag string) error {
	for _, rule := range o.Immutable {
		if !matches(rule.Repositories, repo) {
			continue
		}
		for _, p := range rule.Patterns {
			if p.Match(tag) {
				return fault.TagImmutable.Detail("the tag %q is immutable: it matches the pattern %q of this server's configuration", tag, p)
			}
		}
	}
	return nil
}

// Condition is what must hold of a reference before what it stands for changes (RFC 9110, section 13.1). The zero value always holds.
type Condition struct {
	Match     []string // it stands for one of these digests, or for any with "*"; nil: whatever
	NoneMatch []string // it stands for none of these digests, or for none at all with "*"; nil: whatever
}

// check reports fault.PreconditionFailed unless c holds of a reference that stands for the digest now; empty: for nothing.
func (c Condition) check(now string) error {
	among := func(list []string) bool {
		return now != "" && (slices.Contains(list, "*") || slices.Contains(list, now))
	}
	if c.Match != nil && !among(c.Match) || c.NoneMatch != nil && among(c.NoneMatch) {
		return fault.PreconditionFailed
	}
	return nil
}
