package oci

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// parseBegin tells the three things that a POST to a repository's uploads can mean.
func parseBegin(t target, query url.Values, r *http.Request) (operation, error) {
	switch {
	case query.Has("mount"):
		d, err := parseDigest(query.Get("mount"))
		return mountBlob{on{t.repo}, d, query.Get("from")}, err
	case query.Has("digest"):
		d, err := parseDigest(query.Get("digest"))
		return pushBlob{on{t.repo}, d, r.ContentLength}, err
	}
	// The algorithm of a digest that is to come need not be known before, but what can never be accepted is refused now.
	if a := query.Get("digest-algorithm"); query.Has("digest-algorithm") && digest.Algorithm(a).HexLen() == 0 {
		return nil, fault.DigestInvalid.Detail("the digest algorithm %q is not supported: use sha256 or sha512", clip(a))
	}
	return beginUpload{on{t.repo}}, nil
}

// beginUpload is POST without more (OCI distribution specification 1.1, "Pushing blobs").
type beginUpload struct{ on }

func (beginUpload) name() string                          { return "begin upload" }
func (o beginUpload) needs() (auth.Action, auth.Resource) { return Push, o.resource() }

func (o beginUpload) serve(x *exchange) error {
	up, err := x.o.Repositories.BeginUpload(x.r.Context(), repository.BeginUploadRequest{By: x.by, Repository: o.repo})
	if err != nil {
		return err
	}
	x.progress(up)
	return x.reply(http.StatusAccepted)
}

// pushBlob is POST with a digest and the whole blob (OCI distribution specification 1.1, "Single POST").
type pushBlob struct {
	on
	digest digest.Digest
	length int64
}

func (pushBlob) name() string                          { return "push blob" }
func (o pushBlob) needs() (auth.Action, auth.Resource) { return Push, o.resource() }

func (o pushBlob) serve(x *exchange) error {
	err := x.o.Repositories.PushBlob(x.r.Context(), repository.PushBlobRequest{
		By: x.by, Repository: o.repo, Digest: o.digest, Size: o.length, Body: x.r.Body,
	})
	if err != nil {
		return err
	}
	return x.created(o.repo, o.digest)
}

// mountBlob is POST for a blob of another repository. What cannot be mounted is to be uploaded (OCI distribution specification 1.1, "Mounting a
// blob from another repository").
type mountBlob struct {
	on
	digest digest.Digest
	from   string
}

func (mountBlob) name() string                          { return "mount blob" }
func (o mountBlob) needs() (auth.Action, auth.Resource) { return Push, o.resource() }

func (o mountBlob) serve(x *exchange) error {
	if o.from != "" && x.allowed(Pull, o.from) && !x.may(Pull, o.from) {
		return fault.BearerScope // with another token the bytes need not be sent
	}
	_, err := x.o.Repositories.Mount(x.r.Context(), repository.MountRequest{
		By: x.by, Repository: o.repo, Digest: o.digest, From: o.from,
		Readable: func(repo string) bool { return x.may(Pull, repo) }, Sight: x.sight,
	})
	if errors.Is(err, fault.BlobNotFound) {
		return beginUpload{o.on}.serve(x)
	}
	if err != nil {
		return err
	}
	return x.created(o.repo, o.digest)
}

// created answers that a blob is there.
func (x *exchange) created(repo string, d digest.Digest) error {
	x.set("Location", "/v2/"+repo+"/blobs/"+d.String(), "Docker-Content-Digest", d.String())
	return x.reply(http.StatusCreated)
}

// upload is a session of a repository.
type upload struct {
	on
	id content.ID
}

func (o upload) needs() (auth.Action, auth.Resource) { return Push, o.resource() }

func (o upload) session(x *exchange) repository.Session {
	return repository.Session{By: x.by, Repository: o.repo, ID: o.id}
}

// progress tells where a session is and how far. Its state is all in the path, and the path is relative, so that it holds behind any proxy.
// Nothing received is written like one byte received, as every registry does: there is no other way.
func (x *exchange) progress(up content.Upload) {
	x.set("Location", "/v2/"+up.Repository+"/blobs/uploads/"+string(up.ID),
		"Range", fmt.Sprintf("0-%d", max(up.Offset-1, 0)),
		"Docker-Upload-Uuid", string(up.ID))
}

// uploadStatus is GET of a session.
type uploadStatus struct{ upload }

func (uploadStatus) name() string { return "upload status" }

func (o uploadStatus) serve(x *exchange) error {
	up, err := x.o.Repositories.Upload(x.r.Context(), o.session(x))
	if err != nil {
		return err
	}
	x.progress(up)
	return x.reply(http.StatusNoContent)
}

// cancelUpload is DELETE of a session (OCI distribution specification 1.1, "Cancel a blob upload").
type cancelUpload struct{ upload }

func (cancelUpload) name() string { return "cancel upload" }

func (o cancelUpload) serve(x *exchange) error {
	if err := x.o.Repositories.CancelUpload(x.r.Context(), o.session(x)); err != nil {
		return err
	}
	return x.reply(http.StatusNoContent)
}

// chunk is what a request says of the bytes in its body.
type chunk struct {
	length int64 // of the body; -1: not declared
	at     int64 // where it begins; -1: at the end of what has been received
	exact  int64 // how long it must be; -1: as it comes
	broken error // what is wrong with where it says it lies
}

// parseChunk reads Content-Range. A malformed one is answered, like a chunk out of order, with how far the session has got, so it is kept for later.
// Errors: fault.SizeInvalid.
func parseChunk(r *http.Request) (chunk, error) {
	c := chunk{length: r.ContentLength, at: -1, exact: -1}
	header := r.Header.Get("Content-Range")
	if header == "" || c.length == 0 {
		return c, nil
	}
	part, err := parseContentRange(header)
	if err != nil {
		c.broken = err
		return c, nil
	}
	c.at, c.exact = part.off, part.n
	if c.length >= 0 && c.length != part.n {
		return c, fault.SizeInvalid.Detail("Content-Range covers %d bytes, Content-Length is %d", part.n, c.length)
	}
	return c, nil
}

// body is the request's body, held to its length.
func (c chunk) body(r io.Reader) io.Reader {
	if c.exact < 0 || c.length >= 0 { // net/http holds it to Content-Length
		return r
	}
	return &exactReader{r, c.exact}
}

// exactReader reports an error where r does not end after left bytes.
type exactReader struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (e *exactReader) Read(p []byte) (int, error) {
	if e.left == 0 {
		var one [1]byte
		n, err := io.ReadFull(e.r, one[:])
		if n > 0 {
			return 0, fault.SizeInvalid
		}
		return 0, err
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if err == io.EOF && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// appendUpload is PATCH of a session: a chunk, or all of a blob as it comes (OCI distribution specification 1.1, "Pushing a blob in chunks").
type appendUpload struct {
	upload
	chunk
}

func parseAppend(t target, r *http.Request) (operation, error) {
	c, err := parseChunk(r)
	return appendUpload{sessionOf(t), c}, err
}

func (appendUpload) name() string { return "append upload" }

func (o appendUpload) serve(x *exchange) error {
	var up content.Upload
	err := o.broken
	if err == nil {
		up, err = x.o.Repositories.AppendUpload(x.r.Context(), repository.Chunk{Session: o.session(x), At: o.at, Body: o.body(x.r.Body)})
	}
	if err != nil {
		return x.stuck(o.upload, up, err)
	}
	x.progress(up)
	return x.reply(http.StatusAccepted)
}

// stuck is err, with where the client can go on in the headers. up is the session as far as it is known.
func (x *exchange) stuck(o upload, up content.Upload, err error) error {
	if up.Repository == "" {
		known, lost := x.o.Repositories.Upload(x.r.Context(), o.session(x))
		if errors.Is(lost, fault.SessionNotFound) {
			return lost
		}
		if lost != nil {
			return err
		}
		up = known
	}
	x.progress(up)
	return err
}

// finishUpload is PUT of a session, with or without a last chunk.
type finishUpload struct {
	upload
	chunk
	digest digest.Digest
}

func parseFinish(t target, query url.Values, r *http.Request) (operation, error) {
	d, err := parseDigest(query.Get("digest"))
	if err != nil {
		return nil, err
	}
	c, err := parseChunk(r)
	return finishUpload{sessionOf(t), c, d}, err
}

func (finishUpload) name() string { return "finish upload" }

func (o finishUpload) serve(x *exchange) error {
	var up content.Upload
	err := o.broken
	if err == nil {
		up, err = x.o.Repositories.FinishUpload(x.r.Context(), repository.FinishUploadRequest{
			Session: o.session(x), Digest: o.digest, Size: o.length, At: o.at, Body: o.body(x.r.Body),
		})
	}
	if err != nil {
		return x.stuck(o.upload, up, err)
	}
	return x.created(o.repo, o.digest)
}
