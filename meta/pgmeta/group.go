package pgmeta

import (
	"fmt"
	"slices"

	"github.com/zot-artifact-store/zas/meta"
)

// group is one transaction of the database, in which members run one after another, each seeing what those before it wrote.
type group struct {
	store *Store
	conn  *conn
	whole bool // it holds the lock of the whole store

	begun   bool
	known   map[string]cell // of stored keys, as they are under the locks
	writes  map[string]cell
	appends []placed
	trims   []meta.Range
	commits int    // members that wrote
	head    uint64 // the newest version when this group commits, once ordered
	ordered bool
	failure error // of the connection or the server: the group is to run again, or fails as a whole
}

// placed is an entry of a log with its place within the group: the nth commit, the index in it.
type placed struct {
	log   meta.Log
	nth   int
	index int
	value []byte
}

// smallValue is up to which size, in bytes, declared values are read before anybody asks for them.
const smallValue = 8 << 10

// start takes the locks, and then reads the declared keys. A group that declares nothing starts when it has to.
func (g *group) start(members []*member) error {
	var locks []lock
	var keys [][]byte
	for _, m := range members {
		locks, keys = append(locks, m.locks...), append(keys, m.keys...)
	}
	var calls []call
	if locks = sortLocks(locks); g.store.mode == lockMode && len(locks) > 0 {
		g.whole = g.whole || len(locks) > maxLocks
		calls = append(calls, g.store.lockCall(locks, g.whole))
	}
	if keys = distinct(keys); len(keys) > 0 {
		calls = append(calls, call{getMany, [][]byte{byteaArray(keys), int4Arg(smallValue)}})
	}
	if g.store.mode == retryMode {
		calls = append(calls, call{statement: head})
	}
	if len(calls) == 0 {
		return nil
	}
	answers, err := g.exchange(calls...)
	if err != nil {
		return err
	}
	if g.store.mode == retryMode { // whoever commits meanwhile makes this group run again
		g.head, g.ordered = headOf(answers[len(answers)-1]), true
		answers = answers[:len(answers)-1]
	}
	if len(keys) > 0 {
		g.learn(keys, answers[len(answers)-1])
	}
	return nil
}

func (g *group) learn(keys [][]byte, found rows) {
	g.known = make(map[string]cell, len(keys))
	for _, k := range keys {
		g.known[string(k)] = cell{absent: true}
	}
	for _, row := range found {
		g.known[string(row[0])] = cell{value: row[1], unread: row[1] == nil}
	}
}

// exchange is a round trip of the group. After an error the group is over.
func (g *group) exchange(calls ...call) ([]rows, error) {
	if g.failure != nil {
		return nil, g.failure
	}
	if !g.begun {
		calls = append([]call{{statement: beginUpdate}}, calls...)
	}
	g.store.counters.roundTrips.Add(1)
	answers, err := g.conn.exchange(calls...)
	if err != nil {
		g.failure = err
		return nil, err
	}
	if !g.begun {
		g.begun = true
		answers = answers[1:]
	}
	return answers, nil
}

// get is what a key holds for the next member.
func (g *group) get(key []byte) (cell, error) {
	if c, ok := g.writes[string(key)]; ok {
		return c, nil
	}
	if c, ok := g.known[string(key)]; ok && !c.unread {
		return c, nil
	}
	answers, err := g.exchange(call{getOne, [][]byte{key}})
	if err != nil {
		return cell{}, fmt.Errorf("pgmeta: get: %w", err)
	}
	c := cell{absent: true}
	if len(answers[0]) > 0 {
		c = cell{value: answers[0][0][0]}
	}
	if g.known == nil {
		g.known = map[string]cell{}
	}
	g.known[string(key)] = c
	return c, nil
}

// fixOrder makes the group's commit the next one, and learns the version before it. No other lock is taken after this one.
func (g *group) fixOrder() error {
	if g.ordered {
		return nil
	}
	answers, err := g.exchange(call{takeOrder, [][]byte{int4Arg(g.store.class)}}, call{statement: head})
	if err != nil {
		return err
	}
	g.head, g.ordered = headOf(answers[1]), true
	return nil
}

// orderAppendsOf is for a trim, which may reach entries that members before appended: their versions must be known.
func (g *group) orderAppendsOf(log meta.Log) error {
	if slices.ContainsFunc(g.appends, func(p placed) bool { return p.log == log }) {
		return g.fixOrder()
	}
	return nil
}

// run gives each member a turn, and keeps what it wrote if it succeeds. It stops when the group has failed.
func (g *group) run(members []*member) (took []*member) {
	for _, m := range members {
		if m.state.Load() != running && !m.state.CompareAndSwap(waiting, running) {
			continue
		}
		if err := m.ctx.Err(); err != nil {
			m.result, m.finished = err, true
			took = append(took, m)
			continue
		}
		t := &tx{g: g, declared: m.declared}
		if !m.take(t) {
			continue // its caller unwinds a panic, and waits for nothing
		}
		if t.undeclared != nil {
			m.result = t.undeclared
		}
		took = append(took, m)
		if g.failure != nil {
			return took
		}
		if m.result == nil && !t.empty() {
			g.keep(t)
		}
	}
	return took
}

// keep adds what a member wrote.
func (g *group) keep(t *tx) {
	if g.writes == nil {
		g.writes = make(map[string]cell, len(t.writes))
	}
	for k, c := range t.writes {
		g.writes[k] = c
	}
	for _, w := range t.trims {
		r := w.log.After(meta.Position{})
		r.To = append(w.log.Entry(w.upTo), 0)
		g.trims = append(g.trims, r)
		g.appends = slices.DeleteFunc(g.appends, func(p placed) bool {
			return p.log == w.log && r.Contains(p.log.Entry(meta.Position{Version: g.head + uint64(p.nth), Index: uint16(p.index)}))
		})
	}
	g.commits++
	for i, a := range t.appends {
		g.appends = append(g.appends, placed{a.log, g.commits, i, a.value})
	}
}

// commit writes everything under the given id, and commits: one round trip.
func (g *group) commit(id []byte, forgetFrom []byte) error {
	calls := g.writeCalls()
	if g.store.mode == lockMode && !g.ordered {
		calls = append(calls, call{takeOrder, [][]byte{int4Arg(g.store.class)}})
	}
	calls = append(calls, call{note, [][]byte{id, int8Arg(int64(g.commits))}})
	if len(g.appends) > 0 {
		calls = append(calls, g.appendCall(id))
	}
	if forgetFrom != nil {
		calls = append(calls, call{forget, [][]byte{forgetFrom, id}})
	}
	_, err := g.exchange(append(calls, call{statement: commitAll})...)
	return err
}

func (g *group) writeCalls() []call {
	var calls []call
	var put, values, deleted [][]byte
	for _, w := range sortedWrites(g.writes) {
		switch {
		case !w.absent:
			put, values = append(put, w.key), append(values, w.value)
		case !g.known[string(w.key)].absent: // what is known to be absent needs no deleting
			deleted = append(deleted, w.key)
		}
	}
	if len(deleted) > 0 {
		calls = append(calls, call{deleteMany, [][]byte{byteaArray(deleted)}})
	}
	if len(put) > 0 {
		calls = append(calls, call{putMany, [][]byte{byteaArray(put), byteaArray(values)}})
	}
	for _, r := range g.trims {
		calls = append(calls, call{deleteRange, [][]byte{r.From, r.To}})
	}
	return calls
}

// appendCall writes the entries of logs beneath the versions that the commit's own row has by then.
func (g *group) appendCall(id []byte) call {
	n := len(g.appends)
	logs, back, places, values := make([][]byte, n), make([]int64, n), make([][]byte, n), make([][]byte, n)
	for i, p := range g.appends {
		logs[i], back[i] = []byte{p.log.ID()}, int64(g.commits-p.nth)
		places[i], values[i] = []byte{byte(p.index >> 8), byte(p.index)}, p.value
	}
	return call{appendMany, [][]byte{id, byteaArray(logs), int8Array(back), byteaArray(places), byteaArray(values)}}
}

// abandon gives everything back and writes nothing. Nobody waits for it.
func (g *group) abandon() {
	if g.begun || g.failure != nil {
		g.conn.dismiss(call{statement: rollbackAll})
	}
}

// sortedWrites are the writes in the order of their keys.
func sortedWrites(writes map[string]cell) []write {
	list := make([]write, 0, len(writes))
	for k, c := range writes {
		list = append(list, write{[]byte(k), c})
	}
	slices.SortFunc(list, func(a, b write) int { return slices.Compare(a.key, b.key) })
	return list
}

// ambiguous says whether a COMMIT that ended in err may have happened: the server has not refused it.
func ambiguous(err error) bool {
	switch sqlState(err) {
	case "", stateUnknownCommit, stateUnknownStatement:
		return err != nil
	}
	return fatal(err)
}
