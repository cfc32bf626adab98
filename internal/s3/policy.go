package s3

import (
	"io"

	"github.com/zot-artifact-store/zas/auth/policy"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// readPolicy reads the policy of a bucket: it is kept as it was sent.
func readPolicy(c *call, op *settingOperation) (func(*object.Settings), error) {
	check := c.verified(op.integrity, op.trailer).Checker()
	text, err := policy.ReadBucket(io.TeeReader(c.body, check))
	if err != nil {
		return nil, err
	}
	if err := check.Verify(); err != nil {
		return nil, err
	}
	parsed, err := policy.ParseBucket(text, op.bucket)
	if err != nil {
		return nil, err
	}
	set, err := c.o.Objects.Settings(c.r.Context(), op.bucket)
	if err == nil && set.PublicAccess != nil && set.PublicAccess.BlockPublicPolicy && parsed.Public() {
		err = fault.AccessDenied.Detail("The bucket's public access block refuses public policies (BlockPublicPolicy)")
	}
	return func(s *object.Settings) { s.Policy = text }, err
}

// tellPolicyStatus says whether the policy opens the bucket to everybody.
func tellPolicyStatus(c *call, s *object.Settings) (*document, error) {
	if len(s.Policy) == 0 {
		return nil, fault.PolicyNotFound.With(c.rq.bucket, nil)
	}
	parsed, err := policy.ParseBucket(s.Policy, c.rq.bucket)
	if err != nil {
		return nil, err
	}
	x := newXML("PolicyStatus", namespace)
	x.boolean("IsPublic", parsed.Public())
	return x, nil
}
