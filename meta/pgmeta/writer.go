package pgmeta

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/zot-artifact-store/zas/meta"
)

// writer commits groups, one at a time, on a connection of its own.
//
// The id of each of its transactions is its own id and a number that grows. The row of the id comes with the commit; so when
// nobody has heard how a COMMIT ended, a mark under the same id either finds the commit or keeps it from coming later. The
// transaction does not run again before that.
type writer struct {
	store   *Store
	conn    *conn
	id      []byte // 16 random bytes
	number  uint64 // of the transaction under way
	forgets uint64 // the number from which rows of ids are still there
}

// forgetEvery is after how many transactions the rows of those before are removed: nobody asks for them any more.
const forgetEvery = 256

func (s *Store) newWriter() *writer {
	w := &writer{store: s, id: make([]byte, 16)}
	_, _ = rand.Read(w.id) // never fails
	return w
}

// work commits groups until the queue is closed.
func (w *writer) work(ctx context.Context) {
	for {
		members := w.store.queue.next()
		if members == nil {
			break
		}
		w.settle(ctx, members)
	}
	if w.conn != nil {
		w.conn.close()
	}
}

// settle brings the members to their outcomes.
func (w *writer) settle(ctx context.Context, members []*member) {
	whole := false
	err := w.store.patiently(ctx, func() error {
		took, err := w.attempt(ctx, members, whole)
		if sqlState(err) == stateOutOfMemory { // too many locks for the server: one instead
			whole = true
		}
		if err == nil {
			for _, m := range took {
				m.end(m.result)
			}
			members = nil
		}
		return err
	})
	for _, m := range members {
		if m.state.CompareAndSwap(waiting, left) || m.state.Load() == running {
			m.end(fmt.Errorf("pgmeta: %w", err))
		}
	}
}

// attempt runs the members in one transaction. An error is of the group: nothing has been written, except with
// meta.ErrUnknownOutcome.
func (w *writer) attempt(ctx context.Context, members []*member, whole bool) ([]*member, error) {
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	g := &group{store: w.store, conn: w.conn, whole: whole}
	if err := g.start(members); err != nil {
		g.abandon()
		return nil, err
	}
	took := g.run(members)
	if g.failure != nil || g.commits == 0 {
		g.abandon()
		return took, g.failure
	}
	w.number++
	var forgetFrom []byte
	if w.number-w.forgets >= forgetEvery {
		forgetFrom = w.nameOf(w.forgets)
	}
	err := g.commit(w.nameOf(w.number), forgetFrom)
	if err == nil && forgetFrom != nil {
		w.forgets = w.number
	}
	if ambiguous(err) {
		err = w.resolve(ctx, err)
	} else if err != nil {
		g.abandon()
	}
	if err == nil {
		w.store.counters.groups.Add(1)
		w.store.counters.commits.Add(uint64(g.commits))
	}
	return took, err
}

func (w *writer) nameOf(number uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 24), w.id...), number)
}

// connect makes a connection unless there is one that works.
func (w *writer) connect(ctx context.Context) (err error) {
	if w.conn != nil && w.conn.broken {
		w.conn.close()
		w.conn = nil
	}
	if w.conn == nil {
		w.conn, err = w.store.dial(ctx, true)
	}
	return err
}

// resolve finds out what became of the commit under way, which ended in cause, or prevents it: then it reports an error after
// which the group may run again. Errors: meta.ErrUnknownOutcome.
func (w *writer) resolve(ctx context.Context, cause error) error {
	w.store.counters.ambiguous.Add(1)
	w.store.log.Warn("pgmeta: nobody has heard how a commit ended; asking", "error", cause.Error())
	w.conn.broken = true
	began := time.Now()
	wall := began.Round(0) // without the monotonic clock, which stops while the machine sleeps
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := w.connect(ctx)
		if err == nil {
			var answers []rows
			if answers, err = w.conn.exchange(call{resolve, [][]byte{w.nameOf(w.number)}}); err == nil {
				if version := answers[0][0][0]; version != nil {
					return nil
				}
				return errPrevented
			}
		}
		if time.Since(began)+pause > w.store.options.ResolveWithin || time.Since(wall) > forgetAfter/2 {
			return fmt.Errorf("%w: %w: %w", meta.ErrUnknownOutcome, cause, err)
		}
		time.Sleep(pause)
	}
}

const (
	firstPause = 10 * time.Millisecond
	lastPause  = time.Second
	// forgetAfter is the age at which rows of ids go although their writer has not removed them: it has died.
	forgetAfter = 24 * time.Hour
)

// errPrevented says that a commit of unknown outcome has not happened and will not.
var errPrevented = errors.New("the commit was prevented")

// The server's codes that matter here: PostgreSQL, appendix A.
const (
	stateSerialization    = "40001"
	stateUnknownStatement = "40003"
	stateDeadlock         = "40P01"
	stateUnknownCommit    = "08007"
	stateUnique           = "23505"
	stateReadOnly         = "25006" // the server has become a standby
	stateOutOfMemory      = "53200"
	stateLockTimeout      = "55P03"
)

// passing says whether what failed with err may succeed when it is tried again, after a while or at once.
func passing(err error) bool {
	switch state := sqlState(err); {
	case errors.Is(err, ErrUnsafe), errors.Is(err, meta.ErrUnknownOutcome), errors.Is(err, meta.ErrUnavailable):
		return false
	case errors.Is(err, errPrevented), fatal(err), state == "":
		return true
	default:
		switch state {
		case stateSerialization, stateUnknownStatement, stateDeadlock, stateUnique, stateOutOfMemory, stateLockTimeout, stateReadOnly:
			return true
		}
		return state[:2] == "08" || state[:2] == "57" // connections; restarts and timeouts
	}
}

// fatal says whether the server ended the connection with err.
func fatal(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Severity != "ERROR"
}

// conflict says whether another transaction was quicker.
func (s *Store) conflict(err error) bool {
	switch sqlState(err) {
	case stateSerialization, stateDeadlock, stateUnique:
		return true
	}
	return false
}
