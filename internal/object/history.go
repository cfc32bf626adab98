package object

import (
	"context"
	"errors"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// A key's current version has a row in objects or, when it is a delete marker, in markers; the earlier ones are in history. Whoever makes
// another version current holds both rows of the key, so what a plan knows of the current version stays true in its transaction, and with
// it that history has gained nothing: versions get there from the current place alone. They leave it by plans that hold their own rows.

// spot is a version and its row.
type spot struct {
	*Version
	row meta.Key
}

// readSpot reads the version at row, which is of objects, markers or history; nil when there is none.
func readSpot(ctx context.Context, r meta.Reader, row meta.Key) (*spot, error) {
	v, err := objects.GetKey(ctx, r, row) // rows of the three tables are alike
	switch {
	case errors.Is(err, meta.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &spot{&v, row}, nil
}

// is says whether both are the same version in the same state, or no version.
func (s *spot) is(other *spot) bool {
	if s == nil || other == nil {
		return s == other
	}
	return s.ID == other.ID && s.Revision == other.Revision && s.Superseded == other.Superseded
}

// still is the step that is stale once the row of the version has changed.
func (s *spot) still(locks meta.LockSet) meta.Step {
	return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		now, err := readSpot(ctx, tx, s.row)
		if err == nil && !now.is(s) {
			err = meta.ErrStale
		}
		return err
	}}
}

// findCurrent is nil when the key has no version. A bucket without versioning has no markers, which saves the second look.
func findCurrent(ctx context.Context, r meta.Reader, row bucketRow, bucket, key string) (*spot, error) {
	s, err := readSpot(ctx, r, objects.Key(bucket, key))
	if s != nil || err != nil || row.Versioning == Unversioned {
		return s, err
	}
	return readSpot(ctx, r, markers.Key(bucket, key))
}

// findEarlier is the version of the key in history that id addresses; nil when there is none.
func findEarlier(ctx context.Context, r meta.Reader, bucket, key, id string) (*spot, error) {
	if id == NullVersion {
		return findEarlierNull(ctx, r, bucket, key)
	}
	order, err := orderOf(id)
	if err != nil {
		return nil, err
	}
	s, err := readSpot(ctx, r, historyKey(bucket, key, order))
	if s != nil && s.Address() != id {
		return nil, err
	}
	return s, err
}

// findEarlierNull is the null version, where it is in history.
func findEarlierNull(ctx context.Context, r meta.Reader, bucket, key string) (*spot, error) {
	order, found, err := nulls.Find(ctx, r, bucket, key)
	if !found || err != nil {
		return nil, err
	}
	return readSpot(ctx, r, historyKey(bucket, key, order))
}

// newestEarlier is the newest version in history but for those that skip names; nil when there is none.
func newestEarlier(ctx context.Context, r meta.Reader, bucket, key string, skip func(id string) bool) (*spot, error) {
	for e, err := range history.Scan(ctx, r, history.Prefix(bucket, key)) {
		if err != nil {
			return nil, err
		}
		if !skip(e.Value.ID) {
			return &spot{&e.Value, history.Key(e.Parts...)}, nil
		}
	}
	return nil, nil
}

// VersionRef names a version of a key.
type VersionRef struct {
	Bucket, Key string
	VersionID   string // empty: the current one
}

// MarkerError says that the current version of a key is a delete marker (it is fault.KeyNotFound), or that the version asked for is one
// (fault.MethodNotAllowed).
type MarkerError struct {
	Cause    error
	ID       string // of the delete marker, as clients see it
	Modified int64  // Unix nanoseconds
}

// Error implements error.
func (e *MarkerError) Error() string { return e.Cause.Error() }

// Unwrap is the fault.
func (e *MarkerError) Unwrap() error { return e.Cause }

// find reads the version that ref addresses, and its bucket where that had to be read; else the zero row, which only a version that is
// no null version leaves. Errors: fault.BucketNotFound, fault.KeyNotFound, fault.VersionNotFound, fault.ArgumentInvalid, MarkerError.
func (ref VersionRef) find(ctx context.Context, r meta.Reader) (*spot, bucketRow, error) {
	s, err := readSpot(ctx, r, objects.Key(ref.Bucket, ref.Key))
	if err != nil || s != nil && !s.Null && (ref.VersionID == "" || ref.VersionID == s.ID) {
		return s, bucketRow{}, err
	}
	row, err := findBucket(ctx, r, ref.Bucket)
	if err != nil {
		return nil, row, err
	}
	if s == nil && row.Versioning != Unversioned {
		if s, err = readSpot(ctx, r, markers.Key(ref.Bucket, ref.Key)); err != nil {
			return nil, row, err
		}
	}
	if ref.VersionID != "" && (s == nil || s.Address() != ref.VersionID) {
		if s, err = findEarlier(ctx, r, ref.Bucket, ref.Key, ref.VersionID); err != nil {
			return nil, row, err
		}
	}
	switch {
	case s != nil && s.Marker:
		return nil, row, ref.marked(s)
	case s != nil:
		return s, row, nil
	case ref.VersionID != "":
		return nil, row, fault.VersionNotFound.With(ref.Key, nil)
	}
	return nil, row, fault.KeyNotFound.With(ref.Key, nil)
}

func (ref VersionRef) marked(s *spot) error {
	cause := error(fault.MethodNotAllowed)
	if ref.VersionID == "" {
		cause = fault.KeyNotFound.With(ref.Key, nil)
	}
	return &MarkerError{Cause: cause, ID: s.Address(), Modified: s.Modified}
}

// told is the version id as answers tell it: none where the bucket has never had versioning.
func told(v *Version, row bucketRow) string {
	if v.Null && row.Versioning == Unversioned {
		return ""
	}
	return v.Address()
}
