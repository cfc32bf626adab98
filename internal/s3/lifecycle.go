package s3

import (
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// transitionMinimum is the header that goes with a lifecycle configuration, in requests and answers.
const transitionMinimum = "X-Amz-Transition-Default-Minimum-Object-Size"

// lifecycleDocument is LifecycleConfiguration (S3 API, "PutBucketLifecycleConfiguration").
type lifecycleDocument struct {
	Rule []lifecycleRule
}

type lifecycleRule struct {
	ID, Status string
	Prefix     *string
	Filter     *struct {
		lifecycleFilter
		Tag []tagElement
		And *struct {
			lifecycleFilter
			Tag []tagElement
		}
	}
	Expiration *struct {
		Days                      *int32
		Date                      *string
		ExpiredObjectDeleteMarker *bool
	}
	NoncurrentVersionExpiration *struct {
		NoncurrentDays, NewerNoncurrentVersions *int32
	}
	AbortIncompleteMultipartUpload *struct {
		DaysAfterInitiation *int32
	}
	Transition, NoncurrentVersionTransition []struct{}
}

// lifecycleFilter is what Filter and And have in common.
type lifecycleFilter struct {
	Prefix                                    *string
	ObjectSizeGreaterThan, ObjectSizeLessThan *int64
}

func readLifecycle(c *call, op *settingOperation) (func(*object.Settings), error) {
	var doc lifecycleDocument
	if err := op.body(c, "LifecycleConfiguration", &doc); err != nil {
		return nil, err
	}
	l, err := doc.lifecycle(c.r.Header.Get(transitionMinimum))
	if err != nil {
		return nil, err
	}
	c.w.Header()[transitionMinimum] = []string{l.TransitionMinimum}
	return func(s *object.Settings) { s.Lifecycle = l }, nil
}

// lifecycle is the configuration as the domain has it. Transitions are refused last: what else is wrong is told as S3 tells it.
// Errors: those of object.NewLifecycle; fault.NotImplemented.
func (doc *lifecycleDocument) lifecycle(minimum string) (*object.Lifecycle, error) {
	rules := make([]object.LifecycleRule, len(doc.Rule))
	transitions := false
	for i := range doc.Rule {
		r := &doc.Rule[i]
		moves := len(r.Transition)+len(r.NoncurrentVersionTransition) > 0
		var err error
		if rules[i], err = r.rule(); err != nil {
			return nil, err
		}
		if transitions = transitions || moves; moves && rules[i].Idle() {
			return nil, errTransitions()
		}
	}
	l, err := object.NewLifecycle(rules, minimum)
	if err == nil && transitions {
		err = errTransitions()
	}
	return l, err
}

func errTransitions() error {
	return fault.NotImplemented.Detail("Transitions between storage classes are not implemented: there is one class, STANDARD")
}

// rule is one rule. Errors: fault.MalformedXML, fault.BadRequest, fault.ArgumentInvalid.
func (r *lifecycleRule) rule() (object.LifecycleRule, error) {
	out := object.LifecycleRule{ID: r.ID, Enabled: r.Status == "Enabled"}
	if !out.Enabled && r.Status != "Disabled" {
		return out, fault.MalformedXML
	}
	if err := r.filter(&out.Filter); err != nil {
		return out, err
	}
	if e := r.Expiration; e != nil {
		given := 0
		for _, is := range []bool{e.Days != nil, e.Date != nil, e.ExpiredObjectDeleteMarker != nil} {
			if is {
				given++
			}
		}
		if given != 1 {
			return out, fault.MalformedXML
		}
		out.ExpireDays, out.DeleteMarkers = days(e.Days), e.ExpiredObjectDeleteMarker
		if e.Date != nil {
			t, ok := lifecycleDate(*e.Date)
			if !ok {
				return out, fault.MalformedXML
			}
			out.ExpireDate = t.Unix()
		}
	}
	if n := r.NoncurrentVersionExpiration; n != nil {
		if n.NoncurrentDays == nil {
			return out, fault.MalformedXML
		}
		out.NoncurrentDays, out.NoncurrentKeep = days(n.NoncurrentDays), days(n.NewerNoncurrentVersions)
	}
	if a := r.AbortIncompleteMultipartUpload; a != nil {
		if a.DaysAfterInitiation == nil {
			return out, fault.MalformedXML
		}
		out.AbortDays = days(a.DaysAfterInitiation)
	}
	return out, nil
}

// days is a number of a rule, 0 where it is absent. A zero that was sent is made -1: it is as wrong, and the domain refuses it.
func days(n *int32) int {
	switch {
	case n == nil:
		return 0
	case *n == 0:
		return -1
	}
	return int(*n)
}

// lifecycleDate reads what XML Schema calls dateTime or date.
func lifecycleDate(s string) (time.Time, bool) {
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, strings.TrimSpace(s)); err == nil && t.Unix() > 0 {
			return t, true
		}
	}
	return time.Time{}, false
}

func (r *lifecycleRule) filter(out *object.LifecycleFilter) error {
	f := r.Filter
	switch {
	case f == nil && r.Prefix == nil:
		return fault.MalformedXML
	case f == nil:
		out.Form, out.Prefix = object.FilterPrefix, r.Prefix
		return nil
	case r.Prefix != nil:
		return fault.BadRequest.Detail("Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.")
	}
	common, tags := f.lifecycleFilter, f.Tag
	if f.And != nil {
		if common != (lifecycleFilter{}) || len(f.Tag) > 0 {
			return fault.MalformedXML
		}
		out.Form, common, tags = object.FilterAnd, f.And.lifecycleFilter, f.And.Tag
	}
	out.Prefix, out.GreaterThan, out.LessThan = common.Prefix, common.ObjectSizeGreaterThan, common.ObjectSizeLessThan
	var err error
	out.Tags, err = tagsOf(tags)
	return err
}

func tellLifecycle(c *call, s *object.Settings) (*document, error) {
	if s.Lifecycle == nil {
		return nil, fault.LifecycleNotFound.With(c.rq.bucket, nil)
	}
	c.w.Header()[transitionMinimum] = []string{s.Lifecycle.TransitionMinimum}
	x := newXML("LifecycleConfiguration", namespace)
	for i := range s.Lifecycle.Rules {
		x.lifecycleRule(&s.Lifecycle.Rules[i])
	}
	return x, nil
}

func (d *document) lifecycleRule(r *object.LifecycleRule) {
	d.open("Rule")
	d.text("ID", r.ID)
	d.lifecycleFilter(&r.Filter)
	if r.Enabled {
		d.text("Status", "Enabled")
	} else {
		d.text("Status", "Disabled")
	}
	if r.ExpireDays != 0 || r.ExpireDate != 0 || r.DeleteMarkers != nil {
		d.open("Expiration")
		d.positive("Days", r.ExpireDays)
		if r.ExpireDate != 0 {
			d.time("Date", time.Unix(r.ExpireDate, 0))
		}
		if r.DeleteMarkers != nil {
			d.boolean("ExpiredObjectDeleteMarker", *r.DeleteMarkers)
		}
		d.close("Expiration")
	}
	if r.NoncurrentDays != 0 {
		d.open("NoncurrentVersionExpiration")
		d.positive("NoncurrentDays", r.NoncurrentDays)
		d.positive("NewerNoncurrentVersions", r.NoncurrentKeep)
		d.close("NoncurrentVersionExpiration")
	}
	if r.AbortDays != 0 {
		d.open("AbortIncompleteMultipartUpload")
		d.positive("DaysAfterInitiation", r.AbortDays)
		d.close("AbortIncompleteMultipartUpload")
	}
	d.close("Rule")
}

// positive leaves a zero out.
func (d *document) positive(name string, n int) {
	if n != 0 {
		d.number(name, int64(n))
	}
}

// lifecycleFilter writes a filter in the form in which it was sent.
func (d *document) lifecycleFilter(f *object.LifecycleFilter) {
	var around []string
	switch f.Form {
	case object.FilterOne:
		around = []string{"Filter"}
	case object.FilterAnd:
		around = []string{"Filter", "And"}
	}
	for _, name := range around {
		d.open(name)
	}
	if f.Prefix != nil {
		d.text("Prefix", *f.Prefix)
	}
	for _, t := range f.Tags {
		d.tag(t)
	}
	if f.GreaterThan != nil {
		d.number("ObjectSizeGreaterThan", *f.GreaterThan)
	}
	if f.LessThan != nil {
		d.number("ObjectSizeLessThan", *f.LessThan)
	}
	for i := len(around) - 1; i >= 0; i-- {
		d.close(around[i])
	}
}
