// Package server is one server process: it builds the stores, the domain and the protocols, listens, tells how it
// does, and stops without cutting what can still end.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/internal/config"
	"github.com/zot-artifact-store/zas/internal/telemetry"
	"github.com/zot-artifact-store/zas/module"
)

// Options are what a server is made of.
type Options struct {
	Config  config.Config
	Modules *module.Registry // what the program links
	Root    auth.Root        // the root pair; zero: kept in the data directory, made at the first start
	Logger  *slog.Logger
	Version string
}

// Server is a server that listens. Run serves until it is told to stop.
type Server struct {
	options  Options
	metrics  *telemetry.Metrics
	root     Credentials
	listener net.Listener
	http     *http.Server
	life     module.Life
	handler  atomic.Pointer[dispatcher] // nil until the parts have started
	phase    atomic.Int32
	served   chan error
}

// The phases of a server's life.
const (
	starting int32 = iota
	ready
	draining
)

// Open takes the data directory, listens, builds all parts and starts them. Probes are answered from the moment it listens. On an
// error nothing is left behind. Errors: the data directory is in use or another product's; the address is taken; a setting
// of a module is wrong; a store cannot be opened.
func Open(ctx context.Context, o Options) (*Server, error) {
	s := &Server{options: o, metrics: telemetry.NewMetrics(), served: make(chan error, 1)}
	s.metrics.Build(o.Version, runtime.Version())
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *Server) open(ctx context.Context) error {
	dir, err := ClaimDirectory(s.options.Config.Storage.RootDirectory)
	if err != nil {
		return err
	}
	s.life.Add("directory", dir)
	if s.root, err = rootCredentials(dir.Path, s.options.Root); err != nil {
		return err
	}
	if err := s.listen(ctx); err != nil {
		return err
	}
	handler, err := s.build(ctx, dir.Path)
	if err != nil {
		return err
	}
	if err := s.life.Start(ctx); err != nil {
		return err
	}
	s.handler.Store(handler)
	s.phase.Store(ready)
	return nil
}

// Address is where the server listens.
func (s *Server) Address() net.Addr { return s.listener.Addr() }

// Credentials are the root pair, and where it comes from.
func (s *Server) Credentials() Credentials { return s.root }

// Run serves until ctx ends, then stops: readiness falls, no new connections, requests under way get the drain time to
// end, then the parts stop in reverse. When cut ends, what is still under way is cut off at once.
// It reports an error of the listener or of the stopping.
func (s *Server) Run(ctx, cut context.Context) error {
	var failed error
	select {
	case <-ctx.Done():
		s.options.Logger.Info("stopping", "drain", time.Duration(s.options.Config.HTTP.DrainTimeout).String())
	case failed = <-s.served:
		failed = fmt.Errorf("listen: %w", failed)
	}
	s.phase.Store(draining)
	drain, cancel := context.WithTimeout(cut, time.Duration(s.options.Config.HTTP.DrainTimeout))
	defer cancel()
	if err := s.http.Shutdown(drain); err != nil {
		s.options.Logger.Warn("requests under way were cut off", "error", err)
	}
	err := errors.Join(failed, s.close(context.WithoutCancel(ctx)))
	s.options.Logger.Info("stopped")
	return err
}

// close frees everything.
func (s *Server) close(ctx context.Context) error {
	if s.http != nil {
		_ = s.http.Close() // the listener's error, if any, has been told already
	}
	return s.life.Stop(ctx)
}
