package s3

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// Access control lists are off, as they are for new buckets of S3: what is owned by the bucket's owner is under his full control, and
// nothing else can be said (S3 User Guide, "Controlling ownership of objects and disabling ACLs for your bucket").

// aclOperation is GetBucketAcl, PutBucketAcl, GetObjectAcl or PutObjectAcl.
type aclOperation struct {
	bucket, key, version string
	put                  bool
	canned               string
	grants               bool
	integrity            object.Integrity
	trailer              string
}

func parseACL(rq *request) (operation, error) {
	op := &aclOperation{
		bucket: rq.bucket, key: rq.key, version: rq.query.get("versionId"), put: rq.method == http.MethodPut,
		canned: rq.header.Get("X-Amz-Acl"), grants: rq.grants(),
	}
	if op.put && op.canned != "" && !cannedACL(op.canned) {
		return nil, fault.ArgumentInvalid.Detail("Invalid x-amz-acl header: %s", op.canned)
	}
	var err error
	op.integrity, op.trailer, err = rq.integrity()
	return op, err
}

// cannedACL says whether S3 knows this canned list.
func cannedACL(name string) bool {
	switch name {
	case "private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read", "bucket-owner-full-control",
		"log-delivery-write":
		return true
	}
	return false
}

// ownersACL says whether a canned list gives nobody more than the owner of the bucket has.
func ownersACL(name string) bool {
	return name == "" || name == "private" || name == "bucket-owner-full-control"
}

// grants says whether headers grant rights.
func (rq *request) grants() bool {
	for name, values := range rq.header {
		if strings.HasPrefix(name, "X-Amz-Grant-") && strings.Join(values, "") != "" {
			return true
		}
	}
	return false
}

func (op *aclOperation) name() string {
	name := "Get"
	if op.put {
		name = "Put"
	}
	if op.key == "" {
		return name + "BucketAcl"
	}
	return name + "ObjectAcl"
}

func (op *aclOperation) needs() []need {
	right := "s3:Get"
	if op.put {
		right = "s3:Put"
	}
	switch {
	case op.key == "":
		return onBucket(auth.Action(right+"BucketAcl"), op.bucket)
	case op.version != "":
		return onObject(auth.Action(right+"ObjectVersionAcl"), op.bucket, op.key)
	}
	return onObject(auth.Action(right+"ObjectAcl"), op.bucket, op.key)
}

func (op *aclOperation) serve(ctx context.Context, c *call) error {
	b, err := c.o.Objects.HeadBucket(ctx, op.bucket)
	if err == nil && op.key != "" {
		_, err = c.o.Objects.Head(ctx, object.GetRequest{Bucket: op.bucket, Key: op.key, VersionID: op.version})
	}
	if err != nil {
		return err
	}
	if op.put {
		if err := op.check(c, b.Owner); err != nil {
			return err
		}
		c.empty(http.StatusOK)
		return nil
	}
	x := newXML("AccessControlPolicy", namespace)
	x.owner("Owner", b.Owner)
	x.open("AccessControlList")
	x.open("Grant")
	x.b = append(x.b, `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">`...)
	x.text("ID", b.Owner)
	x.text("DisplayName", b.Owner)
	x.close("Grantee")
	x.text("Permission", fullControl)
	x.close("Grant")
	x.close("AccessControlList")
	x.send(c.w, http.StatusOK)
	return nil
}

const fullControl = "FULL_CONTROL"

type aclDocument struct {
	AccessControlList struct {
		Grant []struct {
			Grantee    struct{ ID string }
			Permission string
		}
	}
}

// check accepts what is so already. Errors: fault.ACLUnsupported for everything else.
func (op *aclOperation) check(c *call, owner string) error {
	if op.grants || !ownersACL(op.canned) {
		return fault.ACLUnsupported
	}
	if c.body.Length() == 0 {
		if op.canned == "" {
			return fault.ACLUnsupported
		}
		return nil
	}
	var doc aclDocument
	check := c.verified(op.integrity, op.trailer).Checker()
	if err := readXML(io.TeeReader(c.body, check), min(maxSetting, c.o.MaxXML), "AccessControlPolicy", &doc); err != nil {
		return err
	}
	if err := check.Verify(); err != nil {
		return err
	}
	list := doc.AccessControlList.Grant
	if len(list) != 1 || list[0].Permission != fullControl || list[0].Grantee.ID != owner {
		return fault.ACLUnsupported
	}
	return nil
}
