package repository

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// strict reads one JSON value without the freedoms of encoding/json: keys are compared exactly and stand once in an object.
type strict struct {
	d     *json.Decoder
	depth int
}

// maxDepth of arrays and objects within each other: far above what any manifest has.
const maxDepth = 100

// The keys that mean something in a manifest or index, and in a descriptor, by their folded form: another spelling of one of them is refused, because
// programs that do not mind the case would read it, and others would not.
var (
	documentKeys = keysOf("schemaVersion", "mediaType", "artifactType", "config", "layers", "fsLayers", "manifests", "blobs",
		"subject", "annotations")
	descriptorKeys = keysOf("mediaType", "digest", "size", "urls", "data", "platform", "annotations", "artifactType")
)

func keysOf(names ...string) map[string]string {
	keys := make(map[string]string, len(names))
	for _, n := range names {
		keys[fold(n)] = n
	}
	return keys
}

// fold makes keys equal that some programs take for the same: in any case, and with the letters of Unicode whose other case is in ASCII (ſ, K).
func fold(key string) string { return strings.ToLower(strings.ToUpper(key)) }

var (
	errNoDigest     = errors.New("a descriptor has no digest")
	errNegativeSize = errors.New("a descriptor has a negative size")
	errTooDeep      = errors.New("too deeply nested")
	errTrailing     = errors.New("something follows the JSON value")
)

func newStrict(body []byte) *strict {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return &strict{d: d}
}

// object calls member for each key, which reads the value. It returns the keys; nil for null.
func (s *strict) object(known map[string]string, member func(key string) error) (map[string]struct{}, error) {
	opened, err := s.open('{')
	if err != nil || !opened {
		return nil, err
	}
	keys := make(map[string]struct{})
	for s.d.More() {
		token, err := s.d.Token()
		if err != nil {
			return nil, eof(err)
		}
		key, ok := token.(string)
		if !ok {
			return nil, fmt.Errorf("a key is %v", token)
		}
		if _, twice := keys[key]; twice {
			return nil, fmt.Errorf("the key %.100q stands twice in one object", key)
		}
		if want, ok := known[fold(key)]; ok && want != key {
			return nil, fmt.Errorf("the key %.100q must be written %q", key, want)
		}
		keys[key] = struct{}{}
		if err := member(key); err != nil {
			return nil, err
		}
	}
	return keys, s.close()
}

// array calls element for each element, which reads it. null is no elements.
func (s *strict) array(element func() error) error {
	opened, err := s.open('[')
	if err != nil || !opened {
		return err
	}
	for s.d.More() {
		if err := element(); err != nil {
			return err
		}
	}
	return s.close()
}

// open reads the delimiter that begins an object or array; false for null.
func (s *strict) open(want json.Delim) (bool, error) {
	token, err := s.d.Token()
	switch {
	case err != nil:
		return false, eof(err)
	case token == nil:
		return false, nil
	case token != want:
		return false, fmt.Errorf("%v where %v should begin", token, want)
	}
	if s.depth++; s.depth > maxDepth {
		return false, errTooDeep
	}
	return true, nil
}

func (s *strict) close() error {
	s.depth--
	_, err := s.d.Token()
	return eof(err)
}

// text reads a string; null is the empty one.
func (s *strict) text() (string, error) {
	token, err := s.d.Token()
	if err != nil || token == nil {
		return "", eof(err)
	}
	text, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("%v where a string should be", token)
	}
	return text, nil
}

// integer reads a whole number of 64 bits; null is 0.
func (s *strict) integer() (int64, error) {
	token, err := s.d.Token()
	if err != nil || token == nil {
		return 0, eof(err)
	}
	number, ok := token.(json.Number)
	if !ok {
		return 0, fmt.Errorf("%v where a number should be", token)
	}
	return number.Int64()
}

// skip reads any value and checks its objects for keys that stand twice.
func (s *strict) skip() error {
	token, err := s.d.Token()
	if err != nil {
		return eof(err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if s.depth++; s.depth > maxDepth {
		return errTooDeep
	}
	if delim == '{' {
		return s.skipMembers()
	}
	for s.d.More() {
		if err := s.skip(); err != nil {
			return err
		}
	}
	return s.close()
}

func (s *strict) skipMembers() error {
	keys := make(map[string]struct{})
	for s.d.More() {
		token, err := s.d.Token()
		if err != nil {
			return eof(err)
		}
		key, _ := token.(string)
		if _, twice := keys[key]; twice {
			return fmt.Errorf("the key %.100q stands twice in one object", key)
		}
		keys[key] = struct{}{}
		if err := s.skip(); err != nil {
			return err
		}
	}
	return s.close()
}

// end checks that only white space follows.
func (s *strict) end() error {
	if _, err := s.d.Token(); err != io.EOF {
		return errTrailing
	}
	return nil
}

// eof makes the end of the text an error with a message for people.
func eof(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
