// Package wire speaks S3 and OCI to a server: just as much as tests and benchmarks need, with every answer in their hands.
package wire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// Client sends requests to one server with the root key pair. It never repeats a request of its own accord.
type Client struct {
	HTTP *http.Client
	URL  string
}

// To is a client of i for so many requests at a time.
func To(i *instance.Instance, connections int) *Client {
	return &Client{HTTP: i.Client(connections), URL: i.URL}
}

// Request is a request to send.
type Request struct {
	Method string
	Path   string // escaped, with the query
	Header http.Header
	Body   []byte
	Stream io.Reader // instead of Body; Size bytes, not signed
	Size   int64
}

// Answer is a whole answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// ErrUnexpected is an answer of another status than the caller wants.
var ErrUnexpected = errors.New("unexpected answer")

// Want is nil when the status is one of these.
func (a Answer) Want(status ...int) error {
	for _, s := range status {
		if a.Status == s {
			return nil
		}
	}
	return fmt.Errorf("%w: status %d, want %v: %.500s", ErrUnexpected, a.Status, status, a.Body)
}

const region = "us-east-1"

// S3 sends a request signed with AWS Signature Version 4, the hash of the body included.
func (c *Client) S3(ctx context.Context, q Request) (Answer, error) {
	r, err := c.request(ctx, q)
	if err != nil {
		return Answer{}, err
	}
	payload := sigv4.UnsignedPayload
	if q.Stream == nil {
		sum := sha256.Sum256(q.Body)
		payload = hex.EncodeToString(sum[:])
	}
	sigv4.Sign(r, sigv4.Credentials{AccessKey: instance.AccessKey, SecretKey: instance.SecretKey}, region, time.Now(), payload)
	return c.do(r, nil)
}

// OCI sends a request with Basic credentials. Path may also be an absolute URL, as a Location header holds it.
func (c *Client) OCI(ctx context.Context, q Request) (Answer, error) {
	r, err := c.request(ctx, q)
	if err != nil {
		return Answer{}, err
	}
	r.SetBasicAuth(instance.AccessKey, instance.SecretKey)
	return c.do(r, nil)
}

// Discard is S3 or OCI for a large answer: its body is counted instead of kept.
func (c *Client) Discard(ctx context.Context, q Request, s3 bool) (Answer, int64, error) {
	r, err := c.request(ctx, q)
	if err != nil {
		return Answer{}, 0, err
	}
	if s3 {
		sigv4.Sign(r, sigv4.Credentials{AccessKey: instance.AccessKey, SecretKey: instance.SecretKey}, region, time.Now(), "")
	} else {
		r.SetBasicAuth(instance.AccessKey, instance.SecretKey)
	}
	var n counter
	a, err := c.do(r, &n)
	return a, int64(n), err
}

func (c *Client) request(ctx context.Context, q Request) (*http.Request, error) {
	url := q.Path
	if len(url) > 0 && url[0] == '/' {
		url = c.URL + url
	}
	var body io.Reader = bytes.NewReader(q.Body)
	if q.Stream != nil {
		body = q.Stream
	}
	r, err := http.NewRequestWithContext(ctx, q.Method, url, body)
	if err != nil {
		return nil, err
	}
	if q.Stream != nil {
		r.ContentLength = q.Size
	}
	r.GetBody = nil // else the transport repeats a request whose connection broke, and nobody learns of it
	for name, values := range q.Header {
		r.Header[name] = values
	}
	return r, nil
}

func (c *Client) do(r *http.Request, sink io.Writer) (Answer, error) {
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer answer.Body.Close()
	a := Answer{Status: answer.StatusCode, Header: answer.Header}
	if sink != nil {
		_, err = io.Copy(sink, answer.Body)
		return a, err
	}
	a.Body, err = io.ReadAll(answer.Body)
	return a, err
}

type counter int64

// Write counts.
func (n *counter) Write(p []byte) (int, error) {
	*n += counter(len(p))
	return len(p), nil
}
