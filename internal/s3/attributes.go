package s3

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// getObjectAttributes is GetObjectAttributes.
type getObjectAttributes struct {
	object.AttributesRequest
	wanted  map[string]bool
	invalid error // what is wrong with the attributes: told where the bucket is there
}

// The attributes that can be asked for.
const (
	attributeETag     = "ETag"
	attributeChecksum = "Checksum"
	attributeParts    = "ObjectParts"
	attributeClass    = "StorageClass"
	attributeSize     = "ObjectSize"
)

func parseGetObjectAttributes(rq *request) (operation, error) {
	op := &getObjectAttributes{wanted: map[string]bool{}}
	for _, line := range rq.header["X-Amz-Object-Attributes"] {
		for name := range strings.SplitSeq(line, ",") {
			switch name = strings.TrimSpace(name); name {
			case "":
			case attributeETag, attributeChecksum, attributeParts, attributeClass, attributeSize:
				op.wanted[name] = true
			default:
				op.invalid = badArgument("x-amz-object-attributes", name, "Invalid attribute name specified.")
			}
		}
	}
	if len(op.wanted) == 0 && op.invalid == nil {
		op.invalid = fault.BadRequest.Detail("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	var err error
	if op.VersionRef, err = rq.versionRef(); err != nil {
		return nil, err
	}
	if op.After, err = rq.headerCount("X-Amz-Part-Number-Marker", 0); err != nil {
		return nil, err
	}
	op.Limit, err = rq.headerCount("X-Amz-Max-Parts", maxKeys)
	op.Limit = min(op.Limit, maxKeys)
	return op, err
}

// headerCount is a header that holds a number; standard where it is not there.
func (rq *request) headerCount(name string, standard int) (int, error) {
	value := rq.header.Get(name)
	if value == "" {
		return standard, nil
	}
	n, err := strconv.ParseInt(value, 10, 32)
	switch {
	case err != nil:
		return 0, badArgument(strings.ToLower(name), value, "Provided %s not an integer or within integer range", value)
	case n < 0:
		return 0, badArgument(strings.ToLower(name), value, "Argument %s must be an integer between 0 and 2147483647", value)
	}
	return int(n), nil
}

func (*getObjectAttributes) name() string { return "GetObjectAttributes" }

func (op *getObjectAttributes) needs() []need {
	if op.VersionID == "" {
		return append(onObject("s3:GetObject", op.Bucket, op.Key), onObject("s3:GetObjectAttributes", op.Bucket, op.Key)...)
	}
	return append(onObject("s3:GetObjectVersion", op.Bucket, op.Key), onObject("s3:GetObjectVersionAttributes", op.Bucket, op.Key)...)
}

func (op *getObjectAttributes) serve(ctx context.Context, c *call) error {
	if op.invalid != nil {
		_, err := c.o.Objects.HeadBucket(ctx, op.Bucket)
		return cmp.Or(err, op.invalid)
	}
	a, err := c.o.Objects.Attributes(ctx, op.AttributesRequest)
	var marker *object.MarkerError
	if errors.As(err, &marker) { // a delete marker has no attributes, also where it is named
		return &object.MarkerError{Cause: fault.KeyNotFound.With(op.Key, nil), ID: marker.ID, Modified: marker.Modified}
	}
	if err != nil {
		return err
	}
	h := c.w.Header()
	setVersion(h, a.VersionID)
	h["Last-Modified"] = []string{a.Time().Format(http.TimeFormat)}
	x := newXML("GetObjectAttributesResponse", namespace)
	if op.wanted[attributeETag] {
		x.text("ETag", a.ETag()) // without quotes, here alone
	}
	if op.wanted[attributeChecksum] && a.Checksum.Algorithm != 0 {
		x.open("Checksum")
		x.text("Checksum"+a.Checksum.Algorithm.String(), base64.StdEncoding.EncodeToString(a.Checksum.Sum)) // without the number of parts
		x.text("ChecksumType", a.Checksum.Type.String())
		x.close("Checksum")
	}
	if op.wanted[attributeParts] && a.PartCount > 0 {
		op.parts(x, &a)
	}
	if op.wanted[attributeClass] {
		x.text("StorageClass", "STANDARD")
	}
	if op.wanted[attributeSize] {
		x.number("ObjectSize", a.Size)
	}
	x.send(c.w, http.StatusOK)
	return nil
}

func (op *getObjectAttributes) parts(x *document, a *object.Attributes) {
	x.open("ObjectParts")
	x.number("PartsCount", int64(a.PartCount))
	x.number("PartNumberMarker", int64(op.After))
	if len(a.Parts) > 0 {
		x.number("NextPartNumberMarker", int64(a.Parts[len(a.Parts)-1].Number))
	}
	x.number("MaxParts", int64(op.Limit))
	x.truncated(a.More)
	for _, p := range a.Parts {
		x.open("Part")
		x.number("PartNumber", int64(p.Number))
		x.number("Size", p.Size)
		x.checksum(p.Checksum)
		x.close("Part")
	}
	x.close("ObjectParts")
}
