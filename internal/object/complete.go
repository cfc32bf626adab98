package object

import (
	"context"
	"crypto/md5"
	"errors"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// CompleteRequest makes an object of an upload's parts.
type CompleteRequest struct {
	By       Actor
	Upload   UploadRef
	Parts    []CompletePart
	If       WriteCondition
	Checksum *Checksum // of the object, as the client has it; nil: not stated
	Type     *ChecksumType
	Size     int64 // of the object, as the client has it; -1: not stated
}

// CompletePart is a part as the client remembers it.
type CompletePart struct {
	Number    int
	ETag      string // quoted or not
	Algorithm Algorithm
	Sum       []byte // nil: not stated
}

// completedRow is the answer to a completed upload, kept for a day or two: a client whose connection broke asks again.
type completedRow struct {
	Bucket  string  `cbor:"1,keyasint"`
	Key     string  `cbor:"2,keyasint"`
	Version Version `cbor:"3,keyasint"`
	Told    string  `cbor:"4,keyasint,omitempty"` // the version id as the answer told it
}

const day = 24 * time.Hour

func dayOf(t time.Time) uint64 { return uint64(t.Unix() / int64(day/time.Second)) }

// Complete makes the parts one object, without copying them, in one transaction (S3 API, "CompleteMultipartUpload"). Asked again about
// the same upload, it answers the same. Identity is empty when the digest of the whole is still being computed.
// Errors: fault.UploadNotFound, fault.BucketNotFound, fault.MalformedXML for no parts, fault.PartOrderInvalid, fault.PartInvalid,
// fault.EntityTooSmall, fault.EntityTooLarge, fault.BadRequest, fault.ChecksumMismatch, fault.PreconditionFailed, fault.KeyNotFound (If-Match).
func (s *Service) Complete(ctx context.Context, req CompleteRequest) (Stored, error) {
	numbers, err := req.numbers()
	if err != nil {
		return Stored{}, err
	}
	done, err := s.checkComplete(ctx, &req, numbers)
	if err != nil || done != nil {
		return s.completedBefore(ctx, done, err)
	}
	if err := s.content.FinishHash(ctx, req.Upload.content(), numbers); err != nil && !errors.Is(err, fault.SessionNotFound) {
		return Stored{}, err
	}
	v := Version{Owner: req.By.Principal, Modified: s.o.Now().UnixNano(), Once: req.If.Once}
	n, out := newNonce(), Stored{}
	var completion content.Completion
	err = s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		row, err := findUpload(ctx, r, req.Upload)
		if err != nil {
			return meta.Step{}, err
		}
		var finish meta.Step
		completion, finish, err = s.content.PlanComplete(ctx, r, req.Upload.content(), numbers)
		if err != nil {
			return meta.Step{}, err
		}
		if err := s.assemble(&req, &row, completion.Parts, &v); err != nil {
			return meta.Step{}, err
		}
		v.Content, v.SHA256 = completion.ID, nil
		if completion.Digest != "" {
			v.SHA256 = completion.Digest.Sum()
		}
		p, err := s.placeUpload(ctx, r, &req)
		if err != nil {
			return meta.Step{}, err
		}
		if err := p.begin(&v, n, row.protection()); err != nil {
			return meta.Step{}, err
		}
		out = Stored{v, identify(completion.Digest, v.Size), told(&v, p.row)}
		return s.planComplete(ctx, r, &req, p, &out, completing{newPartsRow(completion.Parts, row.Algorithm), finish})
	})
	if errors.Is(err, fault.UploadNotFound) || errors.Is(err, fault.SessionNotFound) { // perhaps another request completed it
		done, again := s.findCompleted(ctx, req.Upload)
		if done == nil {
			return Stored{}, errors.Join(again, translateUpload(err))
		}
		return s.completedBefore(ctx, done, again)
	}
	if err == nil {
		s.content.Completed(completion)
	}
	return out, err
}

// placeUpload finds where the upload's object goes. Errors: those of findPlace and of the condition.
func (s *Service) placeUpload(ctx context.Context, r meta.Reader, req *CompleteRequest) (place, error) {
	p, err := findPlace(ctx, r, req.Upload.Bucket, req.Upload.Key)
	if err == nil {
		err = req.If.check(p.visible())
	}
	return p, err
}

// planComplete is the step that writes out's version, whose bytes finish makes, and ends the upload.
func (s *Service) planComplete(ctx context.Context, r meta.Reader, req *CompleteRequest, p place, out *Stored, rest completing) (meta.Step, error) {
	u, v := req.Upload, &out.Version
	named := meta.Join(rest.finish, s.content.LinkNew(v.Content, objectEdge(u.Bucket, u.Key, v.ID)))
	write, err := s.planWrite(ctx, r, p, v, named, req.By)
	if err != nil {
		return meta.Step{}, err
	}
	boundaries, answer := parts.Key(u.Bucket, v.ID), completed.Key(meta.U64(dayOf(v.Time())), u.ID)
	done := completedRow{u.Bucket, u.Key, *v, out.VersionID}
	return meta.Join(write, endUpload(u), meta.Step{Locks: meta.LockSet{}.Write(boundaries, answer), Do: func(_ context.Context, tx meta.Tx) error {
		return errors.Join(parts.PutKey(tx, boundaries, rest.parts), completed.PutKey(tx, answer, done))
	}}), nil
}

// completing is what an upload leaves for its version.
type completing struct {
	parts  partsRow
	finish meta.Step
}

// numbers are the part numbers. Errors: fault.MalformedXML, fault.PartOrderInvalid, fault.PartInvalid.
func (req *CompleteRequest) numbers() ([]int, error) {
	if len(req.Parts) == 0 || len(req.Parts) > MaxParts {
		return nil, fault.MalformedXML.Detail("the request must list 1 to %d parts", MaxParts)
	}
	numbers := make([]int, len(req.Parts))
	for i, p := range req.Parts {
		switch {
		case p.Number < 1 || p.Number > MaxParts:
			return nil, fault.ArgumentInvalid.Detail("PartNumber must be between 1 and %d", MaxParts)
		case i > 0 && p.Number <= numbers[i-1]:
			return nil, fault.PartOrderInvalid
		}
		numbers[i] = p.Number
	}
	return numbers, nil
}

// checkComplete is what can be refused before anything is hashed. It returns the answer when the upload was completed before.
func (s *Service) checkComplete(ctx context.Context, req *CompleteRequest, numbers []int) (done *completedRow, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		row, err := findUpload(ctx, r, req.Upload)
		if errors.Is(err, fault.UploadNotFound) {
			if done, err = s.lookCompleted(ctx, r, req.Upload); done != nil || err != nil {
				return err
			}
			return fault.UploadNotFound.With(req.Upload.ID, nil)
		}
		if err != nil {
			return err
		}
		if _, err := s.placeUpload(ctx, r, req); err != nil {
			return err
		}
		if req.Type != nil && *req.Type != row.Type {
			return fault.BadRequest.Detail("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", row.Type)
		}
		return s.checkParts(ctx, r, req, &row, numbers)
	})
	return done, err
}

// checkParts compares the client's list with the parts that are there.
func (s *Service) checkParts(ctx context.Context, r meta.Reader, req *CompleteRequest, row *uploadRow, numbers []int) error {
	list := make([]content.Part, 0, len(numbers))
	for p, err := range s.content.Parts(ctx, r, req.Upload.content(), numbers[0]-1) {
		if err != nil {
			return err
		}
		if len(list) == len(numbers) {
			break
		}
		if p.Number == numbers[len(list)] {
			list = append(list, p)
		}
	}
	if len(list) < len(numbers) {
		return fault.PartInvalid.Detail("One or more of the specified parts could not be found: part %d", numbers[len(list)])
	}
	return s.assemble(req, row, list, &Version{})
}

// assemble checks the list of parts and tells v what follows from it: size, ETag and checksum.
func (s *Service) assemble(req *CompleteRequest, row *uploadRow, list []content.Part, v *Version) error {
	tag := md5.New()
	v.Size = 0
	for i, p := range list {
		if err := req.Parts[i].check(row, p); err != nil {
			return err
		}
		if i < len(list)-1 && p.Size < s.o.MinPart {
			return fault.EntityTooSmall.Detail("Your proposed upload is smaller than the minimum allowed size: part %d has %d bytes", p.Number, p.Size)
		}
		tag.Write(p.Sum(content.MD5))
		v.Size += p.Size
	}
	switch {
	case v.Size > s.o.MaxObject:
		return fault.EntityTooLarge
	case req.Size >= 0 && req.Size != v.Size:
		return fault.BadRequest.Detail("The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", req.Size, v.Size)
	}
	v.MD5, v.PartCount, v.Metadata, v.Tags = tag.Sum(nil), len(list), row.Metadata, row.Tags
	v.Checksum = joinChecksums(row.Algorithm, row.Type, list)
	return req.checkSum(v.Checksum)
}

// check compares a part with what the client remembers of it.
func (c CompletePart) check(row *uploadRow, p content.Part) error {
	if TrimETag(c.ETag) != etag(p.Sum(content.MD5), 0) {
		return fault.PartInvalid.Detail("One or more of the specified parts could not be found, or its ETag differs: part %d", p.Number)
	}
	if c.Sum == nil {
		if row.Chosen && row.Type == Composite {
			return fault.BadRequest.Detail("The upload was created using a %s checksum. The complete request must include the checksum for each part. "+
				"It was missing for part %d in the request.", strings.ToLower(row.Algorithm.String()), p.Number)
		}
		return nil
	}
	if c.Algorithm != row.Algorithm && row.Chosen {
		return fault.ChecksumMismatch.Detail("The %s you specified for part %d did not match what we received.", strings.ToLower(c.Algorithm.String()), p.Number)
	}
	if c.Algorithm == row.Algorithm && string(c.Sum) != string(p.Sum(row.Algorithm.hash())) {
		return fault.PartInvalid.Detail("One or more of the specified parts could not be found, or its checksum differs: part %d", p.Number)
	}
	return nil
}

// checkSum compares the checksum of the object with the client's.
func (req *CompleteRequest) checkSum(c Checksum) error {
	want := req.Checksum
	switch {
	case want == nil:
		return nil
	case want.Algorithm != c.Algorithm:
		return fault.BadRequest.Detail("The upload was created using the %s checksum algorithm", c.Algorithm)
	case string(want.Sum) != string(c.Sum) || want.Parts != 0 && want.Parts != c.Parts:
		return mismatch(c.Algorithm)
	}
	return nil
}

// completedBefore is the answer to an upload that has been completed already.
func (s *Service) completedBefore(ctx context.Context, done *completedRow, err error) (Stored, error) {
	if err != nil {
		return Stored{}, err
	}
	v := &done.Version
	id := identify(v.digest(), v.Size)
	if id.Content == "" {
		err = s.meta.View(ctx, func(r meta.Reader) error {
			c, err := s.content.Get(ctx, r, v.Content)
			if errors.Is(err, fault.BlobNotFound) { // the object has been deleted since
				err = nil
			}
			id = identify(c.Digest, v.Size)
			return err
		})
	}
	return Stored{*v, id, done.Told}, err
}

func (s *Service) findCompleted(ctx context.Context, u UploadRef) (done *completedRow, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		done, err = s.lookCompleted(ctx, r, u)
		return err
	})
	return done, err
}

// lookCompleted is nil when u was not completed lately.
func (s *Service) lookCompleted(ctx context.Context, r meta.Reader, u UploadRef) (*completedRow, error) {
	today := dayOf(s.o.Now())
	for _, d := range []uint64{today, today - 1} {
		row, found, err := completed.Find(ctx, r, meta.U64(d), u.ID)
		if err != nil {
			return nil, err
		}
		if found && row.Bucket == u.Bucket && row.Key == u.Key {
			return &row, nil
		}
	}
	return nil, nil
}

// forgetBatch rows are removed in one transaction.
const forgetBatch = 500

// Forget removes the answers to uploads that were completed the day before yesterday or earlier.
func (s *Service) Forget(ctx context.Context) error {
	old := completed.All()
	old.To = completed.Key(meta.U64(dayOf(s.o.Now()) - 1)).Raw()
	for {
		var keys []meta.Key
		err := s.meta.View(ctx, func(r meta.Reader) error {
			keys = keys[:0]
			for row, err := range r.Scan(ctx, old.Limited(forgetBatch)) {
				if err != nil {
					return err
				}
				parts, err := meta.SplitKey(row.Key)
				if err != nil {
					return err
				}
				keys = append(keys, completed.Key(parts...))
			}
			return nil
		})
		if err != nil || len(keys) == 0 {
			return err
		}
		err = s.meta.Update(ctx, meta.LockSet{}.Write(keys...), func(tx meta.Tx) error {
			for _, k := range keys {
				if err := tx.Delete(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
