package main

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/internal/e2e/wire"
)

const manifestType = "application/vnd.oci.image.manifest.v1+json"

// tags is a push of a manifest under a new tag, to a repository with more and more tags.
func tags(s *session) error {
	layer := digest.Of([]byte("layer"))
	a, err := s.client.OCI(s.ctx, wire.Request{
		Method: http.MethodPost, Path: "/v2/tags/blobs/uploads/?digest=" + layer.String(), Body: []byte("layer"),
	})
	if err != nil {
		return err
	}
	if err := a.Want(http.StatusCreated); err != nil {
		return err
	}
	push := func(i int) error {
		manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"artifactType":"application/vnd.bench",`+
			`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},`+
			`"layers":[{"mediaType":"application/octet-stream","digest":%q,"size":5}],"annotations":{"number":"%d"}}`,
			manifestType, digest.Of([]byte("{}")), layer, i)
		a, err := s.client.OCI(s.ctx, wire.Request{
			Method: http.MethodPut, Path: fmt.Sprintf("/v2/tags/manifests/t%07d", i), Body: []byte(manifest),
			Header: http.Header{"Content-Type": {manifestType}},
		})
		if err != nil {
			return err
		}
		return a.Want(http.StatusCreated)
	}
	done := 0
	for _, there := range []int{100, 10_000, 100_000} {
		there = s.count(there)
		if err := repeat(there-done, clients, func(i int) error { return push(done + i) }); err != nil {
			return err
		}
		done = there
		n := s.count(3000)
		c, err := s.measure(fmt.Sprintf("push at %d", there), s.server, n, clients, func(i int) error { return push(done + i) })
		if err != nil {
			return err
		}
		done += n
		s.add(fmt.Sprintf("tag push at %d tags, 16 clients", there), limit{cpu: 400 * time.Microsecond}, c, cost{})
	}
	return nil
}

const partSize = 5 << 20

// complete is CompleteMultipartUpload of 100 parts. Of 10,000, which would have to be 50 GiB, it is a benchmark of the domain.
func complete(s *session) error {
	if err := s.bucket(); err != nil {
		return err
	}
	const parts = 100
	n := s.count(10)
	requests := make([]wire.Request, n)
	for i := range requests {
		var err error
		if requests[i], err = s.upload(fmt.Sprintf("/bench/multi/%d", i), parts); err != nil {
			return err
		}
	}
	c, err := s.measure("complete", s.server, n, 1, func(i int) error { return s.do(requests[i]) })
	if err != nil {
		return err
	}
	s.add("Complete with 100 parts", limit{cpu: 10 * time.Millisecond}, c, cost{})
	return nil
}

// upload sends parts, and returns the request that completes them.
func (s *session) upload(path string, parts int) (done wire.Request, err error) {
	a, err := s.client.S3(s.ctx, wire.Request{Method: http.MethodPost, Path: path + "?uploads="})
	if err != nil {
		return done, err
	}
	var started struct{ UploadId string }
	if err := xml.Unmarshal(a.Body, &started); err != nil {
		return done, err
	}
	path += "?uploadId=" + url.QueryEscape(started.UploadId)
	etags := make([]string, parts)
	err = repeat(parts, 4, func(i int) error {
		a, err := s.client.S3(s.ctx, wire.Request{
			Method: http.MethodPut, Path: fmt.Sprintf("%s&partNumber=%d", path, i+1),
			Stream: newStream(s.large[:partSize], i), Size: partSize,
		})
		etags[i] = a.Header.Get("Etag")
		if err != nil {
			return err
		}
		return a.Want(http.StatusOK)
	})
	var list strings.Builder
	list.WriteString("<CompleteMultipartUpload>")
	for i, etag := range etags {
		fmt.Fprintf(&list, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, etag)
	}
	list.WriteString("</CompleteMultipartUpload>")
	return wire.Request{Method: http.MethodPost, Path: path, Body: []byte(list.String())}, err
}
