package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/zot-artifact-store/zas/internal/e2e/wire"
)

// idle is the memory of a server that has nothing to do.
func idle(s *session) error {
	now, _, err := s.server.memory()
	if err != nil {
		return err
	}
	s.addMemory("idle, just started", 60, now)
	return nil
}

// do sends one request to S3 that must succeed.
func (s *session) do(q wire.Request) error {
	a, err := s.client.S3(s.ctx, q)
	if err != nil {
		return err
	}
	return a.Want(http.StatusOK)
}

// aside sends one request to the floor.
func (s *session) aside(q wire.Request) error {
	a, err := s.beside.OCI(s.ctx, q)
	if err != nil {
		return err
	}
	return a.Want(http.StatusOK)
}

func (s *session) bucket() error {
	return s.do(wire.Request{Method: http.MethodPut, Path: "/bench"})
}

// unlike is content that differs from every other.
func unlike(base []byte, i int) []byte {
	b := bytes.Clone(base)
	copy(b, fmt.Sprintf("%d\n", i))
	return b
}

// small is objects of 4 KiB, with sixteen clients.
func small(s *session) error {
	if err := s.bucket(); err != nil {
		return err
	}
	content, n := s.large[:smallSize], s.count(20000)
	key := func(i int) string { return fmt.Sprintf("/bench/small/%06d", i) }
	put, floor, err := s.compare("put", n, clients, func(i int) error {
		return s.do(wire.Request{Method: http.MethodPut, Path: key(i), Body: unlike(content, i)})
	}, func(i int) error {
		return s.aside(wire.Request{Method: http.MethodPut, Path: "/sha256-md5", Body: unlike(content, i)})
	})
	if err != nil {
		return err
	}
	s.add("PUT 4 KiB, 16 clients", limit{cpu: 200 * time.Microsecond, syncs: 0.2}, put, floor)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		c, floor, err := s.compare(method, n, clients, func(int) error {
			return s.do(wire.Request{Method: method, Path: key(rand.IntN(n))})
		}, func(int) error {
			return s.aside(wire.Request{Method: method, Path: "/memory"})
		})
		if err != nil {
			return err
		}
		s.add(method+" 4 KiB, 16 clients", limit{cpu: 90 * time.Microsecond}, c, floor)
	}
	now, _, err := s.server.memory()
	s.put(row{
		name: fmt.Sprintf("memory after these %d", 3*n), aim: "–", measured: fmt.Sprintf("%.0f MiB", now), floor: "–", ratio: "–",
	})
	return err
}

// listing is a bucket of 5,000 keys, in the five pages that it takes.
func listing(s *session) error {
	if err := s.bucket(); err != nil {
		return err
	}
	const keys, pages = 5000, 5
	key := func(i int) string { return fmt.Sprintf("list/%06d", i) }
	err := repeat(keys, clients, func(i int) error {
		return s.do(wire.Request{Method: http.MethodPut, Path: "/bench/" + key(i), Body: []byte(key(i))})
	})
	if err != nil {
		return err
	}
	c, err := s.measure("list", s.server, s.count(100), 1, func(int) error {
		for page := range pages {
			after := ""
			if page > 0 {
				after = "&start-after=" + key(page*keys/pages-1)
			}
			if err := s.do(wire.Request{Method: http.MethodGet, Path: "/bench?list-type=2&encoding-type=url" + after}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.add("listing 5,000 keys in 5 pages", limit{cpu: 20 * time.Millisecond}, c, cost{})
	return nil
}
