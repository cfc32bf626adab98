package content

import (
	"sync"

	"github.com/zot-artifact-store/zas/extent"
)

// verifiedMax bounds what is remembered; beyond it, arbitrary extents are checked again.
const verifiedMax = 1 << 17

// verified is the extents whose every block has been checked since the server started.
type verified struct {
	mu  sync.RWMutex
	set map[extent.Location]struct{}
}

func newVerified() *verified { return &verified{set: make(map[extent.Location]struct{})} }

func (v *verified) has(l extent.Location) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	_, ok := v.set[l]
	return ok
}

func (v *verified) add(l extent.Location) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.set) >= verifiedMax {
		for old := range v.set {
			delete(v.set, old)
			break
		}
	}
	v.set[l] = struct{}{}
}

func (v *verified) remove(l extent.Location) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.set, l)
}

// blocks is the pool of buffers that blocks are checked in.
var blocks = sync.Pool{New: func() any { b := make([]byte, blockSize); return &b }}
