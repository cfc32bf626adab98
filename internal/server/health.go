package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/zot-artifact-store/zas/module"
)

// The paths that the server answers itself. They are reserved names, so no bucket is hidden by them.
const (
	livePath    = "/livez"
	readyPath   = "/readyz"
	startPath   = "/startupz"
	metricsPath = "/metrics"
)

func isProbe(path string) bool {
	switch path {
	case livePath, readyPath, startPath, metricsPath:
		return true
	}
	return false
}

// status is the answer of a probe.
type status struct {
	Status     string      `json:"status"` // ok, starting, draining or failing
	Components []component `json:"components,omitempty"`
}

// component is one part in a status. Errors are told in words only: a probe needs no credentials.
type component struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok or failing
	Micros int64  `json:"micros"`
}

// probes answers /livez (the process answers), /startupz (all parts have started), /readyz (all parts work, and the
// server is not stopping) and /metrics.
func (s *Server) probes() http.Handler {
	metrics := s.metrics.Handler()
	checks := &healthCache{check: s.life.Check, now: time.Now}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "probes are read with GET", http.StatusMethodNotAllowed)
			return
		}
		phase := s.phase.Load()
		switch path := r.URL.EscapedPath(); {
		case path == metricsPath:
			metrics.ServeHTTP(w, r)
		case path == livePath:
			answerStatus(w, http.StatusOK, status{Status: "ok"})
		case phase == starting:
			answerStatus(w, http.StatusServiceUnavailable, status{Status: "starting"})
		case path == startPath:
			answerStatus(w, http.StatusOK, status{Status: "ok"})
		case phase == draining:
			answerStatus(w, http.StatusServiceUnavailable, status{Status: "draining"})
		default:
			s.answerReady(w, r, checks)
		}
	})
}

func (s *Server) answerReady(w http.ResponseWriter, r *http.Request, checks *healthCache) {
	answer, code := status{Status: "ok"}, http.StatusOK
	for _, h := range checks.get(r.Context()) {
		c := component{Name: h.Name, Status: "ok", Micros: h.Took.Microseconds()}
		if h.Err != nil {
			c.Status, answer.Status, code = "failing", "failing", http.StatusServiceUnavailable
			s.options.Logger.WarnContext(r.Context(), "not ready", "component", h.Name, "error", h.Err)
		}
		answer.Components = append(answer.Components, c)
	}
	answerStatus(w, code, answer)
}

func answerStatus(w http.ResponseWriter, code int, answer status) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // the prober has left: nobody is there to be told
}

// healthCache keeps the answer of the parts for a second, so that probes cost nothing however many there are.
type healthCache struct {
	check func(context.Context) []module.Health
	now   func() time.Time

	mu     sync.Mutex // held while checking: others wait for the same answer
	asked  time.Time
	answer []module.Health
}

const (
	healthAge  = time.Second
	healthTime = 5 * time.Second // a part that takes longer to answer is failing
)

func (c *healthCache) get(ctx context.Context) []module.Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); c.asked.IsZero() || now.Sub(c.asked) >= healthAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTime)
		defer cancel()
		c.answer, c.asked = c.check(ctx), now
	}
	return c.answer
}
