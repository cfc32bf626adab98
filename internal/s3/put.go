package s3

import (
	"context"
	"net/http"
	"strconv"

	"github.com/zot-artifact-store/zas/internal/object"
)

// putObject is PutObject.
type putObject struct {
	bucket, key string
	metadata    object.Metadata
	marks       marks
	condition   object.WriteCondition
	integrity   object.Integrity
	trailer     string
}

func parsePutObject(rq *request) (operation, error) {
	op := &putObject{bucket: rq.bucket, key: rq.key, metadata: rq.metadata()}
	var err error
	if op.marks, err = rq.marks(); err != nil {
		return nil, err
	}
	if op.condition, err = rq.writeCondition(); err != nil {
		return nil, err
	}
	op.integrity, op.trailer, err = rq.integrity()
	return op, err
}

func (*putObject) name() string { return "PutObject" }

func (op *putObject) needs() []need {
	return append(onObject("s3:PutObject", op.bucket, op.key), op.marks.needs(op.bucket, op.key)...)
}

func (op *putObject) serve(ctx context.Context, c *call) error {
	req := op.request(c)
	req.Body, req.Size = c.body, c.body.Length()
	if sum, ok := c.body.TakeSHA256(); ok {
		req.Integrity.SHA256 = sum[:] // the domain computes it anyway
	}
	stored, err := c.o.Objects.Put(ctx, req)
	if err != nil {
		return err
	}
	setStored(c.w.Header(), stored)
	c.empty(http.StatusOK)
	return nil
}

// request is what the domain is asked for; the body is for the caller to add.
func (op *putObject) request(c *call) object.PutRequest {
	return object.PutRequest{
		By: c.actor(), Bucket: op.bucket, Key: op.key, Metadata: op.metadata, Tags: op.marks.tags, Protect: op.marks.protect,
		If: op.condition, Integrity: c.verified(op.integrity, op.trailer),
	}
}

// setStored tells what was stored.
func setStored(h http.Header, stored object.Stored) {
	setETag(h, stored.ETag())
	setChecksum(h, stored.Checksum)
	setIdentity(h, stored.Identity)
	setWritten(h, stored.VersionID)
	h["X-Amz-Object-Size"] = []string{strconv.FormatInt(stored.Size, 10)}
}

// deleteObject is DeleteObject.
type deleteObject struct {
	bucket, key, version string
	condition            object.WriteCondition
	bypass               bool
}

func parseDeleteObject(rq *request) (operation, error) {
	op := &deleteObject{bucket: rq.bucket, key: rq.key}
	var err error
	if op.condition, err = rq.deleteCondition(); err != nil {
		return nil, err
	}
	if op.version, err = rq.versionID(); err != nil {
		return nil, err
	}
	op.bypass, err = rq.bypass()
	return op, err
}

func (*deleteObject) name() string { return "DeleteObject" }

func (op *deleteObject) needs() []need {
	needs := onObject("s3:DeleteObject", op.bucket, op.key)
	if op.version != "" {
		needs = onObject("s3:DeleteObjectVersion", op.bucket, op.key)
	}
	return append(needs, needsOfBypass(op.bypass, op.bucket, op.key)...)
}

func (op *deleteObject) serve(ctx context.Context, c *call) error {
	deleted, err := c.o.Objects.Delete(ctx, object.DeleteRequest{
		By: c.actor(), Bucket: op.bucket, Key: op.key, VersionID: op.version, If: op.condition, Bypass: op.bypass,
	})
	if err != nil {
		return err
	}
	setVersion(c.w.Header(), deleted.VersionID)
	if deleted.Marker {
		c.w.Header()["X-Amz-Delete-Marker"] = []string{"true"}
	}
	c.empty(http.StatusNoContent)
	return nil
}
