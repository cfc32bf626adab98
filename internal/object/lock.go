package object

import (
	"time"

	"github.com/zot-artifact-store/zas/fault"
)

// LockMode is how strictly a retention protects (S3 User Guide, "Locking objects with Object Lock"). Its numbers are stored.
type LockMode uint8

// The modes of a retention.
const (
	Unlocked   LockMode = 0
	Governance LockMode = 1 // who has the right to may bypass it
	Compliance LockMode = 2 // nobody may, and it can only be made longer
)

// Retention protects a version from removal until a time. The zero value protects from nothing.
type Retention struct {
	Mode  LockMode `cbor:"1,keyasint"`
	Until int64    `cbor:"2,keyasint"` // Unix nanoseconds
}

// Hold is a legal hold: it protects a version until it is lifted. Its numbers are stored.
type Hold uint8

// The states of a legal hold.
const (
	HoldUnset Hold = 0 // never set, which S3 tells apart from lifted
	HoldOn    Hold = 1
	HoldOff   Hold = 2
)

// LockRule is the retention that new versions of a bucket get when their writer names none. The zero value is none.
type LockRule struct {
	Mode  LockMode `cbor:"1,keyasint"`
	Days  int      `cbor:"2,keyasint,omitempty"` // either days
	Years int      `cbor:"3,keyasint,omitempty"` // or years
}

// The longest default retention (S3 API, "DefaultRetention").
const (
	maxLockDays  = 36500
	maxLockYears = 100
)

// check reports fault.ArgumentInvalid or fault.MalformedXML.
func (l LockRule) check() error {
	switch {
	case l == LockRule{}:
		return nil
	case l.Mode != Governance && l.Mode != Compliance, l.Days != 0 && l.Years != 0, l.Days == 0 && l.Years == 0:
		return fault.MalformedXML
	case l.Days < 0 || l.Years < 0:
		return fault.ArgumentInvalid.Detail("Default retention period must be a positive integer value")
	case l.Days > maxLockDays || l.Years > maxLockYears:
		return fault.ArgumentInvalid.Detail("Default retention period too large.")
	}
	return nil
}

// from is the retention of a version that is written at t, in Unix nanoseconds.
func (l LockRule) from(t int64) Retention {
	if l.Mode == Unlocked {
		return Retention{}
	}
	return Retention{l.Mode, time.Unix(0, t).UTC().AddDate(l.Years, 0, l.Days).UnixNano()}
}

// Protection is what a writer asks for a version. The zero value asks for nothing: the bucket's rule applies.
type Protection struct {
	Retention Retention
	Hold      Hold
}

// lockMissing is fault.LockMissing as S3 words it for writes.
func lockMissing() error {
	return fault.LockMissing.Detail("Bucket is missing ObjectLockConfiguration")
}

// check compares p with the bucket that the version is written to. Errors: fault.LockMissing, fault.ArgumentInvalid.
func (p Protection) check(b bucketRow, now time.Time) error {
	switch {
	case p == Protection{}:
		return nil
	}
	if err := p.Retention.check(now); err != nil {
		return err
	}
	if !b.Lockable {
		return lockMissing()
	}
	return nil
}

// check reports fault.ArgumentInvalid for a retention that has ended already.
func (r Retention) check(now time.Time) error {
	if r.Mode != Unlocked && r.Until <= now.UnixNano() {
		return fault.Tell(fault.ArgumentInvalid.Detail("The retain until date must be in the future!"),
			fault.Fact{Name: "ArgumentName", Value: "x-amz-object-lock-retain-until-date"},
			fault.Fact{Name: "ArgumentValue", Value: time.Unix(0, r.Until).UTC().Format(time.RFC3339)})
	}
	return nil
}

// removal is the circumstances in which a version is to go.
type removal struct {
	at     time.Time
	bypass bool // the caller may bypass governance, and asks for it
	by     Actor
	once   string // the idempotency key, for the delete marker
}

// check reports fault.ObjectLocked while v is protected. Every way to remove a version passes here.
func (r removal) check(v *Version) error {
	if v.Hold == HoldOn || v.Retention.holds(r.at) && (v.Retention.Mode == Compliance || !r.bypass) {
		return fault.ObjectLocked
	}
	return nil
}

// holds says whether the retention has not ended at t.
func (r Retention) holds(t time.Time) bool { return r.Mode != Unlocked && r.Until > t.UnixNano() }

// change checks that a retention may take the place of r: each can be made longer, and who may bypass governance can change
// that in any way, also into compliance. Errors: fault.ObjectLocked.
func (r Retention) change(next Retention, how removal) error {
	stronger := next.Until >= r.Until && next.Mode == r.Mode
	if !r.holds(how.at) || stronger || r.Mode == Governance && how.bypass {
		return nil
	}
	return fault.ObjectLocked
}
