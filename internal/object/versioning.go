package object

import (
	"context"

	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// VersioningRequest turns versioning on, or suspends it.
type VersioningRequest struct {
	By     Actor
	Bucket string
	State  Versioning // Versioned or Suspended
}

// PutVersioning turns a bucket's versioning on, or suspends it (S3 API, "PutBucketVersioning").
// Errors: fault.BucketNotFound; fault.MalformedXML for another state; fault.BucketStateInvalid to suspend it under object lock.
func (s *Service) PutVersioning(ctx context.Context, req VersioningRequest) error {
	if req.State != Versioned && req.State != Suspended {
		return fault.MalformedXML
	}
	return s.changeBucket(ctx, req.By, req.Bucket, func(row *bucketRow) error {
		if row.Lockable && req.State != Versioned {
			return fault.BucketStateInvalid.Detail("An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
		}
		row.Versioning = req.State
		return nil
	})
}

// LockRequest turns object lock on, for ever, and sets the rule for new versions.
type LockRequest struct {
	By     Actor
	Bucket string
	Rule   LockRule // the zero value: no rule
}

// PutLock turns a bucket's object lock on and replaces its rule (S3 API, "PutObjectLockConfiguration").
// Errors: fault.BucketNotFound; fault.BucketStateInvalid without versioning; fault.ArgumentInvalid, fault.MalformedXML for a wrong rule.
func (s *Service) PutLock(ctx context.Context, req LockRequest) error {
	if err := req.Rule.check(); err != nil {
		return err
	}
	return s.changeBucket(ctx, req.By, req.Bucket, func(row *bucketRow) error {
		if row.Versioning != Versioned {
			return fault.BucketStateInvalid.Detail("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
		}
		row.Lockable, row.Rule = true, req.Rule
		return nil
	})
}

// changeBucket changes a bucket's row.
func (s *Service) changeBucket(ctx context.Context, by Actor, bucket string, change func(*bucketRow) error) error {
	now := s.o.Now()
	key := buckets.Key(bucket)
	return s.meta.Update(ctx, meta.LockSet{}.Write(key), func(tx meta.Tx) error {
		row, err := findBucket(ctx, tx, bucket)
		if err != nil {
			return err
		}
		if err := change(&row); err != nil {
			return err
		}
		if err := buckets.PutKey(tx, key, row); err != nil {
			return err
		}
		return event.Record(tx, event.Event{
			Kind: event.BucketChanged, Time: event.At(now), Principal: by.Principal, Request: by.Request, Name: bucket,
		})
	})
}
