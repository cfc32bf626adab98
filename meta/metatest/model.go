package metatest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/zot-artifact-store/zas/meta"
)

// model is what a store should hold: values by encoded key.
type model map[string]string

func (m model) get(k meta.Key) string {
	if v, ok := m[string(k.Raw())]; ok {
		return fmt.Sprintf("%q", v)
	}
	return "absent"
}

func (m model) scan(r meta.Range) string {
	keys := slices.Sorted(maps.Keys(m))
	if r.Reverse {
		slices.Reverse(keys)
	}
	var rows []string
	for _, k := range keys {
		if r.Contains([]byte(k)) && (r.Limit == 0 || len(rows) < r.Limit) {
			rows = append(rows, fmt.Sprintf("%q=%q", k, m[k]))
		}
	}
	return strings.Join(rows, " ")
}

// step is one thing that a transaction does. It is done on a store and on a model; what each of them saw should be equal.
type step struct {
	kind  stepKind
	key   meta.Key
	value string
	rg    meta.Range
	guard meta.Guard // covers rg
	stop  int        // rows after which a scan's loop is left; 0: at the end
}

type stepKind int

const (
	stepGet stepKind = iota
	stepScan
	stepPut
	stepDelete
)

func (s step) writes() bool { return s.kind == stepPut || s.kind == stepDelete }

func (s step) String() string {
	switch s.kind {
	case stepGet:
		return fmt.Sprintf("get %q", s.key.Raw())
	case stepScan:
		return fmt.Sprintf("scan %q to %q reverse=%t limit=%d stop=%d", s.rg.From, s.rg.To, s.rg.Reverse, s.rg.Limit, s.stop)
	case stepPut:
		return fmt.Sprintf("put %q", s.key.Raw())
	default:
		return fmt.Sprintf("delete %q", s.key.Raw())
	}
}

// read does a step that reads.
func (s step) read(ctx context.Context, r meta.Reader) (string, error) {
	if s.kind == stepGet {
		v, err := r.Get(ctx, s.key)
		if errors.Is(err, meta.ErrNotFound) {
			return "absent", nil
		}
		return fmt.Sprintf("%q", v), err
	}
	return collect(r.Scan(ctx, s.rg), s.stop)
}

func collect(scan iter.Seq2[meta.Row, error], stop int) (string, error) {
	var rows []string
	for row, err := range scan {
		if err != nil {
			return "", err
		}
		rows = append(rows, fmt.Sprintf("%q=%q", row.Key, row.Value))
		if len(rows) == stop {
			break
		}
	}
	return strings.Join(rows, " "), nil
}

// run does any step in a transaction, and says what was read.
func (s step) run(ctx context.Context, tx meta.Tx) (string, error) {
	switch s.kind {
	case stepPut:
		return "", tx.Put(s.key, []byte(s.value))
	case stepDelete:
		return "", tx.Delete(s.key)
	default:
		return s.read(ctx, tx)
	}
}

// replay does the step on a model.
func (s step) replay(m model) string {
	switch s.kind {
	case stepGet:
		return m.get(s.key)
	case stepPut:
		m[string(s.key.Raw())] = s.value
	case stepDelete:
		delete(m, string(s.key.Raw()))
	default:
		r := s.rg
		if s.stop > 0 && (r.Limit == 0 || s.stop < r.Limit) {
			r.Limit = s.stop
		}
		return m.scan(r)
	}
	return ""
}
