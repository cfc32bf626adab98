package sigv4

import (
	"context"
)

// PolicyForm holds the fields of an HTML form that sign an upload by POST: `policy` and the `x-amz-…` fields.
type PolicyForm struct {
	Policy     string // the policy document in base64, as it was sent
	Algorithm  string // x-amz-algorithm
	Credential string // x-amz-credential
	Date       string // x-amz-date
	Signature  string // x-amz-signature
	Token      string // x-amz-security-token, for temporary credentials
}

// VerifyPolicy checks the signature of a POST form ("Browser-Based Uploads Using POST (AWS Signature Version 4)",
// section "Calculating a Signature"). The caller has to check the policy itself: its expiration, and that every field
// of the form satisfies its conditions. VerifyPolicy reports fault.ArgumentInvalid for fields that cannot be
// understood, and the faults that Verify reports for scope, key and signature.
func (v *Verifier) VerifyPolicy(ctx context.Context, f PolicyForm) (Result, error) {
	c := &claim{place: inForm, signature: f.Signature, token: f.Token}
	if f.Policy == "" || f.Signature == "" {
		return Result{}, c.malformed("a signed form has a policy and an x-amz-signature")
	}
	if err := c.setAlgorithm(f.Algorithm); err != nil {
		return Result{}, err
	}
	if err := c.setCredential(f.Credential); err != nil {
		return Result{}, err
	}
	var ok bool
	if c.time, ok = parseBasic(f.Date); !ok {
		return Result{}, badArgument(paramDate, f.Date, "X-Amz-Date must be formated via ISO8601 Long format")
	}
	if err := v.checkScope(c); err != nil {
		return Result{}, err
	}
	owner, _, err := v.prove(ctx, c, [][]byte{[]byte(f.Policy)})
	if err != nil {
		return Result{}, err
	}
	return c.result(owner), nil
}
