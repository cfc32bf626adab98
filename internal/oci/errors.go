package oci

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// form is how a code looks on the wire.
type form struct {
	status int
	code   string
}

// The codes of the distribution specification 1.1, "Error Codes". A 4XX answer has one of them.
const (
	blobUnknown         = "BLOB_UNKNOWN"
	blobUploadInvalid   = "BLOB_UPLOAD_INVALID"
	blobUploadUnknown   = "BLOB_UPLOAD_UNKNOWN"
	digestInvalid       = "DIGEST_INVALID"
	manifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN"
	manifestInvalid     = "MANIFEST_INVALID"
	manifestUnknown     = "MANIFEST_UNKNOWN"
	nameInvalid         = "NAME_INVALID"
	nameUnknown         = "NAME_UNKNOWN"
	sizeInvalid         = "SIZE_INVALID"
	unauthorized        = "UNAUTHORIZED"
	denied              = "DENIED"
	unsupported         = "UNSUPPORTED"
	tooManyRequests     = "TOOMANYREQUESTS"
	unknown             = "UNKNOWN" // of 5XX answers, which the specification leaves open
)

// formOf is the table of wire forms: a code's own, else its kind's.
func formOf(c *fault.Code) form {
	switch c {
	case fault.CredentialsMalformed, fault.QueryAuthInvalid, fault.Expired:
		return form{http.StatusUnauthorized, unauthorized}
	case fault.Timeout:
		return form{http.StatusRequestTimeout, blobUploadInvalid}
	case fault.Incomplete, fault.SizeInvalid, fault.LengthRequired:
		return form{http.StatusBadRequest, sizeInvalid}
	case fault.DigestInvalid, fault.DigestMismatch:
		return form{http.StatusBadRequest, digestInvalid}
	case fault.RepositoryNameInvalid, fault.BucketNameInvalid:
		return form{http.StatusBadRequest, nameInvalid}
	case fault.RepositoryNotFound, fault.BucketNotFound:
		return form{http.StatusNotFound, nameUnknown}
	case fault.TagInvalid, fault.ManifestInvalid, fault.MalformedJSON:
		return form{http.StatusBadRequest, manifestInvalid}
	case fault.ManifestNotFound:
		return form{http.StatusNotFound, manifestUnknown}
	case fault.ManifestBlobUnknown:
		return form{http.StatusBadRequest, manifestBlobUnknown} // not 404: the repository that the path names is there
	case fault.ManifestTooLarge:
		return form{http.StatusRequestEntityTooLarge, manifestInvalid}
	case fault.EntityTooLarge:
		return form{http.StatusRequestEntityTooLarge, sizeInvalid}
	case fault.SessionNotFound:
		return form{http.StatusNotFound, blobUploadUnknown}
	case fault.SessionRange:
		return form{http.StatusRequestedRangeNotSatisfiable, blobUploadInvalid}
	case fault.ConditionalConflict:
		return form{http.StatusConflict, blobUploadInvalid}
	}
	return kindForm(c.Kind())
}

func kindForm(k fault.Kind) form {
	switch k {
	case fault.Invalid:
		return form{http.StatusBadRequest, unsupported}
	case fault.Unauthenticated:
		return form{http.StatusUnauthorized, unauthorized}
	case fault.Denied:
		return form{http.StatusForbidden, denied}
	case fault.NotFound:
		return form{http.StatusNotFound, blobUnknown}
	case fault.Method:
		return form{http.StatusMethodNotAllowed, unsupported}
	case fault.Conflict:
		return form{http.StatusConflict, denied}
	case fault.Precondition:
		return form{http.StatusPreconditionFailed, denied}
	case fault.Length:
		return form{http.StatusLengthRequired, sizeInvalid}
	case fault.TooLarge:
		return form{http.StatusRequestEntityTooLarge, sizeInvalid}
	case fault.Range:
		return form{http.StatusRequestedRangeNotSatisfiable, unsupported}
	case fault.Overload:
		return form{http.StatusServiceUnavailable, tooManyRequests}
	case fault.Full:
		return form{http.StatusInsufficientStorage, unknown}
	case fault.Unsupported:
		return form{http.StatusNotImplemented, unsupported}
	}
	return form{http.StatusInternalServerError, unknown}
}

// retryAfter is in how many seconds a busy server may be asked again.
const retryAfter = 1

// Fail answers with err (OCI distribution specification 1.1, "Error Codes"). It is the one place that writes errors.
func (h *Handler) Fail(w http.ResponseWriter, r *http.Request, err error) {
	e := occurrence(err)
	f := formOf(e.Code)
	header := w.Header()
	for _, name := range []string{"Content-Length", "Etag", "Cache-Control", "Accept-Ranges", "Docker-Content-Digest", "Last-Modified",
		"Content-Disposition", "Repr-Digest"} {
		header.Del(name)
	}
	if f.status != http.StatusRequestedRangeNotSatisfiable { // else it tells the size
		header.Del("Content-Range")
	}
	switch f.status {
	case http.StatusUnauthorized:
		header.Set("Www-Authenticate", h.challenge(r, err))
	case http.StatusMethodNotAllowed:
		if e.Subject != "" {
			header.Set("Allow", e.Subject)
		}
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	body := errorBody(f, e)
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// occurrence is err as a fault.
func occurrence(err error) *fault.Error {
	e := fault.Of(err)
	if e.Code != fault.Unexpected {
		return e
	}
	switch {
	case errors.Is(err, meta.ErrStale), errors.Is(err, meta.ErrClosed):
		return &fault.Error{Code: fault.Busy, Cause: err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &fault.Error{Code: fault.Timeout, Cause: err}
	}
	return e
}

func errorBody(f form, e *fault.Error) []byte {
	type item struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Detail  string `json:"detail,omitempty"`
	}
	type body struct {
		Errors []item `json:"errors"`
	}
	b, err := json.Marshal(body{[]item{{f.code, e.Text(), clip(e.Subject)}}})
	if err != nil { // strings cannot fail
		return nil
	}
	return append(b, '\n')
}
