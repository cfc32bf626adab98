package pebblemeta

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/zot-artifact-store/zas/meta"
)

// stripeCount is the size of the lock table. Two names that fall on one stripe only wait for each other: a
// transaction holds its locks for some tens of microseconds, so a rare wait in vain costs less than exact locks.
const stripeCount = 8192

// stripes are locks by the hash of their name.
type stripes struct {
	seed  maphash.Seed
	table []sync.RWMutex
}

func newStripes(n int) *stripes {
	return &stripes{seed: maphash.MakeSeed(), table: make([]sync.RWMutex, n)}
}

// held are the stripes that a transaction holds.
type held struct {
	stripes *stripes
	marks   []mark
}

// mark is a stripe's number with the mode in the lowest bit, so that marks sort by stripe, exclusive before shared.
type mark uint32

const (
	exclusive mark = 0
	shared    mark = 1
)

// acquire takes the locks in the order of the table, as everybody does: so nobody waits in a circle.
func (s *stripes) acquire(locks []meta.Lock, waits *atomic.Uint64) held {
	marks := make([]mark, len(locks))
	for i, l := range locks {
		marks[i] = mark(maphash.Bytes(s.seed, l.Name)%uint64(len(s.table))) << 1
		if !l.Exclusive {
			marks[i] |= shared
		}
	}
	slices.Sort(marks)
	marks = slices.CompactFunc(marks, func(a, b mark) bool { return a>>1 == b>>1 }) // keeps the stronger of two
	for _, m := range marks {
		if s.take(m) {
			waits.Add(1)
		}
	}
	return held{stripes: s, marks: marks}
}

// take reports whether it had to wait.
func (s *stripes) take(m mark) bool {
	l := &s.table[m>>1]
	if m&1 == exclusive {
		if l.TryLock() {
			return false
		}
		l.Lock()
		return true
	}
	if l.TryRLock() {
		return false
	}
	l.RLock()
	return true
}

func (h held) release() {
	for _, m := range h.marks {
		if m&1 == exclusive {
			h.stripes.table[m>>1].Unlock()
		} else {
			h.stripes.table[m>>1].RUnlock()
		}
	}
}
