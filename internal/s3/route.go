package s3

import (
	"context"
	"net/http"
	"strings"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// operation is a request understood: everything in it is checked as far as that needs no state.
type operation interface {
	// name is that of the S3 API.
	name() string
	// needs are the rights that it takes, all of them. None: serve authorizes by itself, by what it finds in the body.
	needs() []need
	// serve does it and writes the answer, or returns an error and has written nothing.
	serve(ctx context.Context, c *call) error
}

// need is one right.
type need struct {
	action   auth.Action
	resource auth.Resource
}

func onBucket(a auth.Action, bucket string) []need {
	return []need{{a, auth.Resource{Type: auth.Bucket, Name: bucket}}}
}

func onObject(a auth.Action, bucket, key string) []need {
	return []need{{a, auth.Resource{Type: auth.Object, Name: bucket, Key: key}}}
}

// level is how deep a path goes.
type level uint8

const (
	atService level = iota
	atBucket
	atObject
)

func (rq *request) level() level {
	switch {
	case rq.bucket == "" && rq.key == "":
		return atService
	case rq.key == "":
		return atBucket
	}
	return atObject
}

// route is what selects an operation: method, depth, and the query parameter (or header) that turns it into another one.
type route struct {
	method string
	level  level
	sub    string
}

// copying stands for the header x-amz-copy-source among the sub-resources; no parameter has this name.
const copying = "\x00copy-source"

type parser func(*request) (operation, error)

// routes is an immutable table.
var routes = map[route]parser{
	{http.MethodGet, atService, ""}: parseListBuckets,

	{http.MethodPut, atBucket, ""}:          parseCreateBucket,
	{http.MethodHead, atBucket, ""}:         parseHeadBucket,
	{http.MethodDelete, atBucket, ""}:       parseDeleteBucket,
	{http.MethodGet, atBucket, ""}:          parseListObjects,
	{http.MethodGet, atBucket, "list-type"}: parseListObjectsV2,
	{http.MethodGet, atBucket, "location"}:  parseGetBucketLocation,
	{http.MethodGet, atBucket, "uploads"}:   parseListMultipartUploads,
	{http.MethodGet, atBucket, "acl"}:       parseACL,
	{http.MethodPut, atBucket, "acl"}:       parseACL,
	{http.MethodPost, atBucket, "delete"}:   parseDeleteObjects,
	{http.MethodPost, atBucket, ""}:         parsePostObject,

	{http.MethodGet, atBucket, "versioning"}:  parseGetBucketVersioning,
	{http.MethodPut, atBucket, "versioning"}:  parsePutBucketVersioning,
	{http.MethodGet, atBucket, "versions"}:    parseListObjectVersions,
	{http.MethodGet, atBucket, "object-lock"}: parseGetObjectLockConfiguration,
	{http.MethodPut, atBucket, "object-lock"}: parsePutObjectLockConfiguration,

	{http.MethodGet, atObject, ""}:                   parseGetObject,
	{http.MethodHead, atObject, ""}:                  parseGetObject,
	{http.MethodGet, atObject, "acl"}:                parseACL,
	{http.MethodPut, atObject, "acl"}:                parseACL,
	{http.MethodPut, atObject, ""}:                   parsePutObject,
	{http.MethodPut, atObject, copying}:              parseCopyObject,
	{http.MethodDelete, atObject, ""}:                parseDeleteObject,
	{http.MethodPost, atObject, "uploads"}:           parseCreateMultipartUpload,
	{http.MethodPut, atObject, "uploadId"}:           parseUploadPart,
	{http.MethodPut, atObject, "uploadId" + copying}: parseUploadPartCopy,
	{http.MethodGet, atObject, "uploadId"}:           parseListParts,
	{http.MethodPost, atObject, "uploadId"}:          parseCompleteMultipartUpload,
	{http.MethodDelete, atObject, "uploadId"}:        parseAbortMultipartUpload,

	{http.MethodGet, atObject, "attributes"}: parseGetObjectAttributes,
	{http.MethodGet, atObject, "retention"}:  parseGetObjectRetention,
	{http.MethodPut, atObject, "retention"}:  parsePutObjectRetention,
	{http.MethodGet, atObject, "legal-hold"}: parseGetObjectLegalHold,
	{http.MethodPut, atObject, "legal-hold"}: parsePutObjectLegalHold,
	{http.MethodGet, atObject, "tagging"}:    parseGetObjectTagging,
	{http.MethodPut, atObject, "tagging"}:    parsePutObjectTagging,
	{http.MethodDelete, atObject, "tagging"}: parseDeleteObjectTagging,
}

// selectors are the parameters that select an operation which exists here, and parameters those that only refine one.
// Any other without a value, or of this API's known sub-resources, asks for an operation that does not exist here: it is refused, never
// taken for a plain read or write.
var (
	selectors = set("acl", "attributes", "cors", "delete", "encryption", "legal-hold", "lifecycle", "list-type", "location", "object-lock", "ownershipControls",
		"policy", "policyStatus", "publicAccessBlock", "retention", "tagging", "uploadId", "uploads", "versioning", "versions", "website")

	parameters = set("bucket-region", "continuation-token", "delimiter", "encoding-type", "fetch-owner", "key-marker", "marker",
		"max-buckets", "max-keys", "max-parts", "max-uploads", "part-number-marker", "partNumber", "prefix", "response-cache-control",
		"response-content-disposition", "response-content-encoding", "response-content-language", "response-content-type",
		"response-expires", "start-after", "upload-id-marker", "version-id-marker", "versionId", "x-id")

	absent = set("abac", "accelerate", "analytics", "annotation", "append", "intelligent-tiering", "inventory", "logging",
		"metadataAnnotationTable", "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable", "metadataTable", "metrics", "notification",
		"renameObject", "replication", "requestPayment", "restore", "select", "select-type", "session", "torrent")
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// parse finds the operation of rq. It reads nothing but rq. Errors: fault.NotImplemented, fault.MethodNotAllowed, and
// whatever the operation finds wrong.
func parse(rq *request) (operation, error) {
	if rq.level() == atObject {
		if rq.bucket == "" {
			return nil, fault.BucketNameInvalid
		}
		if err := object.CheckKey(rq.key); err != nil {
			return nil, err
		}
	}
	if err := rq.checkOutline(); err != nil {
		return nil, err
	}
	sub, err := rq.sub()
	if err != nil {
		return nil, err
	}
	if err := rq.checkHeaders(); err != nil {
		return nil, err
	}
	if sub != "acl" {
		if err := rq.checkACL(); err != nil {
			return nil, err
		}
	}
	if rq.method == http.MethodPut && rq.header.Get("X-Amz-Copy-Source") != "" {
		sub += copying
	}
	p, ok := routes[route{rq.method, rq.level(), sub}]
	set, isSetting := bucketSettings[sub]
	if isSetting && rq.level() == atBucket {
		p, ok = set.parser(sub), true
	}
	switch {
	case isSetting && !ok:
		return nil, fault.NotImplemented.With("?"+sub, nil)
	case ok:
		op, err := p(rq)
		if err != nil {
			return nil, err
		}
		return op, nil
	case rq.method == http.MethodPost && sub == "": // nothing at all is posted to a key
		return nil, outlineError{rq.notAllowed("SERVICE")}
	}
	return nil, fault.MethodNotAllowed
}

// sub is the parameter that selects the operation; empty when there is none.
func (rq *request) sub() (string, error) {
	found := ""
	for _, p := range rq.query {
		switch {
		case selectors[p.name] && found != "":
			return "", fault.BadRequest.Detail("the query parameters %q and %q exclude each other", found, p.name)
		case selectors[p.name]:
			found = p.name
		case hasAnyPrefix(strings.ToLower(p.name), "x-amz-server-side-encryption"):
			return "", fault.NotImplemented.With("?"+p.name, nil)
		case parameters[p.name] || hasAnyPrefix(strings.ToLower(p.name), "x-amz-"):
		case absent[p.name] || p.value == "":
			return "", fault.NotImplemented.With("?"+p.name, nil)
		}
	}
	return found, nil
}

// checkHeaders refuses what the server would have to ignore: encryption, locks, tags and grants that a client asks for and would not get.
func (rq *request) checkHeaders() error {
	for name, values := range rq.header {
		if !strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		value := strings.Join(values, ",")
		switch name {
		case "X-Amz-Storage-Class":
			if value == "STANDARD" || value == "" {
				continue
			}
			return fault.ArgumentInvalid.Detail("The storage class you specified is not valid: %s", value)
		case "X-Amz-Object-Ownership":
			if err := checkOwnership(value); err != nil {
				return err
			}
			continue
		case "X-Amz-Write-Offset-Bytes", "X-Amz-Mfa", "X-Amz-Request-Route":
			if value == "" {
				continue
			}
		default:
			if !hasAnyPrefix(name, "X-Amz-Server-Side-Encryption", "X-Amz-Copy-Source-Server-Side-Encryption") {
				continue
			}
		}
		return fault.NotImplemented.Detail("A header you provided implies functionality that is not implemented: %s", strings.ToLower(name))
	}
	return nil
}

// checkOwnership reads x-amz-object-ownership. Errors: fault.ArgumentInvalid, fault.NotImplemented.
func checkOwnership(kind string) error {
	switch kind {
	case ownerEnforced, "":
		return nil
	case "BucketOwnerPreferred", "ObjectWriter":
		return ownershipUnsupported(kind)
	}
	return fault.ArgumentInvalid.Detail("Invalid x-amz-object-ownership header: %s", kind)
}

// checkACL refuses access control lists that come with something to create. Errors: fault.ArgumentInvalid, fault.BucketACLInvalid,
// fault.ACLUnsupported.
func (rq *request) checkACL() error {
	canned := rq.header.Get("X-Amz-Acl")
	switch {
	case canned != "" && !cannedACL(canned):
		return fault.ArgumentInvalid.Detail("Invalid x-amz-acl header: %s", canned)
	case ownersACL(canned) && !rq.grants():
		return nil
	case rq.level() == atBucket:
		return fault.BucketACLInvalid
	}
	return fault.ACLUnsupported
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
