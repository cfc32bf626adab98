package s3

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

const sourcePrefix = "X-Amz-Copy-Source-"

// copySource reads x-amz-copy-source: `/bucket/key?versionId=id`, percent-encoded once, the first slash optional.
func (rq *request) copySource() (object.Source, error) {
	src := object.Source{If: rq.readCondition(sourcePrefix)}
	value := strings.TrimPrefix(rq.header.Get("X-Amz-Copy-Source"), "/")
	path, query, _ := strings.Cut(value, "?")
	if id, ok := strings.CutPrefix(query, "versionId="); ok {
		if src.VersionID = id; id == "" {
			return src, errEmptyVersion()
		}
	} else if query != "" {
		path = value // a key may hold a question mark that its client did not encode
	}
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return src, badArgument("x-amz-copy-source", rq.header.Get("X-Amz-Copy-Source"), "Invalid copy source encoding")
	}
	if path, id, found := strings.Cut(decoded, "?versionId="); found { // clients encode all of it
		if decoded, src.VersionID = path, id; id == "" {
			return src, errEmptyVersion()
		}
	}
	src.Bucket, src.Key, _ = strings.Cut(decoded, "/")
	if object.CheckBucketName(src.Bucket) != nil {
		return src, badArgument("x-amz-copy-source", decoded, "Invalid copy source bucket name")
	}
	if src.Key == "" {
		return src, badArgument("x-amz-copy-source", src.Key, "Invalid copy source object key")
	}
	return src, nil
}

func needsOfSource(src *object.Source) need {
	return (&getObject{GetRequest: object.GetRequest{Bucket: src.Bucket, Key: src.Key, VersionID: src.VersionID}}).needs()[0]
}

// copyObject is CopyObject.
type copyObject struct {
	object.CopyRequest
	marks marks
}

func parseCopyObject(rq *request) (operation, error) {
	op := &copyObject{CopyRequest: object.CopyRequest{Bucket: rq.bucket, Key: rq.key, Redirect: toText(rq.header.Get(redirectHeader))}}
	var err error
	if op.Source, err = rq.copySource(); err != nil {
		return nil, err
	}
	if op.If, err = rq.writeCondition(); err != nil {
		return nil, err
	}
	m := rq.metadata()
	if err := m.Check(); err != nil { // also where it is not used
		return nil, err
	}
	switch directive := rq.header.Get("X-Amz-Metadata-Directive"); directive {
	case "", "COPY":
	case "REPLACE":
		op.Metadata = &m
	default:
		return nil, badArgument("x-amz-metadata-directive", directive, "Unknown metadata directive.")
	}
	if op.marks, err = rq.marks(); err != nil {
		return nil, err
	}
	op.Protect = op.marks.protect
	switch directive := rq.header.Get("X-Amz-Tagging-Directive"); directive {
	case "", "COPY":
	case "REPLACE":
		op.Tags = &op.marks.tags
	default:
		return nil, badArgument("x-amz-tagging-directive", directive, "Unknown tagging directive.")
	}
	op.Algorithm, err = rq.algorithm()
	return op, err
}

// algorithm reads x-amz-checksum-algorithm; 0 when it is not there.
func (rq *request) algorithm() (object.Algorithm, error) {
	name := rq.header.Get("X-Amz-Checksum-Algorithm")
	if name == "" {
		return 0, nil
	}
	a, ok := object.ParseAlgorithm(name)
	if !ok {
		return 0, unsupportedAlgorithm()
	}
	return a, nil
}

func (*copyObject) name() string { return "CopyObject" }

func (op *copyObject) needs() []need {
	return append(append(onObject("s3:PutObject", op.Bucket, op.Key), needsOfSource(&op.Source)), op.marks.needs(op.Bucket, op.Key)...)
}

func (op *copyObject) serve(ctx context.Context, c *call) error {
	req := op.CopyRequest
	req.By = c.actor()
	stored, err := c.o.Objects.Copy(ctx, req)
	if err != nil {
		return err
	}
	h := c.w.Header()
	setIdentity(h, stored.Identity)
	setWritten(h, stored.VersionID)
	if stored.SourceID != "" {
		h["X-Amz-Copy-Source-Version-Id"] = []string{stored.SourceID}
	}
	x := newXML("CopyObjectResult", namespace)
	x.time("LastModified", stored.Time())
	x.etag(stored.ETag())
	x.checksum(stored.Checksum)
	x.text("ChecksumType", stored.Checksum.Type.String())
	x.send(c.w, http.StatusOK)
	return nil
}

// uploadPartCopy is UploadPartCopy.
type uploadPartCopy struct{ object.PartCopyRequest }

func parseUploadPartCopy(rq *request) (operation, error) {
	op := &uploadPartCopy{object.PartCopyRequest{Upload: rq.upload()}}
	var err error
	if op.Number, err = rq.requiredPart(); err != nil {
		return nil, err
	}
	if op.Source, err = rq.copySource(); err != nil {
		return nil, sourceError{err}
	}
	if value := rq.header.Get(sourcePrefix + "Range"); value != "" {
		if op.Range, err = parseCopyRange(value); err != nil {
			return nil, err
		}
	}
	return op, nil
}

// parseCopyRange reads `bytes=first-last`: both ends are required here.
func parseCopyRange(s string) (*object.ByteRange, error) {
	malformed := fault.ArgumentInvalid.Detail("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the " +
		"zero-based offsets of the first and last bytes to copy")
	spec, ok := strings.CutPrefix(s, "bytes=")
	if !ok {
		return nil, malformed
	}
	from, to, ok := strings.Cut(spec, "-")
	first, errFirst := strconv.ParseUint(from, 10, 63)
	last, errLast := strconv.ParseUint(to, 10, 63)
	if !ok || errFirst != nil || errLast != nil || first > last {
		return nil, malformed
	}
	return &object.ByteRange{First: int64(first), Last: int64(last)}, nil
}

func (*uploadPartCopy) name() string { return "UploadPartCopy" }

func (op *uploadPartCopy) needs() []need {
	return append(onObject("s3:PutObject", op.Upload.Bucket, op.Upload.Key), needsOfSource(&op.Source))
}

func (op *uploadPartCopy) serve(ctx context.Context, c *call) error {
	part, source, err := c.o.Objects.PutPartCopy(ctx, op.PartCopyRequest)
	if err != nil {
		return err
	}
	if source != "" {
		c.w.Header()["X-Amz-Copy-Source-Version-Id"] = []string{source}
	}
	x := newXML("CopyPartResult", namespace)
	x.time("LastModified", part.Modified)
	x.etag(part.ETag)
	x.checksum(part.Checksum)
	x.send(c.w, http.StatusOK)
	return nil
}
