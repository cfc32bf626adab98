package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/extent/fileextent"
	"github.com/zot-artifact-store/zas/internal/config"
	"github.com/zot-artifact-store/zas/internal/telemetry"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
	"github.com/zot-artifact-store/zas/module"
)

// The directories of the stores within the data directory.
const (
	metaDirectory   = "meta"
	extentDirectory = "blobs"
)

// stores are the open stores of a data directory.
type stores struct {
	meta    *metadataPart
	extents *extentsPart
}

// openStores opens the stores in dir and adds them to life.
func openStores(life *module.Life, dir string, c config.Storage, logger *slog.Logger) (stores, error) {
	metadata, err := pebblemeta.Open(filepath.Join(dir, metaDirectory), pebblemeta.Options{Logger: logger.With("store", "metadata")})
	if err != nil {
		return stores{}, fmt.Errorf("open the metadata store: %w", err)
	}
	s := stores{meta: &metadataPart{metadata}}
	life.Add("metadata", s.meta)
	floor := int64(c.FreeSpaceFloor)
	if floor == 0 {
		floor = -1 // none, in the words of fileextent
	}
	extents, err := fileextent.Open(filepath.Join(dir, extentDirectory), fileextent.Options{Floor: floor})
	if err != nil {
		return stores{}, fmt.Errorf("open the extent store: %w", err)
	}
	s.extents = &extentsPart{extents}
	life.Add("extents", s.extents)
	return s, nil
}

// metadataPart is the metadata store as a part that knows whether it works.
type metadataPart struct{ *pebblemeta.Store }

// Check implements module.Checker.
func (p *metadataPart) Check(ctx context.Context) error {
	return errors.Join(p.Err(), p.View(ctx, func(meta.Reader) error { return nil }))
}

// extentsPart is the extent store as a part that knows whether it works. A full disk is no failure: reads and deletes go on.
type extentsPart struct{ *fileextent.Store }

// Check implements module.Checker.
func (p *extentsPart) Check(context.Context) error {
	if _, err := p.Free(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return p.Err()
}

var (
	_ meta.Store       = (*metadataPart)(nil)
	_ extent.Store     = (*extentsPart)(nil)
	_ extent.FreeSpace = (*extentsPart)(nil)
)

// publish makes what the stores count of themselves metrics.
func (s stores) publish(m *telemetry.Metrics) {
	latest := recent(time.Second, s.meta.Metrics)
	m.Counter("metadata_commits_total", "Transactions that wrote something.", func() float64 { return float64(latest().Commits) })
	m.Counter("metadata_syncs_total", "Syncs of the metadata log; commits share them.", func() float64 { return float64(latest().Syncs) })
	m.Counter("metadata_lock_waits_total", "Declared locks that were not free at once.", func() float64 { return float64(latest().LockWaits) })
	m.Counter("metadata_undurable_waits_total", "Reads that waited for somebody else's commit to be on disk.",
		func() float64 { return float64(latest().UndurableWaits) })
	m.Counter("metadata_damage_total", "Reports of damaged metadata files.", func() float64 { return float64(latest().DamagedFiles) })
	m.Gauge("metadata_disk_bytes", "Size of the metadata files.", func() float64 { return float64(latest().DiskBytes) })
	m.Gauge("metadata_compaction_debt_bytes", "Bytes of metadata that wait to be rewritten.", func() float64 { return float64(latest().CompactionDebt) })
	m.Gauge("extents_free_bytes", "Bytes that can be written before the free-space floor; writes are refused at 0.", func() float64 {
		free, err := s.extents.Free()
		if err != nil {
			return -1
		}
		return float64(free)
	})
}

// recent is read, called at most once in so long.
func recent[T any](age time.Duration, read func() T) func() T {
	var mu sync.Mutex
	var asked time.Time
	var last T
	return func() T {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(asked) > age {
			last, asked = read(), time.Now()
		}
		return last
	}
}
