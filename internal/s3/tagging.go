package s3

import (
	"context"
	"net/http"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// taggingDocument is the body of operations on tags.
type taggingDocument struct {
	TagSet *struct{ Tag []tagElement }
}

type tagElement struct{ Key, Value *string }

// tags are those of the document, in its order. Errors: fault.MalformedXML.
func (doc *taggingDocument) tags() ([]object.Tag, error) {
	if doc.TagSet == nil {
		return nil, fault.MalformedXML
	}
	return tagsOf(doc.TagSet.Tag)
}

// tagsOf reads the elements of a list of tags. Errors: fault.MalformedXML.
func tagsOf(list []tagElement) ([]object.Tag, error) {
	tags := make([]object.Tag, len(list))
	for i, t := range list {
		if t.Key == nil || t.Value == nil {
			return nil, fault.MalformedXML
		}
		tags[i] = object.Tag{Key: *t.Key, Value: *t.Value}
	}
	return tags, nil
}

// newTagging is the document of tags.
func newTagging(tags []object.Tag) *document {
	x := newXML("Tagging", namespace)
	x.open("TagSet")
	for _, t := range tags {
		x.tag(t)
	}
	x.close("TagSet")
	return x
}

func (d *document) tag(t object.Tag) {
	d.open("Tag")
	d.text("Key", t.Key)
	d.text("Value", t.Value)
	d.close("Tag")
}

func onVersion(action auth.Action, ref object.VersionRef) []need {
	if ref.VersionID != "" {
		action = versionAction(action)
	}
	return onObject(action, ref.Bucket, ref.Key)
}

// versionAction is the right to do on an earlier version what a does on the current one.
func versionAction(a auth.Action) auth.Action {
	const suffix = "Tagging"
	return a[:len(a)-len(suffix)] + "Version" + suffix
}

// getObjectTagging is GetObjectTagging.
type getObjectTagging struct{ object.VersionRef }

func parseGetObjectTagging(rq *request) (operation, error) {
	ref, err := rq.versionRef()
	return &getObjectTagging{ref}, err
}

func (*getObjectTagging) name() string { return "GetObjectTagging" }

func (op *getObjectTagging) needs() []need {
	return onVersion("s3:GetObjectTagging", op.VersionRef)
}

func (op *getObjectTagging) serve(ctx context.Context, c *call) error {
	tags, id, err := c.o.Objects.Tags(ctx, op.VersionRef)
	if err != nil {
		return err
	}
	setVersion(c.w.Header(), id)
	newTagging(tags).send(c.w, http.StatusOK)
	return nil
}

// putObjectTagging is PutObjectTagging.
type putObjectTagging struct {
	object.VersionRef
	integrity object.Integrity
	trailer   string
}

func parsePutObjectTagging(rq *request) (operation, error) {
	op := &putObjectTagging{}
	var err error
	if op.VersionRef, err = rq.versionRef(); err != nil {
		return nil, err
	}
	op.integrity, op.trailer, err = rq.integrity()
	return op, err
}

func (*putObjectTagging) name() string { return "PutObjectTagging" }

func (op *putObjectTagging) needs() []need {
	return onVersion("s3:PutObjectTagging", op.VersionRef)
}

func (op *putObjectTagging) serve(ctx context.Context, c *call) error {
	var doc taggingDocument
	if err := c.readVerified(op.integrity, op.trailer, "Tagging", &doc); err != nil {
		return err
	}
	tags, err := doc.tags()
	if err != nil {
		return err
	}
	id, err := c.o.Objects.PutTags(ctx, object.TagRequest{By: c.actor(), Version: op.VersionRef, Tags: tags})
	if err != nil {
		return err
	}
	setVersion(c.w.Header(), id)
	c.empty(http.StatusOK)
	return nil
}

// deleteObjectTagging is DeleteObjectTagging.
type deleteObjectTagging struct{ object.VersionRef }

func parseDeleteObjectTagging(rq *request) (operation, error) {
	ref, err := rq.versionRef()
	return &deleteObjectTagging{ref}, err
}

func (*deleteObjectTagging) name() string { return "DeleteObjectTagging" }

func (op *deleteObjectTagging) needs() []need {
	return onVersion("s3:DeleteObjectTagging", op.VersionRef)
}

func (op *deleteObjectTagging) serve(ctx context.Context, c *call) error {
	id, err := c.o.Objects.PutTags(ctx, object.TagRequest{By: c.actor(), Version: op.VersionRef})
	if err != nil {
		return err
	}
	setVersion(c.w.Header(), id)
	c.empty(http.StatusNoContent)
	return nil
}
