package repository

import (
	"context"
	"errors"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// Sight is what a caller who may pull from a repository sees of it beside what has been pushed. nil: all.
type Sight struct {
	// Objects says whether the caller may read the version of an object, by what its edge or index row calls it: only then its artifact
	// and its bytes are there.
	Objects func(ctx context.Context, r meta.Reader, bucket, referrer string) (bool, error)
}

// maxVersions bounds how many versions with the same bytes are asked about; what only others beyond show is not seen.
const maxVersions = 1000

// objects asks about versions of objects, at most maxVersions of them.
type objects struct {
	sight *Sight
	repo  string
	asked int
}

func (o *objects) sees(ctx context.Context, r meta.Reader, referrer string) (bool, error) {
	if o.asked++; o.asked > maxVersions {
		return false, nil
	}
	return o.sight.Objects(ctx, r, o.repo, referrer)
}

// member is content.Store.Member by an edge that a caller sees. Errors: fault.BlobNotFound when there is none.
func (s *Service) member(ctx context.Context, r meta.Reader, c content.Content, repo string, sight *Sight) (meta.Step, error) {
	if sight == nil {
		return s.content.Member(ctx, r, c.ID, repo)
	}
	versions := objects{sight: sight, repo: repo}
	leased := false
	step, err := s.content.MemberBy(ctx, r, c.ID, repo, func(e content.Edge) (bool, error) {
		switch e.Kind {
		case content.EdgeObject:
			return versions.sees(ctx, r, e.Referrer)
		case content.EdgeLease:
			leased = true
			return false, nil
		}
		return true, nil
	})
	if !errors.Is(err, fault.BlobNotFound) || !leased || versions.asked > 0 {
		return step, err
	}
	// A lease is what an upload leaves, but also what somebody gets who asks for the bytes of an object: those it shows to nobody else.
	if inline, err := meta.Any(ctx, r, inlineBlobs.Prefix(repo, c.Digest.String())); err != nil || inline {
		return meta.Step{}, errors.Join(err, fault.BlobNotFound.With(c.Digest.String(), nil))
	}
	return s.content.Member(ctx, r, c.ID, repo)
}

// seenInline finds a version that a caller sees among rows of one digest of t: inlineBlobs or inlineArtifacts.
func seenInline(ctx context.Context, r meta.Reader, t meta.Table[Inline], repo string, d digest.Digest, sight *Sight) (*meta.Entry[Inline], error) {
	versions := objects{sight: sight, repo: repo}
	rows := t.Prefix(repo, d.String())
	for e, err := range t.Scan(ctx, r, rows.Limited(maxVersions)) {
		if err != nil || sight == nil {
			return &e, err
		}
		if sees, err := versions.sees(ctx, r, e.Parts[2]); err != nil || sees {
			return &e, err
		}
	}
	return nil, nil
}

// seesObject says whether a caller sees an object of repo whose bytes are the content.
func (s *Service) seesObject(ctx context.Context, r meta.Reader, id content.ID, repo string, sight *Sight) (bool, error) {
	if sight == nil {
		return s.content.HoldsKind(ctx, r, id, repo, content.EdgeObject)
	}
	versions := objects{sight: sight, repo: repo}
	_, err := s.content.MemberBy(ctx, r, id, repo, func(e content.Edge) (bool, error) {
		if e.Kind != content.EdgeObject {
			return false, nil
		}
		return versions.sees(ctx, r, e.Referrer)
	})
	return err == nil, unless(fault.BlobNotFound, err)
}
