package object

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// LifecycleID is the principal that events name when a lifecycle removes something.
const LifecycleID = "lifecycle"

const (
	// looksAtOnce share the syncs of their commits.
	looksAtOnce = 16
	// lookBatch rows of dues are read at a time.
	lookBatch = 500
	// lookRemoves noncurrent versions go in one transaction at most.
	lookRemoves = 100
)

// Expired counts what lifecycles have done since the start.
type Expired struct {
	Looks    int64 // keys that were looked at
	Objects  int64 // current versions that expired: they went, or a delete marker hides them
	Versions int64 // noncurrent versions that went
	Markers  int64 // delete markers that went
	Uploads  int64 // uploads that were aborted
}

// Expired is what lifecycles have done since the start.
func (s *Service) Expired() Expired {
	s.expiredMu.Lock()
	defer s.expiredMu.Unlock()
	return s.expired
}

func (s *Service) count(e Expired) {
	s.expiredMu.Lock()
	defer s.expiredMu.Unlock()
	s.expired.Looks += e.Looks
	s.expired.Objects += e.Objects
	s.expired.Versions += e.Versions
	s.expired.Markers += e.Markers
	s.expired.Uploads += e.Uploads
}

// Expire does what the lifecycles of all buckets have due: it files buckets whose configuration is new, then looks at the keys that are filed
// for today or before. It reads nothing else. What fails is tried again the next time.
func (s *Service) Expire(ctx context.Context) error {
	if err := s.review(ctx); err != nil {
		return err
	}
	today := s.calendar.number(s.o.Now())
	for {
		batch, err := s.dueUntil(ctx, today)
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := s.lookAll(ctx, batch, today); err != nil {
			return err
		}
	}
}

// due is a row of dues.
type due struct {
	day         uint64
	bucket, key string
}

// dueUntil reads the first rows of dues, up to and with those of a day.
func (s *Service) dueUntil(ctx context.Context, day uint64) (batch []due, err error) {
	rows := dues.All()
	rows.To = dues.Key(meta.U64(day + 1)).Raw()
	err = s.meta.View(ctx, func(r meta.Reader) error {
		batch = batch[:0]
		for e, err := range dues.Scan(ctx, r, rows.Limited(lookBatch)) {
			if err != nil {
				return err
			}
			batch = append(batch, due{meta.ParseU64(e.Parts[0]), e.Parts[1], e.Parts[2]})
		}
		return nil
	})
	return batch, err
}

// lookAll looks at the keys of a batch, several at once.
func (s *Service) lookAll(ctx context.Context, batch []due, today uint64) error {
	errs := make([]error, len(batch))
	var all sync.WaitGroup
	places := make(chan struct{}, looksAtOnce)
	for i, d := range batch {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			errs[i] = s.look(ctx, d, today)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// look does what is due of one key, in one transaction, and files the key for the next day on which something is.
func (s *Service) look(ctx context.Context, d due, today uint64) error {
	var done Expired
	n := newNonce()
	err := s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		g := &glance{
			Service: s, place: place{bucket: d.bucket, key: d.key}, today: today, next: never, nonce: n,
			how: removal{at: s.o.Now(), by: Actor{Principal: LifecycleID}},
		}
		switch err := g.plan(ctx, r); {
		case errors.Is(err, fault.BucketNotFound): // the row has outlived its bucket
			g.steps = nil
		case err != nil:
			return meta.Step{}, err
		}
		done = g.done
		looked, err := d.looked(ctx, r)
		return meta.Join(append([]meta.Step{looked, g.again()}, g.steps...)...), err
	})
	if err == nil {
		done.Looks = 1
		s.count(done)
	}
	return err
}

// looked is the step that removes d's row. It is stale once the key has been filed for that day again: who did so changed something that the
// plan does not know.
func (d due) looked(ctx context.Context, r meta.Reader) (meta.Step, error) {
	row := dues.Key(meta.U64(d.day), d.bucket, d.key)
	filed, err := dues.GetKey(ctx, r, row)
	if err != nil && !errors.Is(err, meta.ErrNotFound) { // another look may have been faster
		return meta.Step{}, err
	}
	return meta.Step{Locks: meta.LockSet{}.Write(row), Do: func(ctx context.Context, tx meta.Tx) error {
		now, err := dues.GetKey(ctx, tx, row)
		switch {
		case errors.Is(err, meta.ErrNotFound):
			return nil
		case err != nil:
			return err
		case !bytes.Equal(now, filed):
			return meta.ErrStale
		}
		return tx.Delete(row)
	}}, nil
}

// glance is a look being planned.
type glance struct {
	*Service
	place
	agenda agenda
	today  uint64
	next   uint64 // the first day on which something else is due
	more   bool   // something is due today that this transaction leaves
	nonce  nonce
	how    removal
	steps  []meta.Step
	done   Expired
}

// again is the step that files the key for the next time: not for today, unless this look did something.
func (g *glance) again() meta.Step {
	day := max(g.next, g.today+1)
	if g.more {
		day = g.today
	}
	if g.next == never && !g.more {
		return meta.Step{}
	}
	return file(g.bucket, g.key, day)
}

// due says whether a day has come, and remembers it when not.
func (g *glance) due(day uint64) bool {
	if day <= g.today {
		return true
	}
	g.next = min(g.next, day)
	return false
}

func (g *glance) add(s meta.Step) { g.steps = append(g.steps, s) }

func (g *glance) plan(ctx context.Context, r meta.Reader) error {
	row, err := findBucket(ctx, r, g.bucket)
	if err != nil {
		return err
	}
	g.row = row
	if g.agenda, err = g.agendaOf(ctx, r, g.bucket, row); err != nil || len(g.agenda.rules) == 0 {
		return err
	}
	if g.current, err = findCurrent(ctx, r, row, g.bucket, g.key); err != nil {
		return err
	}
	g.add(useBucket(g.bucket, row))
	kept, err := g.planEarlier(ctx, r)
	if err != nil {
		return err
	}
	if err := g.planCurrent(ctx, r, kept); err != nil {
		return err
	}
	return g.planUploads(ctx, r)
}

// planEarlier removes the noncurrent versions that are due. It returns how many there are before that.
func (g *glance) planEarlier(ctx context.Context, r meta.Reader) (count int, err error) {
	if g.row.Versioning == Unversioned {
		return 0, nil
	}
	for e, err := range history.Scan(ctx, r, history.Prefix(g.bucket, g.key)) {
		if err != nil {
			return 0, err
		}
		v := &e.Value
		count++
		if !g.due(g.agenda.earlier(g.key, v, count-1)) {
			continue
		}
		if g.done.Versions+g.done.Markers == lookRemoves {
			g.more = true
			continue
		}
		removed, err := g.planRemoveEarlier(ctx, r, g.bucket, g.key, &spot{v, history.Key(e.Parts...)}, g.how)
		if err != nil {
			return 0, err
		}
		g.add(removed)
		g.add(recordDeleted(g.bucket, g.key, v, g.how))
		if v.Marker {
			g.done.Markers++
		} else {
			g.done.Versions++
		}
	}
	return count, nil
}

// planCurrent lets the current version expire, or removes a delete marker that has nothing to hide.
func (g *glance) planCurrent(ctx context.Context, r meta.Reader, earlier int) error {
	switch v := g.current; {
	case v == nil:
		return nil
	case !v.Marker:
		if !g.due(g.agenda.current(g.key, v.Version)) {
			return nil
		}
		if g.row.Versioning == Suspended && g.done.Versions+g.done.Markers > 0 {
			g.more = true // the delete marker would take the place of a null version that goes already
			return nil
		}
		expired, _, err := g.planDelete(ctx, r, g.place, g.nonce, g.how)
		g.add(expired)
		g.done.Objects++
		return err
	case earlier > 0:
		g.more = g.more || g.done.Versions+g.done.Markers > 0 // the marker may be alone now
		return nil
	case !g.due(g.agenda.marker(g.key, v.Version)):
		return nil
	}
	removed, err := g.planDeleteCurrent(ctx, r, g.place, g.how, nil)
	g.add(removed)
	g.done.Markers++
	return err
}

// planUploads aborts the uploads that are due.
func (g *glance) planUploads(ctx context.Context, r meta.Reader) error {
	for e, err := range uploads.Scan(ctx, r, uploads.Prefix(g.bucket, g.key)) {
		if err != nil {
			return err
		}
		if !g.due(g.agenda.upload(g.key, e.Value.Initiated)) {
			continue
		}
		u := UploadRef{g.bucket, g.key, e.Parts[2]}
		abort := g.content.AbortUpload(u.content())
		g.add(meta.Step{Locks: abort.Locks, Do: func(ctx context.Context, tx meta.Tx) error {
			err := abort.Do(ctx, tx)
			if errors.Is(err, fault.SessionNotFound) { // completed or aborted since it was read
				err = meta.ErrStale
			}
			return err
		}})
		g.add(endUpload(u))
		g.done.Uploads++
	}
	return nil
}

// reviewRow is how far a bucket has been filed for a new lifecycle.
type reviewRow struct {
	Lifecycle uint64   `cbor:"1,keyasint"` // of the bucket's row when the review began
	Table     int      `cbor:"2,keyasint,omitempty"`
	After     []string `cbor:"3,keyasint,omitempty"` // parts of the last row that was filed
}

// reviewBatch rows are filed in one transaction.
const reviewBatch = 500

// review files every bucket whose lifecycle is new, some rows at a time: it goes on where it was interrupted.
func (s *Service) review(ctx context.Context) error {
	for {
		bucket, err := s.firstReview(ctx)
		if err != nil || bucket == "" {
			return err
		}
		for more := true; more; {
			if more, err = s.reviewSome(ctx, bucket); err != nil {
				return err
			}
		}
	}
}

func (s *Service) firstReview(ctx context.Context) (bucket string, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		bucket = ""
		for e, err := range reviews.Scan(ctx, r, reviews.All().Limited(1)) {
			if err != nil {
				return err
			}
			bucket = e.Parts[0]
		}
		return nil
	})
	return bucket, err
}

// reviewSome files the next rows of a bucket; more is false when there are none left.
func (s *Service) reviewSome(ctx context.Context, bucket string) (more bool, err error) {
	key := reviews.Key(bucket)
	err = s.execute(ctx, func(r meta.Reader) (meta.Step, error) {
		more = false
		at, err := reviews.GetKey(ctx, r, key)
		if errors.Is(err, meta.ErrNotFound) {
			return meta.Step{Do: func(context.Context, meta.Tx) error { return nil }}, nil
		}
		if err != nil {
			return meta.Step{}, err
		}
		next, days, row, err := s.planReview(ctx, r, bucket, at)
		if err != nil && !errors.Is(err, fault.BucketNotFound) {
			return meta.Step{}, err
		}
		steps := []meta.Step{{Locks: meta.LockSet{}.Write(key), Do: func(ctx context.Context, tx meta.Tx) error {
			now, err := reviews.GetKey(ctx, tx, key)
			switch {
			case errors.Is(err, meta.ErrNotFound) || err == nil && now.Lifecycle != at.Lifecycle:
				return meta.ErrStale
			case err != nil:
				return err
			case next == nil:
				return tx.Delete(key)
			}
			return reviews.PutKey(tx, key, *next)
		}}}
		if err == nil {
			steps = append(steps, useBucket(bucket, row))
		}
		for _, d := range days {
			steps = append(steps, file(bucket, d.key, d.day))
		}
		more = next != nil
		return joinAll(steps), nil
	})
	return more, err
}

// planReview reads rows from where a review is, and says when each is due and where to go on; next is nil at the end.
func (s *Service) planReview(ctx context.Context, r meta.Reader, bucket string, at reviewRow) (next *reviewRow, days []due, row bucketRow, err error) {
	if row, err = findBucket(ctx, r, bucket); err != nil {
		return nil, nil, row, err
	}
	a, err := s.agendaOf(ctx, r, bucket, row)
	if err != nil || len(a.rules) == 0 {
		return nil, nil, row, err
	}
	for at.Table <= reviewUploads {
		days, last, err := a.reviewTable(ctx, r, bucket, at)
		if err != nil {
			return nil, nil, row, err
		}
		if last != nil {
			return &reviewRow{at.Lifecycle, at.Table, last}, days, row, nil
		}
		at = reviewRow{at.Lifecycle, at.Table + 1, nil}
		if len(days) > 0 {
			return &at, days, row, nil
		}
	}
	return nil, nil, row, nil
}

// The tables in the order of a review. Their numbers are stored.
const (
	reviewObjects = iota
	reviewMarkers
	reviewHistory
	reviewUploads
)

// reviewTable reads the next rows of the table where a review is; last is nil when they are its last.
func (a agenda) reviewTable(ctx context.Context, r meta.Reader, bucket string, at reviewRow) (days []due, last []string, err error) {
	version := func(e meta.Entry[Version]) uint64 { return a.first(e.Parts[1], &e.Value, at.Table != reviewHistory) }
	switch at.Table {
	case reviewObjects:
		return reviewRows(ctx, r, objects, bucket, at.After, version)
	case reviewMarkers:
		return reviewRows(ctx, r, markers, bucket, at.After, version)
	case reviewHistory:
		return reviewRows(ctx, r, history, bucket, at.After, version)
	}
	return reviewRows(ctx, r, uploads, bucket, at.After, func(e meta.Entry[uploadRow]) uint64 { return a.upload(e.Parts[1], e.Value.Initiated) })
}

// reviewRows reads up to reviewBatch rows of t; last is nil when they are the last.
func reviewRows[V any](ctx context.Context, r meta.Reader, t meta.Table[V], bucket string, after []string, day func(e meta.Entry[V]) uint64) (days []due, last []string, err error) {
	rows := t.Prefix(bucket)
	if after != nil {
		rows = t.After(rows, after...)
	}
	count := 0
	for e, err := range t.Scan(ctx, r, rows.Limited(reviewBatch)) {
		if err != nil {
			return nil, nil, err
		}
		if d := day(e); d != never {
			days = append(days, due{d, bucket, e.Parts[1]})
		}
		if count++; count == reviewBatch {
			last = e.Parts
		}
	}
	return days, last, nil
}
