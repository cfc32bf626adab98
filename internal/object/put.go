package object

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// PutRequest is an object to store.
type PutRequest struct {
	By          Actor
	Bucket, Key string
	Body        io.Reader
	Size        int64 // declared length in bytes
	Unsized     bool  // no length can be declared, as for the file of a form: Size is ignored, and the limit holds while the body is read
	Metadata    Metadata
	Tags        []Tag
	Protect     Protection
	If          WriteCondition
	Integrity   Integrity
}

// Stored is a version just written.
type Stored struct {
	Version
	Identity
	VersionID string // as clients see it; empty where the bucket has never had versioning
}

// Put stores an object in one transaction (S3 API, "PutObject"). Bucket, condition and protection are checked before the body is read,
// and again in the transaction: of writers that race with If-None-Match one wins. A write that comes again is answered again.
// Errors: fault.BucketNotFound, fault.KeyTooLong, fault.PathInvalid, fault.MetadataTooLarge, fault.LengthRequired,
// fault.EntityTooLarge, fault.PreconditionFailed, fault.KeyNotFound (If-Match on an absent key), fault.TagsInvalid, fault.LockMissing and
// fault.ArgumentInvalid (protection), fault.ObjectLocked (a null version that would be replaced), fault.ChecksumMismatch,
// fault.Incomplete, fault.StorageFull, those of the body.
func (s *Service) Put(ctx context.Context, req PutRequest) (Stored, error) {
	early, err := s.checkPut(ctx, &req)
	if err != nil {
		return Stored{}, err
	}
	keep := req.Integrity.Algorithm
	if keep == 0 {
		keep = CRC64NVME
	}
	staged, err := s.content.Ingest(ctx, content.IngestRequest{
		Body: req.Body, Size: req.Size, Hashes: content.SHA256 | req.Integrity.hashes(keep), Verify: req.Integrity.verify,
	})
	if err != nil {
		return Stored{}, err
	}
	defer staged.Discard(ctx)
	sums := staged.Sums()
	v := Version{
		Owner: req.By.Principal, Modified: s.o.Now().UnixNano(), Size: staged.Size(), Metadata: req.Metadata, Tags: req.Tags,
		MD5: sums.Get(content.MD5), Checksum: checksumOf(keep, sums), SHA256: sums.Get(content.SHA256), Once: req.If.Once,
	}
	out := Stored{Identity: identify(staged.Digest(), v.Size)}
	n := newNonce()
	err = s.content.Commit(ctx, staged, func(r meta.Reader) (meta.Step, error) {
		p, err := s.placeOf(ctx, r, &req, &early)
		if err != nil {
			return meta.Step{}, err
		}
		if again := p.done(req.If); again != nil {
			if !bytes.Equal(again.SHA256, v.SHA256) {
				return meta.Step{}, errOnceUsed
			}
			return meta.Step{}, &doneError{p.answered(again)}
		}
		if err := p.begin(&v, n, req.Protect); err != nil {
			return meta.Step{}, err
		}
		out.VersionID = told(&v, p.row)
		named, err := s.planBytes(ctx, r, staged, &v, objectEdge(req.Bucket, req.Key, v.ID))
		if err != nil {
			return meta.Step{}, err
		}
		return s.planWrite(ctx, r, *p, &v, named, req.By)
	})
	var done *doneError
	if errors.As(err, &done) {
		return done.stored, nil
	}
	out.Version = v
	return out, crowded(err)
}

// doneError ends the plan of a write that was done before.
type doneError struct{ stored Stored }

// Error implements error. Nobody sees it.
func (*doneError) Error() string { return "this write was done before" }

var errOnceUsed = fault.ArgumentInvalid.Detail("the idempotency key has been used for other content: make up a new one for each write")

// checkPut is all that can be refused without the body. It returns the place as it was then.
func (s *Service) checkPut(ctx context.Context, req *PutRequest) (p *place, err error) {
	if err := CheckKey(req.Key); err != nil {
		return nil, err
	}
	if err := errors.Join(req.Metadata.Check(), CheckTags(req.Tags, MaxObjectTags)); err != nil {
		return nil, err
	}
	switch {
	case req.Unsized:
		req.Size, req.Body = -1, &bounded{req.Body, s.o.MaxPut}
	case req.Size < 0:
		return nil, fault.LengthRequired
	case req.Size > s.o.MaxPut:
		return nil, fault.EntityTooLarge
	}
	err = s.meta.View(ctx, func(r meta.Reader) error {
		p, err = s.placeOf(ctx, r, req, new(*place))
		return err
	})
	return p, err
}

// bounded is a body of at most rest bytes.
type bounded struct {
	r    io.Reader
	rest int64
}

// Read implements io.Reader. Errors: fault.EntityTooLarge for a longer body, those of the body.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.rest -= int64(n); b.rest < 0 {
		return 0, fault.EntityTooLarge
	}
	return n, err
}

// placeOf finds the place and checks the condition. What was found early serves the first try: the transaction sees to it that it still holds.
func (s *Service) placeOf(ctx context.Context, r meta.Reader, req *PutRequest, early **place) (*place, error) {
	if p := *early; p != nil {
		*early = nil
		return p, nil
	}
	p, err := findPlace(ctx, r, req.Bucket, req.Key)
	if err != nil {
		return nil, err
	}
	if p.done(req.If) != nil { // its condition held then
		return &p, nil
	}
	if err := req.If.check(p.visible()); err != nil {
		return nil, err
	}
	return &p, req.Protect.check(p.row, s.o.Now())
}

// planBytes is the step that names staged bytes for v, which it tells where they are.
func (s *Service) planBytes(ctx context.Context, r meta.Reader, staged *content.Staged, v *Version, e content.Edge) (meta.Step, error) {
	if staged.Inline() {
		l, step := s.content.KeepInline(staged)
		v.Inline = l
		return step, nil
	}
	id, step, err := s.content.PlanRegister(ctx, r, staged)
	v.Content = id
	return meta.Join(step, s.content.LinkNew(id, e)), err
}
