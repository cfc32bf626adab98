package pebblemeta

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

const (
	defaultCacheBytes    = 64 << 20
	defaultMemTableBytes = 16 << 20
	blockBytes           = 16 << 10
	filterBitsPerKey     = 10
)

func pebbleOptions(o Options) *pebble.Options {
	po := &pebble.Options{
		FS:                 o.FS,
		Logger:             logger{o.Logger},
		FormatMajorVersion: pebble.FormatTableFormatV6,
		CacheSize:          cmp.Or(o.CacheBytes, defaultCacheBytes),
		MemTableSize:       uint64(cmp.Or(o.MemTableBytes, defaultMemTableBytes)),
		// Memory for recent writes is bounded by this many tables of them; beyond it writers wait.
		MemTableStopWritesThreshold: 4,
		// Writers wait only when compaction is hopelessly behind: until then more files just make reads slower.
		L0StopWritesThreshold:      100,
		CompactionConcurrencyRange: func() (int, int) { return 1, 3 },
		// Space of trimmed logs comes back although nothing else may be written for long.
		FlushDelayDeleteRange: 10 * time.Second,
	}
	for i := range po.Levels {
		po.Levels[i].BlockSize = blockBytes
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(filterBitsPerKey)
	}
	if o.SeparateValues > 0 {
		po.FormatMajorVersion = pebble.FormatValueSeparation
		policy := pebble.ValueSeparationPolicy{
			Enabled: true, MinimumSize: o.SeparateValues, MaxBlobReferenceDepth: 10,
			RewriteMinimumAge: time.Minute, TargetGarbageRatio: 0.2,
		}
		po.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy { return policy }
	}
	return po
}

// listener hears of trouble in the background. It logs errors as text, because Pebble's print their stack otherwise.
func (s *Store) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			s.log.Error("pebblemeta: a background task failed and will be tried again", "error", err.Error())
		},
		// Without this Pebble ends the process; but whoever reads the damaged block gets an error, and the rest is sound.
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			s.counters.damaged.Add(1)
			s.log.Error("pebblemeta: damaged file", "path", info.Path, "error", info.Details.Error())
		},
	}
}

// logger passes Pebble's messages on.
type logger struct{ log *slog.Logger }

func (l logger) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

func (l logger) Errorf(format string, args ...any) {
	l.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble calls it where it cannot go on. Within a commit the store recovers and stops writing;
// in Pebble's own goroutines the process ends, and its next start recovers what was acknowledged.
func (l logger) Fatalf(format string, args ...any) {
	message := "pebble: " + fmt.Sprintf(format, args...)
	l.log.Error(message)
	panic(message)
}
