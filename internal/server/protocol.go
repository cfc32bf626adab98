package server

import (
	"net/http"
	"time"

	"github.com/zot-artifact-store/zas/auth"
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
	Keys       auth.Keys
	Passwords  auth.Passwords
	Authorizer auth.Authorizer
	Now        func() time.Time
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
	// Matches says whether a request is the protocol's. nil: the protocol takes what no other does; one at most.
	Matches func(r *http.Request) bool
	// Grows says whether a request may make the store larger: it is refused while the disk has no room, before its body
	// is read. Reads, deletes and what ends an upload go on. nil: none does.
	Grows func(r *http.Request) bool
	// Fail answers in the protocol's form for the server itself: after a panic, on a full disk. nil: plain text.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
}

// dispatch hands each request to the protocol that matches.
func (s *Server) dispatch(protocols []Protocol, room extent.FreeSpace) http.Handler {
	instruments := telemetry.HTTP{Logger: s.options.Logger, Metrics: s.metrics, Now: time.Now}
	instrument := func(p Protocol) http.Handler {
		return instruments.Instrument(telemetry.Face{Protocol: p.Name, Handler: whileThereIsRoom(room, p), Fail: p.Fail})
	}
	type route struct {
		matches func(*http.Request) bool
		handler http.Handler
	}
	var routes []route
	rest := instrument(Protocol{Name: "server", Handler: http.HandlerFunc(answerNothing)})
	for _, p := range protocols {
		if p.Matches == nil {
			rest = instrument(p)
			continue
		}
		routes = append(routes, route{p.Matches, instrument(p)})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, route := range routes {
			if route.matches(r) {
				route.handler.ServeHTTP(w, r)
				return
			}
		}
		rest.ServeHTTP(w, r)
	})
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
