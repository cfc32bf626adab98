package pgmeta

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"

	"github.com/zot-artifact-store/zas/meta"
)

// member is one Update, from its call to its outcome. Its function runs in the goroutine of the caller, whom the writer
// gives a turn: so panics and the like go where they belong.
type member struct {
	ctx      context.Context //nolint:containedctx // of the call, which waits for the member's outcome
	declared meta.Declared
	locks    []lock
	keys     [][]byte // declared; read before the turn
	fn       func(meta.Tx) error

	state atomic.Int32
	turn  chan *tx      // from the writer
	ran   chan struct{} // to the writer
	done  chan struct{} // closed when outcome is set

	finished bool  // the function returned
	result   error // what it returned
	outcome  error
}

const (
	waiting int32 = iota
	running       // it has had a turn: only the writer knows its outcome
	left          // its caller has gone
)

func (s *Store) newMember(ctx context.Context, set meta.LockSet, fn func(meta.Tx) error) *member {
	m := &member{ctx: ctx, declared: set.Declare(), fn: fn,
		turn: make(chan *tx, 1), ran: make(chan struct{}, 1), done: make(chan struct{})}
	declared := m.declared.Locks()
	m.locks = make([]lock, 0, len(declared))
	for _, l := range declared {
		m.locks = append(m.locks, s.lockOf(l))
		if key, ok := l.Key(); ok {
			m.keys = append(m.keys, key)
		}
	}
	return m
}

// await takes the turns and returns the outcome. A context that ends before the first turn ends the wait; later it is too late.
func (m *member) await() error {
	ended := m.ctx.Done()
	for {
		select {
		case t := <-m.turn:
			m.run(t)
		case <-m.done:
			return m.outcome
		case <-ended:
			if m.state.CompareAndSwap(waiting, left) {
				return m.ctx.Err()
			}
			ended = nil
		}
	}
}

func (m *member) run(t *tx) {
	m.finished = false
	defer func() {
		t.ended = true
		m.ran <- struct{}{}
	}()
	m.result = m.fn(t)
	m.finished = true
}

// take gives the caller a turn and waits for the end of it. It reports whether the function returned.
func (m *member) take(t *tx) bool {
	m.turn <- t
	<-m.ran
	return m.finished
}

func (m *member) end(outcome error) {
	m.outcome = outcome
	close(m.done)
}

// queue holds the members that no writer has taken yet.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond
	waiting []*member
	closed  bool
}

func newQueue() *queue {
	q := &queue{}
	q.changed.L = &q.mu
	return q
}

func (q *queue) add(m *member) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, m)
	q.changed.Signal()
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}

// next is the members for a group, oldest first, as many as the limits allow; none when the queue has been closed.
func (q *queue) next() []*member {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 {
		if q.closed {
			return nil
		}
		q.changed.Wait()
	}
	n, locks := 0, 0
	for _, m := range q.waiting {
		if locks += len(m.locks); n > 0 && (n == maxMembers || locks > maxLocks) {
			break
		}
		n++
	}
	members := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	if len(q.waiting) > 0 {
		q.changed.Signal()
	}
	return members
}

// distinct are keys, sorted, each once.
func distinct(keys [][]byte) [][]byte {
	sortKeys(keys)
	out := keys[:0]
	for i, k := range keys {
		if i == 0 || !bytes.Equal(k, keys[i-1]) {
			out = append(out, k)
		}
	}
	return out
}
