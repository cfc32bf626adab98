package object

import (
	"context"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
)

// PublicAccessBlock is what the owner of a bucket rules out for people without credentials (S3 User Guide, "Blocking public access to
// your Amazon S3 storage").
type PublicAccessBlock struct {
	BlockPublicACLs       bool `cbor:"1,keyasint,omitempty"`
	IgnorePublicACLs      bool `cbor:"2,keyasint,omitempty"`
	BlockPublicPolicy     bool `cbor:"3,keyasint,omitempty"`
	RestrictPublicBuckets bool `cbor:"4,keyasint,omitempty"`
}

// AnonymousBlocked says whether the owner of a bucket has ruled out that anybody reads it without credentials, whatever else allows it:
// with RestrictPublicBuckets, or with BlockPublicPolicy, since what opens a bucket here is set before it exists and cannot be
// refused when it is set. It holds for all faces of the name. A bucket that does not exist is not blocked. It reads one row.
func (s *Service) AnonymousBlocked(ctx context.Context, bucket string) (bool, error) {
	row, err := s.findSettings(ctx, bucket)
	block := row.PublicAccess
	return block != nil && (block.RestrictPublicBuckets || block.BlockPublicPolicy), err
}

// Guarded is the decisions of another Authorizer, but for what public access blocks rule out. A bucket that is blocked is closed to
// people without credentials in all its faces: its objects, its keys, and the repository of its name.
type Guarded struct {
	auth.Authorizer
	Objects *Service
}

// Authorize implements auth.Authorizer. For anonymous callers who may, it reads one row; nobody else costs anything.
func (g Guarded) Authorize(ctx context.Context, p auth.Principal, a auth.Action, r auth.Resource) error {
	err := g.Authorizer.Authorize(ctx, p, a, r)
	if err != nil || !p.Anonymous() || r.Name == "" {
		return err
	}
	switch blocked, err := g.Objects.AnonymousBlocked(ctx, r.Name); {
	case err != nil:
		return err
	case blocked:
		return fault.CredentialsMissing
	}
	return nil
}
