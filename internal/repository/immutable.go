package repository

import (
	"context"
	"errors"
	"slices"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// standing is a manifest and the manifests that name it.
type standing struct {
	digest  digest.Digest
	content content.ID
	indexes []digest.Digest
}

// planFree is the step that proves that no immutable tag needs a manifest: none points to it, and none to an index above it.
// Errors: fault.TagImmutable, also when there are too many indexes to tell.
func (s *Service) planFree(ctx context.Context, r meta.Reader, repo string, m standing) (meta.Step, error) {
	if !s.o.immutable(repo) {
		return meta.Step{}, nil
	}
	all := []standing{m}
	seen := map[digest.Digest]bool{m.digest: true}
	var locks meta.LockSet
	for i := 0; i < len(all); i++ { // all grows
		if len(all) > maxWalk {
			return meta.Step{}, fault.TagImmutable.Detail("too many indexes name the manifest to tell whether an immutable tag needs it: delete them first")
		}
		var err error
		if all[i].indexes, err = s.above(ctx, r, repo, all[i]); err != nil {
			return meta.Step{}, err
		}
		locks = locks.Guard(tagged.Guard(repo, all[i].digest.String()), content.GuardEdges(all[i].content))
		for _, d := range all[i].indexes {
			if seen[d] {
				continue
			}
			seen[d] = true
			row, err := manifests.Get(ctx, r, repo, d.String())
			if err != nil {
				return meta.Step{}, err
			}
			all = append(all, standing{digest: d, content: row.Content})
		}
	}
	return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		for _, m := range all {
			now, err := s.above(ctx, tx, repo, m)
			if errors.Is(err, fault.TagImmutable) || err == nil && !slices.Equal(now, m.indexes) {
				err = meta.ErrStale
			}
			if err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

// above is the manifests that name m. Errors: fault.TagImmutable when an immutable tag points to m itself.
func (s *Service) above(ctx context.Context, r meta.Reader, repo string, m standing) (list []digest.Digest, err error) {
	for e, err := range tagged.Scan(ctx, r, tagged.Prefix(repo, m.digest.String())) {
		if err == nil {
			err = s.o.mayMove(repo, e.Parts[2])
		}
		if err != nil {
			return nil, err
		}
	}
	for referrer, err := range s.content.Referrers(ctx, r, m.content, repo, content.EdgeManifest) {
		if err != nil || len(list) > maxWalk {
			return list, err
		}
		list = append(list, digest.Digest(referrer))
	}
	return list, nil
}
