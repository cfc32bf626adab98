package repository

import (
	"context"
	"slices"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// DeleteManifestRequest is a tag or a manifest to remove.
type DeleteManifestRequest struct {
	By         Actor
	Repository string
	Reference  Reference
	If         Condition
}

// DeleteManifest removes a tag, or a manifest with all tags that point to it (OCI distribution specification 1.1, "Deleting tags" and
// "Deleting Manifests"). Nothing cascades: blobs stay for a while, referrers stay.
// Errors: fault.RepositoryNameInvalid, fault.TagInvalid, fault.RepositoryNotFound, fault.ManifestNotFound, fault.PreconditionFailed;
// fault.ObjectArtifact for the artifact manifest of an object; fault.TagImmutable for an immutable tag, and for a manifest
// that one points to, be it through an index.
func (s *Service) DeleteManifest(ctx context.Context, req DeleteManifestRequest) error {
	if err := CheckRepository(req.Repository); err != nil {
		return err
	}
	if err := req.Reference.check(); err != nil {
		return err
	}
	for more := true; more; {
		err := s.execute(ctx, req.By, func(r meta.Reader) (meta.Step, error) {
			use, err := s.use(ctx, r, req.Repository)
			if err != nil {
				return meta.Step{}, err
			}
			var remove meta.Step
			if req.Reference.Digest == "" {
				more = false
				remove, err = s.planUntag(ctx, r, req)
			} else {
				remove, more, err = s.planDelete(ctx, r, req)
			}
			return meta.Join(use, remove), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) planUntag(ctx context.Context, r meta.Reader, req DeleteManifestRequest) (meta.Step, error) {
	row, ok, err := tags.Find(ctx, r, req.Repository, req.Reference.Tag)
	if err == nil && !ok {
		err = fault.ManifestNotFound.With(req.Reference.Tag, nil)
	}
	if err == nil {
		err = req.If.check(row.Digest)
	}
	if err != nil {
		return meta.Step{}, err
	}
	return s.planMove(ctx, r, tagMove{repo: req.Repository, tag: req.Reference.Tag, by: req.By})
}

// maxUntag is how many tags go in one transaction.
const maxUntag = 1000

// planDelete is the step that removes a manifest, its edges, its tags and its place among the referrers of its subject.
// Of a manifest with very many tags, it only removes some tags: more says so.
func (s *Service) planDelete(ctx context.Context, r meta.Reader, req DeleteManifestRequest) (step meta.Step, more bool, err error) {
	repo, d := req.Repository, req.Reference.Digest
	f, err := s.findManifest(ctx, r, repo, d, nil)
	switch {
	case err != nil:
		return meta.Step{}, false, err
	case f.virtual():
		return meta.Step{}, false, fault.ObjectArtifact.With(d.String(), nil)
	}
	if err := req.If.check(d.String()); err != nil {
		return meta.Step{}, false, err
	}
	free, err := s.planFree(ctx, r, repo, standing{digest: d, content: f.row.Content})
	if err != nil {
		return meta.Step{}, false, err
	}
	names, err := tagsOf(ctx, r, repo, d)
	if err != nil {
		return meta.Step{}, false, err
	}
	same := meta.Step{Locks: meta.LockSet{}.Guard(tagged.Guard(repo, d.String())), Do: func(ctx context.Context, tx meta.Tx) error {
		now, err := tagsOf(ctx, tx, repo, d)
		if err == nil && !slices.Equal(now, names) {
			err = meta.ErrStale
		}
		return err
	}}
	steps := []meta.Step{free, same}
	if more = len(names) > maxUntag; !more {
		remove, err := eraser{s.content, repo}.planRemove(ctx, r, d, f.row)
		if err != nil {
			return meta.Step{}, false, err
		}
		deleted := s.fact(event.ManifestDeleted, repo, req.By)
		deleted.Digest = d.String()
		steps = append(steps, remove, tell(deleted))
	}
	for _, tag := range names[:min(len(names), maxUntag)] {
		untag, err := s.planMove(ctx, r, tagMove{repo: repo, tag: tag, by: req.By})
		if err != nil {
			return meta.Step{}, false, err
		}
		steps = append(steps, untag)
	}
	return meta.Join(steps...), more, nil
}

// tagsOf are the tags that point to a manifest, up to one more than go at once.
func tagsOf(ctx context.Context, r meta.Reader, repo string, d digest.Digest) (names []string, err error) {
	for e, err := range tagged.Scan(ctx, r, tagged.Prefix(repo, d.String()).Limited(maxUntag+1)) {
		if err != nil {
			return nil, err
		}
		names = append(names, e.Parts[2])
	}
	return names, nil
}

// eraser plans what removes rows of one repository.
type eraser struct {
	content *content.Store
	repo    string
}

// planRemove is the step that removes the rows and the edges of a manifest.
func (e eraser) planRemove(ctx context.Context, r meta.Reader, d digest.Digest, row manifestRow) (meta.Step, error) {
	repo := e.repo
	own, link, root := manifests.Key(repo, d.String()), links.Key(repo, d.String()), roots.Key(repo, d.String())
	held, err := links.GetKey(ctx, r, link)
	if err != nil {
		return meta.Step{}, err
	}
	gone := []meta.Key{own, link, root}
	if row.Subject != "" {
		gone[2] = referrers.Key(repo, row.Subject, row.ArtifactType, d.String())
	}
	steps := []meta.Step{{Locks: meta.LockSet{}.Write(gone...), Do: func(ctx context.Context, tx meta.Tx) error {
		if now, err := manifests.GetKey(ctx, tx, own); err != nil || now != row {
			return stale(err)
		}
		for _, key := range gone {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	}}}
	unlink := func(id content.ID, kind content.EdgeKind) error {
		step, err := e.content.Unlink(ctx, r, id, content.Edge{Repository: repo, Kind: kind, Referrer: d.String()})
		steps = append(steps, step)
		return err
	}
	if err := unlink(row.Content, content.EdgeSelf); err != nil {
		return meta.Step{}, err
	}
	for _, id := range held.Contents {
		if err := unlink(id, content.EdgeManifest); err != nil {
			return meta.Step{}, err
		}
	}
	return meta.Join(steps...), nil
}

// DeleteBlobRequest is a blob to remove.
type DeleteBlobRequest struct {
	By         Actor
	Repository string
	Digest     digest.Digest
}

// DeleteBlob takes a blob out of a repository at once, other repositories keep theirs (OCI distribution specification 1.1,
// "Deleting Blobs").
// Errors: fault.RepositoryNameInvalid, fault.RepositoryNotFound, fault.BlobNotFound; fault.ObjectArtifact for the bytes of an object, and for
// the empty blob of a bucket; fault.MethodNotAllowed while a manifest of the repository needs the blob.
func (s *Service) DeleteBlob(ctx context.Context, req DeleteBlobRequest) error {
	if err := CheckRepository(req.Repository); err != nil {
		return err
	}
	deleted := s.fact(event.BlobDeleted, req.Repository, req.By)
	deleted.Digest = req.Digest.String()
	return s.execute(ctx, req.By, func(r meta.Reader) (meta.Step, error) {
		use, err := s.use(ctx, r, req.Repository)
		if err != nil {
			return meta.Step{}, err
		}
		b, err := s.findBlob(ctx, r, req.Repository, req.Digest, nil)
		if err != nil {
			return meta.Step{}, err
		}
		steps := []meta.Step{use, tell(deleted)}
		if b.id != "" {
			if err := s.removable(ctx, r, b, req); err != nil {
				return meta.Step{}, err
			}
			steps = append(steps, s.content.Revoke(b.id, req.Repository))
		}
		hide, err := planHide(ctx, r, req)
		return meta.Join(append(steps, hide)...), err
	})
}

// removable says why a blob with content cannot be removed.
func (s *Service) removable(ctx context.Context, r meta.Reader, b blob, req DeleteBlobRequest) error {
	for _, kind := range []content.EdgeKind{content.EdgeObject, content.EdgeManifest, content.EdgeSelf} {
		holds, err := s.content.HoldsKind(ctx, r, b.id, req.Repository, kind)
		switch {
		case err != nil:
			return err
		case holds && kind == content.EdgeObject:
			return fault.ObjectArtifact.With(req.Digest.String(), nil)
		case holds:
			return fault.MethodNotAllowed.Detail("a manifest of the repository needs this blob; delete the manifest first")
		}
	}
	return nil
}

// planHide is the step after which a blob is not seen without content of its own either.
func planHide(ctx context.Context, r meta.Reader, req DeleteBlobRequest) (meta.Step, error) {
	inline := inlineBlobs.Prefix(req.Repository, req.Digest.String())
	some, err := meta.Any(ctx, r, inline)
	if err != nil {
		return meta.Step{}, err
	}
	if some {
		return meta.Step{}, fault.ObjectArtifact.With(req.Digest.String(), nil)
	}
	if req.Digest != artifact.EmptyDigest {
		return meta.Step{}, nil
	}
	name, _, err := Names.Find(ctx, r, req.Repository)
	if err != nil {
		return meta.Step{}, err
	}
	if name.Bucket {
		return meta.Step{}, fault.ObjectArtifact.With(req.Digest.String(), nil)
	}
	key, nameKey := unempty.Key(req.Repository), Names.Key(req.Repository)
	return meta.Step{Locks: meta.LockSet{}.Write(key).Read(nameKey), Do: func(ctx context.Context, tx meta.Tx) error {
		if now, err := Names.GetKey(ctx, tx, nameKey); err != nil || now.Bucket {
			return stale(err)
		}
		return unempty.PutKey(tx, key, struct{}{})
	}}, nil
}
