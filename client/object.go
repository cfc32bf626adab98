package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/headertext"
)

// Info is what the server tells of a version.
type Info struct {
	Ref            // with the version, where the bucket has versioning
	Size     int64 // bytes
	ETag     string
	Modified time.Time
	Metadata Metadata
	// Content is the SHA-256 of the bytes, and Artifact the digest by which they are an artifact in the repository of the bucket. Both are empty
	// while the server is computing them after a large upload, in listings, and from servers that do not know them.
	Content, Artifact digest.Digest
	Pending           bool   // the server is computing the digests
	Once              string // the idempotency key of the write
	Tags              int    // how many
	Lock              Lock
}

// Metadata is what is stored with an object and given back with it. Names of User are in lower case.
type Metadata struct {
	ContentType, CacheControl, ContentDisposition, ContentEncoding, ContentLanguage string
	User                                                                            map[string]string // 2 KiB at most
}

// Lock protects a version from removal (S3 User Guide, "Locking objects with Object Lock").
type Lock struct {
	Mode  string // GOVERNANCE, COMPLIANCE or empty
	Until time.Time
	Hold  bool // legal hold
}

// Condition has to hold of the key for a write to happen. The zero value always does. One that does not hold is fault.PreconditionFailed, or
// fault.KeyNotFound for Match where there is no object.
type Condition struct {
	Absent bool   // there is no object
	Match  string // the object has this ETag; `*`: any
}

func (i Condition) set(q *request) {
	if i.Absent {
		q.set("If-None-Match", "*")
	}
	q.set("If-Match", i.Match)
}

func (m *Metadata) set(q *request) {
	q.set("Content-Type", m.ContentType)
	q.set("Cache-Control", m.CacheControl)
	q.set("Content-Disposition", m.ContentDisposition)
	q.set("Content-Encoding", m.ContentEncoding)
	q.set("Content-Language", m.ContentLanguage)
	for name, value := range m.User {
		q.set("X-Amz-Meta-"+name, headertext.Encode(value))
	}
}

func (l Lock) set(q *request) {
	if l.Mode != "" {
		q.set("X-Amz-Object-Lock-Mode", l.Mode)
		q.set("X-Amz-Object-Lock-Retain-Until-Date", l.Until.UTC().Format(time.RFC3339))
	}
	if l.Hold {
		q.set("X-Amz-Object-Lock-Legal-Hold", "ON")
	}
}

// setTags writes tags as a header.
func setTags(q *request, tags map[string]string) {
	values := url.Values{}
	for k, v := range tags {
		values.Set(k, v)
	}
	q.set("X-Amz-Tagging", values.Encode())
}

// newOnce is an idempotency key.
func newOnce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

const headerOnce = "X-Zas-Idempotency-Key"

// infoOf reads the headers of an answer about ref. What cannot be read is left out.
func infoOf(ref Ref, h http.Header) Info {
	o := Info{Ref: ref, ETag: h.Get("ETag"), Once: h.Get(headerOnce), Pending: h.Get("X-Zas-Artifact-State") == "pending"}
	if id := h.Get("X-Amz-Version-Id"); id != "" {
		o.Version = id
	}
	o.Modified, _ = http.ParseTime(h.Get("Last-Modified"))
	o.Tags, _ = strconv.Atoi(h.Get("X-Amz-Tagging-Count"))
	o.Content, _ = digest.Parse(h.Get("X-Zas-Content-Digest"))
	o.Artifact, _ = digest.Parse(h.Get("X-Zas-Artifact-Digest"))
	o.Lock.Mode = h.Get("X-Amz-Object-Lock-Mode")
	o.Lock.Until, _ = time.Parse(time.RFC3339, h.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	o.Lock.Hold = h.Get("X-Amz-Object-Lock-Legal-Hold") == "ON"
	o.Metadata = Metadata{
		ContentType: h.Get("Content-Type"), CacheControl: h.Get("Cache-Control"), ContentDisposition: h.Get("Content-Disposition"),
		ContentEncoding: h.Get("Content-Encoding"), ContentLanguage: h.Get("Content-Language"),
	}
	var words mime.WordDecoder
	for name, values := range h {
		rest, ok := strings.CutPrefix(name, "X-Amz-Meta-")
		if !ok || rest == "" {
			continue
		}
		value := strings.Join(values, ",")
		if decoded, err := words.DecodeHeader(value); err == nil {
			value = decoded
		}
		if o.Metadata.User == nil {
			o.Metadata.User = map[string]string{}
		}
		o.Metadata.User[strings.ToLower(rest)] = value
	}
	return o
}

// Stat asks for what is known of an object or a version (S3 API, "HeadObject"). Errors: fault.KeyNotFound, fault.BucketNotFound, for a
// delete marker fault.MethodNotAllowed.
func (c *Client) Stat(ctx context.Context, ref Ref) (Info, error) {
	if err := ref.object(); err != nil {
		return Info{}, err
	}
	q := &request{op: "HeadObject", method: http.MethodHead, ref: ref}
	q.version(ref)
	a, err := c.plain(ctx, q)
	if err != nil {
		return Info{}, err
	}
	o := infoOf(ref, a.header)
	o.Size, err = strconv.ParseInt(a.header.Get("Content-Length"), 10, 64)
	if err != nil || o.Size < 0 {
		return o, &Error{Op: q.op, Ref: ref, Status: a.status, Cause: errNoSize}
	}
	return o, nil
}

var errNoSize = errors.New("the server tells no size")

// version asks for the version of ref.
func (q *request) version(ref Ref) {
	if ref.Version != "" {
		q.ask("versionId", ref.Version)
	}
}

// CopyOptions say what of the copy is not as the source is.
type CopyOptions struct {
	Metadata *Metadata          // nil: the source's
	Tags     *map[string]string // nil: the source's
	Lock     Lock
	If       Condition // of the destination
}

// Copy makes an object of another's bytes, within the server (S3 API, "CopyObject"): digests and ETag stay, and nothing is transferred. An earlier version copied
// onto its own key becomes the current one.
func (c *Client) Copy(ctx context.Context, from, to Ref, o CopyOptions) (Info, error) {
	for _, ref := range []Ref{from, to} {
		if err := ref.object(); err != nil {
			return Info{}, err
		}
	}
	q := &request{op: "CopyObject", method: http.MethodPut, ref: to}
	source := from.path()
	if from.Version != "" {
		source += "?versionId=" + url.QueryEscape(from.Version)
	}
	q.set("X-Amz-Copy-Source", source)
	if o.Metadata != nil {
		q.set("X-Amz-Metadata-Directive", "REPLACE")
		o.Metadata.set(q)
	}
	if o.Tags != nil {
		q.set("X-Amz-Tagging-Directive", "REPLACE")
		setTags(q, *o.Tags)
	}
	o.Lock.set(q)
	o.If.set(q)
	return c.write(ctx, q, func(a *answer) (Info, error) {
		var doc struct {
			XMLName xml.Name `xml:"CopyObjectResult"`
			ETag    string
		}
		if err := xml.Unmarshal(a.raw, &doc); err != nil {
			return Info{}, err
		}
		info := infoOf(to, a.header)
		info.ETag = doc.ETag
		return info, nil
	})
}

// write sends a write under an idempotency key, and reads its answer. Where the outcome of an attempt is unknown and the next one is refused, the object
// itself tells by the key who made it.
func (c *Client) write(ctx context.Context, q *request, read func(*answer) (Info, error)) (Info, error) {
	once := q.header.Get(headerOnce)
	if once == "" {
		once = newOnce()
		q.set(headerOnce, once)
	}
	a, err := c.plain(ctx, q)
	if err == nil {
		info, err := read(a)
		if err != nil {
			return Info{}, &Error{Op: q.op, Ref: q.ref, Status: a.status, Cause: err}
		}
		return info, nil
	}
	if e := as(q.op, q.ref, err); e.Uncertain {
		if found, failed := c.Stat(ctx, Ref{Bucket: q.ref.Bucket, Key: q.ref.Key}); failed == nil && found.Once == once {
			return found, nil
		}
	}
	return Info{}, err
}

// DeleteOptions say how to delete.
type DeleteOptions struct {
	If Condition // Match only
	// BypassGovernance removes a version in spite of its lock in the mode GOVERNANCE, where the caller has the right to.
	BypassGovernance bool
}

// Deleted is what a removal did.
type Deleted struct {
	Version string // that went, or the delete marker that came
	Marker  bool   // that version is a delete marker
}

// Delete removes a version, where ref names one, else the object: in a bucket with versioning a delete marker hides it (S3 API, "DeleteObject").
// What is not there is no error. Errors: fault.ObjectLocked, fault.PreconditionFailed.
func (c *Client) Delete(ctx context.Context, ref Ref, o DeleteOptions) (Deleted, error) {
	if err := ref.object(); err != nil {
		return Deleted{}, err
	}
	q := &request{op: "DeleteObject", method: http.MethodDelete, ref: ref}
	q.version(ref)
	o.If.set(q)
	if o.BypassGovernance {
		q.set("X-Amz-Bypass-Governance-Retention", "true")
	}
	q.set(headerOnce, newOnce())
	a, err := c.plain(ctx, q)
	if err != nil {
		return Deleted{}, err
	}
	return Deleted{a.header.Get("X-Amz-Version-Id"), a.header.Get("X-Amz-Delete-Marker") == "true"}, nil
}

// tagging is S3's <Tagging>.
type tagging struct {
	XMLName xml.Name `xml:"Tagging"`
	Tags    []tag    `xml:"TagSet>Tag"`
}

type tag struct{ Key, Value string }

// Tags are the tags of an object or a version (S3 API, "GetObjectTagging").
func (c *Client) Tags(ctx context.Context, ref Ref) (map[string]string, error) {
	if err := ref.object(); err != nil {
		return nil, err
	}
	q := &request{op: "GetObjectTagging", method: http.MethodGet, ref: ref}
	q.ask("tagging", "")
	q.version(ref)
	var doc tagging
	if err := c.document(ctx, q, func(raw []byte) error { return xml.Unmarshal(raw, &doc) }); err != nil {
		return nil, err
	}
	tags := make(map[string]string, len(doc.Tags))
	for _, t := range doc.Tags {
		tags[t.Key] = t.Value
	}
	return tags, nil
}

// SetTags replaces all tags, 10 at most (S3 API, "PutObjectTagging").
func (c *Client) SetTags(ctx context.Context, ref Ref, tags map[string]string) error {
	if err := ref.object(); err != nil {
		return err
	}
	var doc tagging
	for k, v := range tags {
		doc.Tags = append(doc.Tags, tag{k, v})
	}
	slices.SortFunc(doc.Tags, func(a, b tag) int { return strings.Compare(a.Key, b.Key) })
	q := &request{op: "PutObjectTagging", method: http.MethodPut, ref: ref}
	q.ask("tagging", "")
	q.version(ref)
	if err := q.xml(doc); err != nil {
		return err
	}
	_, err := c.plain(ctx, q)
	return err
}

// xml makes doc the body.
func (q *request) xml(doc any) error {
	raw, err := xml.Marshal(doc)
	if err != nil {
		return &Error{Op: q.op, Ref: q.ref, Cause: err}
	}
	q.content(raw)
	return nil
}

// content makes raw the body.
func (q *request) content(raw []byte) {
	q.body = func() io.Reader { return strings.NewReader(string(raw)) }
	q.size, q.sha256 = int64(len(raw)), digest.Of(raw).Hex()
}

// ArtifactOf reads r to its end and tells what its bytes are called, without a server: their SHA-256, and the digest of their artifact.
func ArtifactOf(r io.Reader) (content, asArtifact digest.Digest, err error) {
	content, size, err := digest.Compute(r)
	if err != nil {
		return "", "", err
	}
	return content, artifact.Digest(content, size), nil
}
