package oci

import (
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// immutable is for what a digest names: it never changes, but who may see it does, so shared caches leave it alone.
const immutable = "private, max-age=31536000, immutable"

const octetStream = "application/octet-stream"

// pullBlob is GET and HEAD of a blob (OCI distribution specification 1.1, "Pulling blobs"; ranges: RFC 9110, section 14).
type pullBlob struct {
	on
	digest digest.Digest
	head   bool
}

func parsePullBlob(t target, r *http.Request) (operation, error) {
	d, err := parseDigest(t.ref)
	return pullBlob{on{t.repo}, d, r.Method == http.MethodHead}, err
}

func (pullBlob) name() string                          { return "pull blob" }
func (o pullBlob) needs() (auth.Action, auth.Resource) { return Pull, o.resource() }

func (o pullBlob) serve(x *exchange) error {
	keep := o.head && x.may(Push, o.repo)
	return x.blob(o.on, body{digest: o.digest, mediaType: octetStream, caching: immutable}, keep)
}

// body is the blob of an answer.
type body struct {
	digest    digest.Digest
	mediaType string
	caching   string // Cache-Control
}

func (b body) etag() string { return strconv.Quote(b.digest.String()) }

// blob answers GET and HEAD with a blob, and keeps it for who is about to refer to it.
func (x *exchange) blob(in on, b body, keep bool) error {
	req := repository.BlobRequest{By: x.by, Repository: in.repo, Digest: b.digest, Keep: keep, Sight: x.sight(in.repo)}
	if x.r.Method == http.MethodHead {
		found, err := x.o.Repositories.Blob(x.r.Context(), req)
		if err != nil {
			return err
		}
		x.describe(b)
		if done, err := x.fresh(b.etag()); done || err != nil {
			return err
		}
		x.set("Content-Type", b.mediaType, "Content-Length", strconv.FormatInt(found.Size, 10))
		return nil
	}
	_, rd, err := x.o.Repositories.OpenBlob(x.r.Context(), req)
	if err != nil {
		return err
	}
	defer rd.Close()
	x.describe(b)
	if done, err := x.fresh(b.etag()); done || err != nil {
		return err
	}
	return x.send(rd, b)
}

func (x *exchange) describe(b body) {
	x.stored()
	x.set("Docker-Content-Digest", b.digest.String(), "Etag", b.etag(), "Cache-Control", b.caching, "Accept-Ranges", "bytes")
}

// send answers with the whole of rd, or with the ranges that were asked for.
func (x *exchange) send(rd *content.Reading, b body) error {
	ranges, err := x.ranges(rd.Size(), b.etag())
	if err != nil {
		x.set("Content-Range", fmt.Sprintf("bytes */%d", rd.Size()))
		return err
	}
	if len(ranges) > 1 {
		return x.sendParts(rd, ranges, b.mediaType)
	}
	part := section{0, rd.Size()}
	x.set("Content-Type", b.mediaType)
	if len(ranges) == 1 {
		part = ranges[0]
		x.set("Content-Range", part.contentRange(rd.Size()))
		x.w.status = http.StatusPartialContent
	}
	x.set("Content-Length", strconv.FormatInt(part.n, 10))
	if part.n == 0 {
		x.w.begin()
		return nil
	}
	return x.copy(rd, x.w, part)
}

// ranges are the parts that the request asks for; none: the whole.
func (x *exchange) ranges(size int64, etag string) ([]section, error) {
	header := x.r.Header.Get("Range")
	if cond := x.r.Header.Get("If-Range"); header == "" || cond != "" && cond != etag {
		return nil, nil
	}
	return parseRange(header, size)
}

// plain says that the connection is HTTP/1.1 without encryption, where files can be sent without being copied.
func (x *exchange) plain() bool { return x.r.TLS == nil && x.r.ProtoMajor == 1 }

func (x *exchange) copy(rd *content.Reading, w interface{ Write([]byte) (int, error) }, part section) error {
	return rd.WriteRange(x.r.Context(), w, part.off, part.n, x.plain())
}

// sendParts answers with several ranges (RFC 9110, section 15.3.7.2).
func (x *exchange) sendParts(rd *content.Reading, ranges []section, mediaType string) error {
	var size counter
	sizer := multipart.NewWriter(&size)
	boundary := sizer.Boundary()
	for _, part := range ranges {
		if _, err := sizer.CreatePart(partHeader(part, rd.Size(), mediaType)); err != nil {
			return err
		}
		size += counter(part.n)
	}
	if err := sizer.Close(); err != nil {
		return err
	}
	x.set("Content-Type", "multipart/byteranges; boundary="+boundary, "Content-Length", strconv.FormatInt(int64(size), 10))
	x.w.status = http.StatusPartialContent
	body := multipart.NewWriter(x.w)
	if err := body.SetBoundary(boundary); err != nil {
		return err
	}
	for _, part := range ranges {
		w, err := body.CreatePart(partHeader(part, rd.Size(), mediaType))
		if err != nil {
			return err
		}
		if err := x.copy(rd, w, part); err != nil {
			return err
		}
	}
	return body.Close()
}

func partHeader(part section, size int64, mediaType string) textproto.MIMEHeader {
	return textproto.MIMEHeader{"Content-Type": {mediaType}, "Content-Range": {part.contentRange(size)}}
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// deleteBlob is DELETE of a blob (OCI distribution specification 1.1, "Deleting Blobs").
type deleteBlob struct {
	on
	digest digest.Digest
}

func parseDeleteBlob(t target) (operation, error) {
	d, err := parseDigest(t.ref)
	return deleteBlob{on{t.repo}, d}, err
}

func (deleteBlob) name() string                          { return "delete blob" }
func (o deleteBlob) needs() (auth.Action, auth.Resource) { return Delete, o.resource() }

func (o deleteBlob) serve(x *exchange) error {
	err := x.o.Repositories.DeleteBlob(x.r.Context(), repository.DeleteBlobRequest{By: x.by, Repository: o.repo, Digest: o.digest})
	if errors.Is(err, fault.MethodNotAllowed) {
		x.set("Allow", "GET, HEAD") // as things stand (RFC 9110, section 15.5.6)
	}
	if err != nil {
		return err
	}
	return x.reply(http.StatusAccepted)
}

// section is a run of n bytes from off.
type section struct{ off, n int64 }

func (s section) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", s.off, s.off+s.n-1, size)
}
