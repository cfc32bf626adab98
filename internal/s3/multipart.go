package s3

import (
	"context"
	"net/http"
	"strconv"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

func (rq *request) upload() object.UploadRef {
	return object.UploadRef{Bucket: rq.bucket, Key: rq.key, ID: rq.query.get("uploadId")}
}

// requiredPart reads partNumber, which has to be there.
func (rq *request) requiredPart() (int, error) {
	n, err := rq.partNumber()
	if err == nil && n == 0 {
		err = fault.ArgumentInvalid.Detail("This operation does not accept a query-string without partNumber.")
	}
	return n, err
}

// createMultipartUpload is CreateMultipartUpload.
type createMultipartUpload struct {
	object.CreateUploadRequest
	marks marks
}

func parseCreateMultipartUpload(rq *request) (operation, error) {
	op := &createMultipartUpload{CreateUploadRequest: object.CreateUploadRequest{Bucket: rq.bucket, Key: rq.key, Metadata: rq.metadata()}}
	var err error
	if op.marks, err = rq.marks(); err != nil {
		return nil, err
	}
	op.Tags, op.Protect = op.marks.tags, op.marks.protect
	if op.Algorithm, err = rq.algorithm(); err != nil {
		return nil, err
	}
	if op.Type, err = rq.checksumType(); err != nil {
		return nil, err
	}
	if op.Type != nil && op.Algorithm == 0 {
		return nil, fault.BadRequest.Detail("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	}
	return op, nil
}

func (*createMultipartUpload) name() string { return "CreateMultipartUpload" }

func (op *createMultipartUpload) needs() []need {
	return append(onObject("s3:PutObject", op.Bucket, op.Key), op.marks.needs(op.Bucket, op.Key)...)
}

func (op *createMultipartUpload) serve(ctx context.Context, c *call) error {
	req := op.CreateUploadRequest
	req.By = c.actor()
	u, err := c.o.Objects.CreateUpload(ctx, req)
	if err != nil {
		return err
	}
	if u.Chosen {
		h := c.w.Header()
		h["X-Amz-Checksum-Algorithm"] = []string{u.Algorithm.String()}
		h["X-Amz-Checksum-Type"] = []string{u.Type.String()}
	}
	x := newXML("InitiateMultipartUploadResult", namespace)
	x.text("Bucket", op.Bucket)
	x.text("Key", op.Key)
	x.text("UploadId", u.ID)
	x.send(c.w, http.StatusOK)
	return nil
}

// uploadPart is UploadPart.
type uploadPart struct {
	upload    object.UploadRef
	number    int
	integrity object.Integrity
	trailer   string
}

func parseUploadPart(rq *request) (operation, error) {
	op := &uploadPart{upload: rq.upload()}
	var err error
	if op.number, err = rq.requiredPart(); err != nil {
		return nil, err
	}
	op.integrity, op.trailer, err = rq.integrity()
	return op, err
}

func (*uploadPart) name() string { return "UploadPart" }

func (op *uploadPart) needs() []need {
	return onObject("s3:PutObject", op.upload.Bucket, op.upload.Key)
}

func (op *uploadPart) serve(ctx context.Context, c *call) error {
	part, err := c.o.Objects.PutPart(ctx, object.PutPartRequest{
		Upload: op.upload, Number: op.number, Body: c.body, Size: c.body.Length(), Integrity: c.verified(op.integrity, op.trailer),
	})
	if err != nil {
		return err
	}
	h := c.w.Header()
	setETag(h, part.ETag)
	h[checksumHeader[part.Checksum.Algorithm]] = []string{part.Checksum.String()}
	c.empty(http.StatusOK)
	return nil
}

// listParts is ListParts.
type listParts struct {
	object.ListPartsRequest
	url bool
}

func parseListParts(rq *request) (operation, error) {
	op := &listParts{ListPartsRequest: object.ListPartsRequest{Upload: rq.upload()}}
	var err error
	if op.Limit, err = rq.count("max-parts", maxKeys); err != nil {
		return nil, err
	}
	if op.After, err = rq.count("part-number-marker", object.MaxParts); err != nil {
		return nil, err
	}
	if rq.query.get("part-number-marker") == "" {
		op.After = 0
	}
	op.url, err = rq.encodesURL()
	return op, err
}

func (*listParts) name() string { return "ListParts" }

func (op *listParts) needs() []need {
	return onObject("s3:ListMultipartUploadParts", op.Upload.Bucket, op.Upload.Key)
}

func (op *listParts) serve(ctx context.Context, c *call) error {
	u, list, more, err := c.o.Objects.ListParts(ctx, op.ListPartsRequest)
	if err != nil {
		return err
	}
	x := newXML("ListPartsResult", namespace)
	x.text("Bucket", op.Upload.Bucket)
	x.key("Key", op.Upload.Key, op.url)
	x.text("UploadId", op.Upload.ID)
	x.owner("Initiator", u.Owner)
	x.owner("Owner", u.Owner)
	x.text("StorageClass", "STANDARD")
	x.number("PartNumberMarker", int64(op.After))
	if len(list) > 0 {
		x.number("NextPartNumberMarker", int64(list[len(list)-1].Number))
	}
	x.number("MaxParts", int64(op.Limit))
	x.truncated(more && op.Limit > 0)
	x.checksumNames(object.Checksum{Algorithm: u.Algorithm, Type: u.Type})
	for _, p := range list {
		x.open("Part")
		x.number("PartNumber", int64(p.Number))
		x.time("LastModified", p.Modified)
		x.etag(p.ETag)
		x.number("Size", p.Size)
		x.checksum(p.Checksum)
		x.close("Part")
	}
	x.send(c.w, http.StatusOK)
	return nil
}

// abortMultipartUpload is AbortMultipartUpload.
type abortMultipartUpload struct{ object.AbortRequest }

func parseAbortMultipartUpload(rq *request) (operation, error) {
	initiated, err := rq.exactDate("X-Amz-If-Match-Initiated-Time")
	return &abortMultipartUpload{object.AbortRequest{Upload: rq.upload(), Initiated: initiated}}, err
}

func (*abortMultipartUpload) name() string { return "AbortMultipartUpload" }

func (op *abortMultipartUpload) needs() []need {
	return onObject("s3:AbortMultipartUpload", op.Upload.Bucket, op.Upload.Key)
}

func (op *abortMultipartUpload) serve(ctx context.Context, c *call) error {
	if err := c.o.Objects.Abort(ctx, op.AbortRequest); err != nil {
		return err
	}
	c.empty(http.StatusNoContent)
	return nil
}

// listMultipartUploads is ListMultipartUploads.
type listMultipartUploads struct {
	object.ListUploadsRequest
	url bool
}

func parseListMultipartUploads(rq *request) (operation, error) {
	l, err := rq.listing()
	if err != nil {
		return nil, err
	}
	op := &listMultipartUploads{ListUploadsRequest: object.ListUploadsRequest{ListRequest: l.ListRequest}, url: l.url}
	op.After, op.AfterID = rq.query.get("key-marker"), rq.query.get("upload-id-marker")
	op.Limit, err = rq.count("max-uploads", maxKeys)
	return op, err
}

func (*listMultipartUploads) name() string { return "ListMultipartUploads" }

func (op *listMultipartUploads) needs() []need {
	return onBucket("s3:ListBucketMultipartUploads", op.Bucket)
}

func (op *listMultipartUploads) serve(ctx context.Context, c *call) error {
	list, more, err := c.o.Objects.ListUploads(ctx, op.ListUploadsRequest)
	if err != nil {
		return err
	}
	x := newXML("ListMultipartUploadsResult", namespace)
	x.text("Bucket", op.Bucket)
	x.key("KeyMarker", op.After, op.url)
	x.text("UploadIdMarker", op.AfterID)
	if more && len(list) > 0 {
		last := list[len(list)-1]
		x.key("NextKeyMarker", last.Name, op.url)
		id := ""
		if last.Upload != nil {
			id = last.Upload.ID
		}
		x.text("NextUploadIdMarker", id)
	}
	x.key("Prefix", op.Prefix, op.url)
	if op.Delimiter != "" {
		x.key("Delimiter", op.Delimiter, op.url)
	}
	x.number("MaxUploads", int64(op.Limit))
	x.truncated(more && op.Limit > 0)
	x.encodingType(op.url)
	for _, it := range list {
		if it.Upload != nil {
			x.uploadElement(it.Upload, op.url)
		}
	}
	for _, it := range list {
		if it.Upload == nil {
			x.commonPrefix(it.Name, op.url)
		}
	}
	x.send(c.w, http.StatusOK)
	return nil
}

func (d *document) uploadElement(u *object.Upload, url bool) {
	d.open("Upload")
	d.key("Key", u.Key, url)
	d.text("UploadId", u.ID)
	d.owner("Initiator", u.Owner)
	d.owner("Owner", u.Owner)
	d.text("StorageClass", "STANDARD")
	d.time("Initiated", u.Initiated)
	if u.Chosen {
		d.checksumNames(object.Checksum{Algorithm: u.Algorithm, Type: u.Type})
	}
	d.close("Upload")
}

// objectSize reads x-amz-mp-object-size; -1 when it is not there.
func (rq *request) objectSize() (int64, error) {
	value := rq.header.Get("X-Amz-Mp-Object-Size")
	if value == "" {
		return -1, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if n < 0 {
		return 0, fault.BadRequest.Detail("Value for x-amz-mp-object-size header is less than zero: '%d'", n)
	}
	if err != nil {
		return 0, fault.BadRequest.Detail("Value for x-amz-mp-object-size header is invalid.")
	}
	return n, nil
}
