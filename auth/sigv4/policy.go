package sigv4

import (
	"context"
	"time"

	"github.com/zot-artifact-store/zas/fault"
)

// The fields of a form that carry its signature.
const (
	FieldPolicy     = "policy"
	FieldAlgorithm  = "x-amz-algorithm"
	FieldCredential = "x-amz-credential"
	FieldDate       = "x-amz-date"
	FieldSignature  = "x-amz-signature"
	FieldToken      = "x-amz-security-token"
)

// maxKeyAge is how long a signing key is good for ("Authenticating Requests (AWS Signature Version 4)").
const maxKeyAge = 7 * 24 * time.Hour

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
// section "Calculating a Signature"). The caller has to check the policy itself: see ParsePolicy. VerifyPolicy reports
// fault.ArgumentInvalid for fields that cannot be understood or have a wrong scope, fault.PolicyViolated for a form
// signed more than seven days ago, and what Verify reports for key, token and signature.
func (v *Verifier) VerifyPolicy(ctx context.Context, f PolicyForm) (Result, error) {
	c := &claim{place: inForm, signature: f.Signature, token: f.Token}
	if err := c.setAlgorithm(f.Algorithm); err != nil {
		return Result{}, err
	}
	var ok bool
	if c.time, ok = parseBasic(f.Date); !ok {
		return Result{}, badArgument(paramDate, f.Date, "X-Amz-Date must be formated via ISO8601 Long format")
	}
	if err := c.setCredential(f.Credential); err != nil {
		return Result{}, err
	}
	if err := v.checkScope(c); err != nil {
		return Result{}, err
	}
	switch age := v.now().Sub(c.time); {
	case age > maxKeyAge:
		return Result{}, expiredPolicy()
	case age < -maxSkew:
		return Result{}, fault.PolicyViolated.Detail("Invalid according to Policy: Policy not yet valid.")
	}
	owner, _, err := v.prove(ctx, c, [][]byte{[]byte(f.Policy)})
	if err != nil {
		return Result{}, err
	}
	return c.result(owner), nil
}

// CheckPolicy reads the policy of a form whose signature VerifyPolicy has verified, and holds the form against it now: see ParsePolicy and
// Policy.Check, also for errors.
func (v *Verifier) CheckPolicy(encoded string, form map[string]string) (*Policy, error) {
	p, err := ParsePolicy(encoded)
	if err != nil {
		return nil, err
	}
	return p, p.Check(form, v.now())
}

func expiredPolicy() error {
	return fault.PolicyViolated.Detail("Invalid according to Policy: Policy expired.")
}
