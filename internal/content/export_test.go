package content

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/internal/content/collectionmodel"
	"github.com/zot-artifact-store/zas/meta"
)

// Recorder wraps the ports of a store and writes down what happens there in the words of the collection model.
type Recorder struct {
	now   func() int64
	epoch func() extent.Epoch

	order sync.RWMutex // over an Update and its note; shared over a View
	mu    sync.Mutex
	trace []collectionmodel.Event
}

// NewRecorder is a Recorder of one process. now is the clock that leases are judged by.
func NewRecorder(now func() int64) *Recorder { return &Recorder{now: now} }

// Trace is what has happened so far.
func (r *Recorder) Trace() []collectionmodel.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]collectionmodel.Event(nil), r.trace...)
}

// Process says whose events follow.
func (r *Recorder) Process(s *Store) { r.epoch = func() extent.Epoch { return s.epoch } }

// Note adds an event of the process.
func (r *Recorder) Note(e collectionmodel.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.At = r.now(); r.epoch != nil && e.Epoch == "" {
		e.Epoch = r.epoch()
	}
	r.trace = append(r.trace, e)
}

// Pins are the extents that a reading may open.
func Pins(rd *Reading) []extent.Location {
	rd.store.readers.mu.Lock()
	defer rd.store.readers.mu.Unlock()
	return rd.reg.pins
}

// Meta is the metadata store, recorded.
func (r *Recorder) Meta(m meta.Store) meta.Store { return recordedMeta{m, r} }

// Extents is the extent store, recorded.
func (r *Recorder) Extents(e extent.Store) extent.Store { return recordedExtents{e, r} }

type recordedMeta struct {
	meta.Store
	r *Recorder
}

func (m recordedMeta) View(ctx context.Context, fn func(meta.Reader) error) error {
	m.r.order.RLock()
	defer m.r.order.RUnlock()
	return m.Store.View(ctx, fn)
}

func (m recordedMeta) Update(ctx context.Context, locks meta.LockSet, fn func(meta.Tx) error) error {
	m.r.order.Lock()
	defer m.r.order.Unlock()
	var changes []collectionmodel.Change
	err := m.Store.Update(ctx, locks, func(tx meta.Tx) error {
		changes = nil
		return fn(recordedTx{tx, &changes})
	})
	unknown := errors.Is(err, meta.ErrUnknownOutcome)
	if (err == nil || unknown) && len(changes) > 0 {
		e := collectionmodel.Event{Kind: collectionmodel.Commit, Outcome: collectionmodel.Done, Changes: changes}
		if unknown {
			e.Outcome = collectionmodel.Unknown
		}
		if claimed := claims(changes); claimed != "" {
			e.Epoch = claimed
		}
		m.r.Note(e)
	}
	return err
}

// claims is the epoch that a commit claims, if it does.
func claims(changes []collectionmodel.Change) extent.Epoch {
	for _, c := range changes {
		if c.Row == collectionmodel.EpochRow && !c.Fenced && !c.Delete {
			return c.Epoch
		}
	}
	return ""
}

type recordedTx struct {
	meta.Tx
	changes *[]collectionmodel.Change
}

func (t recordedTx) Put(k meta.Key, value []byte) error {
	if c, ok := change(k, value); ok {
		*t.changes = append(*t.changes, c)
	}
	return t.Tx.Put(k, value)
}

func (t recordedTx) Delete(k meta.Key) error {
	if c, ok := change(k, nil); ok {
		c.Delete = true
		*t.changes = append(*t.changes, c)
	}
	return t.Tx.Delete(k)
}

// change reads the rows that the protocol is about; value is nil for a deletion.
func change(k meta.Key, value []byte) (c collectionmodel.Change, ok bool) {
	at, err := meta.SplitKey(k.Raw())
	if err != nil || len(at) == 0 {
		return c, false
	}
	switch k.Raw()[0] {
	case epochs.Key().Raw()[0]:
		row := decoded[epochRow](value)
		return collectionmodel.Change{Row: collectionmodel.EpochRow, Epoch: extent.Epoch(at[0]), Fenced: row.Fenced}, true
	case contents.Key().Raw()[0]:
		row := decoded[contentRow](value)
		return collectionmodel.Change{Row: collectionmodel.ContentRow, Content: at[0], Elder: string(row.Alias), Locations: locations(row.Pieces)}, true
	case digests.Key().Raw()[0]:
		return collectionmodel.Change{Row: collectionmodel.DigestRow, Digest: at[0], Content: string(decoded[ID](value))}, true
	case edges.Key().Raw()[0]:
		c = collectionmodel.Change{Row: collectionmodel.EdgeRow, Content: at[0], Referrer: strings.Join(at[1:], "\x00"), Until: decoded[edgeRow](value).Until}
		if EdgeKind(at[2]) == EdgeAlias {
			c.Younger = at[3]
		}
		return c, true
	case extents.Key().Raw()[0]:
		return collectionmodel.Change{Row: collectionmodel.OwnerRow, Location: extent.Location(at[0]), Content: string(decoded[extentRow](value).Owner)}, true
	case trash.Key().Raw()[0]:
		return collectionmodel.Change{Row: collectionmodel.TrashRow, Location: extent.Location(at[0])}, true
	case uploads.Key().Raw()[0]:
		return collectionmodel.Change{Row: collectionmodel.UploadRow, Content: at[0]}, true
	case parts.Key().Raw()[0]:
		row := decoded[partRow](value)
		c = collectionmodel.Change{Row: collectionmodel.PartRow, Content: at[0], Number: int(meta.ParseU64(at[1]))}
		if !row.Inline {
			c.Location = row.Location
		}
		return c, true
	}
	return c, false
}

// decoded reads a row as tables write it.
func decoded[V any](value []byte) (v V) {
	if len(value) > 1 {
		_ = cbor.Unmarshal(value[1:], &v)
	}
	return v
}

func locations(p pieces) (out []extent.Location) {
	list, _ := p.unpack()
	for _, one := range list {
		if !one.inline {
			out = append(out, one.location)
		}
	}
	return out
}

type recordedExtents struct {
	extent.Store
	r *Recorder
}

func (x recordedExtents) Create(ctx context.Context, l extent.Location, size int64) (extent.Writer, error) {
	x.r.Note(collectionmodel.Event{Kind: collectionmodel.ExtentCreate, Location: l})
	w, err := x.Store.Create(ctx, l, size)
	return recordedWriter{w, x.r, l}, err
}

func (x recordedExtents) Delete(ctx context.Context, l extent.Location) error {
	x.r.Note(collectionmodel.Event{Kind: collectionmodel.ExtentDelete, Location: l})
	return x.Store.Delete(ctx, l)
}

type recordedWriter struct {
	extent.Writer
	r *Recorder
	l extent.Location
}

func (w recordedWriter) Commit(ctx context.Context) error {
	err := w.Writer.Commit(ctx)
	if err == nil {
		w.r.Note(collectionmodel.Event{Kind: collectionmodel.ExtentCommit, Location: w.l})
	}
	return err
}
