package oci

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// The actions of the protocol, on the repository that a request names; catalog and ping on the server.
const (
	Ping    auth.Action = "oci:ping" // to learn whether the credentials are good
	Catalog auth.Action = "oci:catalog"
	Pull    auth.Action = "oci:pull"
	Push    auth.Action = "oci:push"
	Delete  auth.Action = "oci:delete"
)

// operation is a parsed request: all that can be known of it without looking at the store or the body.
type operation interface {
	// name is the operation's label in logs and metrics.
	name() string
	// needs is what the caller must be allowed to do.
	needs() (auth.Action, auth.Resource)
	// serve does it and answers. Its error is rendered by the handler if nothing has been sent.
	serve(x *exchange) error
}

// on is the repository of an operation.
type on struct{ repo string }

func (o on) resource() auth.Resource { return auth.Resource{Type: auth.Repository, Name: o.repo} }

// parse reads what the method, the path, the query and the headers say.
// Errors: fault.RepositoryNotFound for a path that names nothing, fault.MethodNotAllowed (the methods that are allowed are the error's
// subject), fault.DigestInvalid, fault.TagInvalid, fault.ArgumentInvalid, fault.SessionRange, fault.SizeInvalid,
// fault.RepositoryNameInvalid for an escaped slash, which a proxy may take for one or not.
func parse(r *http.Request) (operation, error) {
	if escaped := r.URL.EscapedPath(); strings.HasPrefix(escaped, "/v2/") && strings.Contains(strings.ToLower(escaped), "%2f") {
		return nil, fault.RepositoryNameInvalid.With(escaped, nil)
	}
	t, ok := parsePath(r.URL.Path)
	if !ok {
		return nil, fault.RepositoryNotFound.With(r.URL.Path, nil)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault.BadRequest.Detail("the query cannot be decoded")
	}
	methods := routes(t, query, r)
	make, ok := methods[r.Method]
	if !ok {
		return nil, fault.MethodNotAllowed.With(allowed(methods), nil)
	}
	return make()
}

func allowed(methods map[string]func() (operation, error)) string {
	var list []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if _, ok := methods[m]; ok {
			list = append(list, m)
		}
	}
	return strings.Join(list, ", ")
}

// routes are the operations on a target by method.
func routes(t target, query url.Values, r *http.Request) map[string]func() (operation, error) {
	type methods = map[string]func() (operation, error)
	switch t.kind {
	case base:
		make := func() (operation, error) { return ping{}, nil }
		return methods{http.MethodGet: make, http.MethodHead: make}
	case tokens:
		make := func() (operation, error) { return parseToken(query, r) }
		return methods{http.MethodGet: make, http.MethodPost: make}
	case catalog:
		return methods{http.MethodGet: func() (operation, error) { return parseCatalog(query) }}
	case tagList:
		return methods{http.MethodGet: func() (operation, error) { return parseTags(t, query) }}
	case layer:
		make := func() (operation, error) { return parseDownload(t, r) }
		return methods{http.MethodGet: make, http.MethodHead: make}
	case discover:
		return methods{http.MethodGet: func() (operation, error) { return listExtensions{on{t.repo}}, nil }}
	case mgmt:
		return methods{http.MethodGet: func() (operation, error) { return tellConfig{}, nil }}
	case tagHistory:
		return methods{http.MethodGet: func() (operation, error) { return parseHistory(t, query) }}
	case referrerList:
		return methods{http.MethodGet: func() (operation, error) { return parseReferrers(t, query) }}
	case manifest:
		pull := func() (operation, error) { return parsePullManifest(t, r) }
		return methods{
			http.MethodGet: pull, http.MethodHead: pull,
			http.MethodPut:    func() (operation, error) { return parsePushManifest(t, query, r) },
			http.MethodDelete: func() (operation, error) { return parseDeleteManifest(t, r) },
		}
	case blobKind:
		pull := func() (operation, error) { return parsePullBlob(t, r) }
		return methods{
			http.MethodGet: pull, http.MethodHead: pull,
			http.MethodDelete: func() (operation, error) { return parseDeleteBlob(t) },
		}
	case uploads:
		return methods{http.MethodPost: func() (operation, error) { return parseBegin(t, query, r) }}
	}
	return methods{
		http.MethodGet:    func() (operation, error) { return uploadStatus{sessionOf(t)}, nil },
		http.MethodDelete: func() (operation, error) { return cancelUpload{sessionOf(t)}, nil },
		http.MethodPatch:  func() (operation, error) { return parseAppend(t, r) },
		http.MethodPut:    func() (operation, error) { return parseFinish(t, query, r) },
	}
}

// parseReference tells digests from tags: only digests have a colon.
func parseReference(s string) (repository.Reference, error) {
	if !strings.Contains(s, ":") {
		return repository.Reference{Tag: s}, repository.CheckTag(s)
	}
	d, err := parseDigest(s)
	return repository.Reference{Digest: d}, err
}

// parseCondition reads If-Match and If-None-Match of a request that changes something. Weak entity tags match nothing (RFC 9110, section
// 8.8.3.2): a digest is never weak.
func parseCondition(r *http.Request) repository.Condition {
	list := func(name string) (tags []string) {
		for _, header := range r.Header.Values(name) {
			for one := range strings.SplitSeq(header, ",") {
				tags = append(tags, unquote(strings.TrimSpace(one)))
			}
		}
		return tags
	}
	return repository.Condition{Match: list("If-Match"), NoneMatch: list("If-None-Match")}
}

// unquote is what stands in an entity tag; `*` stays itself, and what is no entity tag becomes one that matches nothing.
func unquote(tag string) string {
	inside, ok := strings.CutPrefix(tag, `"`)
	inside, end := strings.CutSuffix(inside, `"`)
	switch {
	case tag == "*":
		return tag
	case !ok || !end || inside == "*":
		return ""
	}
	return inside
}

// parseDigest reports fault.DigestInvalid.
func parseDigest(s string) (digest.Digest, error) {
	d, err := digest.Parse(s)
	if err != nil {
		return "", fault.DigestInvalid.With(clip(s), nil)
	}
	return d, nil
}

// clip shortens what a client sent for an answer.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

const (
	// defaultPage is how many entries a list has where the client names no number; there is a link to the rest.
	defaultPage = 10_000
	maxPage     = 10_000
)

// parsePage reads n, which may be absent. More than the largest page is the largest page.
func parsePage(query url.Values) (int, error) {
	if !query.Has("n") {
		return defaultPage, nil
	}
	n, err := strconv.ParseUint(query.Get("n"), 10, 63)
	if err != nil {
		return 0, fault.ArgumentInvalid.Detail("n must be a whole number, not less than 0")
	}
	return int(min(n, maxPage)), nil
}

func parseCatalog(query url.Values) (operation, error) {
	n, err := parsePage(query)
	return listCatalog{n: n, last: query.Get("last")}, err
}

func parseTags(t target, query url.Values) (operation, error) {
	n, err := parsePage(query)
	return listTags{on: on{t.repo}, n: n, last: query.Get("last")}, err
}

func parseReferrers(t target, query url.Values) (operation, error) {
	subject, err := parseDigest(t.ref)
	if err != nil {
		return nil, err
	}
	n, err := parsePage(query)
	if err != nil {
		return nil, err
	}
	after, err := parseMark(query.Get("last"))
	return listReferrers{on: on{t.repo}, subject: subject, artifactType: query.Get("artifactType"), n: n, after: after}, err
}

// parseMark reads a place in a list of referrers as the link to the next page has it.
func parseMark(s string) (repository.Mark, error) {
	if s == "" {
		return repository.Mark{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	artifactType, d, ok := strings.Cut(string(raw), "\x00")
	if err != nil || !ok {
		return repository.Mark{}, fault.ArgumentInvalid.Detail("last must be taken from the link to the next page")
	}
	return repository.Mark{ArtifactType: artifactType, Digest: d}, nil
}

func formatMark(m repository.Mark) string {
	return base64.RawURLEncoding.EncodeToString([]byte(m.ArtifactType + "\x00" + m.Digest))
}

func sessionOf(t target) upload { return upload{on{t.repo}, content.ID(t.ref)} }
