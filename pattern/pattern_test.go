package pattern_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/pattern"
)

func TestGlobs(t *testing.T) {
	for glob, names := range map[string][2]string{ // matching, not matching
		"app":       {"app", "ap apps app/x x/app"},
		"**":        {"a a/b a/b/c", ""},
		"prod/*":    {"prod/a", "prod prod/a/b preprod/a"},
		"prod/**":   {"prod prod/a prod/a/b", "pro prod2/a"},
		"**/app":    {"app a/app a/b/app", "app/a apps"},
		"a/**/z":    {"a/z a/b/z a/b/c/z a/z/z", "a z a/b b/a/z a/z/b"},
		"a/**/**/z": {"a/z a/b/z", "a"},
		"v?-[0-9]*": {"v1-2 va-3x", "v-1 v1-a"},
		"a**":       {"a ab", "a/b"},
	} {
		g, err := pattern.ParseGlob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for i, list := range names {
			for name := range strings.FieldsSeq(list) {
				if g.Match(name) != (i == 0) {
					t.Errorf("%s matches %s: %v", glob, name, i != 0)
				}
			}
		}
	}
	for _, glob := range []string{"", "a//b", "/a", "a/", "[", "{a,b}/c"} {
		if _, err := pattern.ParseGlob(glob); err == nil {
			t.Errorf("%q is accepted", glob)
		}
	}
	if (pattern.Glob{}).Match("") || (pattern.Glob{}).Match("a") {
		t.Error("nothing matches something")
	}
}

func TestWholeExpressions(t *testing.T) {
	for text, tags := range map[string][2]string{
		`v[0-9]+`: {"v1 v12", "xv1 v1x v V1"},
		`a|ab`:    {"a ab", "abc b"},
		`(?i)rc`:  {"rc RC", "rc1"},
	} {
		w, err := pattern.ParseWhole(text)
		if err != nil {
			t.Fatal(err)
		}
		for i, list := range tags {
			for tag := range strings.FieldsSeq(list) {
				if w.Match(tag) != (i == 0) {
					t.Errorf("%s matches %s: %v", text, tag, i != 0)
				}
			}
		}
	}
	for _, text := range []string{"(", `\Qa`, "a)|(?:b"} {
		if _, err := pattern.ParseWhole(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	if (pattern.Whole{}).Match("") {
		t.Error("nothing matches something")
	}
}

func TestPatternsAreReadFromConfigurations(t *testing.T) {
	var list struct {
		Globs  []pattern.Glob
		Wholes []pattern.Whole
	}
	text := `{"Globs":["a/**"],"Wholes":["v.*"]}`
	if err := json.Unmarshal([]byte(text), &list); err != nil || !list.Globs[0].Match("a/b") || !list.Wholes[0].Match("v1") {
		t.Fatalf("%v, %v", list, err)
	}
	if again, err := json.Marshal(list); err != nil || string(again) != text {
		t.Errorf("%s, %v", again, err)
	}
}
