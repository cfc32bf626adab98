package extent_test

import (
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/extent"
	"pgregory.net/rapid"
)

func TestALocationHasTheEpochItWasMadeIn(t *testing.T) {
	for range 100 {
		e := extent.NewEpoch()
		l := extent.NewLocation(e)
		if len(e) != 16 || !l.Valid() || l.Epoch() != e {
			t.Errorf("epoch %q, location %q of epoch %q, valid %t", e, l, l.Epoch(), l.Valid())
		}
	}
}

func TestLocationsAndEpochsDiffer(t *testing.T) {
	seen := make(map[string]bool)
	e := extent.NewEpoch()
	for range 1000 {
		for _, s := range []string{string(extent.NewEpoch()), string(extent.NewLocation(e))} {
			if seen[s] {
				t.Errorf("%s twice", s)
			}
			seen[s] = true
		}
	}
}

func TestOnlyThirtyTwoLowerCaseDigitsAreALocation(t *testing.T) {
	good := strings.Repeat("09afbc12", 4)
	for l, want := range map[string]bool{
		good:                           true,
		"":                             false,
		good[1:]:                       false,
		good + "0":                     false,
		strings.ToUpper(good):          false,
		good[:31] + "g":                false,
		good[:31] + "/":                false,
		good[:31] + ":":                false,
		good[:31] + "`":                false,
		good[:30] + "é":                false,
		"../" + good[3:]:               false,
		good[:16] + "\x00" + good[17:]: false,
	} {
		if got := extent.Location(l).Valid(); got != want {
			t.Errorf("Valid of %q: %t", l, got)
		}
		if got := extent.Location(l).Epoch(); !want && got != "" {
			t.Errorf("Epoch of %q: %q", l, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9a-g]{31,33}`)).Draw(t, "location")
		want := len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
		if extent.Location(s).Valid() != want {
			t.Fatalf("Valid of %q: %t", s, !want)
		}
	})
}
