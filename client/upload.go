package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
)

// UploadOptions say how to upload. The zero value does.
type UploadOptions struct {
	Metadata Metadata
	Tags     map[string]string
	Lock     Lock
	If       Condition
	PartSize int64 // bytes, 5 MiB to 5 GiB; what is larger than one part goes in parts, 10,000 at most. 0: 16 MiB, more for what would not fit
	Parallel int   // parts at a time; 0: 4
	// State names a small file by which another Upload of the same to the same goes on after a crash. Without it, what broke off for good is
	// removed from the server as far as that is possible, and begins anew. UploadStream has no use for it.
	State string
	// Continue is the id of an upload in parts to go on with, as Uploads tells it, where there is no state file.
	Continue string
	Progress func(Progress) // is called by one goroutine at a time, and holds up the others
}

// Progress tells how far a transfer has got.
type Progress struct {
	Done  int64 // bytes acknowledged, or there already; it never goes back within a call, unless what came was damaged
	Total int64 // bytes; -1: not known
}

const (
	defaultPart     = 16 << 20
	minPart         = 5 << 20
	maxPart         = 5 << 30
	maxParts        = 10_000
	defaultParallel = 4
)

func (o *UploadOptions) check(size int64) error {
	if o.PartSize == 0 {
		o.PartSize = defaultPart
		for size > o.PartSize*maxParts {
			o.PartSize *= 2
		}
	}
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
	if o.PartSize < minPart || o.PartSize > maxPart || size > o.PartSize*maxParts {
		return fault.ArgumentInvalid.Detail("parts of %d bytes: a part has %d to %d, and there are %d at most", o.PartSize, minPart, int64(maxPart), maxParts)
	}
	return nil
}

// UploadFile uploads the file at path. See Upload.
func (c *Client) UploadFile(ctx context.Context, to Ref, path string, o UploadOptions) (Info, error) {
	f, err := os.Open(path)
	if err != nil {
		return Info{}, &Error{Ref: to, Cause: err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Info{}, &Error{Ref: to, Cause: err}
	}
	if !info.Mode().IsRegular() {
		return Info{}, &Error{Ref: to, Cause: fmt.Errorf("%s is no regular file", path)}
	}
	return c.Upload(ctx, to, io.NewSectionReader(f, 0, info.Size()), o)
}

// Source is what can be read more than once, in any order: *io.SectionReader, *bytes.Reader, *strings.Reader.
type Source interface {
	io.ReaderAt
	Size() int64 // bytes
}

// Upload stores the bytes of src as an object. What the server has is what src held: each part is compared with its checksum when it arrives, the
// whole with its SHA-256 after. Content of the result is empty where the server had not computed it after half a minute.
// Errors: fault.PreconditionFailed (If), fault.DigestMismatch (src changed meanwhile), fault.BucketNotFound, those of src.
func (c *Client) Upload(ctx context.Context, to Ref, src Source, o UploadOptions) (Info, error) {
	if err := errors.Join(to.object(), o.check(src.Size())); err != nil {
		return Info{}, as("PutObject", to, err)
	}
	if src.Size() <= o.PartSize && o.Continue == "" {
		return c.put(ctx, to, src, &o)
	}
	u := &upload{c: c, to: to, o: &o, size: src.Size(), progress: newProgress(o.Progress, src.Size())}
	if err := u.open(ctx); err != nil {
		return Info{}, err
	}
	if u.done != nil { // by an earlier run, whose src may have been another
		content, _, err := digest.Compute(io.NewSectionReader(src, 0, src.Size()))
		if err != nil {
			return Info{}, as("CompleteMultipartUpload", to, err)
		}
		return verified("CompleteMultipartUpload", *u.done, content)
	}
	return u.run(ctx, u.cut(src))
}

// put stores src in one request.
func (c *Client) put(ctx context.Context, to Ref, src Source, o *UploadOptions) (Info, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(src, 0, src.Size())); err != nil {
		return Info{}, as("PutObject", to, err)
	}
	content := digest.FromSum(digest.SHA256, sum.Sum(nil))
	q := &request{op: "PutObject", method: http.MethodPut, ref: Ref{Bucket: to.Bucket, Key: to.Key}, size: src.Size(), sha256: content.Hex()}
	q.body = func() io.Reader { return io.NewSectionReader(src, 0, src.Size()) }
	if q.size >= 1<<20 {
		q.set("Expect", "100-continue") // what is refused by its headers is not sent
	}
	o.Metadata.set(q)
	setTags(q, o.Tags)
	o.Lock.set(q)
	o.If.set(q)
	info, err := c.write(ctx, q, func(a *answer) (Info, error) {
		info := infoOf(q.ref, a.header)
		info.Metadata, info.Tags, info.Lock = o.Metadata, len(o.Tags), o.Lock
		return info, nil
	})
	if err != nil {
		return Info{}, err
	}
	info.Size = q.size
	newProgress(o.Progress, q.size).add(q.size)
	return verified(q.op, info, content)
}

// verified compares what the server tells of the whole with what is known here.
func verified(op string, info Info, content digest.Digest) (Info, error) {
	if info.Content == "" {
		return info, nil
	}
	if info.Content != content || info.Artifact != artifact.Digest(content, info.Size) {
		return info, &Error{Op: op, Ref: info.Ref, Code: fault.DigestMismatch, Message: fmt.Sprintf("here the bytes are %s, on the server %s", content, info.Content)}
	}
	return info, nil
}

// UploadStream stores what r brings until its end as an object, of a size that need not be known. It holds Parallel+1 parts in memory, and at
// most 10,000 parts make an object: choose PartSize for more than 156 GiB.
// Errors: those of Upload, and those of r, after which there is no object.
func (c *Client) UploadStream(ctx context.Context, to Ref, r io.Reader, o UploadOptions) (Info, error) {
	if err := errors.Join(to.object(), o.check(0)); err != nil {
		return Info{}, as("PutObject", to, err)
	}
	o.State, o.Continue = "", ""
	first := make([]byte, min(o.PartSize, 1<<20))
	n, err := io.ReadFull(r, first)
	for err == nil && int64(len(first)) < o.PartSize { // small objects take little memory
		larger := make([]byte, min(2*int64(len(first)), o.PartSize))
		copy(larger, first)
		first = larger
		var more int
		more, err = io.ReadFull(r, first[n:])
		n += more
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return c.put(ctx, to, io.NewSectionReader(bytesAt(first[:n]), 0, int64(n)), &o)
	case err != nil:
		return Info{}, as("PutObject", to, err)
	}
	u := &upload{c: c, to: to, o: &o, size: -1, progress: newProgress(o.Progress, -1)}
	if err := u.open(ctx); err != nil {
		return Info{}, err
	}
	return u.run(ctx, u.collect(first, r))
}

// bytesAt is bytes that can be read anywhere.
type bytesAt []byte

// ReadAt implements io.ReaderAt.
func (b bytesAt) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// castagnoli is the polynomial of CRC32C, which processors compute.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)
