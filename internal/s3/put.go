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
	condition   object.WriteCondition
	integrity   object.Integrity
	trailer     string
}

func parsePutObject(rq *request) (operation, error) {
	op := &putObject{bucket: rq.bucket, key: rq.key, metadata: rq.metadata()}
	var err error
	if op.condition, err = rq.writeCondition(); err != nil {
		return nil, err
	}
	op.integrity, op.trailer, err = rq.integrity()
	return op, err
}

func (*putObject) name() string { return "PutObject" }

func (op *putObject) needs() []need { return onObject("s3:PutObject", op.bucket, op.key) }

func (op *putObject) serve(ctx context.Context, c *call) error {
	in := c.verified(op.integrity, op.trailer)
	if sum, ok := c.body.TakeSHA256(); ok {
		in.SHA256 = sum[:] // the domain computes it anyway
	}
	stored, err := c.o.Objects.Put(ctx, object.PutRequest{
		By: c.actor(), Bucket: op.bucket, Key: op.key, Body: c.body, Size: c.body.Length(),
		Metadata: op.metadata, If: op.condition, Integrity: in,
	})
	if err != nil {
		return err
	}
	h := c.w.Header()
	setETag(h, stored.ETag())
	setChecksum(h, stored.Checksum)
	setIdentity(h, stored.Identity)
	h["X-Amz-Object-Size"] = []string{strconv.FormatInt(stored.Size, 10)}
	c.empty(http.StatusOK)
	return nil
}

// deleteObject is DeleteObject.
type deleteObject struct {
	bucket, key, version string
	condition            object.WriteCondition
}

func parseDeleteObject(rq *request) (operation, error) {
	c, err := rq.writeCondition()
	return &deleteObject{rq.bucket, rq.key, rq.query.get("versionId"), c}, err
}

func (*deleteObject) name() string { return "DeleteObject" }

func (op *deleteObject) needs() []need {
	if op.version != "" {
		return onObject("s3:DeleteObjectVersion", op.bucket, op.key)
	}
	return onObject("s3:DeleteObject", op.bucket, op.key)
}

func (op *deleteObject) serve(ctx context.Context, c *call) error {
	err := c.o.Objects.Delete(ctx, object.DeleteRequest{
		By: c.actor(), Bucket: op.bucket, Key: op.key, VersionID: op.version, If: op.condition,
	})
	if err != nil {
		return err
	}
	c.empty(http.StatusNoContent)
	return nil
}
