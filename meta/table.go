package meta

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// Table is the typed rows under one byte. V is encoded as CBOR after one byte of format version, so give its fields
// `cbor:"N,keyasint"` tags: numbers are never used again, unknown fields are ignored, absent ones are zero.
type Table[V any] struct {
	name   string
	id     byte
	guards []int // numbers of leading parts that name a guard, ascending
}

// valueFormat is the first byte of every row's value.
const valueFormat = 1

// NewTable declares a table. id is unique in the program (archtest checks it): 0x10 to 0xFE, below is the engines' own.
// Each of guardDepths is a number of leading parts: the rows that share so many leading parts form a range with a
// guard of its own. Depth 0 guards the whole table.
func NewTable[V any](id byte, name string, guardDepths ...int) Table[V] {
	slices.Sort(guardDepths)
	return Table[V]{name: name, id: id, guards: guardDepths}
}

// Name is for messages.
func (t Table[V]) Name() string { return t.name }

// Key is the key of the row with these parts.
func (t Table[V]) Key(parts ...string) Key {
	size := 1
	for _, p := range parts {
		size += len(p) + 1
	}
	k := Key{raw: append(make([]byte, 0, size+2), t.id)}
	if len(t.guards) > 0 {
		k.guards = make([]int, 0, len(t.guards))
	}
	for i := 0; ; i++ {
		if slices.Contains(t.guards, i) {
			k.guards = append(k.guards, len(k.raw))
		}
		if i == len(parts) {
			break
		}
		k.raw = appendPart(k.raw, parts[i])
	}
	return k
}

// Guard is the guard of the rows with these leading parts. It panics when the table declares none of that depth.
func (t Table[V]) Guard(parts ...string) Guard {
	if !slices.Contains(t.guards, len(parts)) {
		panic("meta: table " + t.name + " has no such guard")
	}
	return Guard{raw: t.Key(parts...).raw}
}

// All is every row of the table.
func (t Table[V]) All() Range { return t.Prefix() }

// Prefix is the rows whose leading parts are these.
func (t Table[V]) Prefix(parts ...string) Range {
	k := t.Key(parts...)
	return Range{From: k.raw, To: successor(k.raw), guards: k.Guards()}
}

// Starting is the rows whose leading parts are parts and whose next part begins with the bytes of start.
func (t Table[V]) Starting(start string, parts ...string) Range {
	k := t.Key(parts...)
	from := appendPart(slices.Clone(k.raw), start)
	from = from[:len(from)-1]
	to := successor(from)
	if start == "" {
		from = append(from, endByte) // without the row that has parts alone
	}
	return Range{From: from, To: to, guards: k.Guards()}
}

// After is r without the rows up to and including the one with these parts and all rows beneath it.
func (t Table[V]) After(r Range, parts ...string) Range {
	k := t.Key(parts...)
	if after := successor(k.raw); string(after) > string(r.From) {
		r.From = after
	}
	return r
}

// From is r from the row with these parts on, inclusive.
func (t Table[V]) From(r Range, parts ...string) Range {
	k := t.Key(parts...)
	if string(k.raw) > string(r.From) {
		r.From = k.raw
	}
	return r
}

// Before is r without the row with these parts and all rows behind it.
func (t Table[V]) Before(r Range, parts ...string) Range {
	k := t.Key(parts...)
	if string(k.raw) < string(r.To) {
		r.To = k.raw
	}
	return r
}

// SkipPrefix is r without the rows whose next part after parts begins with start: for listing past a common prefix.
func (t Table[V]) SkipPrefix(r Range, start string, parts ...string) Range {
	s := t.Starting(start, parts...)
	if string(s.To) > string(r.From) {
		r.From = s.To
	}
	return r
}

// Get reads the row with these parts. Errors: ErrNotFound, ErrUndeclared.
func (t Table[V]) Get(ctx context.Context, r Reader, parts ...string) (V, error) {
	return t.GetKey(ctx, r, t.Key(parts...))
}

// GetKey is Get with a key made before.
func (t Table[V]) GetKey(ctx context.Context, r Reader, k Key) (V, error) {
	var v V
	raw, err := r.Get(ctx, k)
	if err != nil {
		return v, err
	}
	return v, t.decode(raw, &v)
}

// Find is Get that tells an absent row by false instead of an error.
func (t Table[V]) Find(ctx context.Context, r Reader, parts ...string) (V, bool, error) {
	v, err := t.Get(ctx, r, parts...)
	if errors.Is(err, ErrNotFound) {
		return v, false, nil
	}
	return v, err == nil, err
}

// Put writes the row with these parts.
func (t Table[V]) Put(tx Tx, v V, parts ...string) error {
	return t.PutKey(tx, t.Key(parts...), v)
}

// PutKey is Put with a key made before.
func (t Table[V]) PutKey(tx Tx, k Key, v V) error {
	raw, err := t.encode(v)
	if err != nil {
		return err
	}
	return tx.Put(k, raw)
}

// Delete removes the row with these parts; an absent one is no error.
func (t Table[V]) Delete(tx Tx, parts ...string) error { return tx.Delete(t.Key(parts...)) }

// Entry is a decoded row.
type Entry[V any] struct {
	Parts []string // all parts of the key
	Value V
}

// Scan yields the decoded rows of r.
func (t Table[V]) Scan(ctx context.Context, rd Reader, r Range) iter.Seq2[Entry[V], error] {
	return func(yield func(Entry[V], error) bool) {
		for row, err := range rd.Scan(ctx, r) {
			var e Entry[V]
			if err == nil {
				e.Parts, err = SplitKey(row.Key)
			}
			if err == nil {
				err = t.decode(row.Value, &e.Value)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Any says whether r has a row.
func Any(ctx context.Context, rd Reader, r Range) (bool, error) {
	for _, err := range rd.Scan(ctx, r.Limited(1)) {
		return err == nil, err
	}
	return false, nil
}

func (t Table[V]) encode(v V) ([]byte, error) {
	if b, ok := any(v).([]byte); ok {
		return append([]byte{valueFormat}, b...), nil
	}
	b, err := cbor.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("meta: encode a row of %s: %w", t.name, err)
	}
	return append([]byte{valueFormat}, b...), nil
}

// decoding takes strings as they are, as encoding does: what could be written can be read, or one string that is no UTF-8 would make a row, and
// every list that it is in, unreadable.
var decoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode()
	if err != nil {
		panic(err) // the options are wrong
	}
	return mode
}()

func (t Table[V]) decode(raw []byte, v *V) error {
	if len(raw) == 0 || raw[0] != valueFormat {
		return fmt.Errorf("meta: a row of %s has an unknown format", t.name)
	}
	if b, ok := any(v).(*[]byte); ok {
		*b = slices.Clone(raw[1:])
		return nil
	}
	if err := decoding.Unmarshal(raw[1:], v); err != nil {
		return fmt.Errorf("meta: decode a row of %s: %w", t.name, err)
	}
	return nil
}

// Log is an append-only list in commit order, under one byte of the key space.
type Log struct {
	name string
	id   byte
}

// Position is a place in a log: the version of the commit and the number of the append within it.
type Position struct {
	Version uint64
	Index   uint16
}

// NewLog declares a log; id is unique among tables and logs: 0x10 to 0xFE.
func NewLog(id byte, name string) Log { return Log{name: name, id: id} }

// ID is the log's byte of the key space.
func (l Log) ID() byte { return l.id }

// Guard is what Trim needs exclusive.
func (l Log) Guard() Guard { return Guard{raw: []byte{l.id}} }

// Entry of a log at position p, as engines encode it: the id, the version and the index, big-endian.
func (l Log) Entry(p Position) []byte {
	return append([]byte{l.id}, U64(p.Version)+string([]byte{byte(p.Index >> 8), byte(p.Index)})...)
}

// After is the entries after position p, for a View; the zero Position gives all.
func (l Log) After(p Position) Range {
	from := []byte{l.id}
	if p != (Position{}) {
		from = append(l.Entry(p), 0)
	}
	return Range{From: from, To: []byte{l.id + 1}}
}

// PositionOf decodes the position from the encoded key of an entry. Entries' values are what Append was given.
func (l Log) PositionOf(raw []byte) (Position, error) {
	if len(raw) != 11 || raw[0] != l.id {
		return Position{}, errMalformedKey
	}
	return Position{Version: ParseU64(string(raw[1:9])), Index: uint16(raw[9])<<8 | uint16(raw[10])}, nil
}
