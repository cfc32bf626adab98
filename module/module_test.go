package module_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/module"
)

// greeter is what the modules of the tests' point are.
type greeter interface{ Greet() string }

// given is what the point gives to its modules.
type given struct{ Name string }

var point = module.NewPoint[given, greeter]("greeter")

type politeConfig struct {
	Word     string          `json:"word"`
	Every    module.Duration `json:"every"`
	Limit    module.Size     `json:"limit"`
	Nested   nested          `json:"nested"`
	Friends  []nested        `json:"friends"`
	ByPrefix map[string]int  `json:"byPrefix"`
}

type nested struct {
	Loud bool `json:"loud"`
}

func (c *politeConfig) SetDefaults() { c.Word = "hello" }

func (c *politeConfig) Validate() error {
	if c.Word == "" {
		return &module.ConfigError{Path: "word", Reason: "must not be empty"}
	}
	return nil
}

type polite struct{ text string }

func (p polite) Greet() string { return p.text }

func newPolite(h module.Host[given], c politeConfig) (greeter, error) {
	if c.Nested.Loud {
		return nil, errors.New("too loud")
	}
	return polite{text: c.Word + " " + h.Given.Name}, nil
}

func registry() *module.Registry {
	r := &module.Registry{}
	module.Provide(r, point, "polite", newPolite)
	return r
}

func TestLoad(t *testing.T) {
	host := module.Host[given]{Given: given{Name: "world"}}
	use := func(config map[string]any) module.Use {
		return module.Use{Name: "polite", Path: "greeters.polite", Config: config}
	}
	t.Run("a module is built from defaults when nothing is configured", func(t *testing.T) {
		got, err := module.Load(registry(), &module.Life{}, point, host, use(nil))
		if err != nil || got[0].Greet() != "hello world" {
			t.Fatalf("Load = %v, %v", got, err)
		}
	})
	t.Run("names of fields fold case", func(t *testing.T) {
		got, err := module.Load(registry(), &module.Life{}, point, host, use(map[string]any{"WORD": "bye"}))
		if err != nil || got[0].Greet() != "bye world" {
			t.Fatalf("Load = %v, %v", got, err)
		}
	})
	t.Run("a module that is not linked is refused with those that are", func(t *testing.T) {
		_, err := module.Load(registry(), &module.Life{}, point, host, module.Use{Name: "rude", Path: "greeters.rude"})
		wantError(t, err, `greeters.rude: this program has no greeter "rude" (linked: polite)`)
	})
	t.Run("an error of the constructor names the module", func(t *testing.T) {
		loud := use(map[string]any{"nested": map[string]any{"loud": true}})
		_, err := module.Load(registry(), &module.Life{}, point, host, loud)
		wantError(t, err, "build greeter polite: too loud")
	})
	t.Run("a configuration is checked without building", func(t *testing.T) {
		loud := use(map[string]any{"nested": map[string]any{"loud": true}})
		if err := module.Check(registry(), point, loud); err != nil {
			t.Fatal(err)
		}
		wantError(t, module.Check(registry(), point, use(map[string]any{"x": 1})), "greeters.polite.x: unknown key")
	})
	t.Run("a name is provided once", func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("the second Provide was accepted")
			}
		}()
		r := registry()
		module.Provide(r, point, "polite", newPolite)
	})
}

func TestDecodeNamesTheFullPathOfAMistake(t *testing.T) {
	tests := []struct {
		name string
		tree any
		want string
	}{
		{"an unknown key", map[string]any{"rot": 1}, "at.rot: unknown key"},
		{"an unknown key in a section", map[string]any{"word": "a", "nested": map[string]any{"laud": true}}, "at.nested.laud: unknown key"},
		{"an unknown key in a list", map[string]any{"friends": []any{map[string]any{"loud": true}, map[string]any{"x": 1}}},
			"at.friends[1].x: unknown key"},
		{"a value of the wrong type", map[string]any{"nested": map[string]any{"loud": "yes"}}, "at.nested.loud: is a string, want true or false"},
		{"a value in a map", map[string]any{"byPrefix": map[string]any{"a": 1, "b": "two"}}, "at.byPrefix.b: is a string, want a number"},
		{"a section that is none", map[string]any{"nested": 7}, "at.nested: is a number, want a section with settings of its own"},
		{"a duration without unit", map[string]any{"every": "10"}, `at.every: "10" is not a duration: want a number and a unit, such as 90s, 15m or 1h30m`},
		{"a negative size", map[string]any{"limit": -1}, `at.limit: "-1" is not a size: want a number with KiB, MiB, GiB, TiB or no unit`},
		{"a broken rule", map[string]any{"word": ""}, "at.word: must not be empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := module.Decode[politeConfig]("at", test.tree)
			wantError(t, err, test.want)
			var placed *module.ConfigError
			if !errors.As(err, &placed) {
				t.Errorf("the error is a %T", err)
			}
		})
	}
}

func TestUnitsAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "4096": 4096, "64KiB": 64 << 10, "3 GiB": 3 << 30, "7B": 7} {
		var s module.Size
		if err := s.UnmarshalText([]byte(text)); err != nil || int64(s) != want {
			t.Errorf("%q = %d, %v, want %d", text, s, err, want)
		}
		written, _ := s.MarshalText()
		var again module.Size
		if err := again.UnmarshalText(written); err != nil || again != s {
			t.Errorf("%d is written %q and read as %d, %v", s, written, again, err)
		}
	}
	for _, text := range []string{"", "x", "9223372036854775807KiB", "-4", "1.5GiB"} {
		var s module.Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted as %d", text, s)
		}
	}
	got, err := module.Decode[politeConfig]("", map[string]any{"every": "1m30s", "limit": 12})
	if err != nil || time.Duration(got.Every) != 90*time.Second || got.Limit != 12 {
		t.Errorf("Decode = %+v, %v", got, err)
	}
}

// recorder notes what happens to it.
type recorder struct {
	name     string
	log      *[]string
	startErr error
	stopErr  error
}

func (r recorder) Start(context.Context) error {
	*r.log = append(*r.log, "start "+r.name)
	return r.startErr
}

func (r recorder) Stop(context.Context) error {
	*r.log = append(*r.log, "stop "+r.name)
	return r.stopErr
}

// closer is a part that only closes.
type closer struct{ log *[]string }

func (c closer) Close() error {
	*c.log = append(*c.log, "close")
	return nil
}

type checked struct{ err error }

func (c checked) Check(context.Context) error { return c.err }

func TestLife(t *testing.T) {
	broken := errors.New("broken")
	t.Run("parts start in the order of building and stop in reverse", func(t *testing.T) {
		var log []string
		var life module.Life
		life.Add("a", recorder{name: "a", log: &log})
		life.Add("plain", struct{}{})
		life.Add("closer", closer{log: &log})
		life.Add("b", recorder{name: "b", log: &log})
		if err := errors.Join(life.Start(t.Context()), life.Stop(t.Context())); err != nil {
			t.Fatal(err)
		}
		want := []string{"start a", "start b", "stop b", "close", "stop a"}
		if !slices.Equal(log, want) {
			t.Errorf("happened %v, want %v", log, want)
		}
	})
	t.Run("a failed start stops everything that was built", func(t *testing.T) {
		var log []string
		var life module.Life
		life.Add("a", recorder{name: "a", log: &log})
		life.Add("b", recorder{name: "b", log: &log, startErr: broken})
		life.Add("c", recorder{name: "c", log: &log})
		err := life.Start(t.Context())
		wantError(t, err, "start b: broken")
		if !errors.Is(err, broken) {
			t.Error("the cause is lost")
		}
		want := []string{"start a", "start b", "stop c", "stop b", "stop a"}
		if !slices.Equal(log, want) {
			t.Errorf("happened %v, want %v", log, want)
		}
	})
	t.Run("stopping goes on after an error, and happens once", func(t *testing.T) {
		var log []string
		var life module.Life
		life.Add("a", recorder{name: "a", log: &log, stopErr: broken})
		life.Add("b", recorder{name: "b", log: &log, stopErr: broken})
		wantError(t, life.Stop(t.Context()), "stop b: broken\nstop a: broken")
		if err := life.Stop(t.Context()); err != nil || len(log) != 2 {
			t.Errorf("the second Stop did %v, %v", log, err)
		}
	})
	t.Run("health is told part by part", func(t *testing.T) {
		var life module.Life
		life.Add("good", checked{})
		life.Add("silent", struct{}{})
		life.Add("bad", checked{err: broken})
		got := life.Check(t.Context())
		if len(got) != 2 || got[0].Name != "good" || got[0].Err != nil || got[1].Name != "bad" || got[1].Err != broken {
			t.Errorf("Check = %+v", got)
		}
	})
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v, want %s", err, want)
	}
}
