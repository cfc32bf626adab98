package object

import (
	"context"
	"slices"

	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// Tags are the tags of a version, in the order in which they were given, and its id as clients see it (S3 API, "GetObjectTagging").
// Errors: those of Head.
func (s *Service) Tags(ctx context.Context, ref VersionRef) (tags []Tag, versionID string, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		at, row, err := ref.find(ctx, r)
		if err == nil {
			tags, versionID = at.Tags, told(at.Version, row)
		}
		return err
	})
	return tags, versionID, err
}

// TagRequest replaces the tags of a version.
type TagRequest struct {
	By      Actor
	Version VersionRef
	Tags    []Tag // none: they are removed
}

// PutTags replaces the tags of a version, and returns its id as clients see it (S3 API, "PutObjectTagging", "DeleteObjectTagging").
// Errors: those of Head; fault.TagsInvalid, fault.BadRequest for too many.
func (s *Service) PutTags(ctx context.Context, req TagRequest) (versionID string, err error) {
	if err := CheckTags(req.Tags, MaxObjectTags); err != nil {
		return "", err
	}
	return s.amend(ctx, req.By, req.Version, func(v *Version, _ bucketRow) error {
		v.Tags = slices.Clone(req.Tags)
		return nil
	})
}

// Protection is what protects a version. Errors: those of Head; fault.LockMissing where the bucket has no object lock.
func (s *Service) Protection(ctx context.Context, ref VersionRef) (p Protection, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		at, _, err := ref.find(ctx, r)
		if err != nil {
			return err
		}
		row, err := findBucket(ctx, r, ref.Bucket)
		if err == nil && !row.Lockable {
			err = fault.LockMissing
		}
		p = Protection{at.Version.Retention, at.Version.Hold}
		return err
	})
	return p, err
}

// RetentionRequest replaces the retention of a version.
type RetentionRequest struct {
	By        Actor
	Version   VersionRef
	Retention Retention // the zero value removes it
	Bypass    bool      // the caller has the right to bypass governance, and asks for it
}

// PutRetention replaces the retention of a version (S3 API, "PutObjectRetention"). One that has not ended can be made longer;
// under governance the rest takes Bypass, compliance included, under compliance there is no rest.
// Errors: those of Head; fault.LockMissing, fault.ArgumentInvalid for a time in the past, fault.ObjectLocked.
func (s *Service) PutRetention(ctx context.Context, req RetentionRequest) error {
	now := s.o.Now()
	if err := req.Retention.check(now); err != nil {
		return err
	}
	_, err := s.amend(ctx, req.By, req.Version, func(v *Version, row bucketRow) error {
		if !row.Lockable {
			return fault.LockMissing
		}
		if err := v.Retention.change(req.Retention, removal{at: now, bypass: req.Bypass}); err != nil {
			return err
		}
		v.Retention = req.Retention
		return nil
	})
	return err
}

// HoldRequest sets or lifts the legal hold of a version.
type HoldRequest struct {
	By      Actor
	Version VersionRef
	Hold    Hold
}

// PutHold sets or lifts a legal hold (S3 API, "PutObjectLegalHold"). Errors: those of Head; fault.LockMissing.
func (s *Service) PutHold(ctx context.Context, req HoldRequest) error {
	_, err := s.amend(ctx, req.By, req.Version, func(v *Version, row bucketRow) error {
		if !row.Lockable {
			return fault.LockMissing
		}
		v.Hold = req.Hold
		return nil
	})
	return err
}

// amend changes in place what of a version may change, and returns its id as clients see it.
func (s *Service) amend(ctx context.Context, by Actor, ref VersionRef, change func(*Version, bucketRow) error) (versionID string, err error) {
	if err := CheckKey(ref.Key); err != nil {
		return "", err
	}
	now := s.o.Now()
	err = s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		row, err := findBucket(ctx, r, ref.Bucket)
		if err != nil {
			return meta.Step{}, err
		}
		at, _, err := ref.find(ctx, r)
		if err != nil {
			return meta.Step{}, err
		}
		v := *at.Version
		if err := change(&v, row); err != nil {
			return meta.Step{}, err
		}
		v.Revision++
		filed, err := s.planAgain(ctx, r, ref.Bucket, ref.Key, row)
		if err != nil {
			return meta.Step{}, err
		}
		versionID = told(&v, row)
		write := meta.Step{Do: func(_ context.Context, tx meta.Tx) error {
			if err := objects.PutKey(tx, at.row, v); err != nil { // rows of history are alike
				return err
			}
			return event.Record(tx, event.Event{
				Kind: event.ObjectChanged, Time: event.At(now), Principal: by.Principal, Request: by.Request,
				Name: ref.Bucket, Key: ref.Key, Version: v.ID, Digest: v.digest().String(),
			})
		}}
		return meta.Join(useBucket(ref.Bucket, row), at.still(meta.LockSet{}.Write(at.row)), write, filed), nil
	})
	return versionID, err
}
