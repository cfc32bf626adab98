package object

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/meta"
)

// Lifecycle works from an index: a row of dues says on which day a key has to be looked at. Writers in a bucket with a lifecycle file the days
// that follow from what they write; a new configuration has the whole bucket filed once (a review). A look decides from the rules of that
// moment and from what is there, so a row too many does no harm, and one too early is filed again.

// The tables of lifecycle.
var (
	dues    = meta.NewTable[[]byte](0x4A, "lifecycle dues")       // day (U64), bucket, key: which filing it is, so that none is taken for another
	reviews = meta.NewTable[reviewRow](0x4B, "lifecycle reviews") // bucket
)

// never is the day that does not come.
const never = math.MaxUint64

// calendar is the length of a lifecycle's day; that of S3 is 24 hours.
type calendar struct{ day time.Duration }

// number is that of the day at t.
func (c calendar) number(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0) / int64(c.day)) }

// after is the first day that begins n days or more after t, in Unix nanoseconds (S3 User Guide, "Lifecycle rules: Based on an object's age").
func (c calendar) after(t int64, n int) uint64 {
	return uint64(max(t, 0)/int64(c.day)) + uint64(n) + 1
}

// agenda is a bucket's lifecycle with the calendar that it is read by. The zero value has no rules: nothing is ever due.
type agenda struct {
	calendar
	rules []LifecycleRule
}

// agendaOf reads the rules of the bucket whose row is given.
func (s *Service) agendaOf(ctx context.Context, r meta.Reader, bucket string, row bucketRow) (agenda, error) {
	a := agenda{calendar: s.calendar}
	if row.Lifecycle == 0 {
		return a, nil
	}
	all, _, err := settings.Find(ctx, r, bucket)
	if err == nil && all.Lifecycle != nil {
		a.rules = all.Lifecycle.Rules
	}
	return a, err
}

// about says whether the rule is in force for a key.
func (r *LifecycleRule) about(key string) bool {
	return r.Enabled && (r.Filter.Prefix == nil || strings.HasPrefix(key, *r.Filter.Prefix))
}

// covers says whether the rule is in force for the version. Delete markers have neither tags nor size.
func (r *LifecycleRule) covers(key string, v *Version) bool {
	f := &r.Filter
	if !r.about(key) {
		return false
	}
	if v.Marker {
		return len(f.Tags) == 0 && f.GreaterThan == nil && f.LessThan == nil
	}
	return (f.GreaterThan == nil || v.Size > *f.GreaterThan) && (f.LessThan == nil || v.Size < *f.LessThan) && hasTags(v.Tags, f.Tags)
}

func hasTags(have, want []Tag) bool {
	return !slices.ContainsFunc(want, func(w Tag) bool { return !slices.Contains(have, w) })
}

// current is the day on which the current version of a key expires.
func (a agenda) current(key string, v *Version) uint64 {
	day := uint64(never)
	for i := range a.rules {
		r := &a.rules[i]
		switch {
		case v.Marker || !r.covers(key, v):
		case r.ExpireDays > 0:
			day = min(day, a.after(v.Modified, r.ExpireDays))
		case r.ExpireDate != 0:
			day = min(day, a.number(time.Unix(r.ExpireDate, 0)))
		}
	}
	return day
}

// marker is the day on which a delete marker goes that is the only version of its key.
func (a agenda) marker(key string, v *Version) uint64 {
	day := uint64(never)
	for i := range a.rules {
		r := &a.rules[i]
		switch {
		case !r.covers(key, v):
		case r.DeleteMarkers != nil && *r.DeleteMarkers:
			return 0
		case r.ExpireDays > 0:
			day = min(day, a.after(v.Modified, r.ExpireDays))
		}
	}
	return day
}

// earlier is the day on which a noncurrent version goes that has so many newer noncurrent ones.
func (a agenda) earlier(key string, v *Version, newer int) uint64 {
	day := uint64(never)
	for i := range a.rules {
		r := &a.rules[i]
		if r.NoncurrentDays > 0 && newer >= r.NoncurrentKeep && r.covers(key, v) {
			day = min(day, a.after(v.Superseded, r.NoncurrentDays))
		}
	}
	return a.unlocked(v, day)
}

// unlocked is day, or a later one when the version is protected until then. A legal hold has no end: lifting it files the key again.
func (a agenda) unlocked(v *Version, day uint64) uint64 {
	switch {
	case day == never:
	case v.Hold == HoldOn:
		return never
	case v.Retention.Mode != Unlocked:
		return max(day, a.number(time.Unix(0, v.Retention.Until))+1)
	}
	return day
}

// upload is the day on which an upload is aborted that began at t, in Unix nanoseconds.
func (a agenda) upload(key string, t int64) uint64 {
	day := uint64(never)
	for i := range a.rules {
		r := &a.rules[i]
		if r.AbortDays > 0 && r.about(key) {
			day = min(day, a.after(t, r.AbortDays))
		}
	}
	return day
}

// counts says whether a rule keeps a number of noncurrent versions: a new one makes an older one due.
func (a agenda) counts() bool {
	return slices.ContainsFunc(a.rules, func(r LifecycleRule) bool { return r.NoncurrentKeep > 0 })
}

// first is the earliest day on which something of the key could be due because of v, wherever v is among its versions.
func (a agenda) first(key string, v *Version, current bool) uint64 {
	switch {
	case current && v.Marker:
		return a.marker(key, v)
	case current:
		return a.current(key, v)
	}
	return a.earlier(key, v, math.MaxInt)
}

// file is the step that has a key looked at on a day, if that ever comes.
func file(bucket, key string, day uint64) meta.Step {
	if day == never {
		return meta.Step{}
	}
	row, n := dues.Key(meta.U64(day), bucket, key), newNonce()
	return meta.Step{Locks: meta.LockSet{}.Write(row), Do: func(_ context.Context, tx meta.Tx) error {
		return dues.PutKey(tx, row, n[:])
	}}
}

// planDues is the step that files what follows from v becoming current, and from what was current becoming history.
func (s *Service) planDues(ctx context.Context, r meta.Reader, p place, v *Version) (meta.Step, error) {
	a, err := s.agendaOf(ctx, r, p.bucket, p.row)
	if err != nil || len(a.rules) == 0 {
		return meta.Step{}, err
	}
	day := a.first(p.key, v, true)
	if p.current != nil && !(v.Null && p.current.Null) {
		retired := *p.current.Version
		retired.Superseded = v.Modified
		day = min(day, a.earlier(p.key, &retired, math.MaxInt))
		if a.counts() {
			day = min(day, a.number(time.Unix(0, v.Modified))+1)
		}
	}
	return file(p.bucket, p.key, day), nil
}

// planAgain is the step that has a key looked at soon, after something about it changed that is no write: a version went, or its tags or
// protection changed.
func (s *Service) planAgain(ctx context.Context, r meta.Reader, bucket, key string, row bucketRow) (meta.Step, error) {
	a, err := s.agendaOf(ctx, r, bucket, row)
	if err != nil || len(a.rules) == 0 {
		return meta.Step{}, err
	}
	return file(bucket, key, a.number(s.o.Now())), nil
}
