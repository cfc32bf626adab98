package content

import (
	"context"
	"sync"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// UploadKind tells S3's numbered parts from OCI's one growing session.
type UploadKind string

// The kinds of uploads.
const (
	Multipart UploadKind = "multipart"
	Session   UploadKind = "session"
)

// Upload is content arriving in pieces. Its id is the id of the content that it becomes.
type Upload struct {
	ID         ID
	Kind       UploadKind
	Repository string
	Owner      string // principal id
	Created    time.Time
	Updated    time.Time
	Offset     int64 // bytes received durably, of a session
}

func (u uploadRow) upload(id ID) Upload {
	return Upload{
		ID: id, Kind: u.Kind, Repository: u.Repository, Owner: u.Owner, Offset: u.Offset,
		Created: time.Unix(0, u.Created), Updated: time.Unix(0, u.Updated),
	}
}

// NewUpload is an upload with a new id, and the step that begins it.
func (s *Store) NewUpload(repo, owner string, k UploadKind) (Upload, meta.Step) {
	id, now := NewID(), s.o.Now()
	row := uploadRow{Kind: k, Repository: repo, Owner: owner, Created: now.UnixNano(), Updated: now.UnixNano()}
	key := uploads.Key(string(id))
	return row.upload(id), meta.Step{Locks: meta.LockSet{}.Write(key), Do: func(_ context.Context, tx meta.Tx) error {
		return uploads.PutKey(tx, key, row)
	}}
}

// GetUpload finds an upload. Errors: fault.SessionNotFound.
func (s *Store) GetUpload(ctx context.Context, r meta.Reader, id ID) (Upload, error) {
	row, err := s.uploadRow(ctx, r, id)
	return row.upload(id), err
}

func (s *Store) uploadRow(ctx context.Context, r meta.Reader, id ID) (uploadRow, error) {
	row, found, err := uploads.Find(ctx, r, string(id))
	if err == nil && !found {
		err = fault.SessionNotFound.With(string(id), nil)
	}
	return row, err
}

// AbortUpload is the step that ends an upload; its pieces go afterwards. Errors of Do: fault.SessionNotFound.
func (s *Store) AbortUpload(id ID) meta.Step { return s.endUpload(id) }

// endUpload removes the upload's row, which all changes of its parts read, and queues its parts for the collector: it keeps
// those that became content and trashes the rest.
func (s *Store) endUpload(id ID) meta.Step {
	key, left := uploads.Key(string(id)), leftovers.Key(string(id))
	return meta.Step{Locks: meta.LockSet{}.Write(key, left), Do: func(ctx context.Context, tx meta.Tx) error {
		if _, err := s.uploadRow(ctx, tx, id); err != nil {
			return err
		}
		if err := tx.Delete(key); err != nil {
			return err
		}
		return leftovers.PutKey(tx, left, struct{}{})
	}}
}

// sessions are the upload sessions that a request is appending to: one at a time each.
type sessions struct {
	mu   sync.Mutex
	busy map[ID]struct{}
}

// enter reports fault.ConditionalConflict while another request is in; leave ends the claim.
func (s *sessions) enter(id ID) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.busy[id]; ok {
		return nil, fault.ConditionalConflict.Detail("another request is writing to this upload session")
	}
	if s.busy == nil {
		s.busy = make(map[ID]struct{})
	}
	s.busy[id] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.busy, id)
	}, nil
}
