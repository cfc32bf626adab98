package object

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// MaxParts is the greatest part number (S3 User Guide, "Amazon S3 multipart upload limits").
const MaxParts = 10_000

// uploadRow is a multipart upload: what the version will have beside its bytes. The pieces are with package content, under the same id.
type uploadRow struct {
	Owner     string       `cbor:"1,keyasint"` // principal id
	Initiated int64        `cbor:"2,keyasint"` // Unix nanoseconds
	Metadata  Metadata     `cbor:"3,keyasint"`
	Algorithm Algorithm    `cbor:"4,keyasint"`
	Type      ChecksumType `cbor:"5,keyasint,omitempty"`
	Chosen    bool         `cbor:"6,keyasint,omitempty"` // the client named the algorithm
	Tags      []Tag        `cbor:"7,keyasint,omitempty"`
	Retention Retention    `cbor:"8,keyasint,omitzero"`
	Hold      Hold         `cbor:"9,keyasint,omitempty"`
}

func (u *uploadRow) protection() Protection { return Protection{u.Retention, u.Hold} }

// Upload is a multipart upload under way.
type Upload struct {
	ID        string
	Key       string
	Owner     string // principal id
	Initiated time.Time
	Algorithm Algorithm
	Type      ChecksumType
	Chosen    bool // the client named the algorithm, so parts must agree with it
}

func (u *uploadRow) upload(key, id string) Upload {
	return Upload{
		ID: id, Key: key, Owner: u.Owner, Initiated: time.Unix(0, u.Initiated).UTC(),
		Algorithm: u.Algorithm, Type: u.Type, Chosen: u.Chosen,
	}
}

// UploadRef names an upload.
type UploadRef struct{ Bucket, Key, ID string }

func (u UploadRef) row() meta.Key { return uploads.Key(u.Bucket, u.Key, u.ID) }

// uploadID is the time of the beginning and the id of the content to come: uploads of one key are listed in the order of their beginning.
func uploadID(begun time.Time, id content.ID) string {
	return hex.EncodeToString([]byte(meta.U64(uint64(begun.UnixNano())))) + string(id)
}

// content is the id of the content to come. Only ids that uploadID made have a row, so others never get here.
func (u UploadRef) content() content.ID { return content.ID(u.ID[min(16, len(u.ID)):]) }

// findUpload reports fault.UploadNotFound, or fault.BucketNotFound where that is why.
func findUpload(ctx context.Context, r meta.Reader, u UploadRef) (uploadRow, error) {
	row, err := uploads.GetKey(ctx, r, u.row())
	if !errors.Is(err, meta.ErrNotFound) {
		return row, err
	}
	if _, err := findBucket(ctx, r, u.Bucket); err != nil {
		return row, err
	}
	return row, fault.UploadNotFound.With(u.ID, nil)
}

// translateUpload gives the content store's word for an absent upload its name in S3.
func translateUpload(err error) error {
	if errors.Is(err, fault.SessionNotFound) {
		return fault.UploadNotFound
	}
	return err
}

// CreateUploadRequest begins a multipart upload.
type CreateUploadRequest struct {
	By          Actor
	Bucket, Key string
	Metadata    Metadata
	Tags        []Tag
	Protect     Protection
	Algorithm   Algorithm     // 0: CRC64NVME, computed by the server
	Type        *ChecksumType // nil: the algorithm's own
}

// CreateUpload begins a multipart upload (S3 API, "CreateMultipartUpload").
// Errors: fault.BucketNotFound, fault.KeyTooLong, fault.PathInvalid, fault.MetadataTooLarge, fault.TagsInvalid, fault.LockMissing,
// fault.ArgumentInvalid (protection), fault.BadRequest for a checksum type that the algorithm cannot have.
func (s *Service) CreateUpload(ctx context.Context, req CreateUploadRequest) (Upload, error) {
	if err := errors.Join(CheckKey(req.Key), req.Metadata.Check(), CheckTags(req.Tags, MaxObjectTags)); err != nil {
		return Upload{}, err
	}
	row := uploadRow{
		Owner: req.By.Principal, Initiated: s.o.Now().UnixNano(), Metadata: req.Metadata,
		Algorithm: req.Algorithm, Chosen: req.Algorithm != 0, Tags: req.Tags, Retention: req.Protect.Retention, Hold: req.Protect.Hold,
	}
	if !row.Chosen {
		row.Algorithm = CRC64NVME
	}
	var err error
	if row.Type, err = chooseType(row.Algorithm, req.Type); err != nil {
		return Upload{}, err
	}
	begun, begin := s.content.NewUpload(req.Bucket, req.By.Principal, content.Multipart)
	u := UploadRef{req.Bucket, req.Key, uploadID(time.Unix(0, row.Initiated), begun.ID)}
	err = s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		bucket, err := findBucket(ctx, r, req.Bucket)
		if err != nil {
			return meta.Step{}, err
		}
		if err := req.Protect.check(bucket, time.Unix(0, row.Initiated)); err != nil {
			return meta.Step{}, err
		}
		own := meta.Step{Locks: meta.LockSet{}.Write(u.row()), Do: func(_ context.Context, tx meta.Tx) error {
			return uploads.PutKey(tx, u.row(), row)
		}}
		a, err := s.agendaOf(ctx, r, req.Bucket, bucket)
		return meta.Join(useBucket(req.Bucket, bucket), begin, own, file(req.Bucket, req.Key, a.upload(req.Key, row.Initiated))), err
	})
	return row.upload(req.Key, u.ID), err
}

// PutPartRequest is one part of an upload.
type PutPartRequest struct {
	Upload    UploadRef
	Number    int
	Body      io.Reader
	Size      int64 // declared length in bytes
	Integrity Integrity
}

// Part is a part of an upload as clients see it.
type Part struct {
	Number   int
	Size     int64 // bytes
	Modified time.Time
	ETag     string
	Checksum Checksum
}

func partOf(p content.Part, a Algorithm) Part {
	return Part{
		Number: p.Number, Size: p.Size, Modified: p.Modified.UTC(), ETag: etag(p.Sum(content.MD5), 0),
		Checksum: Checksum{Algorithm: a, Sum: p.Sum(a.hash())},
	}
}

// PutPart stores a part, in place of an earlier one of its number (S3 API, "UploadPart"). The upload's algorithm is always computed.
// Errors: fault.UploadNotFound, fault.BucketNotFound, fault.ArgumentInvalid for a bad number, fault.BadRequest for a checksum of another
// algorithm than the upload's, fault.LengthRequired, fault.EntityTooLarge, fault.ChecksumMismatch, fault.Incomplete, fault.StorageFull.
func (s *Service) PutPart(ctx context.Context, req PutPartRequest) (Part, error) {
	switch {
	case req.Number < 1 || req.Number > MaxParts:
		return Part{}, fault.ArgumentInvalid.Detail("Part number must be an integer between 1 and %d, inclusive.", MaxParts)
	case req.Size < 0:
		return Part{}, fault.LengthRequired
	case req.Size > s.o.MaxPut:
		return Part{}, fault.EntityTooLarge
	}
	row, err := s.viewUpload(ctx, req.Upload)
	if err != nil {
		return Part{}, err
	}
	if err := row.accepts(req.Integrity.Algorithm); err != nil {
		return Part{}, err
	}
	return s.takePart(ctx, &req, row.Algorithm)
}

func (s *Service) takePart(ctx context.Context, req *PutPartRequest, keep Algorithm) (Part, error) {
	p, err := s.content.PutPart(ctx, req.Upload.content(), req.Number, content.IngestRequest{
		Body: req.Body, Size: req.Size, Hashes: req.Integrity.hashes(keep), Verify: req.Integrity.verify,
	})
	if err != nil {
		return Part{}, translateUpload(crowded(err))
	}
	return partOf(p, keep), nil
}

// accepts reports whether a part with a checksum of algorithm a (0: none) fits the upload. A composite needs the client's
// checksum of each part; where the client chose nothing any will do.
func (u *uploadRow) accepts(a Algorithm) error {
	name := "null"
	if a != 0 {
		name = a.String()
	}
	if u.Chosen && a != u.Algorithm && (a != 0 || u.Type == Composite) {
		return fault.BadRequest.Detail("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", u.Algorithm, name)
	}
	return nil
}

func (s *Service) viewUpload(ctx context.Context, u UploadRef) (row uploadRow, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		row, err = findUpload(ctx, r, u)
		return err
	})
	return row, err
}

// AbortRequest ends an upload.
type AbortRequest struct {
	Upload    UploadRef
	Initiated time.Time // x-amz-if-match-initiated-time, in whole seconds: of the upload; zero: not stated
}

// Abort gives an upload up; its parts go (S3 API, "AbortMultipartUpload"). An Initiated that lies ahead is ignored.
// Errors: fault.UploadNotFound, fault.BucketNotFound, fault.PreconditionFailed.
func (s *Service) Abort(ctx context.Context, req AbortRequest) error {
	err := s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		row, err := findUpload(ctx, r, req.Upload)
		if err != nil {
			return meta.Step{}, err
		}
		begun := time.Unix(0, row.Initiated).Truncate(time.Second)
		if !req.Initiated.IsZero() && !req.Initiated.After(s.o.Now()) && !req.Initiated.Equal(begun) {
			return meta.Step{}, failed("If-Match-Initiated-Time")
		}
		return meta.Join(s.content.AbortUpload(req.Upload.content()), endUpload(req.Upload)), nil
	})
	return translateUpload(err)
}

// endUpload is the step that removes an upload's row; the content store's row tells whether it was still there.
func endUpload(u UploadRef) meta.Step {
	return meta.Step{Locks: meta.LockSet{}.Write(u.row()), Do: func(_ context.Context, tx meta.Tx) error { return tx.Delete(u.row()) }}
}
