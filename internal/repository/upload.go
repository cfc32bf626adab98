package repository

import (
	"context"
	"io"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// Session names an upload session of a repository. It is its principal's alone.
type Session struct {
	By         Actor
	Repository string
	ID         content.ID
}

// BeginUploadRequest asks for a session.
type BeginUploadRequest struct {
	By         Actor
	Repository string
}

// BeginUpload opens a session to which a blob is sent in one or more chunks (OCI distribution specification 1.1, "Pushing blobs").
// Errors: fault.RepositoryNameInvalid.
func (s *Service) BeginUpload(ctx context.Context, req BeginUploadRequest) (content.Upload, error) {
	if err := CheckRepository(req.Repository); err != nil {
		return content.Upload{}, err
	}
	up, begin := s.content.NewUpload(req.Repository, req.By.Principal, content.Session)
	err := meta.Execute(ctx, s.meta, func(meta.Reader) (meta.Step, error) { return begin, nil })
	return up, err
}

// session finds the session. Errors: fault.SessionNotFound, also for a session of another repository or principal.
func (s *Service) session(ctx context.Context, r meta.Reader, id Session) (content.Upload, error) {
	up, err := s.content.GetUpload(ctx, r, id.ID)
	if err == nil && (up.Kind != content.Session || up.Repository != id.Repository || up.Owner != id.By.Principal) {
		err = fault.SessionNotFound.With(string(id.ID), nil)
	}
	return up, err
}

// Upload tells how far a session has got: what it says has been received is durable. Errors: fault.SessionNotFound.
func (s *Service) Upload(ctx context.Context, id Session) (up content.Upload, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) (err error) {
		up, err = s.session(ctx, r, id)
		return err
	})
	return up, err
}

// CancelUpload ends a session; what it received goes (OCI distribution specification 1.1, "Cancel a blob upload").
// Errors: fault.SessionNotFound.
func (s *Service) CancelUpload(ctx context.Context, id Session) error {
	return meta.Execute(ctx, s.meta, func(r meta.Reader) (meta.Step, error) {
		_, err := s.session(ctx, r, id)
		return s.content.AbortUpload(id.ID), err
	})
}

// Chunk is bytes for the end of a session.
type Chunk struct {
	Session
	At   int64 // where they begin; -1: at the end of what has been received
	Body io.Reader
}

// AppendUpload adds a chunk. When the body breaks off, it returns the error together with the session as far as it got, so that the client can go on there
// (OCI distribution specification 1.1, "Pushing a blob in chunks").
// Errors: fault.SessionNotFound; fault.SessionRange, with the session, when the chunk begins elsewhere; fault.ConditionalConflict while another
// request appends; fault.Incomplete; fault.StorageFull.
func (s *Service) AppendUpload(ctx context.Context, c Chunk) (content.Upload, error) {
	if up, err := s.Upload(ctx, c.Session); err != nil {
		return up, err
	}
	return s.append(ctx, c)
}

// append adds a chunk although its sender may have left: the end of the body says so, and what came before it is kept.
func (s *Service) append(ctx context.Context, c Chunk) (content.Upload, error) {
	return s.content.Append(context.WithoutCancel(ctx), c.ID, c.At, c.Body)
}

// FinishUploadRequest ends a session: its bytes become a blob.
type FinishUploadRequest struct {
	Session
	Digest digest.Digest // what the whole must have
	Size   int64         // of the last chunk in bytes; 0: there is none; -1: not declared
	At     int64         // where the last chunk begins; -1: at the end of what has been received
	Body   io.Reader     // the last chunk
}

// maxDirect is the largest body in bytes that goes past the session when all of a blob comes with its end: larger ones can be resumed.
const maxDirect = 1 << 20

// FinishUpload takes in the last chunk, if there is one, and makes a blob of all, kept for a lease's time, or longer once a manifest
// names it. After an error the session stands as far as it got, and is returned with the error.
// Errors: those of AppendUpload; fault.DigestMismatch, fault.SizeInvalid.
func (s *Service) FinishUpload(ctx context.Context, req FinishUploadRequest) (content.Upload, error) {
	up, err := s.Upload(ctx, req.Session)
	if err != nil {
		return up, err
	}
	if req.Size > 0 && req.Size <= maxDirect && up.Offset == 0 && req.At <= 0 {
		push := PushBlobRequest{By: req.By, Repository: req.Repository, Digest: req.Digest, Size: req.Size, Body: req.Body}
		return up, s.ingest(ctx, push, s.content.AbortUpload(req.ID))
	}
	if req.Size != 0 {
		if up, err = s.append(ctx, Chunk{req.Session, req.At, req.Body}); err != nil {
			return up, err
		}
	}
	finish, err := s.content.PrepareFinish(ctx, req.ID, req.Digest)
	if err != nil {
		return up, err
	}
	return up, s.execute(ctx, req.By, func(r meta.Reader) (meta.Step, error) {
		id, finished, err := s.content.PlanFinish(ctx, r, finish)
		if err != nil {
			return meta.Step{}, err
		}
		admit, err := s.planAdmit(ctx, r, admission{req.Repository, req.Digest, id, req.By})
		return meta.Join(finished, admit), err
	})
}
