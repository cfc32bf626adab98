package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/zot-artifact-store/zas/internal/config"
	"github.com/zot-artifact-store/zas/internal/telemetry"
)

// listen opens the listener and serves on it: probes at once, the rest when handler is there.
func (s *Server) listen(ctx context.Context) error {
	h := s.options.Config.HTTP
	limits := patience{read: time.Duration(h.ReadTimeout), write: time.Duration(h.WriteTimeout), now: time.Now}
	connections := newCrowd(connectionLimit(h.MaxConnections))
	s.metrics.Gauge("http_connections", "Open connections of clients.", func() float64 { open, _ := connections.counts(); return open })
	s.metrics.Counter("http_connections_cut_total", "Connections that were cut while they waited, because there were too many.",
		func() float64 { _, cut := connections.counts(); return cut })
	s.http = &http.Server{
		Handler:           limits.wrap(s.front()),
		ReadHeaderTimeout: time.Duration(h.HeaderTimeout),
		IdleTimeout:       time.Duration(h.KeepAlive),
		MaxHeaderBytes:    int(h.HeaderLimit),
		ConnState:         connections.observe,
		ErrorLog:          slog.NewLogLogger(connectionLog{s.options.Logger.Handler()}, slog.LevelDebug),
	}
	if h.TLS.Enabled() {
		pair := &keyPair{files: h.TLS, now: time.Now}
		if _, err := pair.get(nil); err != nil {
			return fmt.Errorf("http.tls: %w", err)
		}
		s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
	}
	var err error
	var listening net.ListenConfig
	if s.listener, err = listening.Listen(ctx, "tcp", h.Listen()); err != nil {
		return err
	}
	go func() { // ends with the listener, which close closes
		var err error
		if h.TLS.Enabled() {
			err = s.http.ServeTLS(s.listener, "", "")
		} else {
			err = s.http.Serve(s.listener)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.served <- err
		}
	}()
	return nil
}

// connectionLimit is wanted, or less where the system allows fewer open files: half of them are the stores'.
func connectionLimit(wanted config.Count) int {
	if files, known := openFiles(); known {
		wanted = min(wanted, config.Count(files/2))
	}
	return int(max(wanted, 1))
}

// front answers probes and metrics itself, unless their host is a protocol's own, and hands on the rest once the server has started.
func (s *Server) front() http.Handler {
	instruments := telemetry.HTTP{Logger: s.options.Logger, Metrics: s.metrics, Now: time.Now}
	probes := instruments.Instrument(telemetry.Face{Protocol: "server", Handler: s.probes(), Quiet: true})
	early := instruments.Instrument(telemetry.Face{Protocol: "server", Handler: http.HandlerFunc(answerStarting)})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			// net/http drops a Content-Length beside it (RFC 9112 section 6.3). A proxy that went by that would take what follows on this
			// connection for somebody else's: so nothing follows.
			w.Header().Set("Connection", "close")
		}
		handler := s.handler.Load()
		if handler != nil {
			if owner, ok := handler.claimed(r); ok {
				owner.ServeHTTP(w, r)
				return
			}
		}
		switch {
		case isProbe(r.URL.EscapedPath()):
			probes.ServeHTTP(w, r)
		case handler == nil:
			early.ServeHTTP(w, r)
		default:
			handler.ServeHTTP(w, r)
		}
	})
}

func answerStarting(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "the server is starting", http.StatusServiceUnavailable)
}

// connectionLog takes the messages of net/http about single connections. They are the clients' doing, mostly (broken
// handshakes, scanners), so they are debug records, except for what the server itself got wrong.
type connectionLog struct{ slog.Handler }

// Enabled implements slog.Handler: Handle decides, when it knows the message.
func (h connectionLog) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h connectionLog) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "http: Accept error") || strings.Contains(r.Message, "superfluous") {
		r.Level = slog.LevelWarn
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// keyPair is the certificate and key of the listener. The files are looked at again at most every ten seconds; a pair that
// cannot be read leaves the one before in use.
type keyPair struct {
	files config.TLS
	now   func() time.Time

	mu      sync.Mutex
	pair    *tls.Certificate
	looked  time.Time
	changed [2]time.Time // of the files when pair was read
}

const keyPairAge = 10 * time.Second

// get implements tls.Config.GetCertificate.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pair != nil && k.now().Sub(k.looked) < keyPairAge {
		return k.pair, nil
	}
	k.looked = k.now()
	var changed [2]time.Time
	for i, name := range []string{k.files.Cert, k.files.Key} {
		if info, err := os.Stat(name); err == nil {
			changed[i] = info.ModTime()
		}
	}
	if k.pair != nil && changed == k.changed {
		return k.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(k.files.Cert, k.files.Key)
	if err != nil {
		if k.pair != nil {
			return k.pair, nil
		}
		return nil, err
	}
	k.pair, k.changed = &pair, changed
	return k.pair, nil
}
