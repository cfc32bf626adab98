package object

import (
	"context"
	"errors"
	"time"

	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/meta"
)

// Versioning is the state of a bucket's versioning. Its numbers are stored.
type Versioning uint8

// The states of versioning (S3 User Guide, "How S3 Versioning works"). A bucket that had versioning once is never unversioned again.
const (
	Unversioned Versioning = 0 // one version of each key, the null version
	Versioned   Versioning = 1 // each write makes a version, deleting makes a marker
	Suspended   Versioning = 2 // writes replace the null version, versions stay
)

// Bucket is a bucket as clients see it.
type Bucket struct {
	Name       string
	Owner      string // principal id
	Created    time.Time
	Versioning Versioning
	Lockable   bool // object lock is enabled
	Rule       LockRule
}

// bucketRow is compared by plans: it stays comparable.
type bucketRow struct {
	Owner      string     `cbor:"1,keyasint"`
	Created    int64      `cbor:"2,keyasint"` // Unix nanoseconds
	Versioning Versioning `cbor:"3,keyasint,omitempty"`
	Lockable   bool       `cbor:"4,keyasint,omitempty"` // object lock is enabled
	Rule       LockRule   `cbor:"5,keyasint,omitzero"`
	Lifecycle  uint64     `cbor:"6,keyasint,omitempty"` // counts lifecycle configurations; 0: there was none
}

func (b bucketRow) bucket(name string) Bucket {
	return Bucket{
		Name: name, Owner: b.Owner, Created: time.Unix(0, b.Created).UTC(), Versioning: b.Versioning, Lockable: b.Lockable, Rule: b.Rule,
	}
}

// ownedRow lets an owner's buckets be listed without reading everybody's.
type ownedRow struct {
	Created int64 `cbor:"1,keyasint"` // Unix nanoseconds
}

// findBucket reports fault.BucketNotFound.
func findBucket(ctx context.Context, r meta.Reader, name string) (bucketRow, error) {
	row, found, err := buckets.Find(ctx, r, name)
	if err == nil && !found {
		err = fault.BucketNotFound.With(name, nil)
	}
	return row, err
}

// useBucket is the step that keeps the bucket of a plan in place: whoever deletes the bucket or changes its state writes its row.
func useBucket(name string, planned bucketRow) meta.Step {
	key := buckets.Key(name)
	return meta.Step{Locks: meta.LockSet{}.Read(key), Do: func(ctx context.Context, tx meta.Tx) error {
		switch now, err := buckets.GetKey(ctx, tx, key); {
		case errors.Is(err, meta.ErrNotFound):
			return fault.BucketNotFound.With(name, nil)
		case err != nil:
			return err
		case now != planned:
			return meta.ErrStale
		}
		return nil
	}}
}

// CheckBucketName reports fault.BucketNameInvalid for what no bucket can be called.
func CheckBucketName(name string) error { return repository.CheckBucket(name) }

// CreateBucketRequest is a bucket to make. The actor will own it.
type CreateBucketRequest struct {
	By       Actor
	Bucket   string
	Lockable bool // with object lock, which comes with versioning
	Tags     []Tag
}

// CreateBucket makes a bucket, or gives a bucket's face to a repository that the actor owns (S3 API, "CreateBucket").
// Errors: fault.BucketNameInvalid; fault.BucketOwned when the actor has it already; fault.BucketExists when the name is somebody else's;
// those of CheckTags.
func (s *Service) CreateBucket(ctx context.Context, req CreateBucketRequest) error {
	if err := repository.CheckBucket(req.Bucket); err != nil {
		return err
	}
	if err := CheckTags(req.Tags, MaxBucketTags); err != nil {
		return err
	}
	for {
		err := s.createBucket(ctx, req)
		if !errors.Is(err, errClosing) {
			return err
		}
		if err := s.repositories.Sweep(ctx, req.Bucket); err != nil {
			return err
		}
	}
}

// errClosing says that what the name stood for has not been removed completely yet.
var errClosing = errors.New("the name is being removed")

func (s *Service) createBucket(ctx context.Context, req CreateBucketRequest) error {
	now := s.o.Now()
	row := bucketRow{Owner: req.By.Principal, Created: now.UnixNano(), Lockable: req.Lockable}
	if row.Lockable {
		row.Versioning = Versioned
	}
	name, bucket, own := repository.Names.Key(req.Bucket), buckets.Key(req.Bucket), owned.Key(row.Owner, req.Bucket)
	set := settings.Key(req.Bucket)
	return s.meta.Update(ctx, meta.LockSet{}.Write(name, bucket, own, set), func(tx meta.Tx) error {
		taken, found, err := repository.Names.Find(ctx, tx, req.Bucket)
		switch {
		case err != nil:
			return err
		case found && taken.Closing():
			return errClosing
		case found && taken.Owner != row.Owner:
			return fault.BucketExists.With(req.Bucket, nil)
		case taken.Bucket:
			return fault.BucketOwned.With(req.Bucket, nil)
		case !found:
			taken = repository.Name{Owner: row.Owner, Created: row.Created}
		}
		taken.Bucket = true
		return errors.Join(
			repository.Names.PutKey(tx, name, taken),
			buckets.PutKey(tx, bucket, row),
			putSettings(tx, set, &Settings{Tags: req.Tags}),
			owned.PutKey(tx, own, ownedRow{Created: row.Created}),
			event.Record(tx, event.Event{
				Kind: event.BucketCreated, Time: event.At(now), Principal: req.By.Principal, Request: req.By.Request, Name: req.Bucket,
			}))
	})
}

// HeadBucket finds a bucket (S3 API, "HeadBucket"). Errors: fault.BucketNotFound.
func (s *Service) HeadBucket(ctx context.Context, bucket string) (Bucket, error) {
	var row bucketRow
	err := s.meta.View(ctx, func(r meta.Reader) (err error) {
		row, err = findBucket(ctx, r, bucket)
		return err
	})
	return row.bucket(bucket), err
}

// ListBucketsRequest asks for the buckets of one owner, in the order of their names.
type ListBucketsRequest struct {
	Owner  string // principal id
	Prefix string
	After  string // buckets with greater names only
	Limit  int
}

// ListBuckets finds up to Limit buckets, and whether there are more (S3 API, "ListBuckets").
func (s *Service) ListBuckets(ctx context.Context, req ListBucketsRequest) (list []Bucket, more bool, err error) {
	rest := owned.Starting(req.Prefix, req.Owner)
	if req.After != "" {
		rest = owned.After(rest, req.Owner, req.After)
	}
	err = s.meta.View(ctx, func(r meta.Reader) error {
		list, more = nil, false
		for e, err := range owned.Scan(ctx, r, rest.Limited(req.Limit+1)) {
			if err != nil {
				return err
			}
			if more = len(list) == req.Limit; more {
				return nil
			}
			list = append(list, Bucket{Name: e.Parts[1], Owner: req.Owner, Created: time.Unix(0, e.Value.Created).UTC()})
		}
		return nil
	})
	return list, more, err
}

// DeleteBucketRequest is a bucket to remove.
type DeleteBucketRequest struct {
	By     Actor
	Bucket string
}

// maxDeleteRounds is how often DeleteBucket gives uploads up that others keep beginning.
const maxDeleteRounds = 10

// errUploads says that nothing but uploads in progress stands in the way.
var errUploads = errors.New("the bucket has multipart uploads in progress")

// DeleteBucket removes an empty bucket, its repository's face included; uploads in progress are given up (S3 API, "DeleteBucket").
// Errors: fault.BucketNotFound; fault.BucketNotEmpty, which says what remains: objects, tags or manifests.
func (s *Service) DeleteBucket(ctx context.Context, req DeleteBucketRequest) error {
	for range maxDeleteRounds {
		if err := s.deleteBucket(ctx, req); !errors.Is(err, errUploads) {
			return err
		}
		if err := s.abortAll(ctx, req.Bucket); err != nil {
			return err
		}
	}
	return fault.BucketNotEmpty.Detail("The bucket you tried to delete is not empty. Multipart uploads are begun all the time.")
}

// abortAll gives up every upload in progress.
func (s *Service) abortAll(ctx context.Context, bucket string) error {
	const page = 1000
	for more := true; more; {
		var list []UploadItem
		var err error
		if list, more, err = s.ListUploads(ctx, ListUploadsRequest{ListRequest: ListRequest{Bucket: bucket, Limit: page}}); err != nil {
			return err
		}
		for _, one := range list {
			err := s.Abort(ctx, AbortRequest{Upload: UploadRef{Bucket: bucket, Key: one.Name, ID: one.Upload.ID}})
			if err != nil && !errors.Is(err, fault.UploadNotFound) {
				return err
			}
		}
	}
	return nil
}

func (s *Service) deleteBucket(ctx context.Context, req DeleteBucketRequest) error {
	now := s.o.Now()
	return s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		row, err := findBucket(ctx, r, req.Bucket)
		if err != nil {
			return meta.Step{}, err
		}
		if err := noObjects(ctx, r, req.Bucket, row); err != nil {
			return meta.Step{}, err
		}
		closed, err := repository.PlanClose(ctx, s.content, r, req.Bucket)
		if err != nil {
			return meta.Step{}, err
		}
		bucket, own, set := buckets.Key(req.Bucket), owned.Key(row.Owner, req.Bucket), settings.Key(req.Bucket)
		locks := meta.LockSet{}.Write(bucket, own, set).
			Guard(objects.Guard(req.Bucket), markers.Guard(req.Bucket), history.Guard(req.Bucket), uploads.Guard(req.Bucket))
		remove := meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
			if err := noObjects(ctx, tx, req.Bucket, row); err != nil {
				return err
			}
			return errors.Join(tx.Delete(bucket), tx.Delete(own), tx.Delete(set), event.Record(tx, event.Event{
				Kind: event.BucketDeleted, Time: event.At(now), Principal: req.By.Principal, Request: req.By.Request, Name: req.Bucket,
			}))
		}}
		return meta.Join(useBucket(req.Bucket, row), remove, closed), nil
	})
}

// noObjects reports fault.BucketNotEmpty while the bucket has keys, else errUploads while it has uploads.
func noObjects(ctx context.Context, r meta.Reader, bucket string, row bucketRow) error {
	text := "The bucket you tried to delete is not empty."
	if row.Versioning != Unversioned {
		text += " You must delete all versions in the bucket."
	}
	for _, rows := range []meta.Range{objects.Prefix(bucket), markers.Prefix(bucket), history.Prefix(bucket)} {
		switch some, err := meta.Any(ctx, r, rows); {
		case err != nil:
			return err
		case some:
			return fault.BucketNotEmpty.Detail("%s", text)
		}
	}
	some, err := meta.Any(ctx, r, uploads.Prefix(bucket))
	if err == nil && some {
		err = errUploads
	}
	return err
}
