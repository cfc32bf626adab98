package s3

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
)

// outlineError is an error of the outline of a request: method, depth, and which parameters and headers there are. It says nothing of
// what is stored, so everybody is told it, as S3 does.
type outlineError struct{ error }

func (e outlineError) Unwrap() error { return e.error }

func isOutline(err error) bool {
	var e outlineError
	return errors.As(err, &e)
}

// checkOutline refuses what no operation looks like, and would otherwise be taken for another one.
// Errors: fault.ArgumentInvalid, fault.BadRequest, fault.MethodNotAllowed.
func (rq *request) checkOutline() error {
	has, source := rq.query.has, rq.header.Get("X-Amz-Copy-Source")
	switch {
	case source != "" && rq.method != http.MethodPut && (rq.method != http.MethodPost || has("uploadId")):
		return outlineError{badArgument("x-amz-copy-source", source, "You can only specify a copy source header for copy requests.")}
	case rq.level() == atService && rq.method == http.MethodPost:
		return outlineError{rq.notAllowed("SERVICE")}
	case rq.level() != atObject:
		return nil
	case rq.method == http.MethodPut && has("partNumber") && !has("uploadId"):
		return outlineError{badArgument("partNumber", "partNumber", "This operation does not accept partNumber without uploadId")}
	case rq.method == http.MethodPut && has("uploadId") && !has("partNumber"):
		return outlineError{rq.notAllowed("UPLOAD", http.MethodDelete, http.MethodPost, http.MethodGet)}
	case rq.method == http.MethodGet && has("uploads"):
		return outlineError{fault.BadRequest.Detail("Key is not expected for the GET method ?uploads subresource")}
	case rq.method == http.MethodGet && has("versions"):
		return outlineError{fault.BadRequest.Detail("There is no such thing as the ?versions sub-resource for a key")}
	}
	return nil
}

// notAllowed is fault.MethodNotAllowed for the method of rq on a resource that allows others.
func (rq *request) notAllowed(resource string, allowed ...string) error {
	err := fault.Tell(fault.MethodNotAllowed, fault.Fact{Name: "Method", Value: rq.method}, fault.Fact{Name: "ResourceType", Value: resource})
	return allowError{err, strings.Join(allowed, ", ")}
}

// allowError is fault.MethodNotAllowed with the methods that are allowed, which RFC 9110 section 15.5.6 wants in the answer.
type allowError struct {
	error
	methods string
}

func (e allowError) Unwrap() error { return e.error }

// sourceError is an error of the form of a copy's source. S3 looks for the bucket first.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// bucketFirst is err, or that the bucket is not there where err may wait.
func (c *call) bucketFirst(ctx context.Context, err error) error {
	var e sourceError
	if errors.As(err, &e) {
		if _, absent := c.o.Objects.HeadBucket(ctx, c.rq.bucket); absent != nil {
			return c.conceal(ctx, absent)
		}
	}
	return err
}

// refuseStranger is S3's sentence for a request without credentials.
func (c *call) refuseStranger(op operation) error {
	name := ""
	if op != nil {
		name = op.name()
	} else if c.rq != nil && c.rq.query.has("select") {
		name = "SelectObjectContent"
	}
	switch name {
	case "CreateBucket", "PutBucketAcl", "PutObjectAcl", "SelectObjectContent":
		return fault.CredentialsMissing.Detail("Anonymous users cannot invoke this API. Please authenticate.")
	case "CreateMultipartUpload":
		return fault.CredentialsMissing.Detail("Anonymous users cannot initiate multipart uploads. Please authenticate.")
	case "CopyObject":
		return fault.CredentialsMissing.Detail("Anonymous users cannot copy objects. Please authenticate.")
	case "PutBucketOwnershipControls", "DeleteBucketOwnershipControls":
		return fault.CredentialsMissing.Detail("s3:PutBucketOwnershipControls does not support Anonymous requests!")
	case "GetBucketOwnershipControls":
		return fault.CredentialsMissing.Detail("s3:GetBucketOwnershipControls does not support Anonymous requests!")
	}
	return fault.CredentialsMissing
}
