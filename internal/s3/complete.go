package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"

	"github.com/zot-artifact-store/zas/fault"

	"github.com/zot-artifact-store/zas/internal/object"
)

// completeMultipartUpload is CompleteMultipartUpload.
type completeMultipartUpload struct {
	object.CompleteRequest
	md5 []byte // of the body
}

func parseCompleteMultipartUpload(rq *request) (operation, error) {
	op := &completeMultipartUpload{CompleteRequest: object.CompleteRequest{Upload: rq.upload()}}
	var err error
	if op.md5, err = rq.contentMD5(); err != nil {
		return nil, err
	}
	if op.If, err = rq.writeCondition(); err != nil {
		return nil, err
	}
	if op.Size, err = rq.objectSize(); err != nil {
		return nil, err
	}
	if op.Type, err = rq.checksumType(); err != nil {
		return nil, err
	}
	op.Checksum, err = rq.wholeChecksum()
	return op, err
}

// wholeChecksum is the checksum header of Complete, which is of the object, not of the body; nil when there is none.
func (rq *request) wholeChecksum() (*object.Checksum, error) {
	var found object.Algorithm
	for name, values := range rq.header {
		if a := headerAlgorithm(name); a != 0 {
			if found != 0 || len(values) > 1 {
				return nil, fault.BadRequest.Detail(multipleChecksums)
			}
			found = a
		}
	}
	if found == 0 {
		return nil, nil
	}
	c, err := compositeSum(found, rq.header.Get(checksumHeader[found]))
	return &c, err
}

func (*completeMultipartUpload) name() string { return "CompleteMultipartUpload" }

func (op *completeMultipartUpload) needs() []need {
	return onObject("s3:PutObject", op.Upload.Bucket, op.Upload.Key)
}

type completeDocument struct {
	Part completeParts
}

type completeParts []completePart

var errTooManyParts = errors.New("more parts than an upload can have")

// UnmarshalXML implements xml.Unmarshaler: it takes one more part, while there may be one more.
func (l *completeParts) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	if len(*l) == object.MaxParts {
		return errTooManyParts
	}
	*l = append(*l, completePart{})
	return d.DecodeElement(&(*l)[len(*l)-1], &start)
}

type completePart struct {
	PartNumber        *int
	ETag              string
	ChecksumCRC32     string
	ChecksumCRC32C    string
	ChecksumCRC64NVME string
	ChecksumSHA1      string
	ChecksumSHA256    string
	ChecksumSHA512    string
	ChecksumMD5       string
	ChecksumXXHASH64  string
	ChecksumXXHASH3   string
	ChecksumXXHASH128 string
}

// part reads p. Errors: fault.MalformedXML where something is missing, fault.ArgumentInvalid.
func (p completePart) part() (object.CompletePart, error) {
	if p.PartNumber == nil || p.ETag == "" {
		return object.CompletePart{}, fault.MalformedXML
	}
	if *p.PartNumber < 1 {
		return object.CompletePart{}, badArgument("PartNumber", strconv.Itoa(*p.PartNumber), "PartNumber must be >= 1")
	}
	out := object.CompletePart{Number: *p.PartNumber, ETag: p.ETag}
	var err error
	stated := ""
	for _, one := range []struct {
		a     object.Algorithm
		value string
	}{
		{object.CRC32, p.ChecksumCRC32}, {object.CRC32C, p.ChecksumCRC32C}, {object.CRC64NVME, p.ChecksumCRC64NVME},
		{object.SHA1, p.ChecksumSHA1}, {object.SHA256, p.ChecksumSHA256}, {object.SHA512, p.ChecksumSHA512}, {object.MD5, p.ChecksumMD5},
		{object.XXHASH64, p.ChecksumXXHASH64}, {object.XXHASH3, p.ChecksumXXHASH3}, {object.XXHASH128, p.ChecksumXXHASH128},
	} {
		if one.value == "" {
			continue
		}
		if out.Sum, err = object.ParseSum(one.a, one.value); err != nil || stated != "" {
			return out, badArgument("Checksum", stated+one.a.String()+":"+one.value+";", "Invalid Base64 or multiple checksums present in request")
		}
		out.Algorithm, stated = one.a, one.a.String()+":"+one.value+";"
	}
	return out, nil
}

func (op *completeMultipartUpload) serve(ctx context.Context, c *call) error {
	var doc completeDocument
	if err := c.readVerified(object.Integrity{MD5: op.md5}, "", "CompleteMultipartUpload", &doc); err != nil {
		return err
	}
	req := op.CompleteRequest
	req.By = c.actor()
	req.Parts = make([]object.CompletePart, len(doc.Part))
	for i, p := range doc.Part {
		var err error
		if req.Parts[i], err = p.part(); err != nil {
			return err
		}
	}
	stored, err := c.o.Objects.Complete(ctx, req)
	if err != nil {
		return err
	}
	setIdentity(c.w.Header(), stored.Identity)
	setWritten(c.w.Header(), stored.VersionID)
	x := newXML("CompleteMultipartUploadResult", namespace)
	x.text("Location", c.location(op.Upload.Key))
	x.text("Bucket", op.Upload.Bucket)
	x.text("Key", op.Upload.Key)
	x.etag(stored.ETag())
	x.checksum(stored.Checksum)
	x.text("ChecksumType", stored.Checksum.Type.String())
	x.send(c.w, http.StatusOK)
	return nil
}

// location is the URL of a key of the bucket that was asked for.
func (c *call) location(key string) string {
	scheme := "http://"
	if c.r.TLS != nil {
		scheme = "https://"
	}
	path := "/"
	if !c.rq.virtual {
		path += c.rq.bucket + "/"
	}
	return scheme + c.r.Host + string(appendURL([]byte(path), key))
}
