package token_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/token"
	"github.com/zot-artifact-store/zas/fault"
)

var (
	key    = bytes.Repeat([]byte{7}, 32)
	start  = time.Date(2026, 11, 2, 3, 4, 5, 0, time.UTC)
	who    = auth.Principal{ID: "bob", Name: "Bob"}
	access = []token.Access{{Type: "repository", Name: "team/app", Actions: []string{"pull", "push"}}, {Type: "registry", Name: "catalog", Actions: []string{"*"}}}
)

func service(key []byte, now *time.Time) *token.Service {
	return token.New(key, func() time.Time { return *now })
}

func issue(t testing.TB, s *token.Service, p auth.Principal, access []token.Access) string {
	t.Helper()
	text, _, err := s.Issue(p, access)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestATokenSaysWhatWasGranted(t *testing.T) {
	now := start.Add(400 * time.Millisecond)
	s := service(key, &now)
	text, issued, err := s.Issue(who, access)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Verify(text)
	if diff := cmp.Diff(token.Grant{Principal: who, Access: access, Issued: start, Expires: start.Add(token.Life)}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if diff := cmp.Diff(issued, got); diff != "" {
		t.Error(diff)
	}
	if !got.Allows("repository", "team/app", "push") || got.Allows("repository", "team/app", "delete") || got.Allows("repository", "team", "pull") ||
		got.Allows("registry", "team/app", "pull") || got.Allows("repository", "catalog", "*") {
		t.Error("it allows something else")
	}
	if g, err := s.Verify(issue(t, s, auth.Principal{}, nil)); err != nil || !g.Principal.Anonymous() || len(g.Access) != 0 {
		t.Errorf("anonymous: %+v, %v", g, err)
	}
}

func TestATokenEnds(t *testing.T) {
	now := start
	s := service(key, &now)
	text := issue(t, s, who, nil)
	now = start.Add(token.Life - time.Nanosecond)
	if _, err := s.Verify(text); err != nil {
		t.Errorf("before its end: %v", err)
	}
	now = start.Add(token.Life)
	if _, err := s.Verify(text); !errors.Is(err, fault.BearerInvalid) {
		t.Errorf("at its end: %v", err)
	}
}

func TestAForgedTokenIsRefused(t *testing.T) {
	now := start
	s := service(key, &now)
	text := issue(t, s, who, access)
	parts := strings.Split(text, ".")
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"root","iat":1,"exp":99999999999}`))
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	for name, forged := range map[string]string{
		"nothing":                    "",
		"another key's":              issue(t, service(bytes.Repeat([]byte{8}, 32), &now), who, access),
		"other claims":               parts[0] + "." + claims + "." + parts[2],
		"no MAC":                     parts[0] + "." + claims + ".",
		"a part of the MAC":          text[:len(text)-4],
		"no claims":                  parts[0] + "." + parts[2],
		"another form":               "zas2." + parts[1] + "." + parts[2],
		"no form":                    parts[1] + "." + parts[2],
		"a JSON web token without a": none + "." + claims + ".",
		"something after it":         text + ".x",
		"padding":                    text + "=",
		"a line's end":               text + "\n",
		"a blank before it":          " " + text,
		"what is too long":           "zas1." + strings.Repeat("A", 1<<20) + "." + parts[2],
	} {
		if g, err := s.Verify(forged); !errors.Is(err, fault.BearerInvalid) || !g.Principal.Anonymous() {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
	for i := range len(text) {
		changed := []byte(text)
		changed[i] ^= 1
		if _, err := s.Verify(string(changed)); !errors.Is(err, fault.BearerInvalid) {
			t.Errorf("with byte %d changed: %v", i, err)
		}
	}
}

func TestTheLargestTokenIsAccepted(t *testing.T) {
	now := start
	s := service(key, &now)
	var list []token.Access
	for range 50 {
		list = append(list, token.Access{Type: "repository", Name: strings.Repeat("a", 255), Actions: []string{"pull", "push", "delete"}})
	}
	if _, err := s.Verify(issue(t, s, who, list)); err != nil {
		t.Error(err)
	}
	if _, _, err := s.Issue(who, append(list, list[0])); !errors.Is(err, fault.ArgumentInvalid) {
		t.Errorf("one more: %v", err)
	}
}

// FuzzVerify looks for texts that are accepted though nobody has issued them.
func FuzzVerify(f *testing.F) {
	now := start
	s := service(key, &now)
	good := issue(f, s, who, access)
	f.Add(good)
	f.Add("zas1..")
	f.Add("zas1.e30." + strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, text string) {
		g, err := s.Verify(text)
		switch {
		case text == good && err != nil:
			t.Error(err)
		case text != good && !errors.Is(err, fault.BearerInvalid):
			t.Errorf("%q is accepted: %+v, %v", text, g, err)
		}
	})
}
