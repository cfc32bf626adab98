package extenttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"os"
	"slices"
	"sync"

	"github.com/zot-artifact-store/zas/extent"
)

var (
	_ extent.Store     = (*Memory)(nil)
	_ extent.FreeSpace = (*Memory)(nil)
)

// Memory is an extent.Store in memory that can lose power: see CrashClone. It is for tests: what is deleted stays in memory,
// since a crash may bring it back.
type Memory struct {
	mu      sync.Mutex
	extents map[extent.Location]*memoryExtent
	gone    map[extent.Location]*memoryExtent // deleted, which a crash may undo
	limit   int64
	used    int64
	readers int
}

// memoryExtent is guarded by the mutex of its store; the bytes below len(data) never change.
type memoryExtent struct {
	data   []byte
	writer *memoryWriter // nil when there is none
	synced bool
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{
		extents: make(map[extent.Location]*memoryExtent),
		gone:    make(map[extent.Location]*memoryExtent),
		limit:   math.MaxInt64,
	}
}

// Limit sets how many bytes the store takes before it reports extent.ErrFull.
func (m *Memory) Limit(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = bytes
}

// Free implements extent.FreeSpace: the bytes left before the limit.
func (m *Memory) Free() (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(m.limit-m.used, 0), nil
}

// Readers is the number of readers that were opened and not closed.
func (m *Memory) Readers() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.readers
}

// CrashClone is what a loss of power at this moment could have left: every committed extent that was not deleted, whole. Of the others,
// deleted, given up or not committed, pick chooses whether and how they are there: it returns a number from 0 to n-1, like rand.IntN.
// What is left of an uncommitted extent can be opened in the clone, as in a filesystem. The store itself is not changed.
func (m *Memory) CrashClone(pick func(n int) int) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := NewMemory()
	c.limit = m.limit
	for _, l := range slices.Sorted(maps.Keys(m.extents)) {
		if e := m.extents[l]; e.synced {
			c.restore(l, e.data, true)
		} else {
			c.tear(l, e, pick)
		}
	}
	for _, l := range slices.Sorted(maps.Keys(m.gone)) {
		if m.extents[l] != nil {
			continue
		}
		if e := m.gone[l]; !e.synced {
			c.tear(l, e, pick)
		} else if pick(2) == 1 {
			c.restore(l, e.data, true)
		}
	}
	return c
}

// tear restores what a crash leaves of e, of which no byte is sure.
func (m *Memory) tear(l extent.Location, e *memoryExtent, pick func(n int) int) {
	switch pick(4) {
	case 0: // not even the name
	case 1:
		m.restore(l, e.data, false)
	case 2:
		m.restore(l, e.data[:pick(len(e.data)+1)], false)
	case 3: // the size without the bytes
		m.restore(l, make([]byte, len(e.data)), false)
	}
}

func (m *Memory) restore(l extent.Location, data []byte, synced bool) {
	m.extents[l] = &memoryExtent{data: data[:len(data):len(data)], synced: synced}
	m.used += int64(len(data))
}

// Create implements extent.Store.
func (m *Memory) Create(ctx context.Context, l extent.Location, size int64) (extent.Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !l.Valid() {
		return nil, fmt.Errorf("%q is not a location", l)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.extents[l] != nil {
		return nil, fmt.Errorf("creating extent %s: %w", l, extent.ErrExists)
	}
	if m.used >= m.limit {
		return nil, fmt.Errorf("creating extent %s: %w", l, extent.ErrFull)
	}
	w := &memoryWriter{store: m, at: l}
	m.extents[l] = &memoryExtent{writer: w, data: make([]byte, 0, min(max(size, 0), 16<<20))}
	return w, nil
}

// Open implements extent.Store.
func (m *Memory) Open(ctx context.Context, l extent.Location, offset, _ int64) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.extents[l]
	if e == nil || e.writer != nil {
		return nil, fmt.Errorf("opening extent %s: %w", l, extent.ErrNotFound)
	}
	r := &memoryReader{store: m}
	r.bytes.Reset(e.data)
	if _, err := r.bytes.Seek(offset, io.SeekStart); err != nil {
		return nil, fmt.Errorf("opening extent %s: %w", l, err)
	}
	m.readers++
	return r, nil
}

// Delete implements extent.Store.
func (m *Memory) Delete(ctx context.Context, l extent.Location) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bury(l)
	return nil
}

func (m *Memory) bury(l extent.Location) {
	e := m.extents[l]
	if e == nil {
		return
	}
	delete(m.extents, l)
	m.gone[l] = e
	m.used -= int64(len(e.data))
}

// List implements extent.Store. It yields in order, so that a test fails twice in the same way.
func (m *Memory) List(ctx context.Context) iter.Seq2[extent.Info, error] {
	return func(yield func(extent.Info, error) bool) {
		for _, info := range m.infos() {
			if err := ctx.Err(); err != nil {
				yield(extent.Info{}, err)
				return
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

func (m *Memory) infos() []extent.Info {
	m.mu.Lock()
	defer m.mu.Unlock()
	var infos []extent.Info
	for _, l := range slices.Sorted(maps.Keys(m.extents)) {
		infos = append(infos, extent.Info{Location: l, Size: int64(len(m.extents[l].data))})
	}
	return infos
}

type memoryWriter struct {
	store *Memory
	at    extent.Location
	done  bool
	err   error
}

// extent is nil when it was deleted. The store is locked.
func (w *memoryWriter) extent() *memoryExtent {
	if e := w.store.extents[w.at]; e != nil && e.writer == w {
		return e
	}
	return nil
}

// Write implements extent.Writer.
func (w *memoryWriter) Write(p []byte) (int, error) {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if w.done {
		return 0, os.ErrClosed
	}
	e := w.extent()
	switch {
	case w.err != nil:
	case e == nil:
		return len(p), nil // as in a file whose name is gone
	case w.store.limit-w.store.used < int64(len(p)):
		w.err = fmt.Errorf("writing extent %s: %w", w.at, extent.ErrFull)
	default:
		e.data = append(e.data, p...)
		w.store.used += int64(len(p))
		return len(p), nil
	}
	return 0, w.err
}

// Commit implements extent.Writer.
func (w *memoryWriter) Commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	e := w.extent()
	switch {
	case w.done:
		return os.ErrClosed
	case w.err != nil:
		return w.err
	case e == nil:
		return fmt.Errorf("committing extent %s: %w", w.at, extent.ErrNotFound)
	}
	e.writer, e.synced, w.done = nil, true, true
	return nil
}

// Abort implements extent.Writer.
func (w *memoryWriter) Abort() error {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if !w.done && w.extent() != nil {
		w.store.bury(w.at)
	}
	w.done = true
	return nil
}

type memoryReader struct {
	store  *Memory
	bytes  bytes.Reader
	closed bool
}

// Read implements io.Reader.
func (r *memoryReader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, os.ErrClosed
	}
	return r.bytes.Read(p)
}

// Close implements io.Closer.
func (r *memoryReader) Close() error {
	if r.closed {
		return os.ErrClosed
	}
	r.closed = true
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	r.store.readers--
	return nil
}
