package oci

import (
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// pullManifest is GET and HEAD of a manifest (OCI distribution specification 1.1, "Pulling manifests"). Accept is not consulted: a
// manifest has one form, and its digest is that form's.
type pullManifest struct {
	on
	ref  repository.Reference
	head bool
}

func parsePullManifest(t target, r *http.Request) (operation, error) {
	ref, err := parseReference(t.ref)
	return pullManifest{on{t.repo}, ref, r.Method == http.MethodHead}, err
}

func (pullManifest) name() string                          { return "pull manifest" }
func (o pullManifest) needs() (auth.Action, auth.Resource) { return Pull, o.resource() }

func (o pullManifest) serve(x *exchange) error {
	m, err := x.o.Repositories.Manifest(x.r.Context(), repository.ManifestRequest{
		Repository: o.repo, Reference: o.ref, Body: !o.head, Sight: x.sight(o.repo),
	})
	if err != nil {
		return err
	}
	etag := strconv.Quote(m.Digest.String())
	caching := immutable
	if o.ref.Digest == "" {
		caching = "no-cache"
	}
	x.stored()
	x.set("Docker-Content-Digest", m.Digest.String(), "Etag", etag, "Cache-Control", caching)
	if done, err := x.fresh(etag); done || err != nil {
		return err
	}
	x.set("Content-Type", m.MediaType, "Content-Length", strconv.FormatInt(m.Size, 10))
	if o.head {
		return nil
	}
	_, err = x.w.Write(m.Body)
	return err
}

// pushManifest is PUT of a manifest by tag, or by digest with tags beside (OCI distribution specification 1.1, "Pushing Manifests"), where that
// is asked for only if the tag is, or is not, where the pusher believes it to be.
type pushManifest struct {
	on
	condition repository.Condition
	ref       repository.Reference
	tags      []string // beside the digest
	mediaType string
	length    int64
}

// maxTags is how many tags one push by digest may set.
const maxTags = 100

func parsePushManifest(t target, query url.Values, r *http.Request) (operation, error) {
	o := pushManifest{on: on{t.repo}, mediaType: r.Header.Get("Content-Type"), length: r.ContentLength, condition: parseCondition(r)}
	var err error
	if o.ref, err = parseReference(t.ref); err != nil {
		return nil, err
	}
	if o.ref.Digest != "" {
		o.tags = query["tag"]
	}
	if len(o.tags) > maxTags {
		return nil, fault.BadRequest.Detail("at most %d tags can be set at once", maxTags)
	}
	if o.length > repository.MaxManifest {
		return nil, fault.ManifestTooLarge
	}
	return o, nil
}

func (pushManifest) name() string                          { return "push manifest" }
func (o pushManifest) needs() (auth.Action, auth.Resource) { return Push, o.resource() }

func (o pushManifest) serve(x *exchange) error {
	body, err := o.read(x.r.Body)
	if err != nil {
		return err
	}
	tags := o.tags
	if o.ref.Tag != "" {
		tags = []string{o.ref.Tag}
	}
	pushed, err := x.o.Repositories.PushManifest(x.r.Context(), repository.PushManifestRequest{
		By: x.by, Repository: o.repo, Digest: o.ref.Digest, Tags: tags, MediaType: o.mediaType, Body: body, If: o.condition, Sight: x.sight(o.repo),
	})
	if err != nil {
		return err
	}
	x.set("Location", "/v2/"+o.repo+"/manifests/"+pushed.Digest.String(), "Docker-Content-Digest", pushed.Digest.String(),
		"Etag", strconv.Quote(pushed.Digest.String()))
	if pushed.Subject != "" {
		x.set("Oci-Subject", pushed.Subject.String())
	}
	for _, tag := range o.tags {
		x.w.Header().Add("Oci-Tag", tag)
	}
	return x.reply(http.StatusCreated)
}

// read takes in the body, which is held in memory. Errors: fault.ManifestTooLarge, fault.Incomplete.
func (o pushManifest) read(r io.Reader) ([]byte, error) {
	body := make([]byte, 0, max(o.length, 0)+512)
	limited := io.LimitReader(r, repository.MaxManifest+1)
	for {
		n, err := limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case err == io.EOF && len(body) > repository.MaxManifest:
			return nil, fault.ManifestTooLarge
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, fault.Incomplete.With("", err)
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

// deleteManifest is DELETE of a tag or manifest (OCI distribution specification 1.1, "Content Management").
type deleteManifest struct {
	on
	ref       repository.Reference
	condition repository.Condition
}

func parseDeleteManifest(t target, r *http.Request) (operation, error) {
	ref, err := parseReference(t.ref)
	return deleteManifest{on{t.repo}, ref, parseCondition(r)}, err
}

func (deleteManifest) name() string                          { return "delete manifest" }
func (o deleteManifest) needs() (auth.Action, auth.Resource) { return Delete, o.resource() }

func (o deleteManifest) serve(x *exchange) error {
	err := x.o.Repositories.DeleteManifest(x.r.Context(), repository.DeleteManifestRequest{
		By: x.by, Repository: o.repo, Reference: o.ref, If: o.condition,
	})
	if err != nil {
		return err
	}
	return x.reply(http.StatusAccepted)
}
