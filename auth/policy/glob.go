package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Glob is a pattern of repository names in the syntax of zot's accessControl: `*` is any run of characters within a component, `**` as a
// whole component is any number of components, none included, `?` is one character, `[a-z]` one of a class and `[^a-z]` one outside of it,
// `{one,two}` is one of several, and a backslash takes the meaning from the next character. It matches whole names.
type Glob struct {
	text string
	expr *regexp.Regexp
}

// maxGlob is the longest pattern in bytes: that of the longest name, with room for alternatives.
const maxGlob = 1024

// ParseGlob reads a pattern. It reports what is wrong with one that has no meaning.
func ParseGlob(text string) (Glob, error) {
	if text == "" || len(text) > maxGlob {
		return Glob{}, fmt.Errorf("a pattern has 1 to %d characters", maxGlob)
	}
	t := globTranslator{rest: text}
	if err := t.run(); err != nil {
		return Glob{}, fmt.Errorf("%q is no pattern: %w", text, err)
	}
	expr, err := regexp.Compile(`\A(?:` + t.out.String() + `)\z`)
	if err != nil {
		return Glob{}, fmt.Errorf("%q is no pattern", text)
	}
	return Glob{text, expr}, nil
}

// Match says whether name matches, in a time proportional to its length.
func (g Glob) Match(name string) bool { return g.expr != nil && g.expr.MatchString(name) }

// String is the pattern as it was written.
func (g Glob) String() string { return g.text }

// globTranslator writes a pattern as a regular expression.
type globTranslator struct {
	rest  string
	out   strings.Builder
	depth int  // of braces
	begun bool // something of the present component has been written
}

func (t *globTranslator) run() error {
	for t.rest != "" {
		if t.anyComponents() {
			continue
		}
		c := t.rest[0]
		t.rest = t.rest[1:]
		if err := t.one(c); err != nil {
			return err
		}
		t.begun = c != '/' && c != '{' && !(c == ',' && t.depth > 0)
	}
	if t.depth > 0 {
		return errors.New("a brace is not closed")
	}
	return nil
}

// anyComponents takes `**` where it is a whole component, with the slash that goes with it.
func (t *globTranslator) anyComponents() bool {
	switch {
	case !t.begun && strings.HasPrefix(t.rest, "**/"):
		t.out.WriteString(`(?:[^/]+/)*`)
		t.rest = t.rest[len("**/"):]
		return true
	case !t.begun && t.endsWith("**"):
		t.out.WriteString(`.*`)
		t.rest = t.rest[len("**"):]
	case t.begun && t.endsWith("/**"):
		t.out.WriteString(`(?:/.*)?`)
		t.rest = t.rest[len("/**"):]
	default:
		return false
	}
	t.begun = true
	return true
}

// endsWith says that s comes next, and then the pattern or the alternative ends.
func (t *globTranslator) endsWith(s string) bool {
	after, ok := strings.CutPrefix(t.rest, s)
	return ok && (after == "" || t.depth > 0 && (after[0] == ',' || after[0] == '}'))
}

func (t *globTranslator) one(c byte) error {
	switch {
	case c == '*':
		t.rest = strings.TrimLeft(t.rest, "*")
		t.out.WriteString(`[^/]*`)
	case c == '?':
		t.out.WriteString(`[^/]`)
	case c == '[':
		return t.class()
	case c == '{':
		t.depth++
		t.out.WriteString(`(?:`)
	case c == '}' && t.depth > 0:
		t.depth--
		t.out.WriteByte(')')
	case c == ',' && t.depth > 0:
		t.out.WriteByte('|')
	case c == '\\':
		if t.rest == "" {
			return errors.New("it ends with a backslash")
		}
		t.out.WriteString(regexp.QuoteMeta(t.rest[:1]))
		t.rest = t.rest[1:]
	case c >= 0x80:
		return errors.New("names of repositories are ASCII")
	default:
		t.out.WriteString(regexp.QuoteMeta(string(c)))
	}
	return nil
}

// class takes the rest of `[…]`: characters that names have, and ranges of them.
func (t *globTranslator) class() error {
	body, rest, ok := strings.Cut(t.rest, "]")
	negated := ok && body != "" && (body[0] == '^' || body[0] == '!')
	if negated {
		body = body[1:]
	}
	const inNames = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	if !ok || body == "" || strings.Trim(body, inNames) != "" {
		return errors.New("a class is `[`, characters of names and ranges of them, `]`")
	}
	t.rest = rest
	t.out.WriteByte('[')
	if negated {
		t.out.WriteString("^/")
	}
	t.out.WriteString(strings.ReplaceAll(body, ".", `\.`))
	t.out.WriteByte(']')
	return nil
}
