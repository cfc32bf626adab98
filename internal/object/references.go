package object

import (
	"context"
	"iter"

	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// References yields what each version needs: content by its edge, or inline bytes. It is for content.Store.Check.
func (s *Service) References(ctx context.Context, r meta.Reader) iter.Seq2[content.Reference, error] {
	return func(yield func(content.Reference, error) bool) {
		for _, rows := range []meta.Range{objects.All(), history.All()} {
			for e, err := range objects.Scan(ctx, r, rows) { // rows of both tables are alike
				if err != nil {
					yield(content.Reference{}, err)
					return
				}
				v := &e.Value
				if v.Marker {
					continue
				}
				if !yield(content.Reference{ID: v.Content, Edge: objectEdge(e.Parts[0], e.Parts[1], v.ID), Location: v.Inline}, nil) {
					return
				}
			}
		}
	}
}
