package fault_test

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/fault"
)

func TestEveryCodeIsWhole(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, c := range fault.All() {
		if !name.MatchString(c.Name()) || seen[c.Name()] {
			t.Errorf("%q is no name of its own in lower case with dashes", c.Name())
		}
		seen[c.Name()] = true
		for _, s := range []string{c.Text(), c.Resolution()} {
			if s == "" || strings.HasSuffix(s, ".") || strings.TrimSpace(s) != s {
				t.Errorf("%s: %q is no sentence to go on with", c.Name(), s)
			}
		}
	}
	if len(seen) < 50 {
		t.Errorf("All lists %d codes: some are missing", len(seen))
	}
}

func TestAnErrorIsItsCodeAndItsCause(t *testing.T) {
	err := fmt.Errorf("put: %w", fault.BucketNotFound.With("photos", io.ErrUnexpectedEOF))
	if !errors.Is(err, fault.BucketNotFound) || !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, fault.KeyNotFound) {
		t.Errorf("%v is not what it is", err)
	}
	if got := err.Error(); got != "put: bucket-not-found: the bucket does not exist: photos: unexpected EOF" {
		t.Errorf("the log says %q", got)
	}
}

func TestAnErrorTellsFactsAndStaysWhatItIs(t *testing.T) {
	plain := fault.ArgumentInvalid.With("date", io.ErrUnexpectedEOF)
	one := fault.Tell(plain, fault.Fact{Name: "ArgumentName", Value: "date"})
	two := fault.Tell(one, fault.Fact{Name: "ArgumentValue", Value: "today"})
	if !errors.Is(two, fault.ArgumentInvalid) || !errors.Is(two, io.ErrUnexpectedEOF) {
		t.Errorf("%v is not what it was", two)
	}
	if n, m, k := len(fault.Of(plain).Facts), len(fault.Of(one).Facts), len(fault.Of(two).Facts); n != 0 || m != 1 || k != 2 {
		t.Errorf("%d, %d and %d facts", n, m, k)
	}
}

func TestOf(t *testing.T) {
	cause := errors.New("disk on fire")
	tests := []struct {
		name string
		err  error
		code *fault.Code
		text string
	}{
		{"a bare code", fault.Busy, fault.Busy, "the server is busy or stopping"},
		{"an occurrence with words of its own", fault.BadRequest.Detail("no %s", "way"), fault.BadRequest, "no way"},
		{"a wrapped occurrence", fmt.Errorf("x: %w", fault.Damaged.With("k", cause)), fault.Damaged, "the stored bytes do not match their checksum"},
		{"anything else is unexpected, and its words stay inside", cause, fault.Unexpected, "the server met an unexpected condition"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := fault.Of(test.err)
			if got.Code != test.code || got.Text() != test.text {
				t.Errorf("Of = %s %q, want %s %q", got.Code.Name(), got.Text(), test.code.Name(), test.text)
			}
		})
	}
	if fault.Of(nil) != nil {
		t.Error("no error has an occurrence")
	}
}
