package meta

import (
	"bytes"
	"context"
	"errors"
	"slices"
)

// Guard is the name of a range as a thing to lock.
type Guard struct{ raw []byte }

// Raw is the encoded name.
func (g Guard) Raw() []byte { return g.raw }

// LockSet is what a transaction may touch. The zero value may touch nothing but logs.
// Methods add to the set and return it, so that sets are written as one expression:
//
//	locks := meta.LockSet{}.Read(bucketKey).Write(objectKey)
//
// Write also takes the guards of its key shared, so only scans need Guard.
type LockSet struct {
	locks []Lock
}

// Lock is one declared name. Name's first byte tells keys from guards (keyLock, guardLock).
type Lock struct {
	Name      []byte
	Exclusive bool
}

// Key is the encoded key that is declared, or false when it is a guard.
func (l Lock) Key() ([]byte, bool) { return l.Name[1:], l.Name[0] == keyLock }

const (
	keyLock   = 'k'
	guardLock = 'g'
)

// grow makes room for n more locks in an array of the set's own, so that sets made from one set do not share.
func (s LockSet) grow(n int) LockSet {
	s.locks = append(make([]Lock, 0, len(s.locks)+n), s.locks...)
	return s
}

func lockName(kind byte, raw []byte) []byte {
	return append(append(make([]byte, 0, len(raw)+1), kind), raw...)
}

// Read declares that the keys are read.
func (s LockSet) Read(keys ...Key) LockSet {
	s = s.grow(len(keys))
	for _, k := range keys {
		s.locks = append(s.locks, Lock{Name: lockName(keyLock, k.raw)})
	}
	return s
}

// Write declares that the keys are read or written, and takes their guards shared.
func (s LockSet) Write(keys ...Key) LockSet {
	n := len(keys)
	for _, k := range keys {
		n += len(k.guards)
	}
	s = s.grow(n)
	for _, k := range keys {
		s.locks = append(s.locks, Lock{Name: lockName(keyLock, k.raw), Exclusive: true})
		if len(k.guards) == 0 {
			continue
		}
		innermost := lockName(guardLock, k.GuardAt(len(k.guards)-1)) // the others are prefixes of it
		for _, length := range k.guards {
			s.locks = append(s.locks, Lock{Name: innermost[:length+1]})
		}
	}
	return s
}

// Guard declares that the guarded ranges are scanned, or read and written at keys not named one by one.
// Writing a key still needs Write.
func (s LockSet) Guard(guards ...Guard) LockSet {
	s = s.grow(len(guards))
	for _, g := range guards {
		s.locks = append(s.locks, Lock{Name: lockName(guardLock, g.raw), Exclusive: true})
	}
	return s
}

// Join is the union of both sets.
func (s LockSet) Join(other LockSet) LockSet {
	s = s.grow(len(other.locks))
	s.locks = append(s.locks, other.locks...)
	return s
}

// Sorted is the set as engines take it: sorted by name, each name once, exclusive where any mention was.
func (s LockSet) Sorted() []Lock {
	out := slices.Clone(s.locks)
	slices.SortFunc(out, func(a, b Lock) int {
		if c := bytes.Compare(a.Name, b.Name); c != 0 || a.Exclusive == b.Exclusive {
			return c
		} else if a.Exclusive {
			return -1
		}
		return 1
	})
	return slices.CompactFunc(out, func(a, b Lock) bool { return bytes.Equal(a.Name, b.Name) })
}

// Declared is a LockSet in the form that engines check accesses against. It is made by Declare and not changed after.
type Declared struct{ locks []Lock }

// Declare prepares the set for checking.
func (s LockSet) Declare() Declared { return Declared{locks: s.Sorted()} }

// Locks are the locks to take, in the order in which every engine takes them.
func (d Declared) Locks() []Lock { return d.locks }

// CanGet reports ErrUndeclared unless the set allows to read k.
func (d Declared) CanGet(k Key) error {
	if d.mode(keyLock, k.raw) != undeclared {
		return nil
	}
	for i := range k.guards {
		if d.mode(guardLock, k.GuardAt(i)) == exclusive {
			return nil
		}
	}
	return ErrUndeclared
}

// CanPut reports ErrUndeclared unless the set allows to write k.
func (d Declared) CanPut(k Key) error {
	if d.mode(keyLock, k.raw) != exclusive {
		return ErrUndeclared
	}
	for i := range k.guards {
		if d.mode(guardLock, k.GuardAt(i)) == undeclared {
			return ErrUndeclared
		}
	}
	return nil
}

// CanScan reports ErrUndeclared unless the set allows to scan r.
func (d Declared) CanScan(r Range) error {
	for _, g := range r.guards {
		if d.mode(guardLock, g) == exclusive {
			return nil
		}
	}
	return ErrUndeclared
}

// CanTrim reports ErrUndeclared unless the set allows to trim l.
func (d Declared) CanTrim(l Log) error {
	if d.mode(guardLock, l.Guard().raw) != exclusive {
		return ErrUndeclared
	}
	return nil
}

type mode uint8

const (
	undeclared mode = iota
	shared
	exclusive
)

func (d Declared) mode(kind byte, raw []byte) mode {
	i, ok := slices.BinarySearchFunc(d.locks, raw, func(l Lock, raw []byte) int {
		if l.Name[0] != kind {
			return int(l.Name[0]) - int(kind)
		}
		return bytes.Compare(l.Name[1:], raw)
	})
	switch {
	case !ok:
		return undeclared
	case d.locks[i].Exclusive:
		return exclusive
	}
	return shared
}

// maxPlans bounds how often Plan starts again: each time, another transaction has made progress.
const maxPlans = 100

// Plan runs an Update whose locks depend on data: plan reads what it needs in a View and returns the locks and the transaction's
// body; the body verifies what was planned from, and returns ErrStale when it has changed: then it is planned again.
// Errors: those of View and Update; ErrStale after 100 plans.
func Plan(ctx context.Context, s Store, plan func(Reader) (LockSet, func(Tx) error, error)) error {
	for range maxPlans {
		var locks LockSet
		var body func(Tx) error
		if err := s.View(ctx, func(r Reader) (err error) {
			locks, body, err = plan(r)
			return err
		}); err != nil {
			return err
		}
		if err := s.Update(ctx, locks, body); !errors.Is(err, ErrStale) {
			return err
		}
	}
	return ErrStale
}
