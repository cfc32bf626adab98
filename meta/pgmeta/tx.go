package pgmeta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/zot-artifact-store/zas/meta"
)

// cell is what is known of a key.
type cell struct {
	value  []byte
	absent bool
	unread bool // there is a value, too large to be read without need
}

// tx is the transaction of one member of a group, while it has its turn.
type tx struct {
	g          *group
	declared   meta.Declared
	writes     map[string]cell
	appends    []appended
	trims      []trim
	undeclared error // the first undeclared access: it fails the transaction even when fn goes on
	ended      bool
}

type appended struct {
	log   meta.Log
	value []byte
}

type trim struct {
	log  meta.Log
	upTo meta.Position
}

var (
	_ meta.Tx = (*tx)(nil)

	errEnded = errors.New("pgmeta: used after the transaction has ended")
)

func (t *tx) empty() bool { return len(t.writes) == 0 && len(t.appends) == 0 && len(t.trims) == 0 }

// Version is known once the order of commits is fixed, which costs a round trip and keeps other commits waiting until this one.
func (t *tx) Version() uint64 {
	if t.ended || t.g.fixOrder() != nil {
		return 0
	}
	return t.g.head + uint64(t.g.commits)
}

func (t *tx) Get(ctx context.Context, k meta.Key) ([]byte, error) {
	if err := t.allow("get", k.Raw(), t.declared.CanGet(k)); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, own := t.writes[string(k.Raw())]
	if !own {
		var err error
		if c, err = t.g.get(k.Raw()); err != nil {
			return nil, err
		}
	}
	if c.absent {
		return nil, meta.ErrNotFound
	}
	return bytes.Clone(c.value), nil
}

func (t *tx) Scan(ctx context.Context, r meta.Range) iter.Seq2[meta.Row, error] {
	if err := t.allow("scan", r.From, t.declared.CanScan(r)); err != nil {
		return func(yield func(meta.Row, error) bool) { yield(meta.Row{}, err) }
	}
	return func(yield func(meta.Row, error) bool) {
		if t.ended {
			yield(meta.Row{}, errEnded)
			return
		}
		merge(ctx, r, pages{fetch: t.g.exchange, r: r}, overlay(r, t.g.writes, t.writes), yield)
	}
}

func (t *tx) Put(k meta.Key, value []byte) error {
	return t.write("put", k, cell{value: append([]byte{}, value...)})
}

func (t *tx) Delete(k meta.Key) error { return t.write("delete", k, cell{absent: true}) }

func (t *tx) write(access string, k meta.Key, c cell) error {
	if err := t.allow(access, k.Raw(), t.declared.CanPut(k)); err != nil {
		return err
	}
	if t.writes == nil {
		t.writes = map[string]cell{}
	}
	t.writes[string(k.Raw())] = c
	return nil
}

func (t *tx) Append(log meta.Log, value []byte) error {
	if t.ended {
		return errEnded
	}
	if len(t.appends) > math.MaxUint16 {
		return errors.New("pgmeta: too many appends in one transaction")
	}
	t.appends = append(t.appends, appended{log, append([]byte{}, value...)})
	return nil
}

func (t *tx) Trim(log meta.Log, upTo meta.Position) error {
	if err := t.allow("trim", log.Guard().Raw(), t.declared.CanTrim(log)); err != nil {
		return err
	}
	t.trims = append(t.trims, trim{log, upTo})
	return t.g.orderAppendsOf(log)
}

// allow passes the verdict on an access, and remembers a refusal.
func (t *tx) allow(access string, key []byte, verdict error) error {
	if t.ended {
		return errEnded
	}
	if verdict == nil {
		return nil
	}
	verdict = fmt.Errorf("pgmeta: %s %q: %w", access, key, verdict)
	if t.undeclared == nil {
		t.undeclared = verdict
	}
	return verdict
}

// write is the latest change of a key.
type write struct {
	key []byte
	cell
}

// overlay are the writes in r, later layers over earlier ones, in the order of a scan of r.
func overlay(r meta.Range, layers ...map[string]cell) []write {
	var in map[string]cell
	for _, layer := range layers {
		for k, c := range layer {
			if r.Contains([]byte(k)) {
				if in == nil {
					in = map[string]cell{}
				}
				in[k] = c
			}
		}
	}
	keys := slices.Sorted(maps.Keys(in))
	if r.Reverse {
		slices.Reverse(keys)
	}
	list := make([]write, len(keys))
	for i, k := range keys {
		list[i] = write{[]byte(k), in[k]}
	}
	return list
}

func sortKeys(keys [][]byte) { slices.SortFunc(keys, bytes.Compare) }
