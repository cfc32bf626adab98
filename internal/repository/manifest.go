package repository

import (
	"context"
	"io"
	"time"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// ManifestRequest asks for a manifest.
type ManifestRequest struct {
	Repository string
	Reference  Reference
	Body       bool // its bytes too
	Sight      *Sight
}

// Manifest is a manifest of a repository.
type Manifest struct {
	Digest    digest.Digest
	MediaType string
	Size      int64     // bytes
	Pushed    time.Time // zero for an object's
	Object    bool      // it is the artifact manifest of an object, which nobody has pushed
	Body      []byte    // where it was asked for
}

// Manifest finds a manifest by tag or digest (OCI distribution specification 1.1, "Pulling manifests"). The artifact manifests of the bucket's objects are found by
// digest without having been pushed.
// Errors: fault.RepositoryNameInvalid, fault.TagInvalid, fault.RepositoryNotFound, fault.ManifestNotFound, fault.Damaged.
func (s *Service) Manifest(ctx context.Context, req ManifestRequest) (Manifest, error) {
	if err := CheckRepository(req.Repository); err != nil {
		return Manifest{}, err
	}
	if err := req.Reference.check(); err != nil {
		return Manifest{}, err
	}
	var m Manifest
	find := func(r meta.Reader) (found, error) {
		d, err := resolve(ctx, r, req.Repository, req.Reference)
		if err != nil {
			return found{}, err
		}
		f, err := s.findManifest(ctx, r, req.Repository, d, req.Sight)
		if err == nil {
			m = f.manifest(d)
		}
		return f, err
	}
	if !req.Body {
		err := s.meta.View(ctx, func(r meta.Reader) error {
			_, err := find(r)
			return err
		})
		return m, err
	}
	rd, err := s.content.Open(ctx, func(r meta.Reader) (content.Source, error) {
		f, err := find(r)
		if err != nil || f.virtual() {
			return content.BytesSource(f.rendered), err
		}
		return s.content.Source(ctx, r, f.row.Content)
	})
	if err != nil {
		return Manifest{}, err
	}
	defer rd.Close()
	body := rd.NewReader(ctx, 0, rd.Size())
	defer body.Close()
	m.Body, err = io.ReadAll(body)
	return m, err
}

// resolve is the digest that a reference stands for. Errors: fault.RepositoryNotFound, fault.ManifestNotFound.
func resolve(ctx context.Context, r meta.Reader, repo string, ref Reference) (digest.Digest, error) {
	if ref.Digest != "" {
		return ref.Digest, nil
	}
	row, ok, err := tags.Find(ctx, r, repo, ref.Tag)
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "", absent(ctx, r, repo, fault.ManifestNotFound, ref.Tag)
	}
	return digest.Digest(row.Digest), nil
}

// found is a manifest with a row of its own, or one that follows from an object's bytes.
type found struct {
	row      manifestRow
	rendered []byte // of an object
}

func (f found) virtual() bool { return f.rendered != nil }

func (f found) manifest(d digest.Digest) Manifest {
	if f.virtual() {
		return Manifest{Digest: d, MediaType: artifact.MediaType, Size: int64(len(f.rendered)), Object: true}
	}
	return Manifest{Digest: d, MediaType: f.row.MediaType, Size: f.row.Size, Pushed: time.Unix(0, f.row.Pushed)}
}

// findManifest finds a manifest by digest. Errors: fault.RepositoryNotFound, fault.ManifestNotFound.
func (s *Service) findManifest(ctx context.Context, r meta.Reader, repo string, d digest.Digest, sight *Sight) (found, error) {
	row, ok, err := manifests.Find(ctx, r, repo, d.String())
	if err != nil || ok {
		return found{row: row}, err
	}
	rendered, err := s.objectManifest(ctx, r, repo, d, sight)
	if err == nil && rendered == nil {
		err = absent(ctx, r, repo, fault.ManifestNotFound, d.String())
	}
	return found{rendered: rendered}, err
}

// objectManifest is the artifact manifest with the digest d, if an object of the bucket repo that a caller sees has the bytes that it is about.
func (s *Service) objectManifest(ctx context.Context, r meta.Reader, repo string, d digest.Digest, sight *Sight) ([]byte, error) {
	switch e, err := seenInline(ctx, r, inlineArtifacts, repo, d, sight); {
	case err != nil:
		return nil, err
	case e != nil:
		return artifact.Manifest(digest.Digest(e.Value.Content), e.Value.Size), nil
	}
	c, err := s.content.FindArtifact(ctx, r, d)
	if err != nil {
		return nil, unless(fault.ManifestNotFound, err)
	}
	is, err := s.seesObject(ctx, r, c.ID, repo, sight)
	if err != nil || !is {
		return nil, err
	}
	return artifact.Manifest(c.Digest, c.Size), nil
}
