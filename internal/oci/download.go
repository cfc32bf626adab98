package oci

import (
	"encoding/base64"
	"errors"
	"mime"
	"net/http"
	"strings"
	"unicode"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// download is GET and HEAD of /a/REPOSITORY:TAG/TITLE or /a/REPOSITORY@DIGEST/TITLE: the layer with that title, for programs that know nothing of
// registries. The bytes of an object are the layer `content` of its artifact; under the title KEY they come with the object's name and type.
type download struct {
	on
	ref   repository.Reference
	title string
}

func parseDownload(t target, _ *http.Request) (operation, error) {
	ref, err := parseReference(t.ref)
	return download{on{t.repo}, ref, t.rest}, err
}

func (download) name() string                          { return "download" }
func (o download) needs() (auth.Action, auth.Resource) { return Pull, o.resource() }

func (o download) serve(x *exchange) error {
	b, err := o.object(x)
	if err != nil {
		return err
	}
	if b.digest != "" {
		return o.send(x, b)
	}
	found, err := x.o.Repositories.FindLayer(x.r.Context(), repository.LayerRequest{
		Repository: o.repo, Sight: x.sight(o.repo), Reference: o.ref, Title: o.title,
	})
	if err != nil {
		return err
	}
	b = body{digest: found.Digest, mediaType: found.MediaType, caching: immutable}
	if _, _, err := mime.ParseMediaType(b.mediaType); err != nil {
		b.mediaType = octetStream
	}
	if o.ref.Digest == "" {
		b.caching = "no-cache" // the tag may move
	}
	return o.send(x, b)
}

func (o download) send(x *exchange, b body) error {
	x.set("Content-Disposition", attachment(o.title), "Repr-Digest", representation(b.digest))
	return x.blob(o.on, b, false)
}

// object is the current version of the key that the title is, where its artifact is what was asked for and the caller may get it.
func (o download) object(x *exchange) (b body, err error) {
	key := auth.Resource{Type: auth.Object, Name: o.repo, Key: o.title}
	if x.o.Objects == nil || o.ref.Digest == "" || x.o.Authorizer.Authorize(x.r.Context(), x.who, object.Get, key) != nil {
		return b, nil
	}
	found, err := x.o.Objects.Head(x.r.Context(), object.GetRequest{Bucket: o.repo, Key: o.title})
	switch {
	case errors.Is(err, fault.BucketNotFound), errors.Is(err, fault.KeyNotFound):
		return b, nil
	case err != nil || found.Identity.Artifact != o.ref.Digest:
		return b, err
	}
	b = body{digest: found.Identity.Content, mediaType: found.Metadata.ContentType, caching: immutable}
	if b.mediaType == "" {
		b.mediaType = octetStream
	}
	return b, nil
}

// attachment is the header that makes browsers save a file under the last part of a title, whatever is in it (RFC 6266; RFC 8187).
func attachment(title string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '_'
		}
		return r
	}, title[strings.LastIndexAny(title, `/\`)+1:])
	if header := mime.FormatMediaType("attachment", map[string]string{"filename": name}); header != "" && name != "" {
		return header
	}
	return "attachment"
}

// representation is a digest as HTTP writes it (RFC 9530, section 3).
func representation(d digest.Digest) string {
	names := map[digest.Algorithm]string{digest.SHA256: "sha-256", digest.SHA512: "sha-512"}
	return names[d.Algorithm()] + "=:" + base64.StdEncoding.EncodeToString(d.Sum()) + ":"
}
