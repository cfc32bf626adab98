package s3_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestAWalk(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	for name, body := range map[string]string{"inline": "hello\n", "extent": strings.Repeat("x", inlineMax*2)} {
		put := s.must(http.MethodPut, "/bucket/dir//"+name, body, "Content-Type: text/plain")
		get := s.must(http.MethodGet, "/bucket/dir//"+name, "")
		if get.body != body || get.Header.Get("Content-Type") != "text/plain" || get.Header.Get("ETag") != put.Header.Get("ETag") {
			t.Errorf("%s: got %d bytes, %v", name, len(get.body), get.Header)
		}
	}
	list := s.must(http.MethodGet, "/bucket?list-type=2&delimiter=/", "")
	if !strings.Contains(list.body, "<CommonPrefixes><Prefix>dir/</Prefix></CommonPrefixes>") {
		t.Error(list.body)
	}
	s.must(http.MethodDelete, "/bucket/dir//inline", "")
	if a := s.do(http.MethodGet, "/bucket/dir//inline", ""); a.StatusCode != http.StatusNotFound || !strings.Contains(a.body, "<Code>NoSuchKey</Code>") {
		t.Error(a.Status, a.body)
	}
}
