package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/zot-artifact-store/zas/fault"
)

// Retry says how often and how soon requests are sent again that may succeed later: those without an answer, and those that the server
// answers so. Between two attempts lies a random time, up to twice as long each time.
type Retry struct {
	Attempts int           // in all, 1 for none but the first; 0: 5
	First    time.Duration // the longest time before the second; 0: 200 ms
	Longest  time.Duration // 0: 20 s
	// Wait is the longest time that a server may ask to wait (Retry-After): if it asks for more, the error goes to the caller. 0: one minute.
	Wait time.Duration
}

func (r Retry) withDefaults() Retry {
	if r.Attempts == 0 {
		r.Attempts = 5
	}
	if r.First == 0 {
		r.First = 200 * time.Millisecond
	}
	if r.Longest == 0 {
		r.Longest = 20 * time.Second
	}
	if r.Wait == 0 {
		r.Wait = time.Minute
	}
	return r
}

// delay is the time before attempt n, counted from 1, after err. false: there is none.
func (r Retry) delay(n int, err *Error) (time.Duration, bool) {
	if n >= r.Attempts || !err.Temporary() || err.RetryAfter > r.Wait {
		return 0, false
	}
	longest := r.Longest
	if shift := n - 1; shift < 32 && r.First<<shift < longest {
		longest = r.First << shift
	}
	return max(rand.N(longest+1), err.RetryAfter), true //nolint:gosec // it is no secret
}

// budget bounds the retries of a client as a whole, so that many calls that fail together do not multiply what an ailing server gets:
// each costs, each success gives a little back.
type budget struct{ left atomic.Int64 }

const (
	budgetSize = 500
	retryCost  = 5
)

func (b *budget) take() bool {
	if b.left.Add(-retryCost) >= 0 {
		return true
	}
	b.left.Add(retryCost)
	return false
}

func (b *budget) give() {
	if b.left.Add(1) > budgetSize {
		b.left.Add(-1)
	}
}

// pause waits before another attempt. It returns err when there is none.
func (c *Client) pause(ctx context.Context, n int, err *Error) error {
	d, again := c.config.Retry.delay(n, err)
	if !again || !c.budget.take() {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return &Error{Ref: err.Ref, Op: err.Op, Cause: errors.Join(context.Cause(ctx), err.Cause)}
	}
}

// Temporary says whether the same request may succeed later.
func (e *Error) Temporary() bool {
	switch {
	case e.Code != nil:
		return e.Code.Retry() == fault.Backoff
	case errors.Is(e.Cause, ErrUnreachable):
		return !hopeless(e.Cause)
	}
	return false
}

// hopeless says whether a failure to get an answer will be the same each time.
func hopeless(err error) bool {
	var (
		unknown   x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		notTLS    tls.RecordHeaderError
		verifying *tls.CertificateVerificationError
	)
	return errors.Is(err, context.Canceled) || errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &invalid) ||
		errors.As(err, &notTLS) || errors.As(err, &verifying)
}

// retryAfter reads Retry-After: seconds or a date (RFC 9110 section 10.2.3); 0 when there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(value); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}
