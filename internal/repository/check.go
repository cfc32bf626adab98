package repository

import (
	"context"
	"iter"

	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// References yields every edge that a manifest stands behind: to its own bytes and to what it names. It is for the offline check.
func (s *Service) References(ctx context.Context, r meta.Reader) iter.Seq2[content.Reference, error] {
	return func(yield func(content.Reference, error) bool) {
		for e, err := range manifests.Scan(ctx, r, manifests.All()) {
			if err != nil {
				yield(content.Reference{}, err)
				return
			}
			repo, d := e.Parts[0], e.Parts[1]
			held, err := links.Get(ctx, r, repo, d)
			if err != nil {
				yield(content.Reference{}, err)
				return
			}
			refer := func(id content.ID, kind content.EdgeKind) bool {
				return yield(content.Reference{ID: id, Edge: content.Edge{Repository: repo, Kind: kind, Referrer: d}}, nil)
			}
			if !refer(e.Value.Content, content.EdgeSelf) {
				return
			}
			for _, id := range held.Contents {
				if !refer(id, content.EdgeManifest) {
					return
				}
			}
		}
	}
}
