package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"github.com/zot-artifact-store/zas/module"
)

// parseTree parses one document of JSON or YAML (of which JSON is a part) into maps, lists and scalars.
// Anchors are refused: nothing here is long enough to need them, and an alias may stand for exponentially much.
func parseTree(text []byte) (map[string]any, error) {
	for _, t := range lexer.Tokenize(string(text)) {
		if t.Type == token.AliasType || t.Type == token.AnchorType || t.Type == token.TagType {
			return nil, fmt.Errorf("line %d: anchors, aliases and tags are not supported", t.Position.Line)
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root any
	if err := decoder.Decode(&root); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("neither JSON nor YAML: %w", err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("holds more than one document")
	}
	if json.Valid(text) { // numbers and strings then mean what JSON says; YAML differs in the corners
		if err := json.Unmarshal(text, &root); err != nil {
			return nil, err
		}
	}
	if root == nil {
		return map[string]any{}, nil
	}
	tree, ok := root.(map[string]any)
	if !ok {
		return nil, errors.New("is not a section of settings: want `storage:`, `http:` and the like at the top")
	}
	return fold("", tree)
}

// fold brings the names of fields to lower case, so that what follows can compare them; encoding/json folds them
// again when it decodes. Below keyed sections, whose keys are the user's own, nothing is changed.
func fold(path string, tree map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(tree))
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		name := strings.ToLower(key)
		at := join(path, name)
		if _, twice := out[name]; twice {
			return nil, &module.ConfigError{Path: join(path, key), Reason: "is set twice: names do not differ by case"}
		}
		value := tree[key]
		if section, ok := value.(map[string]any); ok && !keyed(at) {
			folded, err := fold(at, section)
			if err != nil {
				return nil, err
			}
			value = folded
		}
		out[name] = value
	}
	return out, nil
}

// keyed says whether the keys of the section at path may be the user's own words, beneath a module's settings included.
func keyed(path string) bool {
	if strings.HasPrefix(path, "extensions.") && strings.Count(path, ".") > 1 {
		return true
	}
	return path == "http.accesscontrol.repositories" || path == "http.accesscontrol.groups" || path == "storage.subpaths"
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// lookup finds the section that holds path's last name, and that name. nil: there is none.
func lookup(tree map[string]any, path string) (map[string]any, string) {
	section, last, nested := strings.Cut(path, ".")
	for nested {
		next, ok := tree[section].(map[string]any)
		if !ok {
			return nil, ""
		}
		tree = next
		section, last, nested = strings.Cut(last, ".")
	}
	return tree, section
}
