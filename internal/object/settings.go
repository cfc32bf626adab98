package object

import (
	"context"
	"errors"

	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/meta"
)

// Settings is what the owner of a bucket has set for it as a whole. The zero value is that of a new bucket, and is not stored.
type Settings struct {
	Tags         []Tag              `cbor:"1,keyasint,omitempty"` // in the order in which they were set
	CORS         []CORSRule         `cbor:"2,keyasint,omitempty"`
	PublicAccess *PublicAccessBlock `cbor:"3,keyasint,omitempty"` // nil: none is set
	Lifecycle    *Lifecycle         `cbor:"4,keyasint,omitempty"` // nil: nothing expires
	// NoOwnership says that the owner removed the ownership controls. BucketOwnerEnforced is all that there is, with them or without;
	// but who removed them is told that there are none.
	NoOwnership bool   `cbor:"5,keyasint,omitempty"`
	Policy      []byte `cbor:"6,keyasint,omitempty"` // the text as it was set; empty: there is none
}

func (s *Settings) empty() bool {
	return len(s.Tags) == 0 && len(s.CORS) == 0 && s.PublicAccess == nil && s.Lifecycle == nil && !s.NoOwnership && len(s.Policy) == 0
}

// table of settings. Its rows go with their buckets.
var settings = meta.NewTable[Settings](0x49, "bucket settings") // bucket

// Settings are those of a bucket. It reads one row where any are set. Errors: fault.BucketNotFound.
func (s *Service) Settings(ctx context.Context, bucket string) (Settings, error) {
	var row Settings
	err := s.meta.View(ctx, func(r meta.Reader) error {
		var found bool
		var err error
		if row, found, err = settings.Find(ctx, r, bucket); err != nil || found {
			return err
		}
		_, err = findBucket(ctx, r, bucket)
		return err
	})
	return row, err
}

// CORS is the rules of a bucket for requests from other origins: none where it has none or does not exist. It reads one row.
func (s *Service) CORS(ctx context.Context, bucket string) ([]CORSRule, error) {
	row, err := s.findSettings(ctx, bucket)
	return row.CORS, err
}

// findSettings reads one row, whether the bucket exists or not.
func (s *Service) findSettings(ctx context.Context, bucket string) (Settings, error) {
	var row Settings
	err := s.meta.View(ctx, func(r meta.Reader) (err error) {
		row, _, err = settings.Find(ctx, r, bucket)
		return err
	})
	return row, err
}

// ChangeSettingsRequest is a change of a bucket's settings.
type ChangeSettingsRequest struct {
	By     Actor
	Bucket string
	What   string          // the sub-resource that changes, for the event
	Change func(*Settings) // may be called more than once; what it puts in must be checked
}

// ChangeSettings changes a bucket's settings. Errors: fault.BucketNotFound.
func (s *Service) ChangeSettings(ctx context.Context, req ChangeSettingsRequest) error {
	now := s.o.Now()
	return s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		bucket, err := findBucket(ctx, r, req.Bucket)
		if err != nil {
			return meta.Step{}, err
		}
		key, own, review := settings.Key(req.Bucket), buckets.Key(req.Bucket), reviews.Key(req.Bucket)
		change := meta.Step{Locks: meta.LockSet{}.Write(key, own, review), Do: func(ctx context.Context, tx meta.Tx) error {
			row, _, err := settings.Find(ctx, tx, req.Bucket)
			if err != nil {
				return err
			}
			before := row.Lifecycle
			if req.Change(&row); row.Lifecycle != before {
				if err := renewLifecycle(tx, req.Bucket, bucket); err != nil {
					return err
				}
			}
			if err := putSettings(tx, key, &row); err != nil {
				return err
			}
			return event.Record(tx, event.Event{
				Kind: event.BucketChanged, Time: event.At(now), Principal: req.By.Principal, Request: req.By.Request,
				Name: req.Bucket, Key: req.What,
			})
		}}
		return meta.Join(useBucket(req.Bucket, bucket), change), nil
	})
}

func putSettings(tx meta.Tx, key meta.Key, row *Settings) error {
	if row.empty() {
		return tx.Delete(key)
	}
	return settings.PutKey(tx, key, *row)
}

// renewLifecycle makes the plans of writers stale that knew another lifecycle, and has the bucket filed for this one.
func renewLifecycle(tx meta.Tx, name string, row bucketRow) error {
	row.Lifecycle++
	return errors.Join(buckets.Put(tx, row, name), reviews.Put(tx, reviewRow{Lifecycle: row.Lifecycle}, name))
}
