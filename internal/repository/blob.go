package repository

import (
	"context"
	"errors"
	"io"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// unless is nil for an error of the given code, else err.
func unless(c *fault.Code, err error) error {
	if errors.Is(err, c) {
		return nil
	}
	return err
}

// BlobRequest asks for a blob.
type BlobRequest struct {
	By         Actor
	Repository string
	Digest     digest.Digest
	Keep       bool // the asker may push and is about to refer to it: it stays for a lease's time
	Sight      *Sight
}

// Blob is a blob of a repository.
type Blob struct {
	Digest digest.Digest
	Size   int64 // bytes
}

// Blob finds a blob (OCI distribution specification 1.1, "Checking if content exists in the registry"). Visible is what has been pushed to the
// repository or mounted in it, what its manifests name, the bytes of the bucket's objects, and the empty blob. What is stored for
// other repositories only is not.
// Errors: fault.RepositoryNameInvalid, fault.RepositoryNotFound, fault.BlobNotFound.
func (s *Service) Blob(ctx context.Context, req BlobRequest) (Blob, error) {
	if err := CheckRepository(req.Repository); err != nil {
		return Blob{}, err
	}
	var b blob
	err := s.meta.View(ctx, func(r meta.Reader) (err error) {
		b, err = s.findBlob(ctx, r, req.Repository, req.Digest, req.Sight)
		return err
	})
	if err == nil && req.Keep {
		err = s.keep(ctx, req, b)
	}
	return Blob{Digest: req.Digest, Size: b.size}, err
}

// keep renews the lease of a blob that has just been found.
func (s *Service) keep(ctx context.Context, req BlobRequest, b blob) error {
	switch {
	case b.empty:
		return nil
	case b.id != "":
		return s.content.Renew(ctx, b.id, req.Repository)
	}
	return s.execute(ctx, req.By, func(r meta.Reader) (meta.Step, error) {
		b, err := s.findBlob(ctx, r, req.Repository, req.Digest, req.Sight)
		if err != nil || b.empty {
			return meta.Step{Do: nothing}, err
		}
		return s.planGrant(ctx, r, b, req.Repository)
	})
}

func nothing(context.Context, meta.Tx) error { return nil }

// OpenBlob finds a blob as Blob does and opens it. The caller closes the reading.
// Errors: those of Blob.
func (s *Service) OpenBlob(ctx context.Context, req BlobRequest) (Blob, *content.Reading, error) {
	if err := CheckRepository(req.Repository); err != nil {
		return Blob{}, nil, err
	}
	rd, err := s.content.Open(ctx, func(r meta.Reader) (content.Source, error) {
		b, err := s.findBlob(ctx, r, req.Repository, req.Digest, req.Sight)
		switch {
		case err != nil:
			return content.Source{}, err
		case b.empty:
			return content.BytesSource([]byte(artifact.EmptyContent)), nil
		case b.id != "":
			return s.content.Source(ctx, r, b.id)
		}
		return s.content.InlineSource(ctx, r, b.inline.Location)
	})
	if err != nil {
		return Blob{}, nil, err
	}
	return Blob{Digest: req.Digest, Size: rd.Size()}, rd, nil
}

// blob is where a blob's bytes are: content, an object's inline version, or nowhere because they follow from the digest.
type blob struct {
	size   int64
	id     content.ID
	member meta.Step // is stale once the repository has lost the content
	inline Inline
	row    meta.Key // of the inline version
	empty  bool
}

// findBlob finds a blob that a caller sees in repo. Errors: fault.RepositoryNotFound, fault.BlobNotFound.
func (s *Service) findBlob(ctx context.Context, r meta.Reader, repo string, d digest.Digest, sight *Sight) (blob, error) {
	switch c, err := s.content.Find(ctx, r, d); {
	case err == nil:
		member, err := s.member(ctx, r, c, repo, sight)
		if !errors.Is(err, fault.BlobNotFound) {
			return blob{size: c.Size, id: c.ID, member: member}, err
		}
	case !errors.Is(err, fault.BlobNotFound):
		return blob{}, err
	}
	switch e, err := seenInline(ctx, r, inlineBlobs, repo, d, sight); {
	case err != nil:
		return blob{}, err
	case e != nil:
		return blob{size: e.Value.Size, inline: e.Value, row: inlineBlobs.Key(e.Parts...)}, nil
	}
	if d == artifact.EmptyDigest {
		if has, err := hasEmpty(ctx, r, repo); err != nil || has {
			return blob{size: int64(len(artifact.EmptyContent)), empty: true}, err
		}
	}
	return blob{}, absent(ctx, r, repo, fault.BlobNotFound, d.String())
}

// hasEmpty says whether repo exists and nobody has removed the empty blob from it.
func hasEmpty(ctx context.Context, r meta.Reader, repo string) (bool, error) {
	name, ok, err := Names.Find(ctx, r, repo)
	if err != nil || !ok || name.Closing() || name.Bucket { // the artifacts of a bucket's objects need it
		return name.Bucket, err
	}
	_, removed, err := unempty.Find(ctx, r, repo)
	return !removed, err
}

// planContent is the id of the content of a blob that is not the empty one, and the step that makes sure that it is still there and still the repository's.
func (s *Service) planContent(ctx context.Context, r meta.Reader, b blob) (content.ID, meta.Step, error) {
	if b.id != "" {
		return b.id, b.member, nil
	}
	id, make, err := s.content.Materialise(ctx, r, b.inline.Location)
	same := meta.Step{Locks: meta.LockSet{}.Read(b.row), Do: func(ctx context.Context, tx meta.Tx) error {
		_, err := tx.Get(ctx, b.row)
		return staleIfAbsent(err)
	}}
	return id, meta.Join(same, make), err
}

// planGrant is the step that leases a blob to repo.
func (s *Service) planGrant(ctx context.Context, r meta.Reader, b blob, repo string) (meta.Step, error) {
	id, member, err := s.planContent(ctx, r, b)
	return meta.Join(member, s.content.Grant(id, repo)), err
}

// PushBlobRequest is a blob to keep, whole.
type PushBlobRequest struct {
	By         Actor
	Repository string
	Digest     digest.Digest // what the body must have
	Size       int64         // declared length of the body in bytes; -1: not declared
	Body       io.Reader
}

// PushBlob takes in a blob and keeps it for a lease's time, or longer once a manifest names it (OCI distribution specification 1.1, "Single POST").
// Errors: fault.RepositoryNameInvalid, fault.DigestMismatch, fault.Incomplete, fault.SizeInvalid, fault.StorageFull.
func (s *Service) PushBlob(ctx context.Context, req PushBlobRequest) error {
	if err := CheckRepository(req.Repository); err != nil {
		return err
	}
	return s.ingest(ctx, req, meta.Step{Do: nothing})
}

// ingest is PushBlob whose transaction also does a step.
func (s *Service) ingest(ctx context.Context, req PushBlobRequest, also meta.Step) error {
	hashes := content.SHA256
	if req.Digest.Algorithm() == digest.SHA512 {
		hashes |= content.SHA512
	}
	staged, err := s.content.Ingest(ctx, content.IngestRequest{
		Body: req.Body, Size: req.Size, Hashes: hashes,
		Verify: func(sums content.Sums) error { return verify(sums, req.Digest) },
	})
	if err != nil {
		return err
	}
	defer staged.Discard(ctx)
	return s.prepared(ctx, req.By, func() error {
		return s.content.Commit(ctx, staged, func(r meta.Reader) (meta.Step, error) {
			var names []digest.Digest
			if req.Digest != staged.Digest() {
				names = append(names, req.Digest)
			}
			id, register, err := s.content.PlanRegister(ctx, r, staged, names...)
			if err != nil {
				return meta.Step{}, err
			}
			admit, err := s.planAdmit(ctx, r, admission{req.Repository, req.Digest, id, req.By})
			return meta.Join(register, admit, also), err
		})
	})
}

// admission is content that becomes a blob of a repository.
type admission struct {
	repo   string
	digest digest.Digest
	id     content.ID // an earlier step makes it or has checked it
	by     Actor
}

// planAdmit is the step that opens the repository and leases the content to it.
func (s *Service) planAdmit(ctx context.Context, r meta.Reader, a admission) (meta.Step, error) {
	open, err := s.open(ctx, r, a.repo, a.by)
	if err != nil {
		return meta.Step{}, err
	}
	pushed := s.fact(event.BlobPushed, a.repo, a.by)
	pushed.Digest = a.digest.String()
	steps := []meta.Step{open, s.content.Grant(a.id, a.repo), tell(pushed)}
	if a.digest == artifact.EmptyDigest {
		key := unempty.Key(a.repo)
		steps = append(steps, meta.Step{Locks: meta.LockSet{}.Write(key), Do: func(_ context.Context, tx meta.Tx) error { return tx.Delete(key) }})
	}
	return meta.Join(steps...), nil
}

// MountRequest asks for a blob of another repository.
type MountRequest struct {
	By         Actor
	Repository string
	Digest     digest.Digest
	From       string                 // empty: wherever it is
	Readable   func(repo string) bool // says whether the caller may read from a repository
	Sight      func(repo string) *Sight
}

// sight is what the caller sees of repo.
func (req MountRequest) sight(repo string) *Sight {
	if req.Sight == nil {
		return nil
	}
	return req.Sight(repo)
}

// maxSearch bounds how many repositories Mount asks about.
const maxSearch = 100

// Mount makes a blob of one repository, which the caller may read, a blob of another without moving bytes (OCI distribution specification 1.1,
// "Mounting a blob from another repository").
// Errors: fault.RepositoryNameInvalid; fault.BlobNotFound when no such blob may be read.
func (s *Service) Mount(ctx context.Context, req MountRequest) (Blob, error) {
	if err := CheckRepository(req.Repository); err != nil {
		return Blob{}, err
	}
	var size int64
	err := s.execute(ctx, req.By, func(r meta.Reader) (meta.Step, error) {
		b, err := s.source(ctx, r, req)
		if err != nil {
			return meta.Step{}, err
		}
		if size = b.size; b.empty {
			return meta.Step{}, unrealError{req.Repository, []digest.Digest{req.Digest}}
		}
		id, member, err := s.planContent(ctx, r, b)
		if err != nil {
			return meta.Step{}, err
		}
		admit, err := s.planAdmit(ctx, r, admission{req.Repository, req.Digest, id, req.By})
		return meta.Join(member, admit), err
	})
	return Blob{Digest: req.Digest, Size: size}, err
}

// source finds the blob to mount: in the repository itself, in the one that it shall come from, or in the first that may be read.
func (s *Service) source(ctx context.Context, r meta.Reader, req MountRequest) (blob, error) {
	missing := fault.BlobNotFound.With(req.Digest.String(), nil)
	b, err := s.findBlob(ctx, r, req.Repository, req.Digest, req.sight(req.Repository))
	if err == nil || !errors.Is(err, fault.BlobNotFound) && !errors.Is(err, fault.RepositoryNotFound) {
		return b, err
	}
	if req.From != "" {
		if CheckRepository(req.From) != nil || !req.Readable(req.From) {
			return blob{}, missing
		}
		b, err := s.findBlob(ctx, r, req.From, req.Digest, req.sight(req.From))
		if errors.Is(err, fault.RepositoryNotFound) {
			err = missing
		}
		return b, err
	}
	c, err := s.content.Find(ctx, r, req.Digest)
	if err != nil {
		return blob{}, err
	}
	asked := 0
	for repo, err := range s.content.Repositories(ctx, r, c.ID) {
		if err != nil {
			return blob{}, err
		}
		if asked++; asked > maxSearch {
			break
		}
		if !req.Readable(repo) {
			continue
		}
		member, err := s.member(ctx, r, c, repo, req.sight(repo))
		if !errors.Is(err, fault.BlobNotFound) {
			return blob{size: c.Size, id: c.ID, member: member}, err
		}
	}
	return blob{}, missing
}
