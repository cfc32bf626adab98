package fileextent

import (
	"errors"
	"sync"
)

// directory groups the syncs of one directory: whoever waits shares a sync that began after their file was made.
type directory struct {
	path string
	mu   sync.Mutex
	idle sync.Cond // on mu: running has become false

	running bool
	begun   uint64 // number of syncs begun
	done    uint64 // the last that ended well
	err     error  // the first that did not; none is tried after it
}

func newDirectory(path string) *directory {
	d := &directory{path: path}
	d.idle.L = &d.mu
	return d
}

// mark is taken after an entry was made: every sync with a higher number covers the entry.
func (d *directory) mark() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begun
}

// settle returns when a sync that began after mark has ended.
func (d *directory) settle(sys system, mark uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.done <= mark && d.err == nil {
		if d.running {
			d.idle.Wait()
			continue
		}
		d.running = true
		d.begun++
		turn := d.begun
		d.mu.Unlock()
		err := sys.syncDir(d.path)
		d.mu.Lock()
		d.running = false
		d.idle.Broadcast()
		switch {
		case err == nil:
			d.done = turn
		case errors.Is(err, errNotTried):
			return err // the others try for themselves
		default:
			d.err = err
		}
	}
	if d.done > mark {
		return nil
	}
	return d.err
}
