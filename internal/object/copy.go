package object

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// Source is the version that a copy reads.
type Source struct {
	Bucket, Key string
	VersionID   string // empty: the current one
	If          ReadCondition
}

// find reads the source. Errors: those of a read; fault.PreconditionFailed for whatever condition does not hold;
// fault.BadRequest for a delete marker.
func (src *Source) find(ctx context.Context, r meta.Reader) (*spot, bucketRow, error) {
	at, row, err := VersionRef{src.Bucket, src.Key, src.VersionID}.find(ctx, r)
	if errors.Is(err, fault.MethodNotAllowed) {
		err = fault.BadRequest.Detail("The source of a copy request may not specifically refer to a delete marker by version id.")
	}
	if err != nil {
		return nil, row, err
	}
	return at, row, src.If.strict(at.Version)
}

// CopyRequest is an object to make of another's bytes.
type CopyRequest struct {
	By          Actor
	Source      Source
	Bucket, Key string
	Metadata    *Metadata // nil: the source's
	Redirect    string    // of the copy: it is not taken over from the source
	Tags        *[]Tag    // nil: the source's
	Protect     Protection
	If          WriteCondition
	Algorithm   Algorithm // of the checksum to keep; 0: the source's
}

// Copied is a version made of another's bytes.
type Copied struct {
	Stored
	SourceID string // the version id of the source, as Stored has its own
}

// Copy makes an object of the same content (S3 API, "CopyObject"): no bytes move, unless they are few and kept inline, or another
// checksum is asked for. ETag, parts and checksum stay those of the source, also where it was uploaded in parts.
// Errors: those of Get for the source; fault.CopyOntoItself when nothing would change; fault.BucketNotFound, fault.PreconditionFailed,
// fault.KeyNotFound (If-Match) for the destination.
func (s *Service) Copy(ctx context.Context, req CopyRequest) (Copied, error) {
	if err := req.check(); err != nil {
		return Copied{}, err
	}
	sum, of, err := s.recompute(ctx, &req)
	if err != nil {
		return Copied{}, err
	}
	var out Copied
	n, at := newNonce(), s.o.Now().UnixNano()
	err = s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		if again, hold, err := doneCopy(ctx, r, &req); again != nil || err != nil {
			out.Stored = *again
			return hold, err
		}
		from, row, err := req.Source.find(ctx, r)
		if err != nil {
			return meta.Step{}, err
		}
		if req.changesNothing() {
			return meta.Step{}, fault.CopyOntoItself
		}
		v := from.copied()
		v.Modified, v.Owner, v.Once = at, req.By.Principal, req.If.Once
		if req.Metadata != nil {
			v.Metadata = *req.Metadata
		}
		v.Metadata.Redirect = req.Redirect
		if req.Tags != nil {
			v.Tags = *req.Tags
		}
		switch {
		case sum != nil && of != from.ID, sum == nil && req.Algorithm != 0 && req.Algorithm != v.Checksum.Algorithm:
			return meta.Step{}, fault.ConditionalConflict.Detail("The source was overwritten while it was being copied")
		case sum != nil:
			v.Checksum = *sum
		}
		d, err := s.digestOf(ctx, r, from.Version)
		if err != nil {
			return meta.Step{}, err
		}
		v.SHA256 = d.Sum()
		step, versionID, err := s.planCopy(ctx, r, &req, from, &v, n)
		out = Copied{Stored{v, identify(d, v.Size), versionID}, told(from.Version, row)}
		return step, err
	})
	return out, err
}

// doneCopy is the answer to a copy that was made before, and the step that is stale once it is not the current version any more.
func doneCopy(ctx context.Context, r meta.Reader, req *CopyRequest) (*Stored, meta.Step, error) {
	if req.If.Once == "" {
		return nil, meta.Step{}, nil
	}
	p, err := findPlace(ctx, r, req.Bucket, req.Key)
	if err != nil {
		return &Stored{}, meta.Step{}, err
	}
	again := p.done(req.If)
	if again == nil {
		return nil, meta.Step{}, nil
	}
	stored := p.answered(again)
	return &stored, p.hold(), nil
}

// check is what can be refused without a look at the store.
func (req *CopyRequest) check() error {
	if err := CheckKey(req.Key); err != nil {
		return err
	}
	if err := (Metadata{Redirect: req.Redirect}).Check(); err != nil {
		return err
	}
	if req.Metadata != nil {
		if err := req.Metadata.Check(); err != nil {
			return err
		}
	}
	if req.Tags != nil {
		return CheckTags(*req.Tags, MaxObjectTags)
	}
	return nil
}

// changesNothing says whether the copy would be the same object again. Making an earlier version current is a change.
func (req *CopyRequest) changesNothing() bool {
	return req.Source.Bucket == req.Bucket && req.Source.Key == req.Key && req.Source.VersionID == "" &&
		req.Metadata == nil && req.Algorithm == 0 && req.Redirect == ""
}

// copied is a version of the same bytes, without what is the old one's own.
func (v *Version) copied() Version {
	c := *v
	c.Superseded, c.Revision, c.Retention, c.Hold = 0, 0, Retention{}, HoldUnset
	return c
}

// planCopy is the step that writes v, a copy of from, and v's id as clients see it.
func (s *Service) planCopy(ctx context.Context, r meta.Reader, req *CopyRequest, from *spot, v *Version, n nonce) (meta.Step, string, error) {
	p, err := findPlace(ctx, r, req.Bucket, req.Key)
	if err != nil {
		return meta.Step{}, "", err
	}
	if err := req.If.check(p.visible()); err != nil {
		return meta.Step{}, "", err
	}
	if err := errors.Join(req.Protect.check(p.row, time.Unix(0, v.Modified)), p.begin(v, n, req.Protect)); err != nil {
		return meta.Step{}, "", err
	}
	var named meta.Step
	if from.Inline != "" {
		v.Inline, named, err = s.content.CopyInline(ctx, r, from.Inline)
	} else {
		named, err = s.content.Link(ctx, r, from.Content, objectEdge(req.Bucket, req.Key, v.ID))
	}
	if err != nil {
		return meta.Step{}, "", err
	}
	if v.PartCount > 0 {
		row, err := parts.Get(ctx, r, req.Source.Bucket, from.ID)
		if err != nil {
			return meta.Step{}, "", err
		}
		own := parts.Key(req.Bucket, v.ID)
		named = meta.Join(named, meta.Step{Locks: meta.LockSet{}.Write(own), Do: func(_ context.Context, tx meta.Tx) error {
			return parts.PutKey(tx, own, row)
		}})
	}
	step, err := s.planWrite(ctx, r, p, v, meta.Join(from.still(meta.LockSet{}.Read(from.row)), named), req.By)
	return step, told(v, p.row), err
}

// recompute reads the source when its checksum is not of the algorithm that is asked for. It returns nil when that is not so, else the
// checksum and the id of the version that it is of.
func (s *Service) recompute(ctx context.Context, req *CopyRequest) (sum *Checksum, of string, err error) {
	if req.Algorithm == 0 {
		return nil, "", nil
	}
	var v *Version
	rd, err := s.content.Open(ctx, func(r meta.Reader) (_ content.Source, err error) {
		from, _, err := req.Source.find(ctx, r)
		if err != nil {
			return content.Source{}, err
		}
		v = from.Version
		return s.source(ctx, r, v)
	})
	if err != nil {
		return nil, "", err
	}
	defer rd.Close()
	if v.Checksum.Algorithm == req.Algorithm {
		return nil, "", nil
	}
	h := req.Algorithm.hash().New()
	if err := rd.WriteRange(ctx, h, 0, v.Size, false); err != nil {
		return nil, "", err
	}
	return &Checksum{Algorithm: req.Algorithm, Sum: h.Sum(nil)}, v.ID, nil
}

// PartCopyRequest is a part made of another object's bytes.
type PartCopyRequest struct {
	Upload UploadRef
	Number int
	Source Source
	Range  *ByteRange // nil: all
}

// ByteRange is the bytes from First to Last, both included.
type ByteRange struct{ First, Last int64 }

// PutPartCopy copies bytes into a part (S3 API, "UploadPartCopy"): each part owns its own. sourceID is the source's version id as clients
// see it.
// Errors: those of Get for the source, those of PutPart; fault.ArgumentInvalid for a range beyond the source.
func (s *Service) PutPartCopy(ctx context.Context, req PartCopyRequest) (part Part, sourceID string, err error) {
	if req.Number < 1 || req.Number > MaxParts {
		return Part{}, "", fault.ArgumentInvalid.Detail("Part number must be an integer between 1 and %d, inclusive.", MaxParts)
	}
	row, err := s.viewUpload(ctx, req.Upload)
	if err != nil {
		return Part{}, "", err
	}
	var v *Version
	rd, err := s.content.Open(ctx, func(r meta.Reader) (_ content.Source, err error) {
		from, row, err := req.Source.find(ctx, r)
		if err != nil {
			return content.Source{}, err
		}
		v, sourceID = from.Version, told(from.Version, row)
		return s.source(ctx, r, v)
	})
	if err != nil {
		return Part{}, "", err
	}
	defer rd.Close()
	off, n := int64(0), v.Size
	if req.Range != nil {
		if req.Range.First > req.Range.Last || req.Range.Last >= v.Size {
			return Part{}, "", fault.ArgumentInvalid.Detail("Range specified is not valid for source object of size: %d", v.Size)
		}
		off, n = req.Range.First, req.Range.Last-req.Range.First+1
	}
	if n > s.o.MaxPut {
		return Part{}, "", fault.BadRequest.Detail("The specified copy source is larger than the maximum allowable size for a copy source: %d", s.o.MaxPut)
	}
	body := rd.NewReader(ctx, off, n)
	defer body.Close()
	part, err = s.takePart(ctx, &PutPartRequest{Upload: req.Upload, Number: req.Number, Body: io.Reader(body), Size: n}, row.Algorithm)
	if !row.Chosen { // nobody asked for a checksum
		part.Checksum = Checksum{}
	}
	return part, sourceID, err
}
