package s3

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// maxKeys is how many keys, uploads or parts one answer lists at most.
const maxKeys = 1000

// count is a parameter that limits the number of results: absent or too large, it is limit.
func (rq *request) count(name string, limit int) (int, error) {
	value, ok := rq.query.find(name)
	if !ok || value == "" {
		return limit, nil
	}
	n, err := strconv.ParseInt(value, 10, 32)
	switch {
	case err != nil:
		return 0, badArgument(name, value, "Provided %s not an integer or within integer range", value)
	case n < 0:
		return 0, badArgument(name, value, "Argument %s must be an integer between 0 and 2147483647", value)
	}
	return min(int(n), limit), nil
}

// Tokens of pages are the last item in base64, after a version of their form.
const tokenForm = "1"

func makeToken(last string) string {
	return tokenForm + base64.RawURLEncoding.EncodeToString([]byte(last))
}

func readToken(token string) (last string, err error) {
	if len(token) > 1 && token[:1] == tokenForm {
		if raw, err := base64.RawURLEncoding.DecodeString(token[1:]); err == nil {
			return string(raw), nil
		}
	}
	return "", fault.ArgumentInvalid.Detail("The continuation token provided is incorrect")
}

// listing is what ListObjects and ListObjectsV2 have in common.
type listing struct {
	object.ListRequest
	url bool // encoding-type=url
}

func (rq *request) listing() (listing, error) {
	l := listing{ListRequest: object.ListRequest{Bucket: rq.bucket, Prefix: rq.query.get("prefix"), Delimiter: rq.query.get("delimiter")}}
	var err error
	if l.Limit, err = rq.count("max-keys", maxKeys); err != nil {
		return l, err
	}
	l.url, err = rq.encodesURL()
	return l, err
}

func (rq *request) encodesURL() (bool, error) {
	switch rq.query.get("encoding-type") {
	case "":
		return false, nil
	case "url":
		return true, nil
	}
	return false, fault.ArgumentInvalid.Detail("Invalid Encoding Method specified in Request")
}

// key writes a key, or part of one, in the encoding that was asked for.
func (d *document) key(name, value string, url bool) {
	if !url {
		d.text(name, value)
		return
	}
	d.open(name)
	d.b = appendURL(d.b, value)
	d.close(name)
}

func (d *document) commonPrefix(name string, url bool) {
	d.open("CommonPrefixes")
	d.key("Prefix", name, url)
	d.close("CommonPrefixes")
}

func (d *document) encodingType(url bool) {
	if url {
		d.text("EncodingType", "url")
	}
}

// find asks for the page. No keys at most are none, and nothing is left out.
func (l *listing) find(ctx context.Context, c *call) ([]object.Item, bool, error) {
	if l.Limit == 0 {
		_, err := c.o.Objects.HeadBucket(ctx, l.Bucket)
		return nil, false, err
	}
	return c.o.Objects.List(ctx, l.ListRequest)
}

// items writes the page: first the keys, then the common prefixes.
func (l *listing) items(x *document, list []object.Item, owner bool) {
	const usual = 400 // bytes of an item
	x.b = slices.Grow(x.b, usual*len(list))
	for _, it := range list {
		if it.Version == nil {
			continue
		}
		v := it.Version
		x.open("Contents")
		x.key("Key", it.Name, l.url)
		x.time("LastModified", v.Time())
		x.open("ETag")
		x.b = append(v.AppendETag(append(x.b, "&quot;"...)), "&quot;"...)
		x.close("ETag")
		x.checksumNames(v.Checksum)
		x.number("Size", v.Size)
		x.text("StorageClass", "STANDARD")
		if owner {
			x.owner("Owner", v.Owner)
		}
		x.close("Contents")
	}
	for _, it := range list {
		if it.Version == nil {
			x.commonPrefix(it.Name, l.url)
		}
	}
}

// listObjects is ListObjects, the first version.
type listObjects struct{ listing }

func parseListObjects(rq *request) (operation, error) {
	l, err := rq.listing()
	l.After = rq.query.get("marker")
	return &listObjects{l}, err
}

func (*listObjects) name() string { return "ListObjects" }

func (op *listObjects) needs() []need { return onBucket("s3:ListBucket", op.Bucket) }

func (op *listObjects) serve(ctx context.Context, c *call) error {
	list, more, err := op.find(ctx, c)
	if err != nil {
		return err
	}
	x := newXML("ListBucketResult", namespace)
	x.text("Name", op.Bucket)
	x.key("Prefix", op.Prefix, op.url)
	x.key("Marker", op.After, op.url)
	if more && op.Delimiter != "" {
		x.key("NextMarker", list[len(list)-1].Name, op.url)
	}
	x.number("MaxKeys", int64(op.Limit))
	if op.Delimiter != "" {
		x.key("Delimiter", op.Delimiter, op.url)
	}
	x.truncated(more)
	x.encodingType(op.url)
	op.items(x, list, true)
	x.send(c.w, http.StatusOK)
	return nil
}

// listObjectsV2 is ListObjectsV2.
type listObjectsV2 struct {
	listing
	token    string // as sent
	hasToken bool
	start    string // start-after, as sent
	hasStart bool
	owner    bool
}

func parseListObjectsV2(rq *request) (operation, error) {
	if rq.query.get("list-type") != "2" {
		return nil, fault.ArgumentInvalid.Detail("Invalid List Type specified in Request")
	}
	l, err := rq.listing()
	if err != nil {
		return nil, err
	}
	op := &listObjectsV2{listing: l, owner: rq.query.get("fetch-owner") == "true"}
	op.token, op.hasToken = rq.query.find("continuation-token")
	op.start, op.hasStart = rq.query.find("start-after")
	op.After = op.start
	if op.hasToken {
		if op.After, err = readToken(op.token); err != nil {
			return nil, err
		}
	}
	return op, nil
}

func (*listObjectsV2) name() string { return "ListObjectsV2" }

func (op *listObjectsV2) needs() []need { return onBucket("s3:ListBucket", op.Bucket) }

func (op *listObjectsV2) serve(ctx context.Context, c *call) error {
	list, more, err := op.find(ctx, c)
	if err != nil {
		return err
	}
	x := newXML("ListBucketResult", namespace)
	x.text("Name", op.Bucket)
	x.key("Prefix", op.Prefix, op.url)
	if op.hasToken {
		x.text("ContinuationToken", op.token)
	}
	if more {
		x.text("NextContinuationToken", makeToken(list[len(list)-1].Name))
	}
	if op.hasStart {
		x.key("StartAfter", op.start, op.url)
	}
	x.number("KeyCount", int64(len(list)))
	x.number("MaxKeys", int64(op.Limit))
	if op.Delimiter != "" {
		x.key("Delimiter", op.Delimiter, op.url)
	}
	x.truncated(more)
	x.encodingType(op.url)
	op.items(x, list, op.owner)
	x.send(c.w, http.StatusOK)
	return nil
}
