package main

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/internal/e2e/wire"
)

// stream is base with its beginning changed, without a copy.
type stream struct {
	head, rest []byte
}

func newStream(base []byte, i int) *stream {
	head := fmt.Appendf(nil, "%016d", i)
	return &stream{head, base[len(head):]}
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	from := &s.head
	if len(s.head) == 0 {
		from = &s.rest
	}
	if len(*from) == 0 {
		return 0, io.EOF
	}
	n := copy(p, *from)
	*from = (*from)[n:]
	return n, nil
}

// large is one body of 64 MiB after the other.
func large(s *session) error {
	if err := s.bucket(); err != nil {
		return err
	}
	steps := []func() error{s.largePut, s.largePush, s.largeGet}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// scheme is for the names of the cases.
func (s *session) scheme() string {
	if s.name == "large-tls" {
		return "https"
	}
	return "http"
}

// hashing is a body that the floor hashes.
func (s *session) hashing(path string) func(int) error {
	return func(i int) error {
		return s.aside(wire.Request{Method: http.MethodPut, Path: path, Stream: newStream(s.large, i), Size: largeSize})
	}
}

// kept says how c compares with a floor that keeps the body on the disk too.
func (s *session) kept(name string, c cost, path string) error {
	floor, err := s.measure("floor", &s.floor.process, s.count(20), 1, s.hashing(path))
	if err != nil {
		return err
	}
	c.ratio = c.cpu / floor.cpu
	s.add(name+", against a floor that also writes it to the disk", limit{}, c, floor)
	return nil
}

func (s *session) largePut() error {
	put, floor, err := s.compare("put", s.count(30), 1, func(i int) error {
		return s.do(wire.Request{Method: http.MethodPut, Path: fmt.Sprintf("/bench/large/%d", i), Stream: newStream(s.large, i), Size: largeSize})
	}, s.hashing("/sha256-md5"))
	if err != nil {
		return err
	}
	s.add("PUT 64 MiB, "+s.scheme(), limit{ratio: 1.25}, put, floor)
	return s.kept("PUT 64 MiB, "+s.scheme(), put, "/sha256-md5/kept")
}

func (s *session) largePush() error {
	n := s.count(30)
	digests := make([]digest.Digest, max(n, rounds))
	for i := range digests {
		var err error
		if digests[i], _, err = digest.Compute(newStream(s.large, 1000+i)); err != nil {
			return err
		}
	}
	push, floor, err := s.compare("push", n, 1, func(i int) error {
		a, err := s.client.OCI(s.ctx, wire.Request{Method: http.MethodPost, Path: "/v2/push/blobs/uploads/"})
		if err != nil {
			return err
		}
		if err := a.Want(http.StatusAccepted); err != nil {
			return err
		}
		a, err = s.client.OCI(s.ctx, wire.Request{
			Method: http.MethodPut, Path: a.Header.Get("Location") + "?digest=" + digests[i].String(),
			Stream: newStream(s.large, 1000+i), Size: largeSize,
		})
		if err != nil {
			return err
		}
		return a.Want(http.StatusCreated)
	}, s.hashing("/sha256"))
	if err != nil {
		return err
	}
	s.add("OCI blob push 64 MiB, "+s.scheme(), limit{ratio: 1.25}, push, floor)
	return s.kept("OCI blob push 64 MiB, "+s.scheme(), push, "/sha256/kept")
}

func (s *session) largeGet() error {
	aim := limit{ratio: 1.2}
	if s.scheme() == "https" {
		aim.ratio = 1.1
	}
	whole := func(c *wire.Client, path string, s3 bool) error {
		a, size, err := c.Discard(s.ctx, wire.Request{Method: http.MethodGet, Path: path}, s3)
		if err == nil && size != largeSize {
			err = fmt.Errorf("%s: %d bytes", path, size)
		}
		if err != nil {
			return err
		}
		return a.Want(http.StatusOK)
	}
	get := func(int) error { return whole(s.client, "/bench/large/0", true) }
	if err := get(0); err != nil { // the first read since the start is checked: that is another case
		return err
	}
	c, floor, err := s.compare("get", s.count(200), 1, get, func(int) error { return whole(s.beside, "/file", false) })
	if err != nil {
		return err
	}
	// What the loopback interface does for the receiver is charged to either end, as it happens: the least of each can be compared.
	c.cpu, floor.cpu, c.ratio = c.least, floor.least, c.least/floor.least
	s.add("GET 64 MiB, "+s.scheme(), aim, c, floor)
	return nil
}

// manyUploads is the memory that 32 uploads of 256 MiB take at the same time.
func manyUploads(s *session) error {
	if err := s.bucket(); err != nil {
		return err
	}
	if err := s.server.forget(); err != nil {
		return err
	}
	const uploads = 32
	pieces := 4
	if s.quick {
		pieces = 1
	}
	var begin sync.WaitGroup
	begin.Add(uploads)
	c, err := s.measure("uploads", s.server, uploads, uploads, func(i int) error {
		begin.Done()
		begin.Wait()
		var parts []io.Reader
		for piece := range pieces {
			parts = append(parts, newStream(s.large, pieces*i+piece))
		}
		return s.do(wire.Request{
			Method: http.MethodPut, Path: fmt.Sprintf("/bench/many/%d", i), Stream: io.MultiReader(parts...), Size: int64(pieces) * largeSize,
		})
	})
	if err != nil {
		return err
	}
	_, highest, err := s.server.memory()
	if err != nil {
		return err
	}
	size := pieces * largeSize >> 20
	s.addMemory(fmt.Sprintf("32 uploads of %d MiB at once, highest", size), 512, highest)
	s.add(fmt.Sprintf("each of the 32 uploads of %d MiB", size), limit{}, c, cost{})
	time.Sleep(time.Second)
	now, _, err := s.server.memory()
	s.put(row{name: "memory a second later", aim: "–", measured: fmt.Sprintf("%.0f MiB", now), floor: "–", ratio: "–"})
	return err
}
