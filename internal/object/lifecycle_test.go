package object_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

func TestLifecycleRulesAreChecked(t *testing.T) {
	prefix, yes, size := "logs/", true, func(n int64) *int64 { return &n }
	rule := func(change func(*object.LifecycleRule)) []object.LifecycleRule {
		r := object.LifecycleRule{Enabled: true, ExpireDays: 1}
		change(&r)
		return []object.LifecycleRule{r}
	}
	filter := func(f object.LifecycleFilter) []object.LifecycleRule {
		return rule(func(r *object.LifecycleRule) { r.Filter = f })
	}
	tag := []object.Tag{{Key: "k", Value: "v"}}
	long := strings.Repeat("p", 1025)
	markers := func(f object.LifecycleFilter) []object.LifecycleRule {
		return rule(func(r *object.LifecycleRule) { r.Filter, r.ExpireDays, r.DeleteMarkers = f, 0, &yes })
	}
	aborts := func(f object.LifecycleFilter) []object.LifecycleRule {
		return rule(func(r *object.LifecycleRule) { r.Filter, r.AbortDays = f, 1 })
	}
	legacy := object.LifecycleFilter{Form: object.FilterPrefix, Prefix: &prefix}
	for name, tc := range map[string]struct {
		rules []object.LifecycleRule
		want  string
	}{
		"all objects":         {filter(object.LifecycleFilter{}), ""},
		"the old form":        {filter(legacy), ""},
		"a date":              {rule(func(r *object.LifecycleRule) { r.ExpireDays, r.ExpireDate = 0, 86400*20000 }), ""},
		"a thousand":          {slices.Repeat(rule(func(*object.LifecycleRule) {}), 1000), ""},
		"more":                {slices.Repeat(rule(func(*object.LifecycleRule) {}), 1001), "The number of lifecycle rules must not exceed the allowed limit of 1000 rules."},
		"none":                {nil, fault.MalformedXML.Text()},
		"a long name":         {rule(func(r *object.LifecycleRule) { r.ID = strings.Repeat("i", 256) }), "ID length should not exceed allowed limit of 255"},
		"a name twice":        {slices.Repeat(rule(func(r *object.LifecycleRule) { r.ID = "x" }), 2), "Rule ID must be unique. Found same ID for more than one rule"},
		"no action":           {rule(func(r *object.LifecycleRule) { r.ExpireDays = 0 }), "At least one action needs to be specified in a rule"},
		"no days":             {rule(func(r *object.LifecycleRule) { r.ExpireDays = -1 }), "'Days' for Expiration action must be a positive integer"},
		"no noncurrent days":  {rule(func(r *object.LifecycleRule) { r.NoncurrentDays = -1 }), "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"},
		"no kept versions":    {rule(func(r *object.LifecycleRule) { r.NoncurrentDays, r.NoncurrentKeep = 1, -1 }), "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be a positive integer"},
		"no days of uploads":  {rule(func(r *object.LifecycleRule) { r.AbortDays = -1 }), "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer"},
		"a time of day":       {rule(func(r *object.LifecycleRule) { r.ExpireDays, r.ExpireDate = 0, 86400*20000+1 }), "'Date' must be at midnight GMT"},
		"a prefix too long":   {filter(object.LifecycleFilter{Prefix: &long}), "The maximum size of a prefix is 1024."},
		"two without And":     {filter(object.LifecycleFilter{Prefix: &prefix, Tags: tag}), fault.MalformedXML.Text()},
		"one with And":        {filter(object.LifecycleFilter{Form: object.FilterAnd, Tags: tag}), fault.MalformedXML.Text()},
		"two with And":        {filter(object.LifecycleFilter{Form: object.FilterAnd, Prefix: &prefix, Tags: tag}), ""},
		"a tag twice":         {filter(object.LifecycleFilter{Form: object.FilterAnd, Tags: append(tag, tag...)}), "Duplicate Tag Keys are not allowed."},
		"a tag without key":   {filter(object.LifecycleFilter{Tags: []object.Tag{{}}}), "A Tag's Key must be a length between 1 and 128."},
		"a negative size":     {filter(object.LifecycleFilter{GreaterThan: size(-1)}), "'ObjectSizeGreaterThan' should be between 0 and 1099511627776000."},
		"smaller than none":   {filter(object.LifecycleFilter{LessThan: size(0)}), "'ObjectSizeLessThan' should be between 1 and 1099511627776000."},
		"no size between":     {filter(object.LifecycleFilter{Form: object.FilterAnd, GreaterThan: size(5), LessThan: size(5)}), "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'."},
		"markers with tags":   {markers(object.LifecycleFilter{Tags: tag}), "ExpiredObjectDeleteMarker cannot be specified with Tags."},
		"markers with a size": {markers(object.LifecycleFilter{LessThan: size(5)}), "ExpiredObjectDeleteMarker cannot be specified with Object Size."},
		"uploads with tags":   {aborts(object.LifecycleFilter{Tags: tag}), "AbortIncompleteMultipartUpload cannot be specified with Tags."},
		"uploads with a size": {aborts(object.LifecycleFilter{GreaterThan: size(5)}), "AbortIncompleteMultipartUpload cannot be specified with Object Size."},
		"old after new":       {append(filter(object.LifecycleFilter{}), filter(legacy)...), "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter."},
		"new after old":       {append(filter(legacy), filter(object.LifecycleFilter{})...), "Filter element can only be used in Lifecycle V2."},
		"kept in the old form": {rule(func(r *object.LifecycleRule) {
			r.Filter, r.NoncurrentDays, r.NoncurrentKeep = legacy, 1, 1
		}), "NewerNoncurrentVersions element can only be used in Lifecycle V2."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := object.NewLifecycle(tc.rules, "")
			wantSentence(t, err, tc.want)
		})
	}
}

func TestRulesWithoutNameGetOne(t *testing.T) {
	l, err := object.NewLifecycle([]object.LifecycleRule{{ExpireDays: 1}, {ID: "mine", ExpireDays: 1}, {ExpireDays: 1}}, "")
	if err != nil {
		t.Fatal(err)
	}
	if a, b := l.Rules[0].ID, l.Rules[2].ID; a == "" || b == "" || a == b || l.Rules[1].ID != "mine" || l.TransitionMinimum != object.AllStorageClasses {
		t.Errorf("%+v", l)
	}
	_, err = object.NewLifecycle(l.Rules, "none")
	wantSentence(t, err, "Invalid TransitionDefaultMinimumObjectSize found")
}
