package policy

import (
	"context"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
)

// Owners knows what the owners of buckets have ruled for people without credentials. It reads one row.
type Owners interface {
	// Anonymous tells whether the bucket of this name is closed to them in all its faces, and the text of its policy; empty when it has none,
	// or does not exist.
	Anonymous(ctx context.Context, name string) (blocked bool, policy []byte, err error)
}

// Guarded is the decisions of another Authorizer together with those of the owners of buckets. What an owner denies or blocks is denied
// whatever else allows it; a policy that cannot be read denies all.
type Guarded struct {
	auth.Authorizer
	Owners Owners
}

// Authorize implements auth.Authorizer. Callers with credentials cost nothing here.
func (g Guarded) Authorize(ctx context.Context, p auth.Principal, a auth.Action, r auth.Resource) error {
	decided := g.Authorizer.Authorize(ctx, p, a, r)
	if !p.Anonymous() || r.Name == "" {
		return decided
	}
	blocked, text, err := g.Owners.Anonymous(ctx, r.Name)
	switch {
	case err != nil:
		return err
	case blocked:
		return fault.CredentialsMissing
	case len(text) == 0 || r.Type == auth.Repository:
		return decided
	}
	b, err := ParseBucket(text, r.Name)
	if err != nil {
		return fault.CredentialsMissing.With("", err)
	}
	switch b.Anonymous(a, r) {
	case Deny:
		return fault.CredentialsMissing
	case Allow:
		return nil
	}
	return decided
}
