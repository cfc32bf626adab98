package object

import (
	"context"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// GetRequest asks for a version of a key.
type GetRequest struct {
	Bucket, Key string
	VersionID   string // empty: the current one
	If          ReadCondition
	Part        int // a part by its number; 0: the whole
}

// Found is a version, and the part of it that was asked for.
type Found struct {
	Version
	Identity
	VersionID   string // as clients see it; empty where the bucket has never had versioning
	NotModified bool   // the condition says that the client has these bytes: nothing is opened
	Offset      int64  // where the part begins
	Length      int64  // of the part; without one, of the whole
}

// Head finds a version (S3 API, "HeadObject"). Errors: fault.BucketNotFound, fault.KeyNotFound, fault.VersionNotFound,
// fault.ArgumentInvalid for a malformed version id, MarkerError, fault.PreconditionFailed, fault.PartNumberNotSatisfiable for a part that
// the version does not have.
func (s *Service) Head(ctx context.Context, req GetRequest) (Found, error) {
	var f Found
	err := s.meta.View(ctx, func(r meta.Reader) (err error) {
		f, err = s.find(ctx, r, &req)
		return err
	})
	return f, err
}

// Get finds a version and opens its bytes, in one View (S3 API, "GetObject"). The Reading is nil where NotModified is set; else it
// needs Close. Errors: those of Head.
func (s *Service) Get(ctx context.Context, req GetRequest) (Found, *content.Reading, error) {
	var f Found
	rd, err := s.content.Open(ctx, func(r meta.Reader) (_ content.Source, err error) {
		if f, err = s.find(ctx, r, &req); err != nil || f.NotModified {
			return content.Source{}, err
		}
		return s.source(ctx, r, &f.Version)
	})
	if err == nil && f.NotModified {
		err, rd = rd.Close(), nil
	}
	return f, rd, err
}

func (s *Service) source(ctx context.Context, r meta.Reader, v *Version) (content.Source, error) {
	if v.Inline != "" {
		return s.content.InlineSource(ctx, r, v.Inline)
	}
	return s.content.Source(ctx, r, v.Content)
}

func (s *Service) find(ctx context.Context, r meta.Reader, req *GetRequest) (Found, error) {
	at, row, err := VersionRef{req.Bucket, req.Key, req.VersionID}.find(ctx, r)
	if err != nil {
		return Found{}, err
	}
	v := at.Version
	f := Found{Version: *v, Length: v.Size, VersionID: told(v, row)}
	if f.NotModified, err = req.If.check(v); err != nil {
		return Found{}, err
	}
	d, err := s.digestOf(ctx, r, v)
	if err != nil {
		return Found{}, err
	}
	f.Identity = identify(d, v.Size)
	if req.Part > 0 {
		f.Offset, f.Length, err = findPart(ctx, r, req.Bucket, v, req.Part)
	}
	return f, err
}

// digestOf is the digest of v's bytes; empty while it is being computed.
func (s *Service) digestOf(ctx context.Context, r meta.Reader, v *Version) (digest.Digest, error) {
	if d := v.digest(); d != "" {
		return d, nil
	}
	c, err := s.content.Get(ctx, r, v.Content)
	return c.Digest, err
}
