package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
)

// request is a request, which may be sent more than once.
type request struct {
	op     string // S3's name
	method string
	ref    Ref
	query  url.Values
	header http.Header
	body   func() io.Reader // its beginning, for each attempt; nil: none
	size   int64            // of the body
	sha256 string           // of the body, hexadecimal; empty: it is not signed
	most   int64            // bytes of the answer that are read; 0: the caller reads it
}

// set adds a header unless it is empty.
func (q *request) set(name, value string) {
	if value == "" {
		return
	}
	if q.header == nil {
		q.header = http.Header{}
	}
	q.header.Set(name, value)
}

// ask adds a parameter to the query.
func (q *request) ask(name, value string) {
	if q.query == nil {
		q.query = url.Values{}
	}
	q.query.Set(name, value)
}

// answer is a successful answer.
type answer struct {
	header http.Header
	status int
	body   io.ReadCloser // where the caller reads it
	raw    []byte        // where it has been read
	again  bool          // an attempt before may have succeeded, too
}

// mostAnswer is request.most for documents.
const mostAnswer = 16 << 20

// do sends q until it is answered. Errors: *Error.
func (c *Client) do(ctx context.Context, q *request) (*answer, error) {
	uncertain, writes := false, q.method != http.MethodGet && q.method != http.MethodHead
	for n := 1; ; n++ {
		a, err := c.attempt(ctx, q)
		if err == nil {
			c.budget.give()
			a.again = uncertain
			return a, nil
		}
		e := as(q.op, q.ref, err)
		e.Op, e.Ref = q.op, q.ref
		e.Uncertain = uncertain && (errors.Is(e, fault.PreconditionFailed) || e.Status == http.StatusNotFound)
		uncertain = uncertain || writes && (errors.Is(e, ErrUnreachable) || e.Status >= http.StatusInternalServerError)
		if ctx.Err() != nil {
			e.Cause = errors.Join(context.Cause(ctx), e.Cause)
			return nil, e
		}
		if err := c.pause(ctx, n, e); err != nil {
			return nil, err
		}
	}
}

// attempt sends q once, and once more where the server refuses the clock or the credentials, and there are others.
func (c *Client) attempt(ctx context.Context, q *request) (*answer, error) {
	pair, err := c.keyPair(ctx, KeyPair{})
	if err != nil {
		return nil, err
	}
	skew := c.skew.Load()
	a, err := c.once(ctx, q, pair)
	var e *Error
	if !errors.As(err, &e) || e.Code == nil {
		return a, err
	}
	switch {
	case e.Code == fault.ClockSkewed && c.skew.Load() != skew:
	case e.Code.Kind() == fault.Unauthenticated, e.Code == fault.TokenInvalid:
		next, failed := c.keyPair(ctx, pair)
		if failed != nil || next == pair {
			return nil, errors.Join(err, failed)
		}
		pair = next
	default:
		return nil, err
	}
	return c.once(ctx, q, pair)
}

func (c *Client) keyPair(ctx context.Context, refused KeyPair) (KeyPair, error) {
	if c.config.Credentials == nil {
		return KeyPair{}, nil
	}
	pair, err := c.config.Credentials.KeyPair(ctx, refused)
	if err != nil {
		err = fmt.Errorf("getting credentials: %w", err)
	}
	return pair, err
}

// once sends q, signed with pair.
func (c *Client) once(ctx context.Context, q *request, pair KeyPair) (*answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := newWatch(c.config.Stall, cancel)
	r, err := c.build(ctx, q, pair, w)
	if err != nil {
		w.end()
		return nil, err
	}
	w.start()
	response, err := c.http.Do(r) //nolint:bodyclose // watched closes it
	w.rest()
	if err != nil {
		w.end()
		return nil, &Error{Cause: errors.Join(ErrUnreachable, w.explain(unwrapURL(err)))}
	}
	body := &watched{response.Body, w}
	response.Body = body
	if response.StatusCode >= 300 && response.StatusCode != http.StatusNotModified {
		defer func() { _ = body.Close() }()
		e := readError(response, c.now())
		if e.Code == fault.ClockSkewed {
			c.setClock(response.Header.Get("Date"))
		}
		return nil, e
	}
	a := &answer{header: response.Header, status: response.StatusCode, body: body}
	if q.most == 0 {
		return a, nil
	}
	defer func() { _ = body.Close() }()
	if a.raw, err = io.ReadAll(io.LimitReader(body, q.most+1)); err != nil {
		return nil, &Error{Cause: errors.Join(ErrUnreachable, err)}
	}
	if int64(len(a.raw)) > q.most {
		return nil, &Error{Status: a.status, Cause: errTooLong}
	}
	return a, nil
}

var errTooLong = errors.New("the answer is longer than any that is expected")

// unwrapURL leaves out the URL that net/http puts before its errors: ours name what was asked for, and presigned URLs are secrets.
func unwrapURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (c *Client) build(ctx context.Context, q *request, pair KeyPair, w *watch) (*http.Request, error) {
	r := (&http.Request{Method: q.method, URL: c.url(q), Host: c.host, Header: http.Header{}, ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	for name, values := range q.header {
		if !headerName(name) || strings.ContainsFunc(values[0], func(c rune) bool { return c < ' ' || c == 0x7F }) {
			return nil, fmt.Errorf("%q: %q is no header", name, values[0])
		}
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", c.config.UserAgent)
	r.Header.Set("Accept-Encoding", "identity") // what is stored compressed stays so
	payload := ""
	if q.body != nil {
		r.Body, r.ContentLength, payload = io.NopCloser(&sent{q.body(), w}), q.size, sigv4.UnsignedPayload
		if q.size == 0 {
			r.Body = http.NoBody
		}
		if q.sha256 != "" {
			payload = q.sha256
		}
	}
	if pair != (KeyPair{}) {
		sigv4.Sign(r, sigv4.Credentials{AccessKey: pair.AccessKey, SecretKey: pair.SecretKey, Token: pair.Session}, c.config.Region, c.now(), payload)
	}
	return r, nil
}

// url is that of q. Its path is sent as it is, whatever a key holds.
func (c *Client) url(q *request) *url.URL {
	return &url.URL{
		Scheme: c.scheme, Host: c.host, Path: unescaped(q.ref), RawPath: q.ref.path(), RawQuery: strings.ReplaceAll(q.query.Encode(), "+", "%20"),
	}
}

// presigned is the URL of q with a signature in it.
func (c *Client) presigned(q *request, pair KeyPair, expires time.Duration) string {
	r := &http.Request{Method: q.method, URL: c.url(q), Host: c.host, Header: http.Header{}}
	return sigv4.Presign(r, sigv4.Credentials{AccessKey: pair.AccessKey, SecretKey: pair.SecretKey, Token: pair.Session}, c.config.Region, c.now(), expires)
}

// headerName says whether s may name a header (RFC 9110 section 5.6.2, "token").
func headerName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", c))
	})
}

// unescaped is what the path of r stands for.
func unescaped(r Ref) string {
	switch {
	case r.Bucket == "":
		return "/"
	case r.Key == "":
		return "/" + r.Bucket
	}
	return "/" + r.Bucket + "/" + r.Key
}

// setClock takes the server's time for the right one, so that the next request is signed with it. Dates of HTTP are to the second.
func (c *Client) setClock(date string) {
	t, err := http.ParseTime(date)
	if off := t.Sub(c.now()); err == nil && off.Abs() > time.Minute {
		c.skew.Store(int64(t.Sub(c.config.Now())))
	}
}

// document is do for an answer that is XML, which read reads.
func (c *Client) document(ctx context.Context, q *request, read func([]byte) error) error {
	a, err := c.plain(ctx, q)
	if err != nil {
		return err
	}
	if err := read(a.raw); err != nil {
		return &Error{Op: q.op, Ref: q.ref, Status: a.status, RequestID: a.header.Get("X-Amz-Request-Id"), Cause: fmt.Errorf("the answer cannot be read: %w", err)}
	}
	return nil
}

// plain is do for an answer whose body does not matter.
func (c *Client) plain(ctx context.Context, q *request) (*answer, error) {
	q.most = mostAnswer
	return c.do(ctx, q)
}
