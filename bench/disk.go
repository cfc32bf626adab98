package main

import (
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
)

// writeDirect reads the body in large blocks, hashes it, and writes it to a new file past the page cache, synced before it answers:
// the least that taking a body in durably can cost, from one goroutine.
func writeDirect(w http.ResponseWriter, r *http.Request, dir string, hashes ...hash.Hash) error {
	name := filepath.Join(dir, "written")
	fd, err := syscall.Open(name, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC|syscall.O_DIRECT, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	if err := syscall.Fallocate(fd, 0, 0, r.ContentLength); err != nil {
		return err
	}
	block, err := syscall.Mmap(-1, 0, 1<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE) // aligned
	if err != nil {
		return err
	}
	defer syscall.Munmap(block) //nolint:errcheck // nothing to be done
	for left := r.ContentLength; left > 0; {
		n, err := io.ReadFull(r.Body, block[:min(left, int64(len(block)))])
		if err != nil {
			return err
		}
		for _, h := range hashes {
			h.Write(block[:n])
		}
		if _, err := f.Write(block[:n]); err != nil { // the sizes in use are whole blocks
			return err
		}
		left -= int64(n)
	}
	answer(w, hashes)
	return syscall.Fdatasync(fd)
}
