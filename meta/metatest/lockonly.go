package metatest

import (
	"bytes"
	"context"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"sync"

	"github.com/zot-artifact-store/zas/meta"
)

// LockOnly is an engine in memory whose transactions read what is committed at that moment and validate nothing: only
// the declared locks keep them apart. It gives way to others between operations, at random, so that a
// transaction which declares too little soon shows it. A View is a snapshot, as everywhere.
type LockOnly struct {
	mu      sync.Mutex
	rows    map[string][]revision // by encoded key, oldest revision first
	sorted  []string              // the keys of rows
	version uint64
	locks   map[string]*sync.RWMutex
	lawless bool // ignores locks: for the tests of the contract itself
}

// revision is a value of a key from a version on.
type revision struct {
	version uint64
	value   []byte
	absent  bool
}

// NewLockOnly makes an empty store. It needs no Close.
func NewLockOnly() *LockOnly {
	return &LockOnly{rows: map[string][]revision{}, locks: map[string]*sync.RWMutex{}}
}

var (
	_ meta.Store  = (*LockOnly)(nil)
	_ meta.Reader = (*lockOnlyView)(nil)
	_ meta.Tx     = (*lockOnlyTx)(nil)
)

// giveWay lets others run, often not at all and sometimes for long.
func giveWay() {
	if rand.IntN(2) == 0 {
		return
	}
	for range 1 << rand.IntN(5) {
		runtime.Gosched()
	}
}

// View implements meta.Store.
func (s *LockOnly) View(ctx context.Context, fn func(meta.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	v := &lockOnlyView{store: s, version: s.version}
	s.mu.Unlock()
	return fn(v)
}

// Update implements meta.Store.
func (s *LockOnly) Update(ctx context.Context, locks meta.LockSet, fn func(meta.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	declared := locks.Declare()
	for _, l := range declared.Locks() {
		defer s.acquire(l)()
		giveWay()
	}
	s.mu.Lock()
	t := &lockOnlyTx{store: s, declared: declared, version: s.version, writes: map[string]revision{}}
	s.mu.Unlock()
	err := fn(t)
	giveWay()
	if t.undeclared != nil {
		return t.undeclared
	}
	if err == nil {
		s.commit(t)
	}
	return err
}

// acquire takes one lock and returns what gives it back.
func (s *LockOnly) acquire(l meta.Lock) func() {
	if s.lawless {
		return func() {}
	}
	s.mu.Lock()
	lock := s.locks[string(l.Name)]
	if lock == nil {
		lock = &sync.RWMutex{}
		s.locks[string(l.Name)] = lock
	}
	s.mu.Unlock()
	if l.Exclusive {
		lock.Lock()
		return lock.Unlock
	}
	lock.RLock()
	return lock.RUnlock
}

func (s *LockOnly) commit(t *lockOnlyTx) {
	if len(t.writes) == 0 && len(t.appends) == 0 && len(t.trims) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	for key, w := range t.writes {
		s.set(key, w)
	}
	for _, r := range t.trims {
		for _, key := range s.keysIn(r) {
			s.set(key, revision{absent: true})
		}
	}
	for i, a := range t.appends {
		s.set(string(a.log.Entry(meta.Position{Version: s.version, Index: uint16(i)})), revision{value: a.value})
	}
}

func (s *LockOnly) set(key string, r revision) {
	if _, known := s.rows[key]; !known {
		i, _ := slices.BinarySearch(s.sorted, key)
		s.sorted = slices.Insert(s.sorted, i, key)
	}
	r.version = s.version
	s.rows[key] = append(s.rows[key], r)
}

// at is the value of key at a version.
func (s *LockOnly) at(key string, version uint64) revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	revisions := s.rows[key]
	i := sort.Search(len(revisions), func(i int) bool { return revisions[i].version > version })
	if i == 0 {
		return revision{absent: true}
	}
	return revisions[i-1]
}

// keysIn are the keys in r that have or had a value, in ascending order. The caller holds s.mu.
func (s *LockOnly) keysIn(r meta.Range) []string {
	from, _ := slices.BinarySearch(s.sorted, string(r.From))
	to, _ := slices.BinarySearch(s.sorted, string(r.To))
	return slices.Clone(s.sorted[from:max(from, to)])
}

// now is a version that no commit has reached.
const now = 1<<64 - 1

type lockOnlyView struct {
	store   *LockOnly
	version uint64
}

func (v *lockOnlyView) Version() uint64 { return v.version }

func (v *lockOnlyView) Get(ctx context.Context, k meta.Key) ([]byte, error) {
	giveWay()
	return value(ctx, v.store.at(string(k.Raw()), v.version))
}

func value(ctx context.Context, r revision) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.absent {
		return nil, meta.ErrNotFound
	}
	return append([]byte{}, r.value...), nil
}

func (v *lockOnlyView) Scan(ctx context.Context, r meta.Range) iter.Seq2[meta.Row, error] {
	return func(yield func(meta.Row, error) bool) { v.store.scan(ctx, r, v.version, nil, yield) }
}

// scan yields the rows at a version, with writes over them.
func (s *LockOnly) scan(ctx context.Context, r meta.Range, version uint64, writes map[string]revision, yield func(meta.Row, error) bool) {
	s.mu.Lock()
	keys := s.keysIn(r)
	s.mu.Unlock()
	own := map[string]revision{}
	for key, w := range writes {
		if r.Contains([]byte(key)) {
			own[key] = w
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if r.Reverse {
		slices.Reverse(keys)
	}
	yielded := 0
	for _, key := range keys {
		giveWay()
		row, ok := own[key]
		if !ok {
			row = s.at(key, version)
		}
		if row.absent {
			continue
		}
		v, err := value(ctx, row)
		yielded++
		if !yield(meta.Row{Key: []byte(key), Value: v}, err) || err != nil || yielded == r.Limit {
			return
		}
	}
}

type lockOnlyTx struct {
	store      *LockOnly
	declared   meta.Declared
	version    uint64
	writes     map[string]revision
	appends    []lockOnlyAppend
	trims      []meta.Range
	undeclared error
}

type lockOnlyAppend struct {
	log   meta.Log
	value []byte
}

// allow passes the verdict on an access, after giving way, and remembers a refusal.
func (t *lockOnlyTx) allow(err error) error {
	giveWay()
	if t.undeclared == nil {
		t.undeclared = err
	}
	return err
}

func (t *lockOnlyTx) Version() uint64 { return t.version }

func (t *lockOnlyTx) Get(ctx context.Context, k meta.Key) ([]byte, error) {
	if err := t.allow(t.declared.CanGet(k)); err != nil {
		return nil, err
	}
	if w, ok := t.writes[string(k.Raw())]; ok {
		return value(ctx, w)
	}
	return value(ctx, t.store.at(string(k.Raw()), now))
}

func (t *lockOnlyTx) Scan(ctx context.Context, r meta.Range) iter.Seq2[meta.Row, error] {
	err := t.allow(t.declared.CanScan(r))
	return func(yield func(meta.Row, error) bool) {
		if err != nil {
			yield(meta.Row{}, err)
			return
		}
		t.store.scan(ctx, r, now, t.writes, yield)
	}
}

func (t *lockOnlyTx) Put(k meta.Key, value []byte) error {
	if err := t.allow(t.declared.CanPut(k)); err != nil {
		return err
	}
	t.writes[string(k.Raw())] = revision{value: bytes.Clone(value)}
	return nil
}

func (t *lockOnlyTx) Delete(k meta.Key) error {
	if err := t.allow(t.declared.CanPut(k)); err != nil {
		return err
	}
	t.writes[string(k.Raw())] = revision{absent: true}
	return nil
}

func (t *lockOnlyTx) Append(log meta.Log, value []byte) error {
	t.appends = append(t.appends, lockOnlyAppend{log, bytes.Clone(value)})
	return nil
}

func (t *lockOnlyTx) Trim(log meta.Log, upTo meta.Position) error {
	if err := t.allow(t.declared.CanTrim(log)); err != nil {
		return err
	}
	r := log.After(meta.Position{})
	r.To = append(log.Entry(upTo), 0)
	t.trims = append(t.trims, r)
	return nil
}
