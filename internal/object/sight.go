package object

import (
	"context"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/meta"
)

// The rights to read a version.
const (
	Get        auth.Action = "s3:GetObject"        // the current one
	GetVersion auth.Action = "s3:GetObjectVersion" // any
)

// Readable is the Objects of a repository.Sight for a caller whom may allows actions on objects: a version is read with the same right
// through its repository as through its bucket.
func Readable(may func(auth.Action, auth.Resource) bool) func(ctx context.Context, r meta.Reader, bucket, referrer string) (bool, error) {
	return func(ctx context.Context, r meta.Reader, bucket, referrer string) (bool, error) {
		key, id, ok := ParseReferrer(referrer)
		on := auth.Resource{Type: auth.Object, Name: bucket, Key: key}
		switch {
		case !ok:
			return false, nil
		case may(GetVersion, on):
			return true, nil
		case !may(Get, on):
			return false, nil
		}
		current, err := readSpot(ctx, r, objects.Key(bucket, key)) // not there while a delete marker is the current version
		return current != nil && current.ID == id, err
	}
}
