package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/client"
	"github.com/zot-artifact-store/zas/fault"
)

func TestAWrongClockIsPutRight(t *testing.T) {
	s := newSuite(t)
	for _, off := range []time.Duration{-5 * time.Hour, 3 * time.Hour} {
		c := s.config
		c.Now = func() time.Time { return time.Now().Add(off) }
		wrong := s.newClient(c)
		s.log.count()
		get(wrong.Upload(t.Context(), client.At(bucket, "k"), strings.NewReader("x"), client.UploadOptions{}))(s)
		get(wrong.Stat(t.Context(), client.At(bucket, "k")))(s)
		if n := s.log.count(); n != 3 {
			t.Errorf("%d requests: one is refused, and no other", n)
		}
		url := get(wrong.Presign(t.Context(), client.At(bucket, "k"), client.PresignOptions{}))(s)
		a, err := http.Get(url)
		s.ok(err)
		a.Body.Close()
		if a.StatusCode != http.StatusOK {
			t.Error(a.Status)
		}
	}
}

// changing is credentials that know a new pair once the old one has been refused.
type changing struct {
	mu      sync.Mutex
	pairs   []client.KeyPair
	refused []client.KeyPair
}

func (c *changing) KeyPair(_ context.Context, refused client.KeyPair) (client.KeyPair, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if refused == c.pairs[0] && len(c.pairs) > 1 {
		c.refused = append(c.refused, refused)
		c.pairs = c.pairs[1:]
	}
	return c.pairs[0], nil
}

func TestCredentialsThatHaveEndedAreAskedForAnew(t *testing.T) {
	s := newSuite(t)
	for name, old := range map[string]client.KeyPair{
		"a key that has been removed": {AccessKey: "removed", SecretKey: "x"},
		"a session that has ended":    {AccessKey: root.AccessKey, SecretKey: root.SecretKey, Session: "ended"},
	} {
		t.Run(name, func(t *testing.T) {
			source := &changing{pairs: []client.KeyPair{old, root}}
			c := s.config
			c.Credentials = source
			s.log.count()
			changed := s.newClient(c)
			get(changed.Upload(t.Context(), client.At(bucket, "k"), strings.NewReader("x"), client.UploadOptions{}))(s)
			get(changed.Stat(t.Context(), client.At(bucket, "k")))(s)
			if n := s.log.count(); n != 3 || len(source.refused) != 1 {
				t.Errorf("%d requests, %v refused", n, source.refused)
			}
		})
	}
	broken := s.config
	broken.Credentials = failing{}
	_, err := s.newClient(broken).Stat(t.Context(), client.At(bucket, "k"))
	if !errors.Is(err, errNoPair) || errors.Is(err, client.ErrUnreachable) {
		t.Error(err)
	}
}

var errNoPair = errors.New("no pair today")

type failing struct{}

func (failing) KeyPair(context.Context, client.KeyPair) (client.KeyPair, error) {
	return client.KeyPair{}, errNoPair
}

// flaky is a server that refuses the first times.
func flaky(t *testing.T, times int, refuse func(http.ResponseWriter)) (*httptest.Server, *int) {
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n <= times {
			_, _ = io.Copy(io.Discard, r.Body)
			refuse(w)
			return
		}
		w.Header().Set("Content-Length", "0")
	}))
	t.Cleanup(s.Close)
	return s, &n
}

func TestRetries(t *testing.T) {
	quick := client.Retry{First: time.Microsecond}
	status := func(code int, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	for name, test := range map[string]struct {
		times  int
		refuse func(http.ResponseWriter)
		retry  client.Retry
		want   int
		ok     bool
		least  time.Duration
	}{
		"busy, then not":                   {3, status(503), quick, 4, true, 0},
		"busy for too long":                {9, status(503), quick, 5, false, 0},
		"busy, and no retries are wanted":  {9, status(503), client.Retry{Attempts: 1}, 1, false, 0},
		"a time to wait is waited":         {1, status(503, "Retry-After", "1"), quick, 2, true, time.Second},
		"a long time to wait is an error":  {1, status(503, "Retry-After", "61"), quick, 1, false, 0},
		"how long is the caller's to say":  {1, status(429, "Retry-After", "1"), client.Retry{First: 1, Wait: time.Millisecond}, 1, false, 0},
		"what is wrong stays so":           {1, status(400), quick, 1, false, 0},
		"the fault tells, not the status":  {1, status(400, "X-Zas-Error", fault.Timeout.Name()), quick, 2, true, 0},
		"and the other way round":          {1, status(500, "X-Zas-Error", fault.Damaged.Name()), quick, 1, false, 0},
		"a connection that is cut":         {2, func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, quick, 3, true, 0},
		"an answer that is cut":            {2, func(w http.ResponseWriter) { w.Header().Set("Content-Length", "9"); w.WriteHeader(200) }, quick, 3, true, 0},
		"a redirect is not followed":       {1, status(307, "Location", "http://elsewhere.invalid/"), quick, 1, false, 0},
		"a condition is not asked again":   {1, status(412), quick, 1, false, 0},
		"a conflict is for the caller":     {1, status(409), quick, 1, false, 0},
		"no room, then there is some":      {1, status(507), quick, 2, true, 0},
		"an answer longer than any should": {1, func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 17*mib)) }, quick, 1, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			srv, n := flaky(t, test.times, test.refuse)
			c, err := client.New(client.Config{Server: srv.URL, Retry: test.retry})
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			_, err = c.Upload(t.Context(), client.At("b", "k"), strings.NewReader("content"), client.UploadOptions{})
			if *n != test.want || (err == nil) != test.ok || time.Since(begun) < test.least {
				t.Errorf("%d requests in %s, want %d: %v", *n, time.Since(begun), test.want, err)
			}
		})
	}
}

func TestTheTimeToWaitIsTold(t *testing.T) {
	srv, _ := flaky(t, 9, func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", time.Now().Add(2*time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(503)
	})
	c, err := client.New(client.Config{Server: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Stat(t.Context(), client.At("b", "k"))
	var e *client.Error
	if !errors.As(err, &e) || e.RetryAfter < time.Hour || e.RetryAfter > 2*time.Hour+time.Second || !errors.Is(err, fault.Busy) {
		t.Errorf("%+v", e)
	}
}

func TestAnAilingServerIsNotAskedWithoutEnd(t *testing.T) {
	srv, n := flaky(t, 1<<30, func(w http.ResponseWriter) { w.WriteHeader(503) })
	c, err := client.New(client.Config{Server: srv.URL, Retry: client.Retry{First: 1, Longest: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if _, err := c.Stat(t.Context(), client.At("b", strconv.Itoa(i))); !errors.Is(err, fault.Busy) {
			t.Fatal(err)
		}
	}
	if *n != 100+100 { // 500 of budget pay for 100 retries
		t.Errorf("100 calls made %d requests", *n)
	}
}

func TestWhatCannotBeReachedIsToldSoWithItsCause(t *testing.T) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	c, err := client.New(client.Config{Server: srv.URL, Retry: client.Retry{First: time.Hour, Longest: time.Hour}}) // a certificate is not tried again
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Stat(t.Context(), client.At("b", "k"))
	var unknown *tls.CertificateVerificationError
	if !errors.Is(err, client.ErrUnreachable) || !errors.As(err, &unknown) {
		t.Error(err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	c, err = client.New(client.Config{Server: gone.URL, Retry: client.Retry{First: 1}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Stat(t.Context(), client.At("b", "k"))
	if !errors.Is(err, client.ErrUnreachable) || strings.Contains(err.Error(), "http://") || !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
}

func TestTheCallersEndIsTheEnd(t *testing.T) {
	why := errors.New("enough")
	entered := make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done()
	}))
	defer srv.Close()
	c, err := client.New(client.Config{Server: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-entered
		cancel(why)
	}()
	_, err = c.Stat(ctx, client.At("b", "k"))
	if !errors.Is(err, why) {
		t.Error(err)
	}
	busy, _ := flaky(t, 9, func(w http.ResponseWriter) { w.WriteHeader(503); cancel(why) })
	c, err = client.New(client.Config{Server: busy.URL, Retry: client.Retry{First: time.Hour, Longest: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	defer cancel(nil)
	if _, err = c.Stat(ctx, client.At("b", "k")); !errors.Is(err, why) {
		t.Error(err)
	}
}

func TestHeadersThatAreNoneAreNotSent(t *testing.T) {
	s := newSuite(t)
	for _, m := range []client.Metadata{{ContentType: "a\r\nb: c"}, {User: map[string]string{"a b": "c"}}, {CacheControl: "\x00"}} {
		s.log.count()
		_, err := s.Upload(t.Context(), client.At(bucket, "k"), strings.NewReader("x"), client.UploadOptions{Metadata: m})
		if n := s.log.count(); err == nil || n != 0 {
			t.Errorf("%d requests, %v", n, err)
		}
	}
}
