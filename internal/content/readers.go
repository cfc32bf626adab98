package content

import (
	"slices"
	"sync"
	"time"

	"github.com/zot-artifact-store/zas/extent"
)

// longReader is the age from which a reader holds back only the extents that it reads itself.
const longReader = time.Minute

// readers are the reads under way. A reader registers before its View, so whoever lists the trash later and finds
// no older reader knows that nobody can still open what is in it.
type readers struct {
	mu     sync.Mutex
	active map[*reader]struct{}
	seen   uint64 // newest version of any View
}

type reader struct {
	version uint64 // of its View, or a lower bound before it
	since   time.Time
	pins    []extent.Location // set when the View has told which extents it reads; nil before
}

func newReaders() *readers { return &readers{active: make(map[*reader]struct{})} }

func (r *readers) register(now time.Time) *reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := &reader{version: r.seen, since: now}
	r.active[one] = struct{}{}
	return one
}

// settle says what the reader's View saw. A reader of inline bytes has them already and needs no registration any more.
func (r *readers) settle(one *reader, version uint64, pins []extent.Location) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = max(r.seen, version)
	one.version = version
	one.pins = pins
	if len(pins) == 0 {
		delete(r.active, one)
	}
}

func (r *readers) release(one *reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.active, one)
}

// hold says whether a reader may still open l, which was found in the trash by a View of this version.
func (r *readers) hold(l extent.Location, version uint64, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for one := range r.active {
		switch {
		case one.version >= version:
		case one.pins == nil || now.Sub(one.since) < longReader:
			return true
		case slices.Contains(one.pins, l):
			return true
		}
	}
	return false
}
