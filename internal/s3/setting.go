package s3

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// setting is a sub-resource of a bucket that one document tells or sets as a whole.
type setting struct {
	get, put, remove verb
	status           int // of PUT
	// tell writes the document, or reports that there is none.
	tell func(c *call, s *object.Settings) (*document, error)
	// text is the document of a setting that is no XML; empty when there is none. It stands for tell.
	text func(s *object.Settings) []byte
	// read reads the document of a PUT into a change; nil where a PUT is refused, because it would have no effect.
	read func(c *call, op *settingOperation) (func(*object.Settings), error)
	// clear is the change of a DELETE; nil where nothing is stored.
	clear func(*object.Settings)
}

// verb is one operation on a setting; without a name it does not exist.
type verb struct {
	name  string
	right auth.Action
}

// maxSetting is how many bytes a document of a setting may have: a thousand rules of a lifecycle fit.
const maxSetting = 2 << 20

// bucketSettings is an immutable table by query parameter.
var bucketSettings = map[string]setting{
	"tagging": {
		get: verb{"GetBucketTagging", "s3:GetBucketTagging"}, put: verb{"PutBucketTagging", "s3:PutBucketTagging"},
		remove: verb{"DeleteBucketTagging", "s3:PutBucketTagging"}, status: http.StatusNoContent,
		tell: tellTagging, read: readTagging, clear: func(s *object.Settings) { s.Tags = nil },
	},
	"cors": {
		get: verb{"GetBucketCors", "s3:GetBucketCORS"}, put: verb{"PutBucketCors", "s3:PutBucketCORS"},
		remove: verb{"DeleteBucketCors", "s3:PutBucketCORS"}, status: http.StatusOK,
		tell: tellCORS, read: readCORS, clear: func(s *object.Settings) { s.CORS = nil },
	},
	"publicAccessBlock": {
		get: verb{"GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"}, put: verb{"PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"},
		remove: verb{"DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock"}, status: http.StatusOK,
		tell: tellPublicAccess, read: readPublicAccess, clear: func(s *object.Settings) { s.PublicAccess = nil },
	},
	"ownershipControls": {
		get: verb{"GetBucketOwnershipControls", "s3:GetBucketOwnershipControls"}, put: verb{"PutBucketOwnershipControls", "s3:PutBucketOwnershipControls"},
		remove: verb{"DeleteBucketOwnershipControls", "s3:PutBucketOwnershipControls"}, status: http.StatusOK,
		tell: tellOwnership, read: readOwnership, clear: func(s *object.Settings) { s.NoOwnership = true },
	},
	"lifecycle": {
		get: verb{"GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"}, put: verb{"PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"},
		remove: verb{"DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"}, status: http.StatusOK,
		tell: tellLifecycle, read: readLifecycle, clear: func(s *object.Settings) { s.Lifecycle = nil },
	},
	"encryption": {
		get: verb{"GetBucketEncryption", "s3:GetEncryptionConfiguration"}, put: verb{"PutBucketEncryption", "s3:PutEncryptionConfiguration"},
		remove: verb{"DeleteBucketEncryption", "s3:PutEncryptionConfiguration"}, tell: none(fault.EncryptionNotFound),
	},
	"website": {
		get: verb{"GetBucketWebsite", "s3:GetBucketWebsite"}, put: verb{"PutBucketWebsite", "s3:PutBucketWebsite"},
		remove: verb{"DeleteBucketWebsite", "s3:DeleteBucketWebsite"}, tell: none(fault.WebsiteNotFound),
	},
	"policy": {
		get: verb{"GetBucketPolicy", "s3:GetBucketPolicy"}, put: verb{"PutBucketPolicy", "s3:PutBucketPolicy"},
		remove: verb{"DeleteBucketPolicy", "s3:DeleteBucketPolicy"}, status: http.StatusNoContent, tell: none(fault.PolicyNotFound),
		text: func(s *object.Settings) []byte { return s.Policy }, read: readPolicy, clear: func(s *object.Settings) { s.Policy = nil },
	},
	"policyStatus": {
		get: verb{"GetBucketPolicyStatus", "s3:GetBucketPolicyStatus"}, tell: tellPolicyStatus,
	},
}

// none tells of a setting that no bucket has.
func none(code *fault.Code) func(*call, *object.Settings) (*document, error) {
	return func(c *call, _ *object.Settings) (*document, error) { return nil, code.With(c.rq.bucket, nil) }
}

// settingOperation is GET, PUT or DELETE of a setting.
type settingOperation struct {
	setting
	verb
	sub, bucket, method string
	integrity           object.Integrity
	trailer             string
}

// parser finds the operation on the setting. Errors: fault.MethodNotAllowed.
func (s setting) parser(sub string) parser {
	return func(rq *request) (operation, error) { return s.parse(rq, sub) }
}

func (s setting) parse(rq *request, sub string) (operation, error) {
	op := &settingOperation{setting: s, sub: sub, bucket: rq.bucket, method: rq.method}
	switch rq.method {
	case http.MethodGet:
		op.verb = s.get
	case http.MethodPut:
		op.verb = s.put
	case http.MethodDelete:
		op.verb = s.remove
	}
	if op.verb.name == "" {
		return nil, fault.MethodNotAllowed
	}
	var err error
	op.integrity, op.trailer, err = rq.integrity()
	return op, err
}

func (op *settingOperation) name() string { return op.verb.name }

func (op *settingOperation) needs() []need { return onBucket(op.right, op.bucket) }

func (op *settingOperation) serve(ctx context.Context, c *call) error {
	set, err := c.o.Objects.Settings(ctx, op.bucket) // a bucket that is not there is told before a wrong document
	if err != nil {
		return err
	}
	switch op.method {
	case http.MethodGet:
		if op.text != nil {
			if text := op.text(&set); len(text) > 0 {
				c.w.Header()["Content-Length"] = []string{strconv.Itoa(len(text))}
				c.w.Header()["Content-Type"] = []string{"application/json"}
				_, err := c.w.Write(text)
				return err
			}
		}
		x, err := op.tell(c, &set)
		if err == nil {
			x.send(c.w, http.StatusOK)
		}
		return err
	case http.MethodPut:
		if op.read == nil {
			return fault.NotImplemented
		}
		change, err := op.read(c, op)
		if err != nil {
			return err
		}
		return op.change(ctx, c, change, op.status)
	}
	return op.change(ctx, c, op.clear, http.StatusNoContent)
}

func (op *settingOperation) change(ctx context.Context, c *call, change func(*object.Settings), status int) error {
	if change != nil {
		err := c.o.Objects.ChangeSettings(ctx, object.ChangeSettingsRequest{By: c.actor(), Bucket: op.bucket, What: op.sub, Change: change})
		if err != nil {
			return err
		}
	}
	c.empty(status)
	return nil
}

// body reads the document of a PUT and compares it with what its headers state.
func (op *settingOperation) body(c *call, root string, v any) error {
	check := c.verified(op.integrity, op.trailer).Checker()
	if err := readXML(io.TeeReader(c.body, check), min(maxSetting, c.o.MaxXML), root, v); err != nil {
		return err
	}
	return check.Verify()
}

func tellTagging(c *call, s *object.Settings) (*document, error) {
	if len(s.Tags) == 0 {
		return nil, fault.TagsNotFound.With(c.rq.bucket, nil)
	}
	return newTagging(s.Tags), nil
}

func readTagging(c *call, op *settingOperation) (func(*object.Settings), error) {
	var doc taggingDocument
	if err := op.body(c, "Tagging", &doc); err != nil {
		return nil, err
	}
	tags, err := doc.tags()
	if err != nil {
		return nil, err
	}
	return func(s *object.Settings) { s.Tags = tags }, object.CheckTags(tags, object.MaxBucketTags)
}

type publicAccessDocument struct {
	BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets bool
}

func tellPublicAccess(c *call, s *object.Settings) (*document, error) {
	p := s.PublicAccess
	if p == nil {
		return nil, fault.PublicAccessBlockNotFound.With(c.rq.bucket, nil)
	}
	x := newXML("PublicAccessBlockConfiguration", namespace)
	x.boolean("BlockPublicAcls", p.BlockPublicACLs)
	x.boolean("IgnorePublicAcls", p.IgnorePublicACLs)
	x.boolean("BlockPublicPolicy", p.BlockPublicPolicy)
	x.boolean("RestrictPublicBuckets", p.RestrictPublicBuckets)
	return x, nil
}

func readPublicAccess(c *call, op *settingOperation) (func(*object.Settings), error) {
	var doc publicAccessDocument
	if err := op.body(c, "PublicAccessBlockConfiguration", &doc); err != nil {
		return nil, err
	}
	block := object.PublicAccessBlock{
		BlockPublicACLs: doc.BlockPublicAcls, IgnorePublicACLs: doc.IgnorePublicAcls,
		BlockPublicPolicy: doc.BlockPublicPolicy, RestrictPublicBuckets: doc.RestrictPublicBuckets,
	}
	return func(s *object.Settings) { s.PublicAccess = &block }, nil
}

// ownerEnforced is the one kind of ownership here: access control lists have no effect (S3 User Guide, "Controlling ownership of
// objects and disabling ACLs for your bucket").
const ownerEnforced = "BucketOwnerEnforced"

type ownershipDocument struct {
	Rule []struct{ ObjectOwnership string }
}

func tellOwnership(c *call, s *object.Settings) (*document, error) {
	if s.NoOwnership {
		return nil, fault.OwnershipNotFound.With(c.rq.bucket, nil)
	}
	x := newXML("OwnershipControls", namespace)
	x.open("Rule")
	x.text("ObjectOwnership", ownerEnforced)
	x.close("Rule")
	return x, nil
}

func readOwnership(c *call, op *settingOperation) (func(*object.Settings), error) {
	var doc ownershipDocument
	if err := op.body(c, "OwnershipControls", &doc); err != nil {
		return nil, err
	}
	if len(doc.Rule) != 1 {
		return nil, fault.MalformedXML
	}
	switch kind := doc.Rule[0].ObjectOwnership; kind {
	case ownerEnforced:
		return func(s *object.Settings) { s.NoOwnership = false }, nil
	case "BucketOwnerPreferred", "ObjectWriter":
		return nil, ownershipUnsupported(kind)
	}
	return nil, fault.MalformedXML
}

// ownershipUnsupported refuses the kinds of ownership that bring access control lists with them.
func ownershipUnsupported(kind string) error {
	return fault.NotImplemented.Detail("Object ownership %s needs access control lists, which are not implemented: use %s", kind, ownerEnforced)
}
