package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/zot-artifact-store/zas/internal/e2e/wire"
)

// versions compares a bucket with versioning, and one under object lock, with a plain one: reads, and writes over what is there against
// writes of new keys, so that both keep what they write: the engine's work afterwards is the same. Then it lists versions.
func versions(s *session) error {
	if err := s.versioned(); err != nil {
		return err
	}
	content := s.large[:smallSize]
	n := s.count(10000)
	const keys = 500
	path := func(bucket string, i int) string { return fmt.Sprintf("/%s/%06d", bucket, i%keys) }
	put := func(bucket string) func(int) error {
		return func(i int) error {
			return s.do(wire.Request{Method: http.MethodPut, Path: path(bucket, i), Body: unlike(content, i)})
		}
	}
	get := func(bucket string) func(int) error {
		return func(int) error {
			return s.do(wire.Request{Method: http.MethodGet, Path: path(bucket, rand.IntN(keys))})
		}
	}
	created := func(i int) error {
		return s.do(wire.Request{Method: http.MethodPut, Path: fmt.Sprintf("/plain/new/%08d", i), Body: unlike(content, i)})
	}
	for _, bucket := range []string{"plain", "versioned", "locked"} { // every key is there from here on
		if err := repeat(keys, clients, put(bucket)); err != nil {
			return err
		}
	}
	for _, one := range []struct {
		name string
		both pair
	}{
		{"PUT 4 KiB over another, versioned against plain", pair{put("versioned"), created}},
		{"PUT 4 KiB over another, locked against plain", pair{put("locked"), func(i int) error { return created(n + i) }}},
		{"GET 4 KiB, versioned against plain", pair{get("versioned"), get("plain")}},
		{"GET 4 KiB, locked against plain", pair{get("locked"), get("plain")}},
	} {
		c, plain, err := s.compareWith(s.server, one.name, n, clients, one.both)
		if err != nil {
			return err
		}
		s.add(one.name, limit{ratio: 1.1}, c, plain)
	}
	return s.listVersions()
}

// versioned makes the buckets plain, versioned and locked; the last gives every version a retention.
func (s *session) versioned() error {
	enabled := []byte(`<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
	rule := []byte(`<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode>` +
		`<Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>`)
	for _, q := range []wire.Request{
		{Path: "/plain"}, {Path: "/versioned"}, {Path: "/locked"},
		{Path: "/versioned?versioning", Body: enabled}, {Path: "/locked?versioning", Body: enabled}, {Path: "/locked?object-lock", Body: rule},
	} {
		q.Method = http.MethodPut
		if err := s.do(q); err != nil {
			return err
		}
	}
	return nil
}

// listVersions lists 5,000 versions, five of each key, in five pages.
func (s *session) listVersions() error {
	const keys, pages = 1000, 5
	key := func(i int) string { return fmt.Sprintf("list/%06d", i%keys) }
	for round := range pages {
		err := repeat(keys, clients, func(i int) error {
			return s.do(wire.Request{Method: http.MethodPut, Path: "/versioned/" + key(i), Body: []byte(fmt.Sprint(round, i))})
		})
		if err != nil {
			return err
		}
	}
	c, err := s.measure("list versions", s.server, s.count(100), 1, func(int) error {
		for page := range pages {
			after := "&prefix=list/"
			if page > 0 {
				after += "&key-marker=" + key(page*keys/pages-1)
			}
			if err := s.do(wire.Request{Method: http.MethodGet, Path: "/versioned?versions&encoding-type=url" + after}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.add("listing 5,000 versions in 5 pages", limit{cpu: 25 * time.Millisecond}, c, cost{})
	return nil
}
