package pebblemeta

import (
	"cmp"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
)

// PebbleOptions are the options under a store, for comparisons.
func PebbleOptions(o Options) *pebble.Options {
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return pebbleOptions(o)
}
