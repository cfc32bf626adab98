package fileextent

import (
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"unsafe"
)

// lossyDisk is a filesystem in memory that keeps, when its power fails, nothing but what was synced: the bytes of a file by the sync of the file,
// its name by the sync of the directory.
type lossyDisk struct {
	mu      sync.Mutex
	entries map[string]*lossyEntry
	calls   []string // "sync /a/b", in order
	left    int64    // room
	aligned bool     // there are direct writes

	// before is asked before each call whether it fails. The disk is not locked.
	before func(call, path string) error
}

type lossyEntry struct {
	content lossyContent
	durable lossyContent // content when it was synced
	named   bool         // the entry in its directory is durable
}

// lossyContent is what was written, and zeros up to the size.
type lossyContent struct {
	written []byte
	size    int
}

func (c lossyContent) bytes() []byte {
	return append(c.written[:min(len(c.written), c.size):len(c.written)], make([]byte, max(c.size-len(c.written), 0))...)
}

func newLossyDisk() *lossyDisk {
	return &lossyDisk{
		entries: map[string]*lossyEntry{"/": {named: true}},
		left:    1 << 40,
		aligned: true,
		before:  func(string, string) error { return nil },
	}
}

// afterCrash is what of the file at path is there after a loss of power.
func (d *lossyDisk) afterCrash(path string) ([]byte, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	file := d.entries[path]
	for p := path; p != "/"; p = filepath.Dir(p) {
		if e := d.entries[p]; e == nil || !e.named {
			return nil, false
		}
	}
	return file.durable.bytes(), true
}

// crash takes away what is not durable.
func (d *lossyDisk) crash() {
	for path, e := range d.entries {
		if _, ok := d.afterCrash(path); ok {
			e.content = e.durable
		} else {
			defer delete(d.entries, path)
		}
	}
}

// count is how often call was made, at any path.
func (d *lossyDisk) count(call string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, c := range d.calls {
		if len(c) > len(call) && c[:len(call)+1] == call+" " {
			n++
		}
	}
	return n
}

// begin enters the call, and locks the disk unless it fails.
func (d *lossyDisk) begin(call, path string) error {
	d.mu.Lock()
	d.calls = append(d.calls, call+" "+path)
	d.mu.Unlock()
	if err := d.before(call, path); err != nil {
		return &fs.PathError{Op: call, Path: path, Err: err}
	}
	d.mu.Lock()
	return nil
}

func (d *lossyDisk) add(path string, e *lossyEntry) error {
	switch {
	case d.entries[path] != nil:
		return fs.ErrExist
	case d.entries[filepath.Dir(path)] == nil:
		return fs.ErrNotExist
	}
	d.entries[path] = e
	return nil
}

func (d *lossyDisk) mkdir(path string) error {
	if err := d.begin("mkdir", path); err != nil {
		return err
	}
	defer d.mu.Unlock()
	return d.add(path, &lossyEntry{})
}

func (d *lossyDisk) isDir(string) error { return nil }

func (d *lossyDisk) create(path string) (file, error) {
	if err := d.begin("create", path); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	f := &lossyFile{disk: d, path: path, entry: &lossyEntry{}}
	return f, d.add(path, f.entry)
}

// syncDir covers what was there when it was called, and nothing that is made before it returns.
func (d *lossyDisk) syncDir(path string) error {
	d.mu.Lock()
	var covered []*lossyEntry
	for p, e := range d.entries {
		if filepath.Dir(p) == path {
			covered = append(covered, e)
		}
	}
	d.mu.Unlock()
	if err := d.begin("syncdir", path); err != nil {
		return err
	}
	defer d.mu.Unlock()
	for _, e := range covered {
		e.named = true
	}
	return nil
}

func (d *lossyDisk) remove(path string) error {
	if err := d.begin("remove", path); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if d.entries[path] == nil {
		return fs.ErrNotExist
	}
	d.left += int64(d.entries[path].content.size)
	delete(d.entries, path)
	return nil
}

func (d *lossyDisk) space(path string) (left, total int64, err error) {
	if err := d.begin("space", path); err != nil {
		return 0, 0, err
	}
	defer d.mu.Unlock()
	return d.left, 1 << 41, nil
}

// lossyFile is a lossyDisk's file. Like one on Linux it is strict with direct writes.
type lossyFile struct {
	disk   *lossyDisk
	path   string
	entry  *lossyEntry
	off    int
	direct bool
	closed bool
}

func (f *lossyFile) Write(p []byte) (int, error) {
	call := "write"
	if f.direct {
		call = "direct write"
	}
	if err := f.disk.begin(call, f.path); err != nil {
		return 0, err
	}
	defer f.disk.mu.Unlock()
	if f.closed {
		return 0, fs.ErrClosed
	}
	if f.direct && (!f.disk.aligned || f.off%block != 0 || len(p)%block != 0 || uintptr(unsafe.Pointer(unsafe.SliceData(p)))%block != 0) {
		return 0, syscall.EINVAL
	}
	f.entry.content.written = append(f.entry.content.written, p...) // there is no seek
	f.off += len(p)
	f.resize(max(f.off, f.entry.content.size))
	return len(p), nil
}

func (f *lossyFile) resize(size int) {
	f.disk.left -= int64(size - f.entry.content.size)
	f.entry.content.size = size
}

func (f *lossyFile) setDirect(on bool) error {
	if err := f.disk.begin("setdirect", f.path); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	f.direct = on
	return nil
}

func (f *lossyFile) allocate(offset, length int64) error {
	if err := f.disk.begin("allocate", f.path); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	f.resize(max(int(offset+length), f.entry.content.size))
	return nil
}

func (f *lossyFile) Truncate(size int64) error {
	if err := f.disk.begin("truncate", f.path); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	f.resize(int(size))
	return nil
}

func (f *lossyFile) sync() error {
	if err := f.disk.begin("sync", f.path); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	if f.closed {
		return fs.ErrClosed
	}
	f.entry.durable = f.entry.content
	return nil
}

func (f *lossyFile) Close() error {
	if err := f.disk.begin("close", f.path); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	f.closed = true
	return nil
}
