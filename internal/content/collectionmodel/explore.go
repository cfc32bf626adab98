package collectionmodel

import (
	"errors"
	"fmt"
	"hash/maphash"
)

// ErrTooLarge says that an exploration met more states than it was allowed: nothing is proved.
var ErrTooLarge = errors.New("collectionmodel: more states than the limit")

// System is a transition system to explore. S is a complete global state, L names a step.
// S must be plain memory (no pointers, strings or interfaces): states are kept by the million.
type System[S comparable, L any] interface {
	// Initial is the state to begin in.
	Initial() S
	// Steps yields each step that is possible in s with the state after it. The yielded pointer is reused.
	Steps(s *S, yield func(label L, next *S))
	// Canonical replaces s by the representative of the states that differ from it only in the names of like things.
	Canonical(s *S)
	// Check reports which invariant s violates.
	Check(s *S) error
}

// Result is what an exploration found.
type Result[L any] struct {
	States      int // distinct states up to symmetry
	Transitions int // steps taken from them
	Depth       int // length of the longest shortest path
	// Violation is the first broken invariant in breadth-first order, nil when all hold. Trace is then a shortest path to it.
	Violation error
	Trace     []L
}

// explorer is the breadth-first search. A state's number is its place in the order of discovery.
type explorer[S comparable, L any] struct {
	sys     System[S, L]
	seed    maphash.Seed
	states  chunked[S]
	parents chunked[uint32]
	table   []uint64 // open addressing: high half the hash's, low half the state's number plus 1
}

// Explore visits every state that can be reached, in breadth-first order, until one violates an invariant.
// It reports ErrTooLarge beyond limit states.
func Explore[S comparable, L any](sys System[S, L], limit int) (Result[L], error) {
	x := &explorer[S, L]{sys: sys, seed: maphash.MakeSeed(), table: make([]uint64, 1<<12)}
	var r Result[L]
	first := sys.Initial()
	sys.Canonical(&first)
	x.add(&first, 0)
	if r.Violation = sys.Check(&first); r.Violation != nil {
		r.States = 1
		return r, nil
	}
	levelEnd := 1
	for at := 0; at < x.states.len; at++ {
		if at == levelEnd {
			r.Depth++
			levelEnd = x.states.len
		}
		if x.states.len > limit {
			return r, fmt.Errorf("%w: %d", ErrTooLarge, limit)
		}
		if bad := x.expand(uint32(at), &r); bad != 0 {
			r.Depth++
			r.Trace = x.trace(bad)
			break
		}
	}
	r.States = x.states.len
	return r, nil
}

// expand visits the successors of state number at. It returns the number of the first that violates an invariant, else 0.
func (x *explorer[S, L]) expand(at uint32, r *Result[L]) (bad uint32) {
	s := *x.states.at(int(at))
	x.sys.Steps(&s, func(_ L, next *S) {
		r.Transitions++
		if bad != 0 {
			return
		}
		n := *next
		x.sys.Canonical(&n)
		number, fresh := x.add(&n, at)
		if !fresh {
			return
		}
		if err := x.sys.Check(&n); err != nil {
			r.Violation, bad = err, number
		}
	})
	return bad
}

// add returns the number of s, and whether it had none before.
func (x *explorer[S, L]) add(s *S, parent uint32) (uint32, bool) {
	if 2*x.states.len >= len(x.table) {
		x.grow()
	}
	hash := maphash.Comparable(x.seed, *s)
	mask := uint64(len(x.table) - 1)
	i := hash & mask
	for ; x.table[i] != 0; i = (i + 1) & mask {
		if x.table[i]>>32 == hash>>32 && *x.states.at(int(uint32(x.table[i]) - 1)) == *s {
			return uint32(x.table[i]) - 1, false
		}
	}
	number := uint32(x.states.len)
	x.table[i] = hash>>32<<32 | uint64(number+1)
	x.states.append(*s)
	x.parents.append(parent)
	return number, true
}

func (x *explorer[S, L]) grow() {
	x.table = make([]uint64, 2*len(x.table))
	mask := uint64(len(x.table) - 1)
	for n := range x.states.len {
		hash := maphash.Comparable(x.seed, *x.states.at(n))
		i := hash & mask
		for x.table[i] != 0 {
			i = (i + 1) & mask
		}
		x.table[i] = hash>>32<<32 | uint64(n+1)
	}
}

// trace finds a path of labels to state number n whose names stay the same from step to step: it walks from the initial state without
// renaming and takes the step whose representative is the next one on the path.
func (x *explorer[S, L]) trace(n uint32) []L {
	var path []uint32
	for ; n != 0; n = *x.parents.at(int(n)) {
		path = append(path, n)
	}
	raw := x.sys.Initial()
	var labels []L
	for i := len(path) - 1; i >= 0; i-- {
		want := x.states.at(int(path[i]))
		label, next := x.stepTo(raw, want)
		if next == nil { // the representative is not perfect: go on from it, under its names
			label, next = x.stepTo(*x.states.at(int(*x.parents.at(int(path[i])))), want)
		}
		labels, raw = append(labels, label), *next
	}
	return labels
}

// stepTo finds a step from s to a state represented by want.
func (x *explorer[S, L]) stepTo(s S, want *S) (label L, next *S) {
	x.sys.Steps(&s, func(l L, to *S) {
		c := *to
		x.sys.Canonical(&c)
		if next == nil && c == *want {
			found := *to
			label, next = l, &found
		}
	})
	return label, next
}

const chunkSize = 1 << 14

// chunked is a list that grows without copying what it holds.
type chunked[T any] struct {
	chunks [][]T
	len    int
}

func (c *chunked[T]) at(i int) *T { return &c.chunks[i/chunkSize][i%chunkSize] }

func (c *chunked[T]) append(v T) {
	if c.len%chunkSize == 0 {
		c.chunks = append(c.chunks, make([]T, chunkSize))
	}
	*c.at(c.len) = v
	c.len++
}
