package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/zot-artifact-store/zas/auth/sigv4"
)

// Config is what a Client works with. Server is required.
type Config struct {
	Server      string            // the URL without a path, as https://zas.example.com
	Credentials Credentials       // nil: requests are anonymous
	Region      string            // empty: us-east-1
	Transport   http.RoundTripper // nil: one of the client's own, which takes proxies from the environment
	Retry       Retry
	Stall       time.Duration    // a connection on which nothing moves for so long is given up, and what it carried tried again; 0: one minute
	Now         func() time.Time // nil: time.Now
	UserAgent   string           // empty: zas-go
}

// Credentials are asked for the key pair of each request.
type Credentials interface {
	// KeyPair is the pair to sign with. refused is the pair that the server has just refused, else empty: whoever can get
	// another returns it, others the same, which is not tried again.
	KeyPair(ctx context.Context, refused KeyPair) (KeyPair, error)
}

// KeyPair is an access key with its secret. Session is for temporary pairs.
type KeyPair struct{ AccessKey, SecretKey, Session string }

// KeyPair implements Credentials for a pair that stays.
func (k KeyPair) KeyPair(context.Context, KeyPair) (KeyPair, error) { return k, nil }

// String hides what is secret.
func (k KeyPair) String() string { return "key pair " + k.AccessKey }

// GoString hides what is secret.
func (k KeyPair) GoString() string { return k.String() }

// Client speaks to one server. Make it with New.
type Client struct {
	config  Config
	scheme  string
	host    string
	private bool // nobody on the way reads or changes what is sent
	http    http.Client
	budget  budget
	skew    atomic.Int64 // nanoseconds to add to the clock, as the server told
}

// New makes a Client. It sends nothing. Errors: a Server that is not http:// or https:// and a host.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.Server)
	if err != nil {
		return nil, fmt.Errorf("the URL of the server: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("the URL of the server must be http:// or https:// with a host and nothing else")
	}
	if c.Region == "" {
		c.Region = sigv4.DefaultRegion
	}
	if c.Transport == nil {
		c.Transport = newTransport()
	}
	if c.Stall == 0 {
		c.Stall = time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.UserAgent == "" {
		c.UserAgent = "zas-go"
	}
	c.Retry = c.Retry.withDefaults()
	ip := net.ParseIP(u.Hostname())
	cl := &Client{config: c, scheme: u.Scheme, host: u.Host, private: u.Scheme == "https" || ip != nil && ip.IsLoopback()}
	cl.http = http.Client{Transport: c.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	cl.budget.left.Store(budgetSize)
	return cl, nil
}

// newTransport is for parts: a connection each, since those of HTTP/2 would share one, and nothing is decoded on the way.
func newTransport() *http.Transport {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, ExpectContinueTimeout: time.Second, IdleConnTimeout: 90 * time.Second,
		MaxIdleConnsPerHost: 32, DisableCompression: true, ReadBufferSize: 64 << 10, WriteBufferSize: 64 << 10,
	}
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	return t
}

// now is the time by the server's clock, as far as it is known.
func (c *Client) now() time.Time { return c.config.Now().Add(time.Duration(c.skew.Load())) }
