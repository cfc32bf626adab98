package crash

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/internal/e2e/wire"
)

// client sends requests until the server dies.
type client struct {
	ctx  context.Context //nolint:containedctx // of one round, like the client
	wire *wire.Client
}

// goneError is a request without an answer: what it did is not known.
type goneError struct{ error }

func gone(err error) bool {
	var g goneError
	return errors.As(err, &g)
}

func (c client) s3(method, path string, h http.Header, content []byte) (wire.Answer, error) {
	a, err := c.wire.S3(c.ctx, wire.Request{Method: method, Path: path, Header: h, Body: content})
	return a, unanswered(err)
}

func (c client) oci(method, path string, h http.Header, content []byte) (wire.Answer, error) {
	a, err := c.wire.OCI(c.ctx, wire.Request{Method: method, Path: path, Header: h, Body: content})
	return a, unanswered(err)
}

func unanswered(err error) error {
	if err != nil {
		return goneError{err}
	}
	return nil
}

// want is an error unless a has one of these statuses.
func want(doing string, a wire.Answer, err error, status ...int) error {
	if err == nil {
		err = a.Want(status...)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// checkDigest compares the body of an answer with the digest in its header.
func checkDigest(a wire.Answer) error {
	said := a.Header.Get("X-Zas-Content-Digest")
	if got := digest.Of(a.Body).String(); said != "" && said != got {
		return fmt.Errorf("the answer says %s, its body is %s", said, got)
	}
	return nil
}
