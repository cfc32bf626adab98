package oci

import "strings"

// kind is the form of a path: below /v2/, or TokenPath.
type kind uint8

const (
	noKind kind = iota
	base
	catalog
	tagList
	manifest
	blobKind
	uploads // of a repository
	session
	referrerList
	tagHistory
	tokens
	layer    // by title
	discover // of the server, or of a repository
	mgmt
)

// target is what a path names.
type target struct {
	kind kind
	repo string
	ref  string // tag, digest or session
	rest string // of a layer: its title
}

// parsePath splits a decoded path from the right, because names have any number of components, which may look like the fixed
// ones. Nothing is cleaned: a path with empty or dotted components names nothing. The name itself is checked by the domain.
func parsePath(path string) (target, bool) {
	if rest, ok := strings.CutPrefix(path, "/a/"); ok {
		return parseLayerPath(rest)
	}
	rest, ok := strings.CutPrefix(path, "/v2/")
	switch {
	case path == "/v2" || ok && rest == "":
		return target{kind: base}, true
	case path == TokenPath:
		return target{kind: tokens}, true
	case !ok:
		return target{}, false
	case rest == "_catalog":
		return target{kind: catalog}, true
	case rest == "_oci/ext/discover":
		return target{kind: discover}, true
	case rest == "_zot/ext/mgmt":
		return target{kind: mgmt}, true
	}
	if repo, ok := strings.CutSuffix(rest, "/_oci/ext/discover"); ok && repo != "" {
		return target{kind: discover, repo: repo}, true
	}
	if repo, ok := strings.CutSuffix(strings.TrimSuffix(rest, "/"), "/blobs/uploads"); ok && repo != "" {
		return target{kind: uploads, repo: repo}, true
	}
	if repo, ok := strings.CutSuffix(rest, "/tags/list"); ok && repo != "" {
		return target{kind: tagList, repo: repo}, true
	}
	before, ref, ok := cutLast(rest)
	if !ok || ref == "" {
		return target{}, false
	}
	if repo, ok := strings.CutSuffix(before, "/blobs/uploads"); ok && repo != "" {
		return target{kind: session, repo: repo, ref: ref}, true
	}
	if repo, ok := strings.CutSuffix(before, "/_oci/tag-history"); ok && repo != "" {
		return target{kind: tagHistory, repo: repo, ref: ref}, true
	}
	repo, noun, ok := cutLast(before)
	if !ok || repo == "" {
		return target{}, false
	}
	switch noun {
	case "manifests":
		return target{kind: manifest, repo: repo, ref: ref}, true
	case "blobs":
		return target{kind: blobKind, repo: repo, ref: ref}, true
	case "referrers":
		return target{kind: referrerList, repo: repo, ref: ref}, true
	}
	return target{}, false
}

// parseLayerPath splits REPOSITORY:TAG/TITLE or REPOSITORY@DIGEST/TITLE. A title may have slashes, names and references have neither of the marks.
func parseLayerPath(rest string) (target, bool) {
	i := strings.IndexAny(rest, ":@")
	if i <= 0 {
		return target{}, false
	}
	ref, title, ok := strings.Cut(rest[i+1:], "/")
	if !ok || ref == "" || title == "" || (rest[i] == '@') != strings.Contains(ref, ":") {
		return target{}, false
	}
	return target{kind: layer, repo: rest[:i], ref: ref, rest: title}, true
}

// cutLast cuts s around its last slash.
func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}
