package object

import (
	"context"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// DeleteRequest is a key, or a version of it, to remove.
type DeleteRequest struct {
	By          Actor
	Bucket, Key string
	VersionID   string // empty: the current one
	If          WriteCondition
}

// Delete removes a version; one that is not there is no error (S3 API, "DeleteObject").
// Errors: fault.BucketNotFound, fault.PreconditionFailed, fault.KeyNotFound (If-Match on an absent key).
func (s *Service) Delete(ctx context.Context, req DeleteRequest) error {
	if err := CheckKey(req.Key); err != nil {
		return err
	}
	at := s.o.Now()
	return s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		p, err := findPlace(ctx, r, req.Bucket, req.Key)
		if err != nil {
			return meta.Step{}, err
		}
		if err := req.If.check(p.current); err != nil {
			return meta.Step{}, err
		}
		if !p.has(req.VersionID) {
			return p.hold(), nil
		}
		return s.planDelete(ctx, r, p, at, req.By)
	})
}

// has says whether the version that id addresses is the current one.
func (p place) has(id string) bool {
	return p.current != nil && (id == "" || id == p.current.Address())
}

// DeleteManyRequest is up to 1000 keys to remove from a bucket.
type DeleteManyRequest struct {
	By     Actor
	Bucket string
	Keys   []DeleteKey
}

// DeleteKey is one key, or a version of it, to remove.
type DeleteKey struct {
	Key       string
	VersionID string
	If        WriteCondition
}

const (
	maxDeleteKeys = 1000
	// deleteBatch keys go in one transaction: enough to share its cost, few enough not to hold up the writers of all of them.
	deleteBatch = 100
)

// DeleteMany removes keys (S3 API, "DeleteObjects"). The result has one error for each key, nil where it is gone.
// Errors for all: fault.BucketNotFound; fault.MalformedXML for no keys or more than 1000.
func (s *Service) DeleteMany(ctx context.Context, req DeleteManyRequest) ([]error, error) {
	if len(req.Keys) == 0 || len(req.Keys) > maxDeleteKeys {
		return nil, fault.MalformedXML.Detail("the request must name 1 to %d keys", maxDeleteKeys)
	}
	if _, err := s.HeadBucket(ctx, req.Bucket); err != nil {
		return nil, err
	}
	results := make([]error, len(req.Keys))
	for from := 0; from < len(req.Keys); from += deleteBatch {
		to := min(from+deleteBatch, len(req.Keys))
		s.deleteBatch(ctx, &req, req.Keys[from:to], results[from:to])
	}
	return results, nil
}

// deleteBatch removes keys in one transaction. When that fails, it fails for each of them that was to be removed.
func (s *Service) deleteBatch(ctx context.Context, req *DeleteManyRequest, keys []DeleteKey, results []error) {
	at := s.o.Now()
	err := s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		row, err := findBucket(ctx, r, req.Bucket)
		if err != nil {
			return meta.Step{}, err
		}
		var steps []meta.Step
		done := make(map[string]bool, len(keys))
		for i, k := range keys {
			if results[i] = CheckKey(k.Key); results[i] != nil || done[k.Key] {
				continue
			}
			current, err := findCurrent(ctx, r, objects.Key(req.Bucket, k.Key))
			if err != nil {
				return meta.Step{}, err
			}
			p := place{req.Bucket, k.Key, row, current}
			if results[i] = k.If.check(current); results[i] != nil || !p.has(k.VersionID) {
				steps = append(steps, p.hold())
				continue
			}
			done[k.Key] = true
			step, err := s.planDelete(ctx, r, p, at, req.By)
			if err != nil {
				return meta.Step{}, err
			}
			steps = append(steps, step)
		}
		return joinAll(steps), nil
	})
	if err != nil {
		for i := range results {
			if results[i] == nil {
				results[i] = err
			}
		}
	}
}

// joinAll is meta.Join for many steps, with lock sets joined in pairs so that the work does not grow with the square of their number.
func joinAll(steps []meta.Step) meta.Step {
	switch len(steps) {
	case 0:
		return meta.Step{Do: func(context.Context, meta.Tx) error { return nil }}
	case 1:
		return steps[0]
	}
	half := len(steps) / 2
	return meta.Join(joinAll(steps[:half]), joinAll(steps[half:]))
}
