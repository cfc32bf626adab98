package object

import (
	"context"
)

// PublicAccessBlock is what the owner of a bucket rules out for people without credentials (S3 User Guide, "Blocking public access to
// your Amazon S3 storage").
type PublicAccessBlock struct {
	BlockPublicACLs       bool `cbor:"1,keyasint,omitempty"`
	IgnorePublicACLs      bool `cbor:"2,keyasint,omitempty"`
	BlockPublicPolicy     bool `cbor:"3,keyasint,omitempty"`
	RestrictPublicBuckets bool `cbor:"4,keyasint,omitempty"`
}

// Anonymous tells what the owner of a bucket rules for people without credentials: blocked says that nobody reads it without, whatever else
// allows it, with RestrictPublicBuckets, or with BlockPublicPolicy, since what opens a bucket by configuration is set before it exists
// and cannot be refused when it is set; it holds for all faces of the name. policy is the text of the bucket's policy, empty without one. A
// bucket that does not exist has neither. It reads one row.
func (s *Service) Anonymous(ctx context.Context, bucket string) (blocked bool, policy []byte, err error) {
	row, err := s.findSettings(ctx, bucket)
	block := row.PublicAccess
	return block != nil && (block.RestrictPublicBuckets || block.BlockPublicPolicy), row.Policy, err
}
