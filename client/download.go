package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
)

// DownloadOptions say how to download. The zero value does.
type DownloadOptions struct {
	PartSize int64 // bytes of a request, at least 64 KiB; 0: 16 MiB
	Parallel int   // requests at a time; 0: 4
	Progress func(Progress)
}

func (o *DownloadOptions) check() {
	if o.PartSize <= 0 {
		o.PartSize = defaultPart
	}
	o.PartSize = max(o.PartSize, 64<<10)
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
}

// runs is how often a download begins anew when what came is not what the server has, or the object has been replaced.
const runs = 3

// Download writes an object to w, several ranges of it at a time where w is an io.ReaderAt, too (as *os.File is), else one after
// the other. All come from one version, and what was written is compared with its SHA-256, where the server tells one (Info.Content).
// Errors: fault.KeyNotFound, fault.DigestMismatch when damaged bytes came each time, those of w; after an error w holds anything.
func (c *Client) Download(ctx context.Context, from Ref, w io.WriterAt, o DownloadOptions) (Info, error) {
	o.check()
	for n := 1; ; n++ {
		info, err := c.pin(ctx, from)
		if err != nil {
			return Info{}, err
		}
		d := &download{c: c, info: info, o: o, w: w, progress: newProgress(o.Progress, info.Size)}
		if err = d.run(ctx); err == nil || n == runs || !again(err) {
			return info, err
		}
	}
}

// again says whether another run may do better.
func again(err error) bool {
	return errors.Is(err, fault.DigestMismatch) || errors.Is(err, fault.PreconditionFailed)
}

// pin is what the server tells of the version that is to be read, with its digest where that will be known soon.
func (c *Client) pin(ctx context.Context, from Ref) (Info, error) {
	info, err := c.Stat(ctx, from)
	if err != nil {
		return Info{}, err
	}
	return c.settled(ctx, info)
}

// download is one run over one version.
type download struct {
	c        *Client
	info     Info
	o        DownloadOptions
	w        io.WriterAt
	have     *partSet     // what an earlier run has written; nil: nothing
	kept     func() error // notes that have has grown; may be nil
	progress *progress
}

// parts is their number.
func (d *download) parts() int { return int((d.info.Size + d.o.PartSize - 1) / d.o.PartSize) }

// extent is where part i is.
func (d *download) extent(i int) (off, n int64) {
	off = int64(i) * d.o.PartSize
	return off, min(d.o.PartSize, d.info.Size-off)
}

// run fetches what is missing and verifies the whole.
func (d *download) run(ctx context.Context) error {
	if d.have == nil {
		d.have = newPartSet(d.parts())
	}
	sum := sha256.New()
	var err error
	if r, ok := d.w.(io.ReaderAt); ok {
		err = d.parallel(ctx, r, sum)
	} else {
		err = d.inOrder(ctx, sum)
	}
	if err != nil {
		return as("GetObject", d.info.Ref, err)
	}
	_, err = verified("GetObject", d.info, digest.FromSum(digest.SHA256, sum.Sum(nil)))
	return err
}

// inOrder fetches everything in one stream.
func (d *download) inOrder(ctx context.Context, sum hash.Hash) error {
	s := d.c.newStream(ctx, d.info, 0, d.info.Size)
	defer s.Close()
	to := &counted{io.MultiWriter(io.NewOffsetWriter(d.w, 0), sum), d.progress}
	_, err := io.CopyBuffer(to, onlyReader{s}, make([]byte, 256<<10))
	return err
}

// counted tells the progress of what is written.
type counted struct {
	io.Writer
	p *progress
}

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.p.add(int64(n))
	return n, err
}

// parallel fetches parts at a time; behind them they are read back, in order, for the digest.
func (d *download) parallel(ctx context.Context, r io.ReaderAt, sum hash.Hash) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	missing, arrived := make(chan int), make(chan int, d.o.Parallel)
	var fetchers, follower sync.WaitGroup
	for range min(d.o.Parallel, d.parts()) {
		fetchers.Go(func() {
			buffer := make([]byte, 256<<10)
			for i := range missing {
				if err := d.fetch(ctx, i, buffer); err != nil {
					cancel(err)
					return
				}
				arrived <- i
			}
		})
	}
	follower.Go(func() {
		if err := d.follow(ctx, r, sum, arrived); err != nil {
			cancel(err)
		}
	})
	d.hand(ctx, missing, arrived)
	close(missing)
	fetchers.Wait()
	close(arrived)
	follower.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// hand gives out the missing parts, and tells of those that are there.
func (d *download) hand(ctx context.Context, missing, arrived chan<- int) {
	for i := range d.parts() {
		to := missing
		if d.have.has(i) {
			_, n := d.extent(i)
			d.progress.add(n)
			to = arrived
		}
		select {
		case to <- i:
		case <-ctx.Done():
			return
		}
	}
}

func (d *download) fetch(ctx context.Context, i int, buffer []byte) error {
	off, n := d.extent(i)
	s := d.c.newStream(ctx, d.info, off, n)
	defer s.Close()
	if _, err := io.CopyBuffer(&counted{io.NewOffsetWriter(d.w, off), d.progress}, onlyReader{s}, buffer); err != nil {
		return err
	}
	d.have.add(i)
	if d.kept != nil {
		return d.kept()
	}
	return nil
}

// follow hashes parts once those before them are there. It takes all that arrives, also after an error.
func (d *download) follow(ctx context.Context, r io.ReaderAt, sum hash.Hash, arrived <-chan int) error {
	waiting, next := map[int]bool{}, 0
	buffer := make([]byte, 256<<10)
	var failed error
	for i := range arrived {
		waiting[i] = true
		for failed == nil && ctx.Err() == nil && waiting[next] {
			off, n := d.extent(next)
			var got int64
			if got, failed = io.CopyBuffer(sum, onlyReader{io.NewSectionReader(r, off, n)}, buffer); failed == nil && got < n {
				failed = io.ErrUnexpectedEOF
			}
			delete(waiting, next)
			next++
		}
	}
	return failed
}

// partSet is a set of parts.
type partSet struct {
	mu   sync.Mutex
	bits []byte
}

func newPartSet(n int) *partSet { return &partSet{bits: make([]byte, (n+7)/8)} }

func (s *partSet) has(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return i/8 < len(s.bits) && s.bits[i/8]&(1<<(i%8)) != 0
}

func (s *partSet) add(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bits[i/8] |= 1 << (i % 8)
}

func (s *partSet) copy() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]byte(nil), s.bits...)
}
