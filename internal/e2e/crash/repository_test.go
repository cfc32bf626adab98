package crash

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zot-artifact-store/zas/digest"
)

// content is what a repository holds: tags, and manifests with what they are. It is compared as a whole, so that one request's
// effects are seen to come together.
type content struct {
	tags      map[string]digest.Digest
	manifests map[digest.Digest]image
}

// image is a manifest.
type image struct {
	raw     []byte
	blobs   []piece
	subject digest.Digest
}

func (s content) clone() content { return content{maps.Clone(s.tags), maps.Clone(s.manifests)} }

// String is for messages and for comparing.
func (s content) String() string {
	var b strings.Builder
	for _, tag := range slices.Sorted(maps.Keys(s.tags)) {
		fmt.Fprintf(&b, "%s=%.15s ", tag, s.tags[tag])
	}
	for _, d := range slices.Sorted(maps.Keys(s.manifests)) {
		fmt.Fprintf(&b, "%.15s ", d)
	}
	return b.String()
}

func (s content) tag(name string, d digest.Digest, m image) content {
	n := s.clone()
	n.manifests[d] = m
	if name != "" {
		n.tags[name] = d
	}
	return n
}

func (s content) untag(name string) content {
	n := s.clone()
	delete(n.tags, name)
	return n
}

func (s content) remove(d digest.Digest) content {
	n := s.clone()
	delete(n.manifests, d)
	maps.DeleteFunc(n.tags, func(_ string, of digest.Digest) bool { return of == d })
	return n
}

// referrers are the manifests about d.
func (s content) referrers(d digest.Digest) (list []digest.Digest) {
	for one, m := range s.manifests {
		if m.subject == d {
			list = append(list, one)
		}
	}
	slices.Sort(list)
	return list
}
