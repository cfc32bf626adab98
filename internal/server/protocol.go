package server

import (
	"net/http"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/policy"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/telemetry"
	"github.com/zot-artifact-store/zas/module"
)

// Protocols is the point for protocols: each is a module that answers requests.
var Protocols = module.NewPoint[Given, Protocol]("protocol")

// Given is what a protocol gets from the server.
type Given struct {
	Domain
	Keys      auth.Keys
	Passwords auth.Passwords
	// Policy decides. A protocol may add rules to it while it is being built, and never afterwards.
	Policy *policy.Policy
	// Key derives the secret key for one purpose, which is always the same for one data directory: 32 bytes.
	Key         func(purpose string) ([]byte, error)
	ExternalURL string // as clients see the server, without a slash at its end; empty: as they say themselves
	Now         func() time.Time
	Version     string // of the program
}

// Protocol is a set of routes. Requests are handed out by their path as it was sent: nothing is decoded, cleaned or redirected.
//
// The handler finds the request's id in the response header X-Request-Id, and in the context for log records. Its
// http.ResponseWriter also takes what only the handler knows, by these methods (see telemetry.Response):
//
//	SetOperation(name string)   // from a fixed list: it becomes a label of metrics
//	SetPrincipal(id string)     // for the access log
//	SetError(err error)         // logged once, with its cause
//
// A body that is read reports fault.Timeout from an idle sender and fault.Incomplete from one that left.
type Protocol struct {
	Name    string
	Handler http.Handler
	// Claims says whether all requests to a host (as in http.Request.Host) are the protocol's, whatever their path. It is asked
	// before paths are looked at, those of probes included. nil: it claims no host.
	Claims func(host string) bool
	// Matches says whether a request is the protocol's. nil: the protocol takes what no other does; one at most.
	Matches func(r *http.Request) bool
	// Grows says whether a request may make the store larger: it is refused while the disk has no room, before its body
	// is read. Reads, deletes and what ends an upload go on. nil: none does.
	Grows func(r *http.Request) bool
	// Fail answers in the protocol's form for the server itself: after a panic, on a full disk. nil: plain text.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
}

// dispatcher hands requests to protocols: by host, else by path.
type dispatcher struct {
	hosts, paths []route
	rest         http.Handler
}

type route struct {
	matches func(*http.Request) bool
	handler http.Handler
}

func find(routes []route, r *http.Request) (http.Handler, bool) {
	for _, route := range routes {
		if route.matches(r) {
			return route.handler, true
		}
	}
	return nil, false
}

// claimed is the handler of a request that belongs to a protocol by its host.
func (d *dispatcher) claimed(r *http.Request) (http.Handler, bool) { return find(d.hosts, r) }

// ServeHTTP implements http.Handler for requests that no protocol has claimed.
func (d *dispatcher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler, ok := find(d.paths, r)
	if !ok {
		handler = d.rest
	}
	handler.ServeHTTP(w, r)
}

// dispatch is the dispatcher for protocols.
func (s *Server) dispatch(protocols []Protocol, room extent.FreeSpace) *dispatcher {
	instruments := telemetry.HTTP{Logger: s.options.Logger, Metrics: s.metrics, Now: time.Now}
	instrument := func(p Protocol) http.Handler {
		return instruments.Instrument(telemetry.Face{Protocol: p.Name, Handler: whileThereIsRoom(room, p), Fail: p.Fail})
	}
	d := &dispatcher{rest: instrument(Protocol{Name: "server", Handler: http.HandlerFunc(answerNothing)})}
	for _, p := range protocols {
		handler := instrument(p)
		if p.Claims != nil {
			d.hosts = append(d.hosts, route{func(r *http.Request) bool { return p.Claims(r.Host) }, handler})
		}
		if p.Matches == nil {
			d.rest = handler
			continue
		}
		d.paths = append(d.paths, route{p.Matches, handler})
	}
	return d
}

// whileThereIsRoom is the handler of p, which gets no request that makes the store larger while the disk is full.
func whileThereIsRoom(room extent.FreeSpace, p Protocol) http.Handler {
	if p.Grows == nil || p.Fail == nil {
		return p.Handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Grows(r) {
			if free, err := room.Free(); err == nil && free == 0 {
				if told, ok := w.(*telemetry.Response); ok {
					told.SetError(fault.StorageFull)
				}
				p.Fail(w, r, fault.StorageFull)
				return
			}
		}
		p.Handler.ServeHTTP(w, r)
	})
}

func answerNothing(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, fault.NotImplemented.Text(), http.StatusNotFound)
}
