package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/policy"
	"github.com/zot-artifact-store/zas/fault"
)

func glob(t testing.TB, text string) policy.Glob {
	t.Helper()
	g, err := policy.ParseGlob(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var (
	nobody = auth.Principal{}
	root   = auth.Principal{ID: auth.RootID}
	bob    = auth.Principal{ID: "bob"}
)

func repository(name string) auth.Resource { return auth.Resource{Type: auth.Repository, Name: name} }
func bucket(name string) auth.Resource     { return auth.Resource{Type: auth.Bucket, Name: name} }
func object(bucket, key string) auth.Resource {
	return auth.Resource{Type: auth.Object, Name: bucket, Key: key}
}

func TestDecisions(t *testing.T) {
	var p policy.Policy
	p.Repositories(glob(t, "**"), false)
	p.Repositories(glob(t, "public/**"), true)
	p.Repositories(glob(t, "public/secret/**"), false)
	p.Repositories(glob(t, "public/secret/not-so"), true)
	p.Repositories(glob(t, "twin/?"), true)
	p.Repositories(glob(t, "twin/*"), false)
	p.Objects("downloads", "*")
	p.Objects("mixed", "public/*")
	p.Objects("mixed", "read*me")
	p.Listing("listed")
	tests := []struct {
		name     string
		who      auth.Principal
		action   auth.Action
		resource auth.Resource
		allowed  bool
	}{
		{"root may do everything", root, "s3:DeleteBucket", bucket("downloads"), true},
		{"somebody else may not even read what anybody may: rules for them are to come", bob, "s3:GetObject", object("downloads", "key"), false},
		{"an object of an open bucket", nobody, "s3:GetObject", object("downloads", "any/key"), true},
		{"an object under an open prefix", nobody, "s3:GetObject", object("mixed", "public/key"), true},
		{"an object beside it", nobody, "s3:GetObject", object("mixed", "publican"), false},
		{"the one key of a rule", nobody, "s3:GetObject", object("mixed", "read*me"), true},
		{"a star inside of a rule is a character of the key", nobody, "s3:GetObject", object("mixed", "read-me"), false},
		{"an object of another bucket", nobody, "s3:GetObject", object("downloads2", "key"), false},
		{"a version of an open object", nobody, "s3:GetObjectVersion", object("downloads", "key"), false},
		{"writing to an open bucket", nobody, "s3:PutObject", object("downloads", "key"), false},
		{"listing an open bucket: getting never implies it", nobody, "s3:ListBucket", bucket("downloads"), false},
		{"listing a listed bucket", nobody, "s3:ListBucket", bucket("listed"), true},
		{"getting from a listed bucket: listing never implies it", nobody, "s3:GetObject", object("listed", "key"), false},
		{"the versions of a listed bucket", nobody, "s3:ListBucketVersions", bucket("listed"), false},
		{"the uploads of a listed bucket", nobody, "s3:ListBucketMultipartUploads", bucket("listed"), false},
		{"all buckets", nobody, "s3:ListAllMyBuckets", auth.Resource{Type: auth.Server}, false},
		{"the repository of an open bucket", nobody, "oci:pull", repository("downloads"), false},
		{"an object in a bucket named like an open repository", nobody, "s3:GetObject", object("public/app", "key"), false},
		{"pulling from a bucket named like an open repository", nobody, "oci:pull", bucket("public/app"), false},
		{"listing a repository named like a listed bucket", nobody, "s3:ListBucket", repository("listed"), false},
		{"an open repository", nobody, "oci:pull", repository("public/app"), true},
		{"pushing to it", nobody, "oci:push", repository("public/app"), false},
		{"deleting from it", nobody, "oci:delete", repository("public/app"), false},
		{"the longest pattern closes what a shorter one opens", nobody, "oci:pull", repository("public/secret/app"), false},
		{"and a longer one opens it again", nobody, "oci:pull", repository("public/secret/not-so"), true},
		{"of patterns of one length all must allow", nobody, "oci:pull", repository("twin/a"), false},
		{"a repository that only the pattern for all matches", nobody, "oci:pull", repository("team/app"), false},
		{"the catalogue, of which only readable names are shown", nobody, "oci:catalog", auth.Resource{Type: auth.Server}, true},
		{"a check of credentials that are not there", nobody, "oci:ping", auth.Resource{Type: auth.Server}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := fault.CredentialsMissing
			if !test.who.Anonymous() {
				want = fault.AccessDenied
			}
			err := p.Authorize(t.Context(), test.who, test.action, test.resource)
			if test.allowed && err != nil || !test.allowed && !errors.Is(err, want) {
				t.Errorf("Authorize = %v", err)
			}
		})
	}
}

func TestNothingIsAllowedWithoutRules(t *testing.T) {
	var p policy.Policy
	for _, r := range []auth.Resource{repository("a"), bucket("a"), object("a", ""), {Type: auth.Server}} {
		for _, a := range []auth.Action{"s3:GetObject", "s3:ListBucket", "oci:pull", "oci:catalog", ""} {
			if err := p.Authorize(t.Context(), nobody, a, r); !errors.Is(err, fault.CredentialsMissing) {
				t.Errorf("%s on %v: %v", a, r, err)
			}
		}
	}
}

func TestGlobs(t *testing.T) {
	tests := []struct {
		pattern, name string
		match         bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "a/a", false}, {"a.b", "axb", false},
		{"*", "a", true}, {"*", "a/b", false}, {"a/*", "a/b", true}, {"a/*", "a", false}, {"a/*", "a/b/c", false}, {"a*c", "abbc", true},
		{"**", "a", true}, {"**", "a/b/c", true},
		{"a/**", "a", true}, {"a/**", "a/b", true}, {"a/**", "a/b/c", true}, {"a/**", "ab", false},
		{"**/c", "c", true}, {"**/c", "a/b/c", true}, {"**/c", "a/bc", false},
		{"a/**/c", "a/c", true}, {"a/**/c", "a/b/b/c", true}, {"a/**/c", "a/bc", false},
		{"a**", "ab", true}, {"a**", "a/b", false}, {"a/b**", "a/b/c", false},
		{"a?", "ab", true}, {"a?", "a/", false}, {"a?", "a", false},
		{"[ab]c", "bc", true}, {"[ab]c", "cc", false}, {"[^ab]", "c", true}, {"[!ab]", "a", false}, {"a[^b]c", "a/c", false}, {"[a-c]", "b", true},
		{"{a,b/c}", "b/c", true}, {"{a,b}/**", "b/x", true}, {"{a/**,b}", "a", true}, {"{a/**,b}", "a/x/y", true}, {"{a,b{c,d}}", "bd", true}, {"{a,b}", "c", false},
		{`\*`, "*", true}, {`\*`, "a", false}, {"a+", "aa", false}, {"a,b", "a,b", true}, {"a}", "a}", true},
	}
	for _, test := range tests {
		if got := glob(t, test.pattern).Match(test.name); got != test.match {
			t.Errorf("%s matches %s: %v", test.pattern, test.name, got)
		}
	}
	for _, bad := range []string{"", "[", "[]", "[a", "[^]", "{a", "{a,{b}", `a\`, "[z-a]", "ä", "[[:alpha:]]"} {
		if _, err := policy.ParseGlob(bad); err == nil {
			t.Errorf("%q is taken for a pattern", bad)
		}
	}
}

// FuzzGlob looks for patterns that cannot be compiled, and for literals that match anything but themselves.
func FuzzGlob(f *testing.F) {
	for _, seed := range []string{"a/**", "{a,b/*}/**/[a-z]?", `\{`, "[^", "**{", "a/**{,b}"} {
		f.Add(seed, "a/b")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		g, err := policy.ParseGlob(pattern)
		if err != nil {
			return
		}
		if !strings.ContainsAny(pattern, `*?[{}\\`) && g.Match(name) != (pattern == name) {
			t.Errorf("%q matches %q: %v", pattern, name, g.Match(name))
		}
	})
}
