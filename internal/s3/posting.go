package s3

import (
	"context"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// postObject is an upload by an HTML form (S3 API, "POST Object").
type postObject struct {
	bucket      string
	contentType string
}

func parsePostObject(rq *request) (operation, error) {
	return &postObject{rq.bucket, rq.header.Get("Content-Type")}, nil
}

func (*postObject) name() string { return "PostObject" }

// needs nothing that is known before the form is read: who sends it, and the key, are fields.
func (*postObject) needs() []need { return nil }

func (op *postObject) serve(ctx context.Context, c *call) error {
	f, err := readForm(op.contentType, c.body)
	if err != nil {
		return err
	}
	key := f.fields["key"]
	if key == "" {
		return missing("key")
	}
	file := &upload{file: f.file, body: c.body, most: math.MaxInt64}
	if err := op.authenticate(ctx, c, f, file); err != nil {
		return err
	}
	put, err := f.put(op.bucket, key)
	if err != nil {
		return err
	}
	if err := c.admit(ctx, put.needs()); err != nil {
		return err
	}
	req := put.request(c)
	req.Body, req.Unsized = file, true
	stored, err := c.o.Objects.Put(ctx, req)
	if err != nil {
		return err
	}
	op.answer(c, f, key, stored)
	return nil
}

// authenticate verifies a signed form and holds it against its policy. A form without a signature has no policy either: it is for the
// authorizer to decide about, for the principal of the request itself.
func (op *postObject) authenticate(ctx context.Context, c *call, f *form, file *upload) error {
	has := func(name string) bool { _, ok := f.fields[name]; return ok }
	names := signatureFields()
	if !slices.ContainsFunc(names, has) {
		return nil
	}
	if !c.by.Anonymous() {
		return fault.BadRequest.Detail("only one authentication is allowed: the request is signed, and so is the form")
	}
	for _, name := range names {
		if !has(name) {
			return missing(name)
		}
	}
	result, err := c.o.Verifier.VerifyPolicy(ctx, sigv4.PolicyForm{
		Policy: f.fields[sigv4.FieldPolicy], Algorithm: f.fields[sigv4.FieldAlgorithm], Credential: f.fields[sigv4.FieldCredential],
		Date: f.fields[sigv4.FieldDate], Signature: f.fields[sigv4.FieldSignature], Token: f.fields[sigv4.FieldToken],
	})
	if err != nil {
		return err
	}
	c.by = result.Principal
	c.observer.SetPrincipal(c.by.ID)
	checked := maps.Clone(f.fields)
	checked["bucket"] = op.bucket // as it is used, whatever the form says
	policy, err := c.o.Verifier.CheckPolicy(f.fields[sigv4.FieldPolicy], checked)
	if err != nil {
		return err
	}
	file.least, file.most = policy.MinSize, policy.MaxSize
	return nil
}

// put is the form as PutObject of a key that is not empty. Fields are its headers; other fields are the page's own.
func (f *form) put(bucket, key string) (*putObject, error) {
	header := make(http.Header)
	for name, value := range f.fields {
		target := formHeader(name)
		if target == "" {
			continue
		}
		if !isToken(name) || strings.ContainsFunc(value, isControl) {
			return nil, badArgument(name, value, "The name or the value of this field cannot be a header's.")
		}
		header[target] = []string{value}
	}
	if tags, ok := f.fields["tagging"]; ok {
		value, err := tagHeader(tags)
		if err != nil {
			return nil, err
		}
		header["X-Amz-Tagging"] = []string{value}
	}
	rq := &request{method: http.MethodPut, bucket: bucket, key: key, header: header, length: -1}
	op, err := parse(rq)
	if err != nil {
		return nil, err
	}
	return op.(*putObject), nil
}

// formHeader is the header of PutObject that a field stands for; empty when it stands for none. Not every header has a field: nothing is
// copied by a form, and no condition is put.
func formHeader(name string) string {
	switch name {
	case "cache-control", "content-disposition", "content-encoding", "content-language", "content-md5", "content-type", "expires",
		"x-amz-sdk-checksum-algorithm", "x-amz-storage-class", "x-amz-website-redirect-location":
		return http.CanonicalHeaderKey(name)
	case "acl":
		return "X-Amz-Acl"
	}
	if hasAnyPrefix(name, sentMetaPrefix, "x-amz-checksum-", "x-amz-server-side-encryption", "x-amz-object-lock-", "x-amz-grant-") {
		return http.CanonicalHeaderKey(name)
	}
	return ""
}

// isToken says whether s can be the name of a header (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }

// tagHeader is the tagging field, an XML document, as the header x-amz-tagging.
func tagHeader(document string) (string, error) {
	var doc taggingDocument
	if err := decodeXML([]byte(document), "Tagging", &doc); err != nil {
		return "", err
	}
	tags, err := doc.tags()
	if err != nil {
		return "", err
	}
	pairs := make([]string, len(tags))
	for i, t := range tags {
		pairs[i] = url.QueryEscape(t.Key) + "=" + url.QueryEscape(t.Value)
	}
	return strings.Join(pairs, "&"), nil
}

// answer says what the form asks to be told: a page to go to, or a status.
func (op *postObject) answer(c *call, f *form, key string, stored object.Stored) {
	h := c.w.Header()
	setStored(h, stored)
	target := f.fields["success_action_redirect"]
	if target == "" {
		target = f.fields["redirect"] // its old name
	}
	if page, ok := redirectTo(target, op.bucket, key, stored.ETag()); ok {
		h["Location"] = []string{page}
		c.empty(http.StatusSeeOther)
		return
	}
	location := c.location(key)
	h["Location"] = []string{location}
	switch f.fields["success_action_status"] {
	case "200":
		c.empty(http.StatusOK)
	case "201":
		x := newXML("PostResponse", namespace)
		x.text("Location", location)
		x.text("Bucket", op.bucket)
		x.text("Key", key)
		x.etag(stored.ETag())
		x.send(c.w, http.StatusCreated)
	default:
		c.empty(http.StatusNoContent)
	}
}

// redirectTo is the page of success_action_redirect with what was stored in its query. What is no URL of a page counts as not given.
func redirectTo(target, bucket, key, etag string) (string, bool) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", false
	}
	query := "bucket=" + url.QueryEscape(bucket) + "&key=" + url.QueryEscape(key) + "&etag=" + url.QueryEscape(`"`+etag+`"`)
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery = query
	return u.String(), true
}

func sizeFact(name string, n int64) fault.Fact {
	return fault.Fact{Name: name, Value: strconv.FormatInt(n, 10)}
}
