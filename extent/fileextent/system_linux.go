package fileextent

import (
	"os"

	"golang.org/x/sys/unix"
)

// noFollow makes opening fail where a symbolic link stands.
const noFollow = unix.O_NOFOLLOW

// control runs call on f's descriptor, again as long as a signal interrupts it.
func control(f *os.File, call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	outer := raw.Control(func(fd uintptr) {
		for {
			if inner = call(int(fd)); inner != unix.EINTR {
				return
			}
		}
	})
	if outer != nil {
		return outer
	}
	return inner
}

func datasync(f *os.File) error {
	return os.NewSyscallError("fdatasync", control(f, unix.Fdatasync))
}

func setDirect(f *os.File, on bool) error {
	return os.NewSyscallError("fcntl", control(f, func(fd int) error {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			return err
		}
		flags &^= unix.O_DIRECT
		if on {
			flags |= unix.O_DIRECT
		}
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags)
		return err
	}))
}

func allocate(f *os.File, offset, length int64) error {
	return os.NewSyscallError("fallocate", control(f, func(fd int) error {
		return unix.Fallocate(fd, 0, offset, length)
	}))
}

func statfs(path string) (left, total int64, err error) {
	var st unix.Statfs_t
	for {
		err = unix.Statfs(path, &st)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return 0, 0, os.NewSyscallError("statfs", err)
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}
