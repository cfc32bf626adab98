//go:build unix

package server

import "syscall"

// openFiles is how many files the process may have open; false where that is not limited or not known.
func openFiles() (int, bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 0, false
	}
	return int(limit.Cur), true //nolint:gosec // at most 1<<30
}
