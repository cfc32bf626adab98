package pebblemeta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/zot-artifact-store/zas/meta"
)

// tx is a transaction under way. It reads the live database: what its locks cover does not change while it holds them.
type tx struct {
	reader
	declared   meta.Declared
	version    uint64
	batch      *pebble.Batch
	writes     []write
	index      map[string]int // of writes by key, once there are many
	appends    []appended
	trims      []meta.Range
	undeclared error // the first undeclared access: it fails the transaction even when fn goes on
}

// write is the latest change of a key. The value lies in the batch's memory.
type write struct {
	key, value []byte
	deleted    bool
}

type appended struct {
	log   meta.Log
	value []byte
}

// manyWrites is the number of writes from which a map is quicker than looking through them.
const manyWrites = 16

func (t *tx) Version() uint64 { return t.version }

func (t *tx) Get(ctx context.Context, k meta.Key) ([]byte, error) {
	if err := t.allow("get", k.Raw(), t.declared.CanGet(k)); err != nil {
		return nil, err
	}
	if i := t.find(k.Raw()); i < 0 {
		return t.get(ctx, k)
	} else if w := t.writes[i]; w.deleted {
		return nil, meta.ErrNotFound
	} else {
		return bytes.Clone(w.value), nil
	}
}

func (t *tx) Scan(ctx context.Context, r meta.Range) iter.Seq2[meta.Row, error] {
	if err := t.allow("scan", r.From, t.declared.CanScan(r)); err != nil {
		return failing(err)
	}
	return func(yield func(meta.Row, error) bool) { t.scan(ctx, r, t.writesIn(r), yield) }
}

func (t *tx) Put(k meta.Key, value []byte) error {
	if err := t.allow("put", k.Raw(), t.declared.CanPut(k)); err != nil {
		return err
	}
	op := t.batch.SetDeferred(len(k.Raw()), len(value))
	copy(op.Key, k.Raw())
	copy(op.Value, value)
	t.note(write{key: k.Raw(), value: op.Value})
	return op.Finish()
}

func (t *tx) Delete(k meta.Key) error {
	if err := t.allow("delete", k.Raw(), t.declared.CanPut(k)); err != nil {
		return err
	}
	t.note(write{key: k.Raw(), deleted: true})
	return t.batch.Delete(k.Raw(), nil)
}

func (t *tx) Append(log meta.Log, value []byte) error {
	if t.ended {
		return errEnded
	}
	if len(t.appends) > math.MaxUint16 {
		return errors.New("pebblemeta: too many appends in one transaction")
	}
	t.appends = append(t.appends, appended{log: log, value: bytes.Clone(value)})
	return nil
}

func (t *tx) Trim(log meta.Log, upTo meta.Position) error {
	if err := t.allow("trim", log.Guard().Raw(), t.declared.CanTrim(log)); err != nil {
		return err
	}
	r := log.After(meta.Position{})
	r.To = append(log.Entry(upTo), 0)
	t.trims = append(t.trims, r)
	return t.batch.DeleteRange(r.From, r.To, nil)
}

// allow passes the verdict on an access, and remembers a refusal.
func (t *tx) allow(access string, key []byte, verdict error) error {
	if t.ended {
		return errEnded
	}
	if verdict == nil {
		return nil
	}
	verdict = fmt.Errorf("pebblemeta: %s %q: %w", access, key, verdict)
	if t.undeclared == nil {
		t.undeclared = verdict
	}
	return verdict
}

// find is the place of key's latest write, or -1.
func (t *tx) find(key []byte) int {
	if t.index != nil {
		if i, ok := t.index[string(key)]; ok {
			return i
		}
		return -1
	}
	return slices.IndexFunc(t.writes, func(w write) bool { return bytes.Equal(w.key, key) })
}

func (t *tx) note(w write) {
	if i := t.find(w.key); i >= 0 {
		t.writes[i] = w
		return
	}
	t.writes = append(t.writes, w)
	switch {
	case t.index != nil:
		t.index[string(w.key)] = len(t.writes) - 1
	case len(t.writes) > manyWrites:
		t.index = make(map[string]int, 2*len(t.writes))
		for i, w := range t.writes {
			t.index[string(w.key)] = i
		}
	}
}

// writesIn is a copy of the writes in r, in the order of a scan of it.
func (t *tx) writesIn(r meta.Range) []write {
	var in []write
	for _, w := range t.writes {
		if r.Contains(w.key) {
			in = append(in, w)
		}
	}
	slices.SortFunc(in, func(a, b write) int { return bytes.Compare(a.key, b.key) })
	if r.Reverse {
		slices.Reverse(in)
	}
	return in
}

func (t *tx) empty() bool { return t.batch.Empty() && len(t.appends) == 0 }

func (t *tx) sortedKeys() [][]byte {
	keys := make([][]byte, len(t.writes))
	for i, w := range t.writes {
		keys[i] = w.key
	}
	slices.SortFunc(keys, bytes.Compare)
	return keys
}

// addRows adds what was appended to the batch, now that the version is known, and returns the keys, sorted.
func (t *tx) addRows(b *pebble.Batch, version uint64) ([][]byte, error) {
	if len(t.appends) == 0 {
		return nil, nil
	}
	rows := make([][]byte, len(t.appends))
	for i, a := range t.appends {
		rows[i] = a.log.Entry(meta.Position{Version: version, Index: uint16(i)})
		if err := b.Set(rows[i], a.value, nil); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(rows, bytes.Compare)
	return rows, nil
}

// end makes the transaction unusable. apply has taken the batch if there is a commit.
func (t *tx) end() {
	t.ended = true
	if t.batch != nil {
		_ = t.batch.Close()
	}
}
