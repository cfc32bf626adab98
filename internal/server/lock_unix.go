//go:build unix

package server

import (
	"errors"
	"os"
	"syscall"
)

// lockFile locks f for as long as it is open, or reports errLocked.
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

// noFollow makes opening fail where a symbolic link stands.
const noFollow = syscall.O_NOFOLLOW
