package telemetry

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/meta"
)

// storeSeries are the metrics of one operation of a store.
type storeSeries struct {
	ok, refused, failed prometheus.Counter
	time                prometheus.Observer
}

func (m *Metrics) storeSeries(store, operation string) storeSeries {
	return storeSeries{
		ok:      m.operations.WithLabelValues(store, operation, "ok"),
		refused: m.operations.WithLabelValues(store, operation, "refused"),
		failed:  m.operations.WithLabelValues(store, operation, "failed"),
		time:    m.storeTime.WithLabelValues(store, operation),
	}
}

// done counts a call that began at begin. refused says that the error is the caller's own.
func (s storeSeries) done(begin time.Time, err error, refused bool) {
	s.time.Observe(time.Since(begin).Seconds())
	switch {
	case err == nil:
		s.ok.Inc()
	case refused:
		s.refused.Inc()
	default:
		s.failed.Inc()
	}
}

// Meta is store with its transactions counted and timed.
func (m *Metrics) Meta(store meta.Store) meta.Store {
	return &countedMeta{store: store, attempts: m.attempts,
		view: m.storeSeries("metadata", "view"), update: m.storeSeries("metadata", "update")}
}

type countedMeta struct {
	store        meta.Store
	view, update storeSeries
	attempts     prometheus.Counter
}

// View implements meta.Store.
func (c *countedMeta) View(ctx context.Context, fn func(meta.Reader) error) error {
	begin, refused := time.Now(), false
	err := c.store.View(ctx, func(r meta.Reader) error {
		err := fn(r)
		refused = err != nil
		return err
	})
	c.view.done(begin, err, refused)
	return err
}

// Update implements meta.Store.
func (c *countedMeta) Update(ctx context.Context, locks meta.LockSet, fn func(meta.Tx) error) error {
	begin, refused := time.Now(), false
	err := c.store.Update(ctx, locks, func(tx meta.Tx) error {
		c.attempts.Inc()
		err := fn(tx)
		refused = err != nil
		return err
	})
	c.update.done(begin, err, refused)
	return err
}

// Extents is store with its calls counted and timed. Readers are handed through as they are, so files stay files.
// The result has extent.FreeSpace where store has it.
func (m *Metrics) Extents(store extent.Store) extent.Store {
	c := &countedExtents{store: store,
		create: m.storeSeries("extents", "create"), commit: m.storeSeries("extents", "commit"),
		open: m.storeSeries("extents", "open"), remove: m.storeSeries("extents", "delete"),
		written: m.storeBytes.WithLabelValues("extents", "written")}
	if free, ok := store.(extent.FreeSpace); ok {
		return struct {
			extent.Store
			extent.FreeSpace
		}{c, free}
	}
	return c
}

type countedExtents struct {
	store                        extent.Store
	create, commit, open, remove storeSeries
	written                      prometheus.Counter
}

// Create implements extent.Store.
func (c *countedExtents) Create(ctx context.Context, l extent.Location, size int64) (extent.Writer, error) {
	begin := time.Now()
	w, err := c.store.Create(ctx, l, size)
	c.create.done(begin, err, false)
	if err != nil {
		return nil, err
	}
	return &countedWriter{Writer: w, store: c}, nil
}

// Open implements extent.Store.
func (c *countedExtents) Open(ctx context.Context, l extent.Location, offset, length int64) (io.ReadCloser, error) {
	begin := time.Now()
	r, err := c.store.Open(ctx, l, offset, length)
	c.open.done(begin, err, false)
	return r, err
}

// Delete implements extent.Store.
func (c *countedExtents) Delete(ctx context.Context, l extent.Location) error {
	begin := time.Now()
	err := c.store.Delete(ctx, l)
	c.remove.done(begin, err, false)
	return err
}

// List implements extent.Store.
func (c *countedExtents) List(ctx context.Context) iter.Seq2[extent.Info, error] {
	return c.store.List(ctx)
}

type countedWriter struct {
	extent.Writer
	store *countedExtents
	n     int64
}

// Write implements io.Writer.
func (w *countedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.n += int64(n)
	return n, err
}

// Commit implements extent.Writer.
func (w *countedWriter) Commit(ctx context.Context) error {
	begin := time.Now()
	err := w.Writer.Commit(ctx)
	w.store.commit.done(begin, err, false)
	if err == nil {
		w.store.written.Add(float64(w.n))
	}
	return err
}
