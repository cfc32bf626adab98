package pgmeta

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/zot-artifact-store/zas/meta"
)

// lock is a declared name as a number, the same in every process: names that share one only wait for each other.
type lock struct {
	id        int64
	exclusive bool
}

// lockOf hashes the name together with the store's id, by a hash for which nobody can make names that meet.
func (s *Store) lockOf(l meta.Lock) lock {
	sum := sha256.Sum256(append(append(make([]byte, 0, 128), s.id...), l.Name...))
	return lock{int64(binary.BigEndian.Uint64(sum[:])), l.Exclusive}
}

// sortLocks puts locks in the order in which every process takes them, each once, in its strongest mode.
func sortLocks(locks []lock) []lock {
	slices.SortFunc(locks, func(a, b lock) int {
		if c := cmp.Compare(a.id, b.id); c != 0 || a.exclusive == b.exclusive {
			return c
		} else if a.exclusive {
			return -1
		}
		return 1
	})
	return slices.CompactFunc(locks, func(a, b lock) bool { return a.id == b.id })
}

// Limits of a group. PostgreSQL keeps locks in memory that all sessions share: 64 for each of max_connections by default.
const (
	maxMembers = 128
	maxLocks   = 1024
)

// lockCall is the statement that takes the locks of a group. Everybody takes the lock of the whole store shared; a
// transaction of too many names takes it alone and exclusive instead.
func (s *Store) lockCall(locks []lock, whole bool) call {
	if whole {
		return call{takeAll, [][]byte{int4Arg(s.class)}}
	}
	ids, exclusive := make([]int64, len(locks)), make([]bool, len(locks))
	for i, l := range locks {
		ids[i], exclusive[i] = l.id, l.exclusive
	}
	return call{takeLocks, [][]byte{int4Arg(s.class), int8Array(ids), boolArray(exclusive)}}
}
