package oci

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// json answers with v.
func (x *exchange) json(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if x.w.Header().Get("Content-Type") == "" {
		x.set("Content-Type", "application/json")
	}
	x.set("Content-Length", strconv.Itoa(len(body)), "Cache-Control", "no-store", "X-Content-Type-Options", "nosniff")
	if x.r.Method == http.MethodHead {
		return nil
	}
	_, err = x.w.Write(body)
	return err
}

// next links to the rest of a list (RFC 8288; OCI distribution specification 1.1, "Listing Tags").
func (x *exchange) next(query url.Values) {
	link := url.URL{Path: x.r.URL.Path, RawQuery: query.Encode()}
	x.set("Link", "<"+link.String()+`>; rel="next"`)
}

// page is the query of a list's next page.
func page(n int, last string) url.Values {
	return url.Values{"n": {strconv.Itoa(n)}, "last": {last}}
}

// listTags is GET of a repository's tags (OCI distribution specification 1.1, "Listing Tags").
type listTags struct {
	on
	n    int
	last string
}

func (listTags) name() string                          { return "list tags" }
func (o listTags) needs() (auth.Action, auth.Resource) { return Pull, o.resource() }

func (o listTags) serve(x *exchange) error {
	tags, more, err := x.o.Repositories.Tags(x.r.Context(), repository.TagsRequest{Repository: o.repo, After: o.last, Limit: o.n})
	if err != nil {
		return err
	}
	if more && len(tags) > 0 {
		x.next(page(o.n, tags[len(tags)-1]))
	}
	return x.json(struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}{o.repo, some(tags)})
}

// some is list, never nil, so that it is written as a list.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// listCatalog is GET of the names of all repositories that the caller may read.
type listCatalog struct {
	n    int
	last string
}

func (listCatalog) name() string { return "list catalog" }
func (listCatalog) needs() (auth.Action, auth.Resource) {
	return Catalog, auth.Resource{Type: auth.Server}
}

func (o listCatalog) serve(x *exchange) error {
	names, more, err := x.o.Repositories.Catalog(x.r.Context(), repository.CatalogRequest{
		After: o.last, Limit: o.n, Readable: func(repo string) bool { return x.allowed(Pull, repo) },
	})
	if err != nil {
		return err
	}
	if more && len(names) > 0 {
		x.next(page(o.n, names[len(names)-1]))
	}
	return x.json(struct {
		Repositories []string `json:"repositories"`
	}{some(names)})
}

// listReferrers is GET of the manifests with a subject (OCI distribution specification 1.1, "Listing Referrers").
type listReferrers struct {
	on
	subject      digest.Digest
	artifactType string
	n            int
	after        repository.Mark
}

const indexType = "application/vnd.oci.image.index.v1+json"

// maxIndex is about how many bytes one page of referrers has: it is an index, and clients take indexes of 4 MiB.
const maxIndex = 3 << 20

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       digest.Digest     `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

func (listReferrers) name() string                          { return "list referrers" }
func (o listReferrers) needs() (auth.Action, auth.Resource) { return Pull, o.resource() }

func (o listReferrers) serve(x *exchange) error {
	list, more, err := x.o.Repositories.Referrers(x.r.Context(), repository.ReferrersRequest{
		Repository: o.repo, Subject: o.subject, ArtifactType: o.artifactType, After: o.after, Limit: o.n, Bytes: maxIndex,
	})
	if err != nil {
		return err
	}
	manifests := []descriptor{}
	for _, one := range list {
		manifests = append(manifests, descriptor(one))
	}
	if o.artifactType != "" {
		x.set("Oci-Filters-Applied", "artifactType")
	}
	if more && len(list) > 0 {
		end := list[len(list)-1]
		query := page(o.n, formatMark(repository.Mark{ArtifactType: end.ArtifactType, Digest: end.Digest.String()}))
		if o.artifactType != "" {
			query.Set("artifactType", o.artifactType)
		}
		x.next(query)
	}
	return x.index(manifests)
}

// index answers with an index of manifests.
func (x *exchange) index(manifests []descriptor) error {
	x.set("Content-Type", indexType)
	return x.json(struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []descriptor `json:"manifests"`
	}{2, indexType, manifests})
}
