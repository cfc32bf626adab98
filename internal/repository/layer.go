package repository

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
)

// LayerRequest asks for a layer by its title.
type LayerRequest struct {
	Repository string
	Reference  Reference // of the manifest that has the layer, or of an index above it
	Sight      *Sight
	Title      string // the whole of the annotation org.opencontainers.image.title
}

// Layer is a layer of a manifest.
type Layer struct {
	Digest    digest.Digest
	MediaType string
}

const (
	// maxWalk is how many manifests FindLayer reads.
	maxWalk = 200
	// maxNesting is how deep the indexes lie that FindLayer looks into.
	maxNesting = 4
)

// FindLayer finds the layer with a title in a manifest, or in the manifests of an index. Layers with the same bytes are one. What an index
// names and the repository lacks is passed over, and so is what is no image manifest or index.
// Errors: those of Manifest; fault.BlobNotFound when no layer has the title; fault.LayerAmbiguous, with the manifests that have them, when layers with
// different bytes do, or when there are too many manifests to tell.
func (s *Service) FindLayer(ctx context.Context, req LayerRequest) (Layer, error) {
	w := layerWalk{Service: s, req: req}
	m, err := w.get(ctx, req.Reference)
	if err != nil {
		return Layer{}, err
	}
	w.seen = map[digest.Digest]bool{m.Digest: true}
	if err := w.manifest(ctx, m, 0); err != nil {
		return Layer{}, err
	}
	switch len(w.found) {
	case 0:
		return Layer{}, fault.BlobNotFound.Detail("no layer of the manifest has the title %.200q", req.Title)
	case 1:
		return w.found[0], nil
	}
	return Layer{}, fault.LayerAmbiguous.Detail("several manifests have different layers of this title, ask for one by digest: %s", w.where())
}

// layerWalk is one FindLayer under way.
type layerWalk struct {
	*Service
	req   LayerRequest
	seen  map[digest.Digest]bool // manifests
	found []Layer                // with different digests
	in    []digest.Digest        // the manifests that have them
}

func (w *layerWalk) get(ctx context.Context, ref Reference) (Manifest, error) {
	return w.Manifest(ctx, ManifestRequest{Repository: w.req.Repository, Sight: w.req.Sight, Reference: ref, Body: true})
}

// manifest looks into a manifest that lies beneath so many indexes.
func (w *layerWalk) manifest(ctx context.Context, m Manifest, nesting int) error {
	p, err := parseManifest(m.MediaType, m.Body)
	if err != nil {
		return err
	}
	for _, l := range p.layers {
		if l.title != w.req.Title || slices.ContainsFunc(w.found, func(f Layer) bool { return f.Digest == l.digest }) {
			continue
		}
		w.found = append(w.found, Layer{Digest: l.digest, MediaType: l.mediaType})
		w.in = append(w.in, m.Digest)
	}
	for _, child := range p.manifests {
		if w.seen[child.digest] {
			continue
		}
		w.seen[child.digest] = true
		if len(w.seen) > maxWalk || nesting == maxNesting {
			return fault.LayerAmbiguous.Detail("the index has too many manifests to look into: ask for one by digest")
		}
		m, err := w.get(ctx, Reference{Digest: child.digest})
		if errors.Is(err, fault.ManifestNotFound) {
			continue
		}
		if err == nil {
			err = w.manifest(ctx, m, nesting+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// where lists the first of the manifests with the title.
func (w *layerWalk) where() string {
	const most = 8
	var list []string
	for _, d := range slices.Compact(w.in) {
		list = append(list, d.String())
	}
	if more := len(list) - most; more > 0 {
		list = append(list[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}
