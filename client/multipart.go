package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"hash/crc32"
	"io"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
)

// upload is an upload in parts.
type upload struct {
	c        *Client
	to       Ref
	o        *UploadOptions
	size     int64 // -1: not known
	id       string
	once     string         // the idempotency key of the completion
	there    map[int]listed // parts that an earlier run has sent
	done     *Info          // that run has completed it
	progress *progress
	began    bool // by this run
}

// part is one part to send.
type part struct {
	number int
	size   int64
	crc    uint32
	body   func() io.Reader
	free   func() // gives back what body reads; may be nil
}

// listed is a part as the server has it.
type listed struct {
	PartNumber     int
	ETag           string
	Size           int64
	ChecksumCRC32C string
}

// whole is what is known of the bytes once all have been read.
type whole struct {
	sum  digest.Digest
	crc  uint32
	size int64
}

// source yields the parts in order, and fills in the whole at its end.
type source func(w *whole) iter.Seq2[part, error]

// base64CRC is a CRC32C as S3 writes it.
func base64CRC(crc uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
}

// cut makes parts of src. It reads ahead of those who send, who read again: so nothing is held in memory.
func (u *upload) cut(src Source) source {
	return func(w *whole) iter.Seq2[part, error] {
		return func(yield func(part, error) bool) {
			sum, all := sha256.New(), crc32.New(castagnoli)
			buffer := make([]byte, 256<<10)
			for n := 1; w.size < src.Size(); n++ {
				off, size := w.size, min(u.o.PartSize, src.Size()-w.size)
				body := func() io.Reader { return io.NewSectionReader(src, off, size) }
				crc := crc32.New(castagnoli)
				copied, err := io.CopyBuffer(io.MultiWriter(sum, all, crc), onlyReader{body()}, buffer)
				if err == nil && copied < size {
					err = io.ErrUnexpectedEOF
				}
				w.size += copied
				if !yield(part{number: n, size: size, crc: crc.Sum32(), body: body}, err) || err != nil {
					return
				}
			}
			w.sum, w.crc = digest.FromSum(digest.SHA256, sum.Sum(nil)), all.Sum32()
		}
	}
}

// onlyReader hides io.WriterTo, so that the buffer is used.
type onlyReader struct{ io.Reader }

// collect makes parts of a stream, of which first has been read. Buffers go round.
func (u *upload) collect(first []byte, r io.Reader) source {
	return func(w *whole) iter.Seq2[part, error] {
		return func(yield func(part, error) bool) {
			sum, all := sha256.New(), crc32.New(castagnoli)
			spare := make(chan []byte, u.o.Parallel+1)
			for range u.o.Parallel {
				spare <- nil
			}
			buffer, ended := first, false
			for n := 1; len(buffer) > 0; n++ {
				if n > maxParts {
					yield(part{}, fault.EntityTooLarge.Detail("the stream has more than %d parts of %d bytes", maxParts, u.o.PartSize))
					return
				}
				body := buffer
				sum.Write(body)
				all.Write(body)
				w.size += int64(len(body))
				p := part{
					number: n, size: int64(len(body)), crc: crc32.Checksum(body, castagnoli), free: func() { spare <- body[:0] },
					body: func() io.Reader { return io.NewSectionReader(bytesAt(body), 0, int64(len(body))) },
				}
				if !yield(p, nil) {
					return
				}
				if ended {
					break
				}
				if buffer = <-spare; int64(cap(buffer)) < u.o.PartSize {
					buffer = make([]byte, u.o.PartSize)
				}
				got, err := io.ReadFull(r, buffer[:u.o.PartSize])
				buffer = buffer[:got]
				if ended = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); err != nil && !ended {
					yield(part{}, err)
					return
				}
			}
			w.sum, w.crc = digest.FromSum(digest.SHA256, sum.Sum(nil)), all.Sum32()
		}
	}
}

// run sends the parts and completes the upload.
func (u *upload) run(ctx context.Context, from source) (info Info, err error) {
	defer func() {
		if err != nil && u.o.State == "" && u.began {
			u.abandon(ctx)
		}
	}()
	var w whole
	parts, err := u.send(ctx, from(&w))
	if err != nil {
		return Info{}, as("UploadPart", u.to, err)
	}
	if u.size >= 0 && w.size != u.size {
		return Info{}, as("UploadPart", u.to, io.ErrUnexpectedEOF)
	}
	if info, err = u.complete(ctx, parts, w); err != nil {
		return Info{}, err
	}
	u.forget()
	if info, err = u.c.settled(ctx, info); err != nil {
		return info, err
	}
	return verified("CompleteMultipartUpload", info, w.sum)
}

// send sends the parts, several at a time, and returns all in their order.
func (u *upload) send(ctx context.Context, parts iter.Seq2[part, error]) ([]listed, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var sent []listed
	work, group := make(chan part), sync.WaitGroup{}
	for range u.o.Parallel {
		group.Go(func() {
			for p := range work {
				l, err := u.sendPart(ctx, p)
				if p.free != nil {
					p.free()
				}
				if err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				sent = append(sent, l)
				mu.Unlock()
				u.progress.add(p.size)
			}
		})
	}
	for p, err := range parts {
		if err != nil {
			cancel(err)
			break
		}
		select {
		case work <- p:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	group.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	slices.SortFunc(sent, func(a, b listed) int { return a.PartNumber - b.PartNumber })
	return sent, nil
}

// sendPart sends p, unless the server has it.
func (u *upload) sendPart(ctx context.Context, p part) (listed, error) {
	crc := base64CRC(p.crc)
	if l, ok := u.there[p.number]; ok && l.Size == p.size && l.ChecksumCRC32C == crc {
		return l, nil
	}
	q := &request{op: "UploadPart", method: http.MethodPut, ref: u.ref(), body: p.body, size: p.size}
	q.ask("partNumber", strconv.Itoa(p.number))
	q.ask("uploadId", u.id)
	q.set("X-Amz-Checksum-Crc32c", crc)
	if !u.c.private { // then a checksum that anybody can make is not enough
		h := sha256.New()
		if _, err := io.Copy(h, p.body()); err != nil {
			return listed{}, err
		}
		q.sha256 = hex.EncodeToString(h.Sum(nil))
	}
	a, err := u.c.plain(ctx, q)
	if err != nil {
		return listed{}, err
	}
	return listed{PartNumber: p.number, ETag: a.header.Get("ETag"), Size: p.size, ChecksumCRC32C: crc}, nil
}

func (u *upload) ref() Ref { return Ref{Bucket: u.to.Bucket, Key: u.to.Key} }

// complete makes the parts an object.
func (u *upload) complete(ctx context.Context, parts []listed, w whole) (Info, error) {
	type element struct {
		PartNumber     int
		ETag           string
		ChecksumCRC32C string `xml:",omitempty"`
	}
	var doc struct {
		XMLName xml.Name  `xml:"CompleteMultipartUpload"`
		Part    []element `xml:"Part"`
	}
	for _, p := range parts {
		doc.Part = append(doc.Part, element{p.PartNumber, p.ETag, p.ChecksumCRC32C})
	}
	q := &request{op: "CompleteMultipartUpload", method: http.MethodPost, ref: u.ref()}
	q.ask("uploadId", u.id)
	q.set("X-Amz-Checksum-Crc32c", base64CRC(w.crc))
	q.set("X-Amz-Checksum-Type", "FULL_OBJECT")
	q.set("X-Amz-Mp-Object-Size", strconv.FormatInt(w.size, 10))
	q.set(headerOnce, u.once)
	u.o.If.set(q)
	if err := q.xml(doc); err != nil {
		return Info{}, err
	}
	return u.c.write(ctx, q, func(a *answer) (Info, error) {
		var result struct {
			XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
			ETag    string
		}
		if err := xml.Unmarshal(a.raw, &result); err != nil { // S3 may send 200 and an error behind it
			return Info{}, err
		}
		info := infoOf(u.ref(), a.header)
		info.ETag, info.Size, info.Metadata, info.Tags, info.Lock = result.ETag, w.size, u.o.Metadata, len(u.o.Tags), u.o.Lock
		return info, nil
	})
}

// settleTime is how long a client waits for the digest of what it has uploaded.
const settleTime = 30 * time.Second

// settled is info once the server knows the digests, if that is soon.
func (c *Client) settled(ctx context.Context, info Info) (Info, error) {
	for wait := 50 * time.Millisecond; info.Content == "" && info.Pending && wait < settleTime/2; wait *= 2 {
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return info, as("HeadObject", info.Ref, context.Cause(ctx))
		}
		found, err := c.Stat(ctx, info.Ref)
		switch {
		case err != nil:
			return info, err
		case found.ETag != info.ETag || found.Once != info.Once && info.Once != "":
			return info, nil // somebody has written since
		}
		info.Content, info.Artifact, info.Pending = found.Content, found.Artifact, found.Pending
	}
	return info, nil
}

// abandon gives the upload up, though the caller's context may have ended.
func (u *upload) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = u.c.Abort(ctx, Pending{Ref: u.ref(), ID: u.id}) // what stays is in Uploads, and a lifecycle may remove it
}
