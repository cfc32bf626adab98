package object_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/meta"
)

func setTags(tags ...object.Tag) object.ChangeSettingsRequest {
	return object.ChangeSettingsRequest{By: alice, Bucket: "bucket", What: "tagging", Change: func(s *object.Settings) { s.Tags = tags }}
}

// settingVerbs are for TestEveryVerbIsTriedWithFaults.
func settingVerbs() map[string]verb {
	tagged := withBucket(func(b *bench) any { return b.ChangeSettings(b.t.Context(), setTags(object.Tag{Key: "a", Value: "b"})) })
	reading := func(read func(context.Context, *object.Service) error) verb {
		return verb{prepare: tagged, run: func(ctx context.Context, s *object.Service, _ any) error { return read(ctx, s) }}
	}
	return map[string]verb{
		"Settings": reading(func(ctx context.Context, s *object.Service) error { _, err := s.Settings(ctx, "bucket"); return err }),
		"CORS":     reading(func(ctx context.Context, s *object.Service) error { _, err := s.CORS(ctx, "bucket"); return err }),
		"Anonymous": reading(func(ctx context.Context, s *object.Service) error {
			_, _, err := s.Anonymous(ctx, "bucket")
			return err
		}),
		"ChangeSettings": {prepare: withBucket(nil), again: true, run: func(ctx context.Context, s *object.Service, _ any) error {
			return s.ChangeSettings(ctx, setTags(object.Tag{Key: "a", Value: "b"}))
		}},
		"DeleteBucket with settings": {prepare: tagged, lost: fault.BucketNotFound, run: func(ctx context.Context, s *object.Service, _ any) error {
			return s.DeleteBucket(ctx, object.DeleteBucketRequest{By: alice, Bucket: "bucket"})
		}},
	}
}

func TestSettingsStayInOrderAndGoWithTheBucket(t *testing.T) {
	onEachEngine(t, func(t *testing.T, b *bench) {
		tags := []object.Tag{{Key: "z", Value: "1"}, {Key: "a", Value: "2"}, {Key: "m"}}
		if err := b.CreateBucket(t.Context(), object.CreateBucketRequest{By: alice, Bucket: "bucket", Tags: tags}); err != nil {
			t.Fatal(err)
		}
		rule := object.CORSRule{Origins: []string{"*"}, Methods: []string{"GET"}}
		err := b.ChangeSettings(t.Context(), object.ChangeSettingsRequest{By: alice, Bucket: "bucket", What: "cors", Change: func(s *object.Settings) {
			s.CORS = append(s.CORS, rule)
		}})
		if err != nil {
			t.Fatal(err)
		}
		want := object.Settings{Tags: tags, CORS: []object.CORSRule{rule}}
		if got, err := b.Settings(t.Context(), "bucket"); err != nil || cmp.Diff(want, got) != "" {
			t.Fatalf("%v\n%s", err, cmp.Diff(want, got))
		}
		if err := b.DeleteBucket(t.Context(), object.DeleteBucketRequest{By: alice, Bucket: "bucket"}); err != nil {
			t.Fatal(err)
		}
		_, err = b.Settings(t.Context(), "bucket")
		wantFault(t, err, fault.BucketNotFound)
		wantFault(t, b.ChangeSettings(t.Context(), setTags()), fault.BucketNotFound)
		b.bucket("bucket")
		if got, err := b.Settings(t.Context(), "bucket"); err != nil || cmp.Diff(object.Settings{}, got) != "" {
			t.Errorf("a new bucket has the settings of an old one: %+v, %v", got, err)
		}
	})
}

func TestAChangeOfSettingsIsTold(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	if err := b.ChangeSettings(t.Context(), setTags(object.Tag{Key: "a"})); err != nil {
		t.Fatal(err)
	}
	var last event.Event
	err := b.meta.View(t.Context(), func(r meta.Reader) error {
		for row, err := range r.Scan(t.Context(), event.Outbox.After(meta.Position{})) {
			if err != nil {
				return err
			}
			if last, err = event.Decode(row.Value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || last.Kind != event.BucketChanged || last.Name != "bucket" || last.Key != "tagging" || last.Principal != alice.Principal {
		t.Errorf("told %+v, %v", last, err)
	}
}

func TestSettingsOfABucketThatIsBeingDeletedAreNotLeftBehind(t *testing.T) {
	onEachEngine(t, func(t *testing.T, b *bench) {
		for range 20 {
			b.bucket("bucket")
			var wg sync.WaitGroup
			wg.Go(func() {
				err := b.ChangeSettings(t.Context(), setTags(object.Tag{Key: "a"}))
				if err != nil && !errors.Is(err, fault.BucketNotFound) {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if err := b.DeleteBucket(t.Context(), object.DeleteBucketRequest{By: alice, Bucket: "bucket"}); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			if _, err := b.Settings(t.Context(), "bucket"); !errors.Is(err, fault.BucketNotFound) {
				t.Fatalf("settings remain: %v", err)
			}
		}
	})
}

func TestPublicAccessIsBlockedByTwoOfTheFour(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	for name, tc := range map[string]struct {
		block *object.PublicAccessBlock
		want  bool
	}{
		"nothing is set":          {nil, false},
		"nothing is true":         {&object.PublicAccessBlock{}, false},
		"access control lists":    {&object.PublicAccessBlock{BlockPublicACLs: true, IgnorePublicACLs: true}, false},
		"public policies":         {&object.PublicAccessBlock{BlockPublicPolicy: true}, true},
		"buckets that are public": {&object.PublicAccessBlock{RestrictPublicBuckets: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			err := b.ChangeSettings(t.Context(), object.ChangeSettingsRequest{By: alice, Bucket: "bucket", Change: func(s *object.Settings) { s.PublicAccess = tc.block }})
			if err != nil {
				t.Fatal(err)
			}
			if got, _, err := b.Anonymous(t.Context(), "bucket"); err != nil || got != tc.want {
				t.Errorf("blocked: %v, %v; want %v", got, err, tc.want)
			}
		})
	}
	if got, _, err := b.Anonymous(t.Context(), "absent"); err != nil || got {
		t.Errorf("an absent bucket: %v, %v", got, err)
	}
}

func TestTagsHaveLimits(t *testing.T) {
	many := func(n int) (tags []object.Tag) {
		for i := range n {
			tags = append(tags, object.Tag{Key: strings.Repeat("k", i+1)})
		}
		return tags
	}
	key, value := "The TagKey you have provided is invalid", "The TagValue you have provided is invalid"
	for name, tc := range map[string]struct {
		tags []object.Tag
		want string // the sentence; empty: accepted
	}{
		"none":                              {nil, ""},
		"all signs":                         {[]object.Tag{{Key: "a B1+-=._:/@ ä日", Value: "ü /@"}}, ""},
		"the longest":                       {[]object.Tag{{Key: strings.Repeat("k", 128), Value: strings.Repeat("v", 256)}}, ""},
		"fifty":                             {many(50), ""},
		"fifty-one":                         {many(51), "Bucket tag count cannot be greater than 50"},
		"no key":                            {[]object.Tag{{Value: "v"}}, key},
		"a key too long":                    {[]object.Tag{{Key: strings.Repeat("k", 129)}}, key},
		"characters that are two in UTF-16": {[]object.Tag{{Key: strings.Repeat("𝐀", 128)}}, ""},
		"a value too long":                  {[]object.Tag{{Key: "k", Value: strings.Repeat("v", 257)}}, value},
		"a sign in a key":                   {[]object.Tag{{Key: "ok"}, {Key: "a*b"}}, key},
		"a sign in a value":                 {[]object.Tag{{Key: "k", Value: "a,b"}}, value},
		"a key of the system's":             {[]object.Tag{{Key: "aws:x"}}, "System tags cannot be added/updated by requester"},
		"a key twice":                       {[]object.Tag{{Key: "k"}, {Key: "k", Value: "2"}}, "Cannot provide multiple Tags with the same key"},
		"keys that differ in case only":     {[]object.Tag{{Key: "k"}, {Key: "K"}}, ""},
	} {
		t.Run(name, func(t *testing.T) { wantSentence(t, object.CheckTags(tc.tags, object.MaxBucketTags), tc.want) })
	}
	wantSentence(t, object.CheckTags(many(10), object.MaxObjectTags), "")
	wantSentence(t, object.CheckTags(many(11), object.MaxObjectTags), "Object tags cannot be greater than 10")
}

// wantSentence fails unless err says want; nothing: unless it is nil.
func wantSentence(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err == nil:
	case err == nil:
		t.Errorf("accepted; want %q", want)
	case want == "" || fault.Of(err).Text() != want:
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestACORSRuleAllowsWhatItSays(t *testing.T) {
	rules := []object.CORSRule{
		{ID: "exact", Origins: []string{"http://a.example"}, Methods: []string{"GET", "HEAD"}, Headers: []string{"X-Amz-*", "Range"}},
		{ID: "wild", Origins: []string{"https://*.example"}, Methods: []string{"PUT"}, Headers: []string{"*"}},
		{ID: "ends", Origins: []string{"http://x*x.example"}, Methods: []string{"GET"}},
		{ID: "all", Origins: []string{"b", "*"}, Methods: []string{"POST"}},
	}
	for name, tc := range map[string]struct {
		origin, method string
		headers        []string
		want           string // the rule's ID
		any            bool
	}{
		"the origin":                            {"http://a.example", "GET", nil, "exact", false},
		"headers in another case":               {"http://a.example", "HEAD", []string{"x-amz-date", "RANGE"}, "exact", false},
		"a header too many":                     {"http://a.example", "GET", []string{"x-amz-date", "Authorization"}, "", false},
		"an origin in another case":             {"http://A.example", "GET", nil, "", false},
		"a part of the origin":                  {"http://a.example.org", "GET", nil, "", false},
		"a wild origin":                         {"https://x.y.example", "PUT", []string{"anything"}, "wild", false},
		"a wild origin whose ends overlap":      {"http://x.example", "GET", nil, "", false},
		"a method of another rule":              {"https://x.example", "GET", nil, "", false},
		"an origin by name before any":          {"b", "POST", nil, "all", false},
		"any origin":                            {"http://c", "POST", nil, "all", true},
		"any origin, and a header without rule": {"http://c", "POST", []string{"Range"}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			rule, any := object.MatchCORS(rules, tc.origin, tc.method, tc.headers)
			if got := ""; rule == nil && tc.want != got || rule != nil && (rule.ID != tc.want || any != tc.any) {
				t.Errorf("matched %+v, any %v; want %q, %v", rule, any, tc.want, tc.any)
			}
		})
	}
}

func TestCORSRulesAreChecked(t *testing.T) {
	rule := func(change func(*object.CORSRule)) []object.CORSRule {
		r := object.CORSRule{Origins: []string{"*"}, Methods: []string{"GET"}}
		change(&r)
		return []object.CORSRule{r}
	}
	sound := rule(func(*object.CORSRule) {})
	for name, tc := range map[string]struct {
		rules []object.CORSRule
		want  string
	}{
		"a hundred":           {slices.Repeat(sound, 100), ""},
		"more":                {slices.Repeat(sound, 101), "The number of CORS rules should not exceed allowed limit of 100 rules."},
		"none":                {nil, fault.MalformedXML.Text()},
		"no origin":           {rule(func(r *object.CORSRule) { r.Origins = nil }), fault.MalformedXML.Text()},
		"no method":           {rule(func(r *object.CORSRule) { r.Methods = nil }), fault.MalformedXML.Text()},
		"a method":            {rule(func(r *object.CORSRule) { r.Methods = []string{"GET", "PATCH"} }), "Found unsupported HTTP method in CORS config. Unsupported method is PATCH"},
		"two wild in one":     {rule(func(r *object.CORSRule) { r.Origins = []string{"http://*.*"} }), `AllowedOrigin "http://*.*" can not have more than one wildcard.`},
		"two wild in headers": {rule(func(r *object.CORSRule) { r.Headers = []string{"a*b*"} }), `AllowedHeader "a*b*" can not have more than one wildcard.`},
		"no header":           {rule(func(r *object.CORSRule) { r.Headers = []string{"a b"} }), `AllowedHeader "a b" contains invalid character.`},
		"no exposed header":   {rule(func(r *object.CORSRule) { r.Expose = []string{`"`} }), `AllowedHeader """ contains invalid character.`},
		"all exposed":         {rule(func(r *object.CORSRule) { r.Expose = []string{"*"} }), `ExposeHeader "*" contains wildcard. We currently do not support wildcard for ExposeHeader.`},
		"a long name":         {rule(func(r *object.CORSRule) { r.ID = strings.Repeat("i", 256) }), "ID length should not exceed allowed limit of 255"},
	} {
		t.Run(name, func(t *testing.T) { wantSentence(t, object.CheckCORS(tc.rules), tc.want) })
	}
}
