package repository_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/internal/repository"
)

// The grammars of the distribution specification 1.1, "Pulling manifests".
var (
	nameGrammar = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagGrammar  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

func TestNamesFollowTheSpecificationsGrammar(t *testing.T) {
	reserved := []string{"api", "livez", "metrics", "readyz", "startupz", "zot"}
	pieces := append([]string{"a", "7", ".", "_", "-", "/", "A", " ", "é", "--", "__", "..", "v2"}, reserved...)
	rapid.Check(t, func(t *rapid.T) {
		name := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8).Draw(t, "pieces"), "")
		want := nameGrammar.MatchString(name)
		first, _, _ := strings.Cut(name, "/")
		for _, r := range reserved {
			want = want && first != r
		}
		if got := repository.CheckRepository(name) == nil; got != want {
			t.Fatalf("%q: %v", name, got)
		}
		if repository.CheckBucket(name) == nil && (!want || strings.ContainsAny(name, "/_") || len(name) < 3) {
			t.Fatalf("the bucket %q is no repository", name)
		}
		if got := repository.CheckTag(name) == nil; got != tagGrammar.MatchString(name) {
			t.Fatalf("tag %q: %v", name, got)
		}
	})
}

func TestBucketNames(t *testing.T) {
	for _, name := range []string{"abc", "a.b.c", "my-bucket", "a--b", "0-0", "my.bucket-7", strings.Repeat("a", 63)} {
		if err := repository.CheckBucket(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "ab", strings.Repeat("a", 64), "a_b", "a..b", "a.-b", "-ab", "ab-", ".ab", "Abc", "a/b", "192.168.5.4", "xn--a",
		"sthree-x", "amzn-s3-demo-x", "x-s3alias", "x--ol-s3", "x.mrap", "x--x-s3", "x--table-s3", "api", "metrics", "a b", "a\x00b"} {
		if repository.CheckBucket(name) == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}

func TestLongNamesAreRefused(t *testing.T) {
	if err := repository.CheckRepository(strings.Repeat("a/", 127) + "a"); err != nil {
		t.Error(err)
	}
	if repository.CheckRepository(strings.Repeat("a/", 127)+"aa") == nil {
		t.Error("256 characters are accepted")
	}
}
