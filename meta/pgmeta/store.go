// Package pgmeta is the metadata store for several processes: meta.Store on PostgreSQL, or on an engine with its wire protocol.
//
// Many Updates are one transaction of the database, a group: it takes all their declared locks as advisory locks, sorted, reads the
// declared keys in the next statement, runs the functions one after another over that, and writes what they wrote with one
// COMMIT. A group costs two round trips, and one more for each read of what was not declared by name.
//
// Commits are in an order, that of their versions, because each takes one lock just before its COMMIT. So a snapshot is all commits up
// to a version, and a log is in the order of its commits, with several processes too. PostgreSQL makes a
// commit visible after it is on disk, and a group reports no outcome before its own commit: what anybody is told is durable.
//
// Where advisory locks do nothing, transactions are SERIALIZABLE and run again when they lose; then the unique version alone keeps any two
// commits apart that did not see one another.
package pgmeta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// ErrUnsafe says that the server is set so that it would lose what it has acknowledged.
var ErrUnsafe = errors.New("pgmeta: the server's settings are not safe")

// Options are how a store is opened. URL is needed; the zero value of the rest is right for a server.
type Options struct {
	// URL is the connection string: a postgres:// URL or key=value pairs, with everything that libpq knows of TLS.
	URL string
	// Password is used instead of one in URL.
	Password string
	// Schema is the schema that holds the tables; it is made when it is absent. Empty is "zas".
	Schema string
	// Plaintext accepts connections over a network without TLS.
	Plaintext bool
	// Unsafe accepts, with a warning, a server that can lose acknowledged writes in a crash.
	Unsafe bool
	// Retry takes the mode for engines whose advisory locks do nothing, without probing.
	Retry bool
	// Readers bounds the connections of Views; 0 is 16. Each View uses one.
	Readers int
	// Writers is the number of connections that commit groups; 0 is 2. In the mode for engines without locks it is 1.
	Writers int
	// Patience is how long a call waits for a server that cannot be reached; 0 is 15 s.
	Patience time.Duration
	// ResolveWithin is how long it is tried to find out what became of a commit; 0 is 1 min, more than 1 h is 1 h.
	ResolveWithin time.Duration
	// Logger is told of what goes wrong; nil is slog's default.
	Logger *slog.Logger
	// Wrap, where it is set, wraps each connection to the server, inside TLS: for measuring and for faults.
	Wrap func(net.Conn) net.Conn
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.Patience, 15*time.Second)
	set(&o.ResolveWithin, time.Minute)
	o.ResolveWithin = min(o.ResolveWithin, time.Hour)
	if o.Schema == "" {
		o.Schema = "zas"
	}
	if o.Readers == 0 {
		o.Readers = 16
	}
	if o.Writers == 0 {
		o.Writers = 2
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Store is an open database. Its methods are safe for concurrent use.
type Store struct {
	options Options
	config  *pgconn.Config
	schema  string
	steps   []upgradeStep
	mode    mode
	log     *slog.Logger
	warned  sync.Map // names of unsafe settings

	id    []byte // of the database
	class int32  // of the few locks that are not names

	readers *pool
	queue   *queue
	writers sync.WaitGroup

	calls    meta.Calls
	counters counters
}

var _ meta.Store = (*Store)(nil)

// Open opens the database, and makes what is absent in it. Errors: it cannot be reached; ErrUnsafe; it was written by a newer
// version of the program; the schema is not this program's.
func Open(ctx context.Context, o Options) (*Store, error) { return open(ctx, o, upgradeSteps()) }

func open(ctx context.Context, o Options, steps []upgradeStep) (*Store, error) {
	o = o.withDefaults()
	s := &Store{options: o, schema: o.Schema, steps: steps, log: o.Logger, queue: newQueue()}
	if err := s.start(ctx); err != nil {
		return nil, fmt.Errorf("pgmeta: open: %w", err)
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) (err error) {
	if err := checkSchema(s.schema); err != nil {
		return err
	}
	if s.config, err = parse(s.options); err != nil {
		return err
	}
	if err := s.patiently(ctx, func() error { return s.meet(ctx) }); err != nil {
		return err
	}
	s.readers = newPool(s.options.Readers, s.options.Patience, func(ctx context.Context) (*conn, error) { return s.dial(ctx, false) })
	writers := s.options.Writers
	if s.mode == retryMode {
		writers = 1 // two would only make each other run again
	}
	for range writers {
		w := s.newWriter()
		s.writers.Go(func() { w.work(context.WithoutCancel(ctx)) }) // until Close: what is acknowledged does not end with ctx
	}
	return nil
}

// meet learns what the server is like, and brings the schema up to date.
func (s *Store) meet(ctx context.Context) error {
	pg, err := pgconn.ConnectConfig(ctx, s.config)
	if err != nil {
		return err
	}
	defer func() { (&conn{pg: pg}).close() }()
	if err := s.checkSettings(ctx, pg); err != nil {
		return err
	}
	if s.mode, err = s.probe(ctx, pg); err != nil {
		return err
	}
	if s.id, err = s.upgrade(ctx, pg); err != nil {
		return err
	}
	s.class = int32(fnvOf(string(s.id)))
	return execute(ctx, pg, s.inSchema(fmt.Sprintf("DELETE FROM {schema}.commits WHERE at < now() - interval '%d seconds' "+
		"AND (version IS NULL OR version < (SELECT max(version) FROM {schema}.commits))", int(forgetAfter.Seconds()))))
}

// probe finds out whether advisory locks keep connections apart: engines exist that accept them and do nothing.
func (s *Store) probe(ctx context.Context, pg *pgconn.PgConn) (mode, error) {
	if s.options.Retry {
		return retryMode, nil
	}
	other, err := pgconn.ConnectConfig(ctx, s.config)
	if err != nil {
		return "", err
	}
	defer func() { (&conn{pg: other}).close() }()
	const try = "SELECT pg_try_advisory_xact_lock(%d, 4)"
	key := int32(time.Now().UnixNano()) // another process that probes now should not be in the way
	for _, c := range []*pgconn.PgConn{pg, other} {
		if err := execute(ctx, c, "BEGIN"); err != nil {
			return "", err
		}
	}
	defer func() { err = errors.Join(err, execute(ctx, pg, "ROLLBACK")) }()
	first, err := query(ctx, pg, fmt.Sprintf(try, key))
	if err != nil {
		return "", err
	}
	second, err := query(ctx, other, fmt.Sprintf(try, key))
	if err != nil {
		return "", err
	}
	if string(first[0][0]) == "t" && string(second[0][0]) == "f" {
		return lockMode, nil
	}
	s.log.Info("pgmeta: advisory locks do nothing on this server; transactions are serializable and run again when they lose")
	return retryMode, nil
}

func (s *Store) inSchema(sql string) string { return strings.ReplaceAll(sql, "{schema}", s.schema) }

// ID is the database's own: another database has another, also one that was made in the same place.
func (s *Store) ID() []byte { return s.id }

// Mode says how transactions are kept apart: "locks" or "serializable".
func (s *Store) Mode() string { return string(s.mode) }

// Close waits for the calls under way and ends the connections. Calls after it report meta.ErrClosed.
func (s *Store) Close() error {
	return s.calls.Close(func() error {
		s.queue.close()
		s.writers.Wait()
		s.readers.close()
		return nil
	})
}

// View implements meta.Store.
func (s *Store) View(ctx context.Context, fn func(meta.Reader) error) error {
	if err := s.calls.Enter(ctx); err != nil {
		return err
	}
	defer s.calls.Leave()
	v := &view{store: s, ctx: ctx}
	defer v.end()
	if err := fn(v); v.broken == nil {
		return err
	}
	return v.broken
}

// Update implements meta.Store.
func (s *Store) Update(ctx context.Context, locks meta.LockSet, fn func(meta.Tx) error) error {
	if err := s.calls.Enter(ctx); err != nil {
		return err
	}
	defer s.calls.Leave()
	m := s.newMember(ctx, locks, fn)
	s.queue.add(m)
	return m.await()
}

// Check reads something, and reports why that is not possible.
func (s *Store) Check(ctx context.Context) error {
	return s.View(ctx, func(r meta.Reader) error {
		_ = r.Version()
		return nil
	})
}

// patiently does something until it succeeds, or fails with what will not pass, or patience is at an end.
// Errors: those of do, in the end with meta.ErrUnavailable; the context's.
func (s *Store) patiently(ctx context.Context, do func() error) error {
	began := time.Now()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := do()
		if err == nil || !passing(err) || ctx.Err() != nil {
			return err
		}
		if time.Since(began)+pause > s.options.Patience {
			return fault.Busy.With("", fmt.Errorf("%w: %w", meta.ErrUnavailable, err))
		}
		s.counters.retries.Add(1)
		if s.conflict(err) || errors.Is(err, errBroken) {
			pause = min(pause, firstPause)
		}
		select {
		case <-time.After(pause/2 + jitter(pause/2)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type counters struct {
	commits, groups, roundTrips, retries, ambiguous, connections atomic.Uint64
}

// Metrics are counted since Open.
type Metrics struct {
	Commits     uint64 // transactions that wrote something
	Groups      uint64 // transactions of the database that they were
	RoundTrips  uint64 // of these
	Retries     uint64 // attempts that were made again
	Ambiguous   uint64 // commits of which nobody heard how they ended, at first
	Connections uint64 // made
}

// Metrics reports how the store does.
func (s *Store) Metrics() Metrics {
	return Metrics{
		Commits:     s.counters.commits.Load(),
		Groups:      s.counters.groups.Load(),
		RoundTrips:  s.counters.roundTrips.Load(),
		Retries:     s.counters.retries.Load(),
		Ambiguous:   s.counters.ambiguous.Load(),
		Connections: s.counters.connections.Load(),
	}
}

// jitter is a random time below d, so that processes that met do not meet again.
func jitter(d time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(d) + 1)) //nolint:gosec // nothing is kept from anybody by it
}
