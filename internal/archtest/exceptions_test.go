package archtest

import "testing"

// exceptions are the places where a rule gives way, each with the reason. A line that is no longer needed fails too.
func exceptions() map[string]string {
	return map[string]string{
		"var fault.all":                      "the list that the declarations beside it fill before any code runs",
		"change fault/codes.go":              "the same",
		"var cmd/zas.version":                "the linker sets it",
		"context meta/pebblemeta/options.go": "slog asks for a context where Pebble's logger has none",
		"context meta/pgmeta/wire.go":        "an exchange is timed by its connection: cancelling one ends the connection, and a COMMIT must not be cancelled",
	}
}

// excused are the exceptions that a rule has asked for.
type excused struct {
	t    *testing.T
	rule string
	used map[string]bool
}

// except collects the exceptions of one rule; at the end of the test those that were not needed fail.
func except(t *testing.T, rule string) *excused {
	e := &excused{t: t, rule: rule, used: map[string]bool{}}
	t.Cleanup(func() {
		for name := range exceptions() {
			if len(name) > len(rule) && name[:len(rule)+1] == rule+" " && !e.used[name] {
				t.Errorf("the exception %q is no longer needed", name)
			}
		}
	})
	return e
}

// allows says whether the rule gives way for name.
func (e *excused) allows(name string) bool {
	name = e.rule + " " + name
	_, ok := exceptions()[name]
	e.used[name] = ok
	return ok
}
