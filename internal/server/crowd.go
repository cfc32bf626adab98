package server

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// crowd bounds how many connections there are at a time, so that those which do nothing take neither memory without end nor the open files that
// the stores need. One too many cuts off the connection that has waited longest for a request; never one with a request under way.
type crowd struct {
	limit int

	mu      sync.Mutex
	all     map[net.Conn]*list.Element // its place in waiting; nil while a request is under way
	waiting *list.List                 // of net.Conn, the longest waiting first
	cut     int64
}

func newCrowd(limit int) *crowd {
	return &crowd{limit: limit, all: map[net.Conn]*list.Element{}, waiting: list.New()}
}

// observe is http.Server.ConnState.
func (c *crowd) observe(conn net.Conn, state http.ConnState) {
	if victim := c.note(conn, state); victim != nil {
		// Beneath TLS, which would wait for a peer to take its farewell. The server closes the rest when its read fails.
		if secure, ok := victim.(*tls.Conn); ok {
			victim = secure.NetConn()
		}
		_ = victim.Close()
	}
}

// note keeps count, and returns the connection to cut, if there is one.
func (c *crowd) note(conn net.Conn, state http.ConnState) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if place := c.all[conn]; place != nil {
		c.waiting.Remove(place)
	}
	switch state {
	case http.StateNew, http.StateIdle:
		c.all[conn] = c.waiting.PushBack(conn)
	case http.StateActive:
		c.all[conn] = nil
	default:
		delete(c.all, conn)
		return nil
	}
	if state != http.StateNew || len(c.all) <= c.limit {
		return nil
	}
	first := c.waiting.Front() // the new one itself when all others are busy
	victim := first.Value.(net.Conn)
	c.waiting.Remove(first)
	c.all[victim] = nil
	c.cut++
	return victim
}

// counts are the connections there are, and those cut so far.
func (c *crowd) counts() (open, cut float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return float64(len(c.all)), float64(c.cut)
}
