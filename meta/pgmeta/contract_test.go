package pgmeta_test

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"

	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/metatest"
	"github.com/zot-artifact-store/zas/meta/pgmeta"
	"github.com/zot-artifact-store/zas/meta/pgmeta/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m, true)) }

// open opens a store for the time of a test, in a schema of its own unless o names one.
func open(t testing.TB, o pgmeta.Options) *pgmeta.Store {
	t.Helper()
	if o.URL == "" {
		o.URL = pgtest.URL(t)
	}
	if o.Schema == "" {
		o.Schema = pgtest.Schema(t, o.URL)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := pgmeta.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestContract(t *testing.T) {
	metatest.Run(t, func(t *testing.T) meta.Store { return open(t, pgmeta.Options{}) })
}

func TestContractWithRetries(t *testing.T) {
	metatest.Run(t, func(t *testing.T) meta.Store { return open(t, pgmeta.Options{Retry: true}) })
}

// Every clause also holds of processes that share a database: each call goes to another one.
func TestContractOfThreeProcesses(t *testing.T) {
	metatest.Run(t, func(t *testing.T) meta.Store { return newReplicas(t, pgmeta.Options{}) })
}

func TestContractOfThreeProcessesWithRetries(t *testing.T) {
	if os.Getenv("ZAS_NIGHTLY") == "" {
		t.Skip("runs nightly")
	}
	metatest.Run(t, func(t *testing.T) meta.Store { return newReplicas(t, pgmeta.Options{Retry: true}) })
}

// replicas are stores over one database, used in turn.
type replicas struct {
	stores []*pgmeta.Store
	next   atomic.Int64
}

func newReplicas(t *testing.T, o pgmeta.Options) *replicas {
	o.Schema = pgtest.Schema(t, pgtest.URL(t))
	r := &replicas{}
	for range 3 {
		r.stores = append(r.stores, open(t, o))
	}
	return r
}

func (r *replicas) one() *pgmeta.Store { return r.stores[int(r.next.Add(1))%len(r.stores)] }

func (r *replicas) View(ctx context.Context, fn func(meta.Reader) error) error {
	return r.one().View(ctx, fn)
}

func (r *replicas) Update(ctx context.Context, locks meta.LockSet, fn func(meta.Tx) error) error {
	return r.one().Update(ctx, locks, fn)
}
