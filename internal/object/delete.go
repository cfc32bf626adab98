package object

import (
	"context"
	"errors"

	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// DeleteRequest is a key, or a version of it, to remove.
type DeleteRequest struct {
	By          Actor
	Bucket, Key string
	VersionID   string // empty: the current one
	If          WriteCondition
	Bypass      bool // governance does not protect: the caller has the right to bypass it, and asks for it
}

// Deleted is what a removal did.
type Deleted struct {
	VersionID string // of the version that went, or of the delete marker that came; empty where the bucket has never had versioning
	Marker    bool   // that version is a delete marker
}

// Delete removes a version for good when the request names it; one that is not there is no error. Without a version, it removes the object of
// a bucket that has no versioning, and hides it behind a delete marker in one that has (S3 API, "DeleteObject").
// Errors: fault.BucketNotFound, fault.PreconditionFailed, fault.KeyNotFound (If-Match on an absent key), fault.ObjectLocked,
// fault.ArgumentInvalid for a malformed version id.
func (s *Service) Delete(ctx context.Context, req DeleteRequest) (Deleted, error) {
	if err := CheckKey(req.Key); err != nil {
		return Deleted{}, err
	}
	n, how := newNonce(), removal{at: s.o.Now(), bypass: req.Bypass, by: req.By, once: req.If.Once}
	var out Deleted
	err := s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		p, err := findPlace(ctx, r, req.Bucket, req.Key)
		if err != nil {
			return meta.Step{}, err
		}
		if req.VersionID == "" {
			if again := p.done(req.If); again != nil && again.Marker {
				out = Deleted{VersionID: again.Address(), Marker: true}
				return p.hold(), nil
			}
			if err := req.If.check(p.visible()); err != nil {
				return meta.Step{}, err
			}
			step, deleted, err := s.planDelete(ctx, r, p, n, how)
			out = deleted
			return step, err
		}
		g := newDeletion(p, []DeleteKey{{Key: req.Key, VersionID: req.VersionID, If: req.If}})
		step, err := s.planDeletion(ctx, r, g, how)
		out = g.done[0].Deleted
		if err == nil {
			err = g.done[0].Err
		}
		return step, err
	})
	return out, err
}

// planDelete is the step that removes the object of a key: its null version goes, any other is hidden.
func (s *Service) planDelete(ctx context.Context, r meta.Reader, p place, n nonce, how removal) (meta.Step, Deleted, error) {
	if p.row.Versioning == Unversioned {
		if p.current == nil {
			return p.hold(), Deleted{}, nil
		}
		step, err := s.planDeleteCurrent(ctx, r, p, how, nil)
		return step, Deleted{}, err
	}
	m := Version{Marker: true, Owner: how.by.Principal, Modified: how.at.UnixNano(), Once: how.once}
	if err := p.begin(&m, n, Protection{}); err != nil {
		return meta.Step{}, Deleted{}, err
	}
	step, err := s.planWrite(ctx, r, p, &m, meta.Step{}, how.by)
	return step, Deleted{VersionID: m.Address(), Marker: true}, err
}

// planDeleteCurrent is the step that removes the current version for good: the newest earlier one that skip does not name takes its
// place.
func (s *Service) planDeleteCurrent(ctx context.Context, r meta.Reader, p place, how removal, skip func(id string) bool) (meta.Step, error) {
	removed, err := s.planRemove(ctx, r, p.bucket, p.key, p.current.Version, how)
	if err != nil {
		return meta.Step{}, err
	}
	steps := []meta.Step{p.hold(), removed, {Do: func(_ context.Context, tx meta.Tx) error { return tx.Delete(p.current.row) }}}
	if p.row.Versioning != Unversioned {
		next, err := newestEarlier(ctx, r, p.bucket, p.key, skip)
		if err != nil {
			return meta.Step{}, err
		}
		if next != nil {
			steps = append(steps, leave(p.bucket, p.key, next), p.promote(*next.Version))
		}
	}
	return meta.Join(append(steps, recordDeleted(p.bucket, p.key, p.current.Version, how))...), nil
}

// promote is the step that makes an earlier version the current one. place.hold has its locks.
func (p place) promote(v Version) meta.Step {
	row := objects.Key(p.bucket, p.key)
	if v.Marker {
		row = markers.Key(p.bucket, p.key)
	}
	v.Superseded = 0
	return meta.Step{Do: func(_ context.Context, tx meta.Tx) error { return objects.PutKey(tx, row, v) }} // rows of markers are alike
}

func recordDeleted(bucket, key string, v *Version, how removal) meta.Step {
	e := event.Event{
		Kind: event.ObjectDeleted, Time: event.At(how.at), Principal: how.by.Principal, Request: how.by.Request,
		Name: bucket, Key: key, Version: v.ID, Digest: v.digest().String(), Objects: -1, Bytes: -v.Size,
	}
	if v.Marker {
		e.Objects = 0
	}
	return meta.Step{Do: func(_ context.Context, tx meta.Tx) error { return event.Record(tx, e) }}
}

// deletion is versions of one key that go together.
type deletion struct {
	place
	keys []DeleteKey
	done []DeleteResult // for each of keys
}

func newDeletion(p place, keys []DeleteKey) *deletion {
	return &deletion{p, keys, make([]DeleteResult, len(keys))}
}

// planDeletion is the step that removes versions of a key for good. It fills in g.done: what it refuses stays.
func (s *Service) planDeletion(ctx context.Context, r meta.Reader, g *deletion, how removal) (meta.Step, error) {
	steps := []meta.Step{useBucket(g.bucket, g.row)}
	going := make(map[string]bool, len(g.keys))
	currentGoes := false
	for i, k := range g.keys {
		found, err := g.find(ctx, r, k.VersionID)
		res := &g.done[i]
		switch res.VersionID = k.VersionID; {
		case errors.Is(err, fault.ArgumentInvalid):
			res.Err = err
			continue
		case err != nil:
			return meta.Step{}, err
		}
		if res.Err = k.If.check(found.object()); res.Err != nil || found == nil {
			continue
		}
		if res.Err = how.check(found.Version); res.Err != nil {
			continue
		}
		if res.Marker = found.Marker; going[found.ID] {
			continue
		}
		going[found.ID] = true
		if found == g.current {
			currentGoes = true
			continue
		}
		removed, err := s.planRemoveEarlier(ctx, r, g.bucket, g.key, found, how)
		if err != nil {
			return meta.Step{}, err
		}
		steps = append(steps, removed, recordDeleted(g.bucket, g.key, found.Version, how))
	}
	if currentGoes {
		removed, err := s.planDeleteCurrent(ctx, r, g.place, how, func(id string) bool { return going[id] })
		if err != nil {
			return meta.Step{}, err
		}
		steps = append(steps, removed)
	}
	filed, err := s.planAgain(ctx, r, g.bucket, g.key, g.row)
	return meta.Join(append(steps, filed)...), err
}

// find is the version that id addresses; nil when there is none. Errors: fault.ArgumentInvalid.
func (p place) find(ctx context.Context, r meta.Reader, id string) (*spot, error) {
	if p.current != nil && p.current.Address() == id {
		return p.current, nil
	}
	if p.row.Versioning == Unversioned && id == NullVersion {
		return nil, nil
	}
	return findEarlier(ctx, r, p.bucket, p.key, id)
}

// object is the version, unless it is absent or a delete marker.
func (s *spot) object() *Version {
	if s == nil || s.Marker {
		return nil
	}
	return s.Version
}

// DeleteManyRequest is up to 1000 keys to remove from a bucket.
type DeleteManyRequest struct {
	By     Actor
	Bucket string
	Keys   []DeleteKey
	Bypass bool // as in DeleteRequest
}

// DeleteKey is one key, or a version of it, to remove.
type DeleteKey struct {
	Key       string
	VersionID string
	If        WriteCondition
}

// DeleteResult is what became of one key: Deleted counts where Err is nil.
type DeleteResult struct {
	Deleted
	Err error
}

const (
	maxDeleteKeys = 1000
	// deleteBatch keys go in one transaction: enough to share its cost, few enough not to hold up the writers of all of them.
	deleteBatch = 100
)

// DeleteMany removes keys or versions (S3 API, "DeleteObjects"), each as Delete does. The results are in the order of the request.
// Errors for all: fault.BucketNotFound; fault.MalformedXML for no keys or more than 1000.
func (s *Service) DeleteMany(ctx context.Context, req DeleteManyRequest) ([]DeleteResult, error) {
	if len(req.Keys) == 0 || len(req.Keys) > maxDeleteKeys {
		return nil, fault.MalformedXML.Detail("the request must name 1 to %d keys", maxDeleteKeys)
	}
	if _, err := s.HeadBucket(ctx, req.Bucket); err != nil {
		return nil, err
	}
	results := make([]DeleteResult, len(req.Keys))
	for _, batch := range batches(req.Keys) {
		s.deleteBatch(ctx, &req, batch, results)
	}
	return results, nil
}

// batches are the indexes of keys by transaction. One has at most deleteBatch of them, and of each key either its object or some of its
// versions: those are planned together.
func batches(keys []DeleteKey) (list [][]int) {
	type use struct {
		last     int
		versions bool
	}
	uses := make(map[string]use, len(keys))
	for i, k := range keys {
		at := 0
		if u, used := uses[k.Key]; used {
			if at = u.last; !u.versions || k.VersionID == "" {
				at++
			}
		}
		for at < len(list) && len(list[at]) == deleteBatch {
			at++
		}
		if at == len(list) {
			list = append(list, nil)
		}
		list[at] = append(list[at], i)
		uses[k.Key] = use{at, k.VersionID != ""}
	}
	return list
}

// deleteBatch removes keys in one transaction. When that fails, it fails for each of them that was to be removed.
func (s *Service) deleteBatch(ctx context.Context, req *DeleteManyRequest, batch []int, results []DeleteResult) {
	n, how := newNonce(), removal{at: s.o.Now(), bypass: req.Bypass, by: req.By}
	err := s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		row, err := findBucket(ctx, r, req.Bucket)
		if err != nil {
			return meta.Step{}, err
		}
		var steps []meta.Step
		for _, group := range byKey(req.Keys, batch) {
			step, err := s.planGroup(ctx, r, req, row, group, deletionOf{n, how, results})
			if err != nil {
				return meta.Step{}, err
			}
			steps = append(steps, step)
		}
		return joinAll(steps), nil
	})
	if err != nil {
		for _, i := range batch {
			if results[i].Err == nil {
				results[i].Err = err
			}
		}
	}
}

// byKey are the indexes of a batch, those of one key together.
func byKey(keys []DeleteKey, batch []int) (groups [][]int) {
	at := make(map[string]int, len(batch))
	for _, i := range batch {
		g, there := at[keys[i].Key]
		if !there {
			g = len(groups)
			at[keys[i].Key] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// deletionOf is what the groups of a batch share.
type deletionOf struct {
	nonce   nonce
	how     removal
	results []DeleteResult
}

// planGroup is the step for one key of a batch.
func (s *Service) planGroup(ctx context.Context, r meta.Reader, req *DeleteManyRequest, row bucketRow, group []int, of deletionOf) (meta.Step, error) {
	first := req.Keys[group[0]]
	for _, i := range group {
		of.results[i] = DeleteResult{Err: CheckKey(first.Key)}
	}
	if of.results[group[0]].Err != nil {
		return meta.Step{}, nil
	}
	current, err := findCurrent(ctx, r, row, req.Bucket, first.Key)
	if err != nil {
		return meta.Step{}, err
	}
	p := place{req.Bucket, first.Key, row, current}
	if first.VersionID == "" {
		res := &of.results[group[0]]
		if res.Err = first.If.check(p.visible()); res.Err != nil {
			return p.hold(), nil
		}
		step, deleted, err := s.planDelete(ctx, r, p, of.nonce, of.how)
		if errors.Is(err, fault.ObjectLocked) {
			res.Err, err, step = err, nil, p.hold()
		}
		res.Deleted = deleted
		return step, err
	}
	versions := make([]DeleteKey, len(group))
	for n, i := range group {
		versions[n] = req.Keys[i]
	}
	g := newDeletion(p, versions)
	step, err := s.planDeletion(ctx, r, g, of.how)
	for n, i := range group {
		of.results[i] = g.done[n]
	}
	return step, err
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
