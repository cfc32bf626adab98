package client

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
)

// downloadState is which parts of a file that is under way are there.
type downloadState struct {
	Form     int    `json:"form"` // 1
	Server   string `json:"server"`
	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	Version  string `json:"version"`
	ETag     string `json:"etag"`
	Size     int64  `json:"size"`
	PartSize int64  `json:"partSize"`
	Done     []byte `json:"done"` // a bit for each part
}

// maxDownloadState bounds a state file, in bytes.
const maxDownloadState = 1 << 20

// DownloadFile writes an object to the file at path. The file is there once it is whole, verified and on disk; until then it is `.NAME.part` beside it, and a
// download that is broken off goes on with that (`.NAME.part.json` tells what it holds). Errors: those of Download, and of the file.
func (c *Client) DownloadFile(ctx context.Context, from Ref, path string, o DownloadOptions) (Info, error) {
	o.check()
	for n := 1; ; n++ {
		info, err := c.pin(ctx, from)
		if err != nil {
			return Info{}, err
		}
		err = c.downloadFile(ctx, info, path, o)
		switch {
		case err == nil:
			return info, nil
		case !again(err):
			return info, as("GetObject", from, err)
		}
		_ = os.Remove(partFile(path) + ".json") // what is there is not to be trusted
		if n == runs {
			_ = os.Remove(partFile(path))
			return info, err
		}
	}
}

// partFile is the file at path while it is under way.
func partFile(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
}

func (c *Client) downloadFile(ctx context.Context, info Info, path string, o DownloadOptions) (err error) {
	part := partFile(path)
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o666) //nolint:gosec // as every program's files: the umask decides
	if err != nil {
		return err
	}
	d := &download{c: c, info: info, o: o, w: f, progress: newProgress(o.Progress, info.Size)}
	if err := d.resume(f, part+".json"); err != nil {
		return errors.Join(err, f.Close())
	}
	if err = d.run(ctx); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		if d.parts() < 2 {
			_ = os.Remove(part) // there is nothing to go on with
		}
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	_ = os.Remove(part + ".json")
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory makes a rename last, where directories can be synced.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = dir.Sync()
	return dir.Close()
}

// resume takes over what an earlier run has left of the same version, and sees to it that the next can.
func (d *download) resume(f *os.File, state string) error {
	now := downloadState{1, d.c.scheme + "://" + d.c.host, d.info.Bucket, d.info.Key, d.info.Version, d.info.ETag, d.info.Size, d.o.PartSize, nil}
	d.have = newPartSet(d.parts())
	there, err := f.Stat()
	if err != nil {
		return err
	}
	old := readDownloadState(state)
	done := old.Done
	if old.Done = nil; there.Size() == d.info.Size && len(done) == len(d.have.bits) && sameState(old, now) {
		copy(d.have.bits, done)
	} else if err := errors.Join(f.Truncate(0), f.Truncate(d.info.Size)); err != nil {
		return err
	}
	if d.parts() < 2 {
		return nil
	}
	var mu sync.Mutex
	d.kept = func() error {
		mu.Lock()
		defer mu.Unlock()
		now.Done = d.have.copy()
		return writeFile(state, now)
	}
	return nil
}

func sameState(a, b downloadState) bool {
	return a.Form == b.Form && a.Server == b.Server && a.Bucket == b.Bucket && a.Key == b.Key && a.Version == b.Version && a.ETag == b.ETag &&
		a.Size == b.Size && a.PartSize == b.PartSize
}

// readDownloadState reads a state file; it is empty where there is none that can be read.
func readDownloadState(path string) (s downloadState) {
	info, err := os.Stat(path)
	if err != nil || info.Size() > maxDownloadState {
		return downloadState{}
	}
	raw, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(raw, &s) != nil {
		return downloadState{}
	}
	return s
}
