package s3

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/internal/repository"

	"github.com/zot-artifact-store/zas/auth"
)

// listBuckets is ListBuckets.
type listBuckets struct {
	prefix string
	after  string // continuation-token: the name of the last bucket of the page before
	region string
	limit  int
}

// maxBuckets is how many buckets one answer lists at most.
const maxBuckets = 10_000

func parseListBuckets(rq *request) (operation, error) {
	op := &listBuckets{
		prefix: rq.query.get("prefix"), after: rq.query.get("continuation-token"), region: rq.query.get("bucket-region"), limit: maxBuckets,
	}
	if op.after != "" && repository.CheckBucket(op.after) != nil {
		return nil, fault.ArgumentInvalid.Detail("The continuation token provided is incorrect")
	}
	if value := rq.query.get("max-buckets"); value != "" {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > maxBuckets {
			return nil, fault.ArgumentInvalid.Detail("Argument max-buckets must be an integer between 1 and %d.", maxBuckets)
		}
		op.limit = n
	}
	return op, nil
}

func (*listBuckets) name() string { return "ListBuckets" }

func (*listBuckets) needs() []need {
	return []need{{"s3:ListAllMyBuckets", auth.Resource{Type: auth.Server}}}
}

func (op *listBuckets) serve(ctx context.Context, c *call) error {
	var list []object.Bucket
	var more bool
	if op.region == "" || op.region == c.o.Region {
		var err error
		list, more, err = c.o.Objects.ListBuckets(ctx, object.ListBucketsRequest{
			Owner: c.by.ID, Prefix: op.prefix, After: op.after, Limit: op.limit,
		})
		if err != nil {
			return err
		}
	}
	x := newXML("ListAllMyBucketsResult", namespace)
	x.owner("Owner", c.by.ID)
	x.open("Buckets")
	for _, b := range list {
		x.open("Bucket")
		x.text("Name", b.Name)
		x.time("CreationDate", b.Created)
		x.text("BucketRegion", c.o.Region)
		x.close("Bucket")
	}
	x.close("Buckets")
	x.optional("Prefix", op.prefix)
	if more && len(list) > 0 {
		x.text("ContinuationToken", list[len(list)-1].Name)
	}
	x.send(c.w, http.StatusOK)
	return nil
}

func (d *document) owner(element, id string) {
	d.open(element)
	d.text("ID", id)
	d.text("DisplayName", id)
	d.close(element)
}

// createBucket is CreateBucket.
type createBucket struct {
	bucket    string
	lockable  bool
	integrity object.Integrity
	trailer   string
}

func parseCreateBucket(rq *request) (operation, error) {
	in, trailer, err := rq.integrity()
	return &createBucket{rq.bucket, strings.EqualFold(rq.header.Get("X-Amz-Bucket-Object-Lock-Enabled"), "true"), in, trailer}, err
}

func (*createBucket) name() string { return "CreateBucket" }

func (op *createBucket) needs() []need {
	needs := onBucket("s3:CreateBucket", op.bucket)
	if op.lockable {
		needs = append(append(needs, onBucket("s3:PutBucketObjectLockConfiguration", op.bucket)...), onBucket("s3:PutBucketVersioning", op.bucket)...)
	}
	return needs
}

// createBucketConfiguration is the body of CreateBucket. What is here but the location is refused when it is not empty.
type createBucketConfiguration struct {
	LocationConstraint string
	Location           *struct{}
	Bucket             *struct{}
	Tags               struct{ Tag []tagElement }
}

func (op *createBucket) serve(ctx context.Context, c *call) error {
	var config createBucketConfiguration
	if c.body.Length() != 0 {
		if err := c.readVerified(op.integrity, op.trailer, "CreateBucketConfiguration", &config); err != nil {
			return err
		}
	}
	switch {
	case config.Location != nil || config.Bucket != nil:
		return fault.NotImplemented
	case config.LocationConstraint != "" && config.LocationConstraint != c.o.Region:
		return fault.LocationInvalid.Detail("The %s location constraint is incompatible for the region specific endpoint this request was sent to.",
			config.LocationConstraint)
	}
	tags, err := tagsOf(config.Tags.Tag)
	if err != nil {
		return err
	}
	err = c.o.Objects.CreateBucket(ctx, object.CreateBucketRequest{By: c.actor(), Bucket: op.bucket, Lockable: op.lockable, Tags: tags})
	if errors.Is(err, fault.BucketOwned) && c.o.Region == sigv4.DefaultRegion {
		err = nil // S3 answers so in its first region, and clients rely on it
	}
	if err != nil {
		return err
	}
	c.w.Header()["Location"] = []string{"/" + op.bucket}
	c.setARN(op.bucket)
	c.empty(http.StatusOK)
	return nil
}

// setARN tells the bucket's name in the form of Amazon's resource names.
func (c *call) setARN(bucket string) {
	c.w.Header()["X-Amz-Bucket-Arn"] = []string{"arn:aws:s3:::" + bucket}
}

// empty answers without a body.
func (c *call) empty(status int) {
	if status != http.StatusNoContent && status != http.StatusNotModified {
		c.w.Header()["Content-Length"] = []string{"0"}
	}
	c.w.WriteHeader(status)
}

// headBucket is HeadBucket.
type headBucket struct{ bucket string }

func parseHeadBucket(rq *request) (operation, error) { return &headBucket{rq.bucket}, nil }

func (*headBucket) name() string { return "HeadBucket" }

func (op *headBucket) needs() []need { return onBucket("s3:ListBucket", op.bucket) }

func (op *headBucket) serve(ctx context.Context, c *call) error {
	if _, err := c.o.Objects.HeadBucket(ctx, op.bucket); err != nil {
		return err
	}
	c.w.Header()["X-Amz-Bucket-Region"] = []string{c.o.Region}
	c.setARN(op.bucket)
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// deleteBucket is DeleteBucket.
type deleteBucket struct{ bucket string }

func parseDeleteBucket(rq *request) (operation, error) { return &deleteBucket{rq.bucket}, nil }

func (*deleteBucket) name() string { return "DeleteBucket" }

func (op *deleteBucket) needs() []need { return onBucket("s3:DeleteBucket", op.bucket) }

func (op *deleteBucket) serve(ctx context.Context, c *call) error {
	if err := c.o.Objects.DeleteBucket(ctx, object.DeleteBucketRequest{By: c.actor(), Bucket: op.bucket}); err != nil {
		return err
	}
	c.empty(http.StatusNoContent)
	return nil
}

// getBucketLocation is GetBucketLocation.
type getBucketLocation struct{ bucket string }

func parseGetBucketLocation(rq *request) (operation, error) {
	return &getBucketLocation{rq.bucket}, nil
}

func (*getBucketLocation) name() string { return "GetBucketLocation" }

func (op *getBucketLocation) needs() []need { return onBucket("s3:GetBucketLocation", op.bucket) }

func (op *getBucketLocation) serve(ctx context.Context, c *call) error {
	if _, err := c.o.Objects.HeadBucket(ctx, op.bucket); err != nil {
		return err
	}
	x := newXML("LocationConstraint", namespace)
	if c.o.Region != sigv4.DefaultRegion {
		x.escape(c.o.Region)
	}
	x.send(c.w, http.StatusOK)
	return nil
}
