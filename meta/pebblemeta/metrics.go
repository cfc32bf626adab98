package pebblemeta

import (
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	dto "github.com/prometheus/client_model/go"
)

type counters struct {
	commits, undurableWaits, lockWaits, damaged atomic.Uint64
}

// Metrics are counted since Open, except for the sizes.
type Metrics struct {
	Commits        uint64 // transactions that wrote something
	Syncs          uint64 // of the write-ahead log
	UndurableWaits uint64 // times that a reader waited for somebody else's commit to be on disk
	LockWaits      uint64 // locks that were not free at once
	DamagedFiles   uint64 // reports of damage; each is in the log
	LogBytes       uint64 // written to the write-ahead log
	DiskBytes      uint64 // of all files
	MemTableBytes  uint64 // memory held by recent writes
	CacheBytes     uint64 // memory held by the block cache
	CompactionDebt uint64 // bytes that wait to be rewritten
}

// Metrics reports how the store does; zeros after Close.
func (s *Store) Metrics() Metrics {
	if s.calls.Begin() != nil {
		return Metrics{}
	}
	defer s.calls.Leave()
	m := s.db.Metrics()
	return Metrics{
		Commits:        s.counters.commits.Load(),
		Syncs:          syncs(m),
		UndurableWaits: s.counters.undurableWaits.Load(),
		LockWaits:      s.counters.lockWaits.Load(),
		DamagedFiles:   s.counters.damaged.Load(),
		LogBytes:       m.WAL.BytesWritten,
		DiskBytes:      m.DiskSpaceUsage(),
		MemTableBytes:  m.MemTable.Size,
		CacheBytes:     uint64(m.BlockCache.Size),
		CompactionDebt: m.Compact.EstimatedDebt,
	}
}

func syncs(m *pebble.Metrics) uint64 {
	var histogram dto.Metric
	if err := m.LogWriter.FsyncLatency.Write(&histogram); err != nil {
		return 0
	}
	return histogram.GetHistogram().GetSampleCount()
}

// Checkpoint makes dir, which must not exist, a copy of the database as of now, sharing files where it can. Everything that was
// acknowledged before the call is in it. The copy is opened with Open.
func (s *Store) Checkpoint(dir string) error {
	if err := s.calls.Begin(); err != nil {
		return err
	}
	defer s.calls.Leave()
	if err := s.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("pebblemeta: checkpoint to %s: %w", dir, err)
	}
	return nil
}
