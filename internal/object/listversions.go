package object

import (
	"context"
	"iter"
	"math"

	"github.com/zot-artifact-store/zas/meta"
)

// ListVersionsRequest asks for versions in the order of their keys, those of one key newest first.
type ListVersionsRequest struct {
	ListRequest        // After: the last key or common prefix
	AfterID     string // with After: versions of that key after this one, too
}

// VersionItem is a version or a common prefix.
type VersionItem struct {
	Name    string   // key or common prefix
	Version *Version // nil: a common prefix
	Latest  bool     // the current version of its key
}

// ListVersions finds up to Limit items, and whether there are more (S3 API, "ListObjectVersions"). Its cost is that of what it returns.
// Errors: fault.BucketNotFound, fault.ArgumentInvalid for a malformed AfterID.
func (s *Service) ListVersions(ctx context.Context, req ListVersionsRequest) (list []VersionItem, more bool, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		list, more = make([]VersionItem, 0, min(req.Limit, 1000)), false
		row, err := findBucket(ctx, r, req.Bucket)
		if err != nil {
			return err
		}
		w, err := req.begin(ctx, r, row)
		for err == nil && !w.ended && !more {
			err = w.run(ctx, r, &list)
			more = len(list) > req.Limit
		}
		if more {
			list = list[:req.Limit]
		}
		return err
	})
	return list, more, err
}

// walk is a listing under way: what is left of the rows of current versions, of delete markers and of history.
type walk struct {
	*ListVersionsRequest
	rest  [3]meta.Range
	ended bool
}

const earlier = 2 // of walk.rest: those in front of it are the current versions

// tables of the walk. Their rows are alike, so any of them reads those of all.
func (*walk) tables() [3]meta.Table[Version] {
	return [3]meta.Table[Version]{objects, markers, history}
}

// begin cuts off what lies before After and AfterID. Of the key After itself, what is older than AfterID is told, the current version too:
// it may have become that since AfterID was told, and went. Errors: fault.ArgumentInvalid.
func (req *ListVersionsRequest) begin(ctx context.Context, r meta.Reader, row bucketRow) (*walk, error) {
	w := &walk{ListVersionsRequest: req}
	for i, t := range w.tables() {
		w.rest[i] = req.start(t)
	}
	if req.AfterID == "" || req.After < req.Prefix || req.common(req.After) != "" {
		return w, nil
	}
	order, err := req.orderAfter(ctx, r, row)
	if err != nil {
		return nil, err
	}
	own := history.Prefix(req.Bucket, req.After)
	w.rest[earlier].From = history.After(own, req.Bucket, req.After, meta.U64(^order)).From
	current, err := findCurrent(ctx, r, row, req.Bucket, req.After)
	if current != nil && current.Order < order {
		w.rest[0].From, w.rest[1].From = objects.Key(req.Bucket, req.After).Raw(), markers.Key(req.Bucket, req.After).Raw()
	}
	return w, err
}

// orderAfter is the order of the version AfterID. A null version that has gone leaves no trace of its order: then its key is told again.
func (req *ListVersionsRequest) orderAfter(ctx context.Context, r meta.Reader, row bucketRow) (uint64, error) {
	if req.AfterID != NullVersion {
		return orderOf(req.AfterID)
	}
	null, err := findCurrent(ctx, r, row, req.Bucket, req.After)
	if err == nil && (null == nil || !null.Null) {
		null, err = findEarlierNull(ctx, r, req.Bucket, req.After)
	}
	if null == nil {
		return math.MaxUint64, err
	}
	return null.Order, err
}

// run reads rows of the three tables side by side until the list has one item more than asked for, the rows end, or two keys in a row
// share a common prefix: then it goes on behind that.
func (w *walk) run(ctx context.Context, r meta.Reader, list *[]VersionItem) error {
	var heads [3]head
	for i := range heads {
		if !empty(w.rest[i]) {
			next, stop := iter.Pull2(history.Scan(ctx, r, w.rest[i]))
			defer stop()
			heads[i].next = next
		}
		if err := heads[i].advance(); err != nil {
			return err
		}
	}
	last := ""
	for {
		at := lowest(heads[:])
		if w.ended = at < 0; w.ended {
			return nil
		}
		key := heads[at].key
		common := w.common(key)
		switch {
		case common == "":
			*list = append(*list, VersionItem{Name: key, Version: heads[at].version, Latest: at != earlier})
		case common == last:
			for i, t := range w.tables() {
				w.rest[i] = t.SkipPrefix(w.rest[i], common, w.Bucket)
			}
			return nil
		default:
			*list = append(*list, VersionItem{Name: common})
		}
		last = common
		if len(*list) > w.Limit {
			return nil
		}
		if err := heads[at].advance(); err != nil {
			return err
		}
	}
}

// head is the next row of one table.
type head struct {
	next    func() (meta.Entry[Version], error, bool)
	key     string
	version *Version // nil: the rows have ended
}

func (h *head) advance() error {
	h.version = nil
	if h.next == nil {
		return nil
	}
	e, err, ok := h.next()
	if !ok || err != nil {
		return err
	}
	h.key, h.version = e.Parts[1], &e.Value
	return nil
}

// lowest is the head with the least key, the first of equal ones; -1 when all have ended.
func lowest(heads []head) int {
	at := -1
	for i := range heads {
		if heads[i].version != nil && (at < 0 || heads[i].key < heads[at].key) {
			at = i
		}
	}
	return at
}
