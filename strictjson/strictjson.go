// Package strictjson takes JSON apart without losing what a map would hide: members that occur twice, and the letters of their names.
package strictjson

import (
	"bytes"
	"encoding/json"
)

// Member is one of a JSON object.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Object is the members of a JSON object in their order, repeated ones too; false when raw is none.
func Object(raw []byte) ([]Member, bool) {
	if !json.Valid(raw) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	var members []Member
	for d.More() {
		var m Member
		name, _ := d.Token() // raw is valid
		m.Name, _ = name.(string)
		if err := d.Decode(&m.Value); err != nil {
			return nil, false
		}
		members = append(members, m)
	}
	return members, true
}

// List is the elements of a JSON array; false when raw is none. null is none.
func List(raw json.RawMessage) ([]json.RawMessage, bool) {
	var list []json.RawMessage
	return list, json.Unmarshal(raw, &list) == nil && raw[0] == '['
}

// Text is a JSON string; false when raw is none. null is none.
func Text(raw json.RawMessage) (string, bool) {
	var s string
	return s, json.Unmarshal(raw, &s) == nil && raw[0] == '"'
}
