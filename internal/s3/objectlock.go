package s3

import (
	"context"
	"net/http"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// getObjectLockConfiguration is GetObjectLockConfiguration.
type getObjectLockConfiguration struct{ bucket string }

func parseGetObjectLockConfiguration(rq *request) (operation, error) {
	return &getObjectLockConfiguration{rq.bucket}, nil
}

func (*getObjectLockConfiguration) name() string { return "GetObjectLockConfiguration" }

func (op *getObjectLockConfiguration) needs() []need {
	return onBucket("s3:GetBucketObjectLockConfiguration", op.bucket)
}

func (op *getObjectLockConfiguration) serve(ctx context.Context, c *call) error {
	b, err := c.o.Objects.HeadBucket(ctx, op.bucket)
	switch {
	case err != nil:
		return err
	case !b.Lockable:
		return fault.LockNotFound.With(op.bucket, nil)
	}
	x := newXML("ObjectLockConfiguration", namespace)
	x.text("ObjectLockEnabled", "Enabled")
	if b.Rule.Mode != object.Unlocked {
		x.open("Rule")
		x.open("DefaultRetention")
		x.text("Mode", modeName(b.Rule.Mode))
		if b.Rule.Days > 0 {
			x.number("Days", int64(b.Rule.Days))
		} else {
			x.number("Years", int64(b.Rule.Years))
		}
		x.close("DefaultRetention")
		x.close("Rule")
	}
	x.send(c.w, http.StatusOK)
	return nil
}

// putObjectLockConfiguration is PutObjectLockConfiguration.
type putObjectLockConfiguration struct {
	bucket    string
	integrity object.Integrity
	trailer   string
}

func parsePutObjectLockConfiguration(rq *request) (operation, error) {
	in, trailer, err := rq.integrity()
	return &putObjectLockConfiguration{rq.bucket, in, trailer}, err
}

func (*putObjectLockConfiguration) name() string { return "PutObjectLockConfiguration" }

func (op *putObjectLockConfiguration) needs() []need {
	return onBucket("s3:PutBucketObjectLockConfiguration", op.bucket)
}

type lockDocument struct {
	ObjectLockEnabled string
	Rule              *struct {
		DefaultRetention *struct {
			Mode  string
			Days  *int
			Years *int
		}
	}
}

// rule is the rule that the document asks for. Errors: fault.MalformedXML, fault.ArgumentInvalid.
func (doc *lockDocument) rule() (rule object.LockRule, err error) {
	switch {
	case doc.ObjectLockEnabled != "Enabled":
		return rule, fault.MalformedXML
	case doc.Rule == nil:
		return rule, nil
	case doc.Rule.DefaultRetention == nil:
		return rule, fault.MalformedXML
	}
	r := doc.Rule.DefaultRetention
	var known bool
	if rule.Mode, known = lockMode(r.Mode); !known || (r.Days == nil) == (r.Years == nil) {
		return rule, fault.MalformedXML
	}
	for _, one := range []struct {
		from *int
		to   *int
	}{{r.Days, &rule.Days}, {r.Years, &rule.Years}} {
		if one.from == nil {
			continue
		}
		if *one.from <= 0 {
			return rule, fault.ArgumentInvalid.Detail("Default retention period must be a positive integer value.")
		}
		*one.to = *one.from
	}
	return rule, nil
}

func (op *putObjectLockConfiguration) serve(ctx context.Context, c *call) error {
	var doc lockDocument
	if err := c.wantBody(ctx, op.bucket); err != nil {
		return err
	}
	if err := c.readVerified(op.integrity, op.trailer, "ObjectLockConfiguration", &doc); err != nil {
		return err
	}
	rule, err := doc.rule()
	if err != nil {
		return err
	}
	if err := c.o.Objects.PutLock(ctx, object.LockRequest{By: c.actor(), Bucket: op.bucket, Rule: rule}); err != nil {
		return err
	}
	c.empty(http.StatusOK)
	return nil
}

// getObjectRetention is GetObjectRetention.
type getObjectRetention struct{ object.VersionRef }

func parseGetObjectRetention(rq *request) (operation, error) {
	return &getObjectRetention{rq.protectedRef()}, nil
}

func (*getObjectRetention) name() string { return "GetObjectRetention" }

func (op *getObjectRetention) needs() []need {
	return onObject("s3:GetObjectRetention", op.Bucket, op.Key)
}

func (op *getObjectRetention) serve(ctx context.Context, c *call) error {
	p, err := c.o.Objects.Protection(ctx, op.VersionRef)
	switch {
	case err != nil:
		return err
	case p.Retention.Mode == object.Unlocked:
		return fault.RetentionNotFound.With(op.Key, nil)
	}
	x := newXML("Retention", namespace)
	x.text("Mode", modeName(p.Retention.Mode))
	x.text("RetainUntilDate", lockTime(p.Retention.Until))
	x.send(c.w, http.StatusOK)
	return nil
}

// putObjectRetention is PutObjectRetention.
type putObjectRetention struct {
	object.RetentionRequest
	integrity object.Integrity
	trailer   string
}

func parsePutObjectRetention(rq *request) (operation, error) {
	op := &putObjectRetention{RetentionRequest: object.RetentionRequest{Version: rq.protectedRef()}}
	var err error
	if op.Bypass, err = rq.bypass(); err != nil {
		return nil, err
	}
	op.integrity, op.trailer, err = rq.integrity()
	return op, err
}

func (*putObjectRetention) name() string { return "PutObjectRetention" }

func (op *putObjectRetention) needs() []need {
	bucket, key := op.Version.Bucket, op.Version.Key
	return append(onObject("s3:PutObjectRetention", bucket, key), needsOfBypass(op.Bypass, bucket, key)...)
}

type retentionDocument struct {
	Mode            string
	RetainUntilDate string
}

// retention is what the document asks for; empty elements remove it. Errors: fault.MalformedXML.
func (doc *retentionDocument) retention() (r object.Retention, err error) {
	if doc.Mode == "" && doc.RetainUntilDate == "" {
		return r, nil
	}
	t, err := time.Parse(time.RFC3339, doc.RetainUntilDate)
	mode, known := lockMode(doc.Mode)
	if err != nil || !known {
		return r, fault.MalformedXML
	}
	return object.Retention{Mode: mode, Until: t.UnixNano()}, nil
}

func (op *putObjectRetention) serve(ctx context.Context, c *call) error {
	var doc retentionDocument
	if err := c.wantBucket(ctx, op.Version.Bucket); err != nil {
		return err
	}
	if err := c.readVerified(op.integrity, op.trailer, "Retention", &doc); err != nil {
		return err
	}
	req := op.RetentionRequest
	req.By = c.actor()
	var err error
	if req.Retention, err = doc.retention(); err != nil {
		return err
	}
	if err := c.o.Objects.PutRetention(ctx, req); err != nil {
		return err
	}
	c.empty(http.StatusOK)
	return nil
}

// getObjectLegalHold is GetObjectLegalHold.
type getObjectLegalHold struct{ object.VersionRef }

func parseGetObjectLegalHold(rq *request) (operation, error) {
	return &getObjectLegalHold{rq.protectedRef()}, nil
}

func (*getObjectLegalHold) name() string { return "GetObjectLegalHold" }

func (op *getObjectLegalHold) needs() []need {
	return onObject("s3:GetObjectLegalHold", op.Bucket, op.Key)
}

func (op *getObjectLegalHold) serve(ctx context.Context, c *call) error {
	p, err := c.o.Objects.Protection(ctx, op.VersionRef)
	switch {
	case err != nil:
		return err
	case p.Hold == object.HoldUnset:
		return fault.RetentionNotFound.With(op.Key, nil)
	}
	x := newXML("LegalHold", namespace)
	x.text("Status", holdName(p.Hold))
	x.send(c.w, http.StatusOK)
	return nil
}

// putObjectLegalHold is PutObjectLegalHold.
type putObjectLegalHold struct {
	object.HoldRequest
	integrity object.Integrity
	trailer   string
}

func parsePutObjectLegalHold(rq *request) (operation, error) {
	op := &putObjectLegalHold{HoldRequest: object.HoldRequest{Version: rq.protectedRef()}}
	var err error
	op.integrity, op.trailer, err = rq.integrity()
	return op, err
}

func (*putObjectLegalHold) name() string { return "PutObjectLegalHold" }

func (op *putObjectLegalHold) needs() []need {
	return onObject("s3:PutObjectLegalHold", op.Version.Bucket, op.Version.Key)
}

func (op *putObjectLegalHold) serve(ctx context.Context, c *call) error {
	var doc struct{ Status string }
	if err := c.wantBucket(ctx, op.Version.Bucket); err != nil {
		return err
	}
	if err := c.readVerified(op.integrity, op.trailer, "LegalHold", &doc); err != nil {
		return err
	}
	req := op.HoldRequest
	req.By = c.actor()
	var known bool
	if req.Hold, known = holdOf(doc.Status); !known {
		return fault.MalformedXML
	}
	if err := c.o.Objects.PutHold(ctx, req); err != nil {
		return err
	}
	c.empty(http.StatusOK)
	return nil
}
