package s3

import (
	"context"
	"net/http"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// getBucketVersioning is GetBucketVersioning.
type getBucketVersioning struct{ bucket string }

func parseGetBucketVersioning(rq *request) (operation, error) {
	return &getBucketVersioning{rq.bucket}, nil
}

func (*getBucketVersioning) name() string { return "GetBucketVersioning" }

func (op *getBucketVersioning) needs() []need {
	return onBucket("s3:GetBucketVersioning", op.bucket)
}

func (op *getBucketVersioning) serve(ctx context.Context, c *call) error {
	b, err := c.o.Objects.HeadBucket(ctx, op.bucket)
	if err != nil {
		return err
	}
	x := newXML("VersioningConfiguration", namespace)
	switch b.Versioning {
	case object.Versioned:
		x.text("Status", "Enabled")
	case object.Suspended:
		x.text("Status", "Suspended")
	}
	x.send(c.w, http.StatusOK)
	return nil
}

// putBucketVersioning is PutBucketVersioning.
type putBucketVersioning struct {
	bucket    string
	integrity object.Integrity
	trailer   string
}

func parsePutBucketVersioning(rq *request) (operation, error) {
	in, trailer, err := rq.integrity()
	return &putBucketVersioning{rq.bucket, in, trailer}, err
}

func (*putBucketVersioning) name() string { return "PutBucketVersioning" }

func (op *putBucketVersioning) needs() []need {
	return onBucket("s3:PutBucketVersioning", op.bucket)
}

type versioningDocument struct {
	Status    string
	MfaDelete string
}

func (op *putBucketVersioning) serve(ctx context.Context, c *call) error {
	var doc versioningDocument
	if err := c.readVerified(op.integrity, op.trailer, "VersioningConfiguration", &doc); err != nil {
		return err
	}
	if doc.MfaDelete == "Enabled" {
		return fault.NotImplemented.Detail("MFA delete is not implemented")
	}
	req := object.VersioningRequest{By: c.actor(), Bucket: op.bucket}
	switch doc.Status {
	case "Enabled":
		req.State = object.Versioned
	case "Suspended":
		req.State = object.Suspended
	default:
		return fault.MalformedXML
	}
	if err := c.o.Objects.PutVersioning(ctx, req); err != nil {
		return err
	}
	c.empty(http.StatusOK)
	return nil
}

// listObjectVersions is ListObjectVersions.
type listObjectVersions struct {
	object.ListVersionsRequest
	url bool
}

func parseListObjectVersions(rq *request) (operation, error) {
	if limit := rq.query.get("max-keys"); strings.HasPrefix(limit, "-") {
		return nil, badArgument("maxKeys", limit, "max-keys cannot be negative")
	}
	l, err := rq.listing()
	if err != nil {
		return nil, err
	}
	op := &listObjectVersions{object.ListVersionsRequest{ListRequest: l.ListRequest}, l.url}
	op.After, op.AfterID = rq.query.get("key-marker"), rq.query.get("version-id-marker")
	if op.AfterID != "" && op.After == "" {
		return nil, fault.ArgumentInvalid.Detail("A version-id marker cannot be specified without a key marker.")
	}
	return op, nil
}

func (*listObjectVersions) name() string { return "ListObjectVersions" }

func (op *listObjectVersions) needs() []need {
	return onBucket("s3:ListBucketVersions", op.Bucket)
}

func (op *listObjectVersions) serve(ctx context.Context, c *call) error {
	list, more, err := op.find(ctx, c)
	if err != nil {
		return err
	}
	x := newXML("ListVersionsResult", namespace)
	x.text("Name", op.Bucket)
	x.key("Prefix", op.Prefix, op.url)
	x.key("KeyMarker", op.After, op.url)
	x.text("VersionIdMarker", op.AfterID)
	if more {
		last := list[len(list)-1]
		x.key("NextKeyMarker", last.Name, op.url)
		if last.Version != nil {
			x.text("NextVersionIdMarker", last.Version.Address())
		}
	}
	x.number("MaxKeys", int64(op.Limit))
	if op.Delimiter != "" {
		x.key("Delimiter", op.Delimiter, op.url)
	}
	x.truncated(more)
	x.encodingType(op.url)
	for i := range list {
		x.version(&list[i], op.url)
	}
	for _, it := range list {
		if it.Version == nil {
			x.commonPrefix(it.Name, op.url)
		}
	}
	x.send(c.w, http.StatusOK)
	return nil
}

// find asks for the page. No versions at most are none, and nothing is left out.
func (op *listObjectVersions) find(ctx context.Context, c *call) ([]object.VersionItem, bool, error) {
	if op.Limit == 0 {
		_, err := c.o.Objects.HeadBucket(ctx, op.Bucket)
		return nil, false, err
	}
	return c.o.Objects.ListVersions(ctx, op.ListVersionsRequest)
}

// version writes a version or a delete marker.
func (d *document) version(it *object.VersionItem, url bool) {
	v := it.Version
	if v == nil {
		return
	}
	element := "Version"
	if v.Marker {
		element = "DeleteMarker"
	}
	d.open(element)
	d.key("Key", it.Name, url)
	d.text("VersionId", v.Address())
	d.boolean("IsLatest", it.Latest)
	d.time("LastModified", v.Time())
	if !v.Marker {
		d.etag(v.ETag())
		d.checksumNames(v.Checksum)
		d.number("Size", v.Size)
		d.text("StorageClass", "STANDARD")
	}
	d.owner("Owner", v.Owner)
	d.close(element)
}
