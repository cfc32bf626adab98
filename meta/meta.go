// Package meta is the port to metadata: ordered keys with serializable transactions, and typed tables over them.
//
// Serializability comes from declared locks, by rules that every engine enforces, so that what passes on one
// engine is right on another (an engine may validate more; none may rely on it):
//
//   - a Get needs its key in the LockSet (shared or exclusive), or a guard of its range exclusive;
//   - a Put or Delete needs its key exclusive and every guard that the key falls under, shared or exclusive;
//   - a Scan needs one guard that covers its whole range exclusive;
//   - an Append to a Log needs nothing; a Trim needs the log's guard exclusive.
//
// Anything undeclared fails with ErrUndeclared and the transaction writes nothing. Views need no locks.
package meta

import (
	"context"
	"errors"
	"iter"
)

// Errors of the port. Engines wrap them; callers use errors.Is.
var (
	// ErrNotFound says that a key has no value. Get reports it.
	ErrNotFound = errors.New("meta: key not found")
	// ErrUndeclared says that a transaction touched what its LockSet does not cover: a defect of the caller.
	ErrUndeclared = errors.New("meta: access outside the declared locks")
	// ErrStale is for an Update's fn to return when rows that the LockSet was planned from have changed. Plan runs again.
	ErrStale = errors.New("meta: the plan no longer holds")
	// ErrClosed says that the store has been closed.
	ErrClosed = errors.New("meta: store is closed")
	// ErrUnavailable says that the database could not be reached, or not be used, for as long as the store waits. Nothing was written.
	ErrUnavailable = errors.New("meta: database is not available")
	// ErrUnknownOutcome says that a commit may or may not have happened (an I/O error or a lost connection in Commit).
	// Nothing that the transaction would have made garbage may be removed, and fn is not run again by itself.
	ErrUnknownOutcome = errors.New("meta: outcome of the commit is unknown")
)

// Store is a database of ordered keys. Implementations are safe for concurrent use.
type Store interface {
	// View runs fn over one consistent snapshot. When what fn read (values, absences, scans) rests on commits
	// that are not yet durable, View waits for them after fn, before it returns; so nothing that
	// a power cut can undo is ever reported. The Reader is invalid once fn has returned. fn's error is returned as it is.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn in a serializable transaction that holds locks, and commits what it wrote, durably, before it returns nil.
	// When fn returns an error nothing is written and that error is returned, after the waiting that View does;
	// an Update that writes nothing waits likewise. fn may run more than once and changes nothing but tx:
	// ids and times are made before it.
	// Errors: ErrUndeclared, ErrClosed, ErrUnavailable, ErrUnknownOutcome, the context's.
	Update(ctx context.Context, locks LockSet, fn func(Tx) error) error
}

// Reader reads one snapshot, or a transaction's own view with its own writes.
type Reader interface {
	// Get returns the value of k, which the caller owns. Errors: ErrNotFound, ErrUndeclared.
	Get(ctx context.Context, k Key) ([]byte, error)
	// Scan yields the rows of r in key order. Yielded slices are valid only until the next step.
	// It shows a transaction's own writes as they were when the loop began. It stops after yielding an error.
	// Errors: ErrUndeclared.
	Scan(ctx context.Context, r Range) iter.Seq2[Row, error]
	// Version is the number of the newest commit that this snapshot includes. Versions grow with the commit order and
	// are never used twice, restarts included.
	Version() uint64
}

// Tx is a transaction under way. Writes are seen by its own reads at once and by nobody else before the commit.
type Tx interface {
	Reader
	// Put sets k to value; the engine keeps no reference to value. Errors: ErrUndeclared.
	Put(k Key, value []byte) error
	// Delete removes k; an absent key is no error. Errors: ErrUndeclared.
	Delete(k Key) error
	// Append adds value to the end of log. Its place is the commit's version, so appends of concurrent
	// transactions never conflict and are read in commit order. A transaction does not see its own appends.
	Append(log Log, value []byte) error
	// Trim removes the entries of log up to and including position, but none that this transaction appends.
	// Errors: ErrUndeclared.
	Trim(log Log, upTo Position) error
}

// Row is a key in its encoded form and its value.
type Row struct {
	Key   []byte
	Value []byte
}
