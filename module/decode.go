package module

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Defaulter is a configuration whose zero value is not its default. SetDefaults is called before decoding.
type Defaulter interface{ SetDefaults() }

// Validator is a configuration with rules beyond its types. Validate is called after decoding.
type Validator interface {
	// Validate reports what is wrong, beginning with the name of the field, or nil.
	Validate() error
}

// ConfigError is a mistake in a configuration and the place of it.
type ConfigError struct {
	Path   string // `extensions.s3.region`, `auth.providers[2].issuer`
	Reason string // for the person who wrote the configuration
}

// Error is path and reason.
func (e *ConfigError) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// Decode makes a C of a generic tree (maps, slices, strings, numbers, booleans, as parsers of JSON and YAML give them).
// Names are those of the json tags; case is folded in names of fields, never in keys of maps. A name that C lacks is an
// error. path is where raw stands in the whole configuration. Errors are *ConfigError, with the full path of the mistake.
func Decode[C any](path string, raw any) (C, error) {
	c, err := decode[C](raw)
	if err != nil {
		return c, locate(path, raw, func(tree any) error {
			_, err := decode[C](tree)
			return err
		})
	}
	if v, ok := any(&c).(Validator); ok {
		if err := v.Validate(); err != nil {
			var placed *ConfigError
			if errors.As(err, &placed) {
				return c, &ConfigError{Path: join(path, placed.Path), Reason: placed.Reason}
			}
			return c, &ConfigError{Path: path, Reason: err.Error()}
		}
	}
	return c, nil
}

func decode[C any](raw any) (C, error) {
	var c C
	if d, ok := any(&c).(Defaulter); ok {
		d.SetDefaults()
	}
	if m, ok := raw.(map[string]any); raw == nil || (ok && m == nil) {
		return c, nil
	}
	text, err := json.Marshal(raw)
	if err != nil {
		return c, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return c, d.Decode(&c)
}

// locate finds the deepest place of tree that try refuses when everything else is left out, and names it.
// It runs only when a whole tree has been refused, so its cost does not matter.
func locate(path string, tree any, try func(any) error) *ConfigError {
	switch t := tree.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(t)) {
			only := func(v any) any { return map[string]any{key: v} }
			if try(only(t[key])) != nil {
				return locate(join(path, key), t[key], func(v any) error { return try(only(v)) })
			}
		}
	case []any:
		for i, v := range t {
			only := func(v any) any { return []any{v} }
			if try(only(v)) != nil {
				return locate(path+"["+strconv.Itoa(i)+"]", v, func(v any) error { return try(only(v)) })
			}
		}
	}
	return &ConfigError{Path: path, Reason: reason(try(tree))}
}

// reason puts encoding/json's message in the words of a configuration file.
func reason(err error) string {
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return "not accepted together with the other settings"
	case errors.As(err, &kind):
		return fmt.Sprintf("is a %s, want %s", kind.Value, want(kind.Type.String()))
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return "unknown key"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// want names a Go type for somebody who does not write Go.
func want(goType string) string {
	switch {
	case goType == "bool":
		return "true or false"
	case goType == "string":
		return "a string"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"), strings.HasPrefix(goType, "float"):
		return "a number"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	}
	return "a section with settings of its own"
}

func join(path, name string) string {
	switch {
	case path == "":
		return name
	case name == "", name[0] == '[':
		return path + name
	}
	return path + "." + name
}
