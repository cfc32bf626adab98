// Package pattern is the patterns of names that a configuration holds: globs for repositories, as zot writes them, and regular expressions for tags.
package pattern

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Glob matches names of several components. In a component, `*` is any characters, `?` one, `[a-z]` one of a range; the component `**` is any
// number of components, none included. The zero value matches nothing.
type Glob struct {
	text  string
	parts []string
}

// errAlternatives says why `{a,b}` is refused instead of never matching.
var errAlternatives = errors.New("a glob has no alternatives in braces: write one glob for each")

// ParseGlob reads a glob. It reports what is wrong with one that could never match.
func ParseGlob(text string) (Glob, error) {
	if text == "" {
		return Glob{}, errors.New("a glob must not be empty")
	}
	if strings.ContainsAny(text, "{}") {
		return Glob{}, errAlternatives
	}
	parts := slices.CompactFunc(strings.Split(text, "/"), func(a, b string) bool { return a == "**" && b == "**" })
	for _, part := range parts {
		if _, err := path.Match(part, ""); err != nil || part == "" {
			return Glob{}, errors.New("a component of the glob is malformed")
		}
	}
	return Glob{text, parts}, nil
}

// Match says whether name is of the pattern.
func (g Glob) Match(name string) bool {
	return len(g.parts) > 0 && match(g.parts, strings.Split(name, "/"))
}

func match(parts, names []string) bool {
	for i, part := range parts {
		if part == "**" {
			for skip := range len(names) - i + 1 {
				if match(parts[i+1:], names[i+skip:]) {
					return true
				}
			}
			return false
		}
		if i == len(names) {
			return false
		}
		if ok, _ := path.Match(part, names[i]); !ok { // ParseGlob has seen to errors
			return false
		}
	}
	return len(parts) == len(names)
}

// String is the text that was read.
func (g Glob) String() string { return g.text }

// UnmarshalText reads a glob of a configuration.
func (g *Glob) UnmarshalText(text []byte) (err error) {
	*g, err = ParseGlob(string(text))
	return err
}

// MarshalText writes the text that was read.
func (g Glob) MarshalText() ([]byte, error) { return []byte(g.text), nil }

// Whole is a regular expression (RE2 syntax) that must match the whole of a text. The zero value matches nothing.
type Whole struct {
	text string
	re   *regexp.Regexp
}

// ParseWhole reads an expression.
func ParseWhole(text string) (Whole, error) {
	if _, err := regexp.Compile(text); err != nil {
		return Whole{}, err
	}
	re, err := regexp.Compile(`\A(?:` + text + `)\z`)
	return Whole{text, re}, err
}

// Match says whether all of text is of the pattern.
func (w Whole) Match(text string) bool { return w.re != nil && w.re.MatchString(text) }

// String is the text that was read.
func (w Whole) String() string { return w.text }

// UnmarshalText reads an expression of a configuration.
func (w *Whole) UnmarshalText(text []byte) (err error) {
	*w, err = ParseWhole(string(text))
	return err
}

// MarshalText writes the text that was read.
func (w Whole) MarshalText() ([]byte, error) { return []byte(w.text), nil }
