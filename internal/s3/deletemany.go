package s3

import (
	"context"
	"net/http"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// deleteObjects is DeleteObjects.
type deleteObjects struct {
	bucket    string
	bypass    bool
	integrity object.Integrity
	trailer   string
}

func parseDeleteObjects(rq *request) (operation, error) {
	bypass, err := rq.bypass()
	if err != nil {
		return nil, err
	}
	in, trailer, err := rq.integrity()
	if err == nil && in.MD5 == nil && in.Algorithm == 0 {
		err = fault.BadRequest.Detail("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	return &deleteObjects{rq.bucket, bypass, in, trailer}, err
}

func (*deleteObjects) name() string { return "DeleteObjects" }

// needs nothing as a whole: each key is authorized by itself.
func (*deleteObjects) needs() []need { return nil }

type deleteDocument struct {
	Quiet  bool
	Object []struct {
		Key       string
		VersionId string //nolint:revive // the element's name
		ETag      string
		Size      *int64
		// LastModifiedTime has one of the forms of HTTP dates, or RFC 3339's.
		LastModifiedTime string
	}
}

func (op *deleteObjects) serve(ctx context.Context, c *call) error {
	if c.by.Anonymous() {
		return fault.CredentialsMissing
	}
	if err := c.checkOwner(ctx); err != nil {
		return err
	}
	var doc deleteDocument
	if err := c.readVerified(op.integrity, op.trailer, "Delete", &doc); err != nil {
		return err
	}
	if len(doc.Object) == 0 || len(doc.Object) > 1000 {
		return fault.MalformedXML
	}
	keys := make([]object.DeleteKey, len(doc.Object))
	refused := make([]error, len(keys))
	var allowed []object.DeleteKey
	var err error
	for i, o := range doc.Object {
		keys[i] = object.DeleteKey{Key: o.Key, VersionID: o.VersionId, If: object.WriteCondition{Match: o.ETag, Size: o.Size}}
		if keys[i].If.Modified, err = parseDate(o.LastModifiedTime); err != nil {
			return fault.MalformedXML
		}
		refused[i] = c.authorize(ctx, (&deleteObject{bucket: op.bucket, key: o.Key, version: o.VersionId, bypass: op.bypass}).needs())
		if refused[i] == nil {
			allowed = append(allowed, keys[i])
		}
	}
	results, err := op.remove(ctx, c, allowed)
	if err != nil {
		return err
	}
	x := newXML("DeleteResult", namespace)
	for i, k := range keys {
		res := object.DeleteResult{Err: refused[i]}
		if res.Err == nil {
			res, results = results[0], results[1:]
		}
		x.deleted(k, res, doc.Quiet)
	}
	x.send(c.w, http.StatusOK)
	return nil
}

func (op *deleteObjects) remove(ctx context.Context, c *call, keys []object.DeleteKey) ([]object.DeleteResult, error) {
	if len(keys) == 0 {
		return nil, c.authorize(ctx, []need{{"s3:ListBucket", auth.Resource{Type: auth.Bucket, Name: op.bucket}}})
	}
	return c.o.Objects.DeleteMany(ctx, object.DeleteManyRequest{By: c.actor(), Bucket: op.bucket, Keys: keys, Bypass: op.bypass})
}

func (d *document) deleted(k object.DeleteKey, res object.DeleteResult, quiet bool) {
	if res.Err == nil {
		if !quiet {
			d.open("Deleted")
			d.text("Key", k.Key)
			d.optional("VersionId", k.VersionID)
			if res.Marker {
				d.text("DeleteMarker", "true")
				d.text("DeleteMarkerVersionId", res.VersionID)
			} else if k.VersionID != "" {
				d.text("DeleteMarker", "false")
			}
			d.close("Deleted")
		}
		return
	}
	a, message := describe(fault.Of(res.Err))
	d.open("Error")
	d.text("Key", k.Key)
	d.optional("VersionId", k.VersionID)
	d.text("Code", a.code)
	d.text("Message", message)
	d.close("Error")
}
