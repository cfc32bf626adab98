package client

import (
	"context"
	"encoding/xml"
	"errors"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/zot-artifact-store/zas/fault"
)

// BucketOptions say what a new bucket is like.
type BucketOptions struct {
	Versioning bool
	ObjectLock bool // which needs versioning, and turns it on
}

// CreateBucket makes a bucket. One that the caller owns already is no error (S3 API, "CreateBucket"). Errors: fault.BucketExists,
// fault.BucketNameInvalid.
func (c *Client) CreateBucket(ctx context.Context, name string, o BucketOptions) error {
	ref := Ref{Bucket: name}
	q := &request{op: "CreateBucket", method: http.MethodPut, ref: ref}
	if o.ObjectLock {
		q.set("X-Amz-Bucket-Object-Lock-Enabled", "true")
	}
	if _, err := c.plain(ctx, q); err != nil && !errors.Is(err, fault.BucketOwned) {
		return err
	}
	if !o.Versioning || o.ObjectLock {
		return nil
	}
	q = &request{op: "PutBucketVersioning", method: http.MethodPut, ref: ref}
	q.ask("versioning", "")
	if err := q.xml(struct {
		XMLName xml.Name `xml:"VersioningConfiguration"`
		Status  string
	}{Status: "Enabled"}); err != nil {
		return err
	}
	_, err := c.plain(ctx, q)
	return err
}

// DeleteBucket removes an empty bucket (S3 API, "DeleteBucket"). Errors: fault.BucketNotEmpty, fault.BucketNotFound.
func (c *Client) DeleteBucket(ctx context.Context, name string) error {
	_, err := c.plain(ctx, &request{op: "DeleteBucket", method: http.MethodDelete, ref: Ref{Bucket: name}})
	if e := (*Error)(nil); errors.As(err, &e) && e.Uncertain && e.Code == fault.BucketNotFound {
		return nil // it was there at the first attempt, whose answer was lost, or it never was
	}
	return err
}

// Bucket is a bucket of the caller's.
type Bucket struct {
	Name    string
	Created time.Time
}

// bucketsPage is <ListAllMyBucketsResult>.
type bucketsPage struct {
	XMLName           xml.Name `xml:"ListAllMyBucketsResult"`
	ContinuationToken string
	Buckets           []struct {
		Name         string
		CreationDate time.Time
	} `xml:"Buckets>Bucket"`
}

// Buckets yields the caller's buckets, by name (S3 API, "ListBuckets").
func (c *Client) Buckets(ctx context.Context) iter.Seq2[Bucket, error] {
	return func(yield func(Bucket, error) bool) {
		token := ""
		for {
			q := &request{op: "ListBuckets", method: http.MethodGet}
			q.ask("max-buckets", "1000")
			if token != "" {
				q.ask("continuation-token", token)
			}
			var page bucketsPage
			if err := c.document(ctx, q, func(raw []byte) error { return xml.Unmarshal(raw, &page) }); err != nil {
				yield(Bucket{}, err)
				return
			}
			for _, b := range page.Buckets {
				if !yield(Bucket{b.Name, b.CreationDate}, nil) {
					return
				}
			}
			if page.ContinuationToken == "" || page.ContinuationToken == token {
				return
			}
			token = page.ContinuationToken
		}
	}
}

// Pending is an upload in parts that has not been completed. UploadOptions.Continue takes its ID.
type Pending struct {
	Ref
	ID    string
	Begun time.Time
}

// uploadsPage is <ListMultipartUploadsResult>.
type uploadsPage struct {
	XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
	EncodingType       string
	IsTruncated        bool
	NextKeyMarker      string
	NextUploadIDMarker string `xml:"NextUploadIdMarker"`
	Upload             []struct {
		Key       string
		UploadID  string `xml:"UploadId"`
		Initiated time.Time
	}
}

func (p *uploadsPage) decode() error {
	for i := range p.Upload {
		if err := decodeAll(p.EncodingType, &p.Upload[i].Key); err != nil {
			return err
		}
	}
	return decodeAll(p.EncodingType, &p.NextKeyMarker)
}

// Uploads yields the uploads under way to keys that begin with that of prefix, by key and beginning (S3 API, "ListMultipartUploads").
func (c *Client) Uploads(ctx context.Context, prefix Ref) iter.Seq2[Pending, error] {
	return func(yield func(Pending, error) bool) {
		key, id := "", ""
		for {
			q := listing("ListMultipartUploads", prefix, ListOptions{})
			q.ask("uploads", "")
			if key != "" {
				q.ask("key-marker", key)
				q.ask("upload-id-marker", id)
			}
			var page uploadsPage
			if err := c.page(ctx, q, &page); err != nil {
				yield(Pending{}, err)
				return
			}
			for _, u := range page.Upload {
				if !yield(Pending{At(prefix.Bucket, u.Key), u.UploadID, u.Initiated}, nil) {
					return
				}
			}
			if !page.IsTruncated {
				return
			}
			if page.NextKeyMarker == key && page.NextUploadIDMarker == id {
				yield(Pending{}, &Error{Op: q.op, Ref: prefix, Cause: errEndless})
				return
			}
			key, id = page.NextKeyMarker, page.NextUploadIDMarker
		}
	}
}

// Abort gives an upload up: its parts go (S3 API, "AbortMultipartUpload"). One that is not there is no error.
func (c *Client) Abort(ctx context.Context, p Pending) error {
	q := &request{op: "AbortMultipartUpload", method: http.MethodDelete, ref: p.Ref}
	q.ask("uploadId", p.ID)
	if _, err := c.plain(ctx, q); !errors.Is(err, fault.UploadNotFound) {
		return err
	}
	return nil
}

// PresignOptions say what a URL is good for.
type PresignOptions struct {
	Method  string        // empty: GET
	Expires time.Duration // a second to seven days; 0: an hour
	// Query is sent along: response-content-disposition and its like.
	Query map[string]string
}

// Presign makes a URL by which whoever has it can do this one thing until it expires, without credentials of his own. It sends nothing. Errors: those of
// the credentials; fault.ArgumentInvalid for an Expires out of range; fault.CredentialsMissing.
func (c *Client) Presign(ctx context.Context, ref Ref, o PresignOptions) (string, error) {
	q := &request{op: "Presign", method: o.Method, ref: ref}
	q.version(ref)
	for name, value := range o.Query {
		q.ask(name, value)
	}
	if o.Method == "" {
		q.method = http.MethodGet
	}
	if o.Expires == 0 {
		o.Expires = time.Hour
	}
	pair, err := c.keyPair(ctx, KeyPair{})
	switch {
	case err != nil:
	case o.Expires < time.Second || o.Expires > maxExpires:
		err = fault.ArgumentInvalid.Detail("a URL is good for 1 to %s seconds", strconv.Itoa(int(maxExpires/time.Second)))
	case pair == KeyPair{}:
		err = fault.CredentialsMissing
	}
	if err = errors.Join(ref.object(), err); err != nil {
		return "", as(q.op, ref, err)
	}
	return c.presigned(q, pair, o.Expires), nil
}

const maxExpires = 7 * 24 * time.Hour
