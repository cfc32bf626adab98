package repository_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/internal/repository"
)

func TestTheCatalogShowsWhatTheCallerMayRead(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	for _, repo := range []string{"a", "a-b", "a/b", "b/c", "z"} {
		b.blob(repo, "x")
	}
	readable := func(repo string) bool { return repo != "a/b" }
	want := []string{"a", "a-b", "b/c", "bucket", "z"}
	for limit := 1; limit < 7; limit++ {
		var got []string
		after, more := "", true
		for more {
			var page []string
			var err error
			page, more, err = b.Catalog(b.ctx(), repository.CatalogRequest{After: after, Limit: limit, Readable: readable})
			b.must(err)
			got = append(got, page...)
			after = got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
}

func TestReferrersAreListedInPagesAndByType(t *testing.T) {
	b := newBench(t)
	subject := digest.Of([]byte("no such manifest"))
	want := map[string]int{"x/sbom": 5, "x/sig": 7, emptyType: 2}
	for kind, n := range want {
		for i := range n {
			i := image{subject: subject, artifactType: kind, layers: []string{"l"}, annotations: map[string]string{"n": fmt.Sprint(i), "pad": strings.Repeat("p", 1000)}}
			if kind == emptyType {
				i.artifactType = "" // the config's media type stands in
			}
			b.image("r", i)
		}
	}
	for _, kind := range []string{"", "x/sbom", "x/sig", emptyType, "x/none"} {
		for _, req := range []repository.ReferrersRequest{{Limit: 3, Bytes: 1 << 20}, {Limit: 100, Bytes: 2500}, {Limit: 100, Bytes: 1}, {Limit: 100, Bytes: 1 << 20}} {
			req.Repository, req.Subject, req.ArtifactType = "r", subject, kind
			total := want[kind]
			if kind == "" {
				total = 14
			}
			seen, pages := map[digest.Digest]bool{}, 0
			for more := true; more; pages++ {
				var list []repository.Referrer
				var err error
				list, more, err = b.Referrers(b.ctx(), req)
				b.must(err)
				for _, one := range list {
					if seen[one.Digest] || kind != "" && one.ArtifactType != kind {
						t.Fatalf("%+v", one)
					}
					seen[one.Digest] = true
					req.After = repository.Mark{ArtifactType: one.ArtifactType, Digest: one.Digest.String()}
				}
			}
			if len(seen) != total || req.Bytes == 1 && pages != max(total, 1) {
				t.Errorf("type %q: %d of %d referrers on %d pages", kind, len(seen), total, pages)
			}
		}
	}
	if got := b.referrers("none", subject); len(got) > 0 {
		t.Errorf("%v", got)
	}
}
