package fileextent

import (
	"errors"
	"math"
	"sync"
	"time"
)

const (
	defaultFloor = 1 << 30     // bytes
	roomAge      = time.Second // how long an answer of the filesystem is good for
)

// room counts down what may still be written before the floor, and asks the filesystem about once a second,
// or when the count says that there is none.
type room struct {
	sys   system
	root  string
	floor int64 // as in Options
	now   func() time.Time

	mu    sync.Mutex
	left  int64 // above the floor, less what was taken since asked; negative below it
	asked time.Time
}

// take sets n bytes aside, and says whether there was room for them.
func (r *room) take(n int64) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refresh(n); err != nil {
		return false, err
	}
	if r.left < n {
		return false, nil
	}
	r.left -= n
	return true, nil
}

// free is the number of bytes above the floor.
func (r *room) free() (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refresh(1); err != nil {
		return 0, err
	}
	return max(r.left, 0), nil
}

// refresh asks the filesystem when what is known is too old, or does not hold want.
func (r *room) refresh(want int64) error {
	now := r.now()
	if age := now.Sub(r.asked); !r.asked.IsZero() && age >= 0 && age < roomAge && r.left >= want {
		return nil
	}
	left, total, err := r.sys.space(r.root)
	if errors.Is(err, errors.ErrUnsupported) {
		left, total, err = math.MaxInt64, math.MaxInt64, nil
	}
	if err != nil {
		return err
	}
	r.left, r.asked = left-r.kept(total), now
	return nil
}

// kept is how much of a filesystem of total bytes stays free.
func (r *room) kept(total int64) int64 {
	switch {
	case r.floor < 0:
		return 0
	case r.floor == 0:
		return min(defaultFloor, total/100)
	}
	return r.floor
}
