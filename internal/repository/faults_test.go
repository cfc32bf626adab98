package repository_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/metatest"
)

// verb is one thing that the service does, run again and again with another call to a port failing each time.
type verb struct {
	prepare func(b *bench)                                                                // over sound ports
	run     func(ctx context.Context, s *repository.Service) error                        // over a failing one
	session func(ctx context.Context, s *repository.Service, id repository.Session) error // instead of run, where a session has been begun
	begun   string                                                                        // what the session has received already
	covers  []string                                                                      // methods of the Service
	lost    error                                                                         // what a second try may report when only the first one's answer was lost
}

var (
	layered   = image{layers: []string{"a layer", large(1)}}
	layeredAt = digest.Of(layered.text())
	signature = image{subject: layeredAt, artifactType: "x/sig", layers: []string{"a signature"}}
	big       = image{layers: []string{"a layer"}, annotations: map[string]string{"pad": strings.Repeat("x", 3*inlineMax)}}
	objects   = index(artifact.Manifest(digest.Of([]byte("hello\n")), 6), artifact.Manifest(digest.Of([]byte(large(3))), int64(len(large(3)))))
)

func pushVerb(prepare func(b *bench), req repository.PushManifestRequest) verb {
	return verb{prepare: prepare, covers: []string{"PushManifest"}, run: func(ctx context.Context, s *repository.Service) error {
		_, err := s.PushManifest(ctx, req)
		return err
	}}
}

// pushIf pushes evidence with a condition, which the first try may have made untrue.
func pushIf(c repository.Condition, tag string) verb {
	req := pushManifest("r", signature.text(), tag)
	req.If = c
	v := pushVerb(withManifests, req)
	v.lost = fault.PreconditionFailed
	return v
}

// blobs of all manifests but the manifests themselves.
func withBlobs(b *bench) {
	for _, data := range []string{"a layer", large(1), "a signature", emptyJSON} {
		b.blob("r", data)
	}
}

func withManifests(b *bench) {
	withBlobs(b)
	b.push("r", layered.text(), "v1", "v2")
	b.push("r", signature.text())
}

func withObjects(b *bench) {
	b.bucket("bucket")
	b.object("bucket", "1", "hello\n")
	b.object("bucket", "2", large(3))
}

func verbs() map[string]verb {
	all := map[string]verb{
		"push a manifest":              pushVerb(withBlobs, pushManifest("r", layered.text(), "v1", "v2")),
		"push a large manifest":        pushVerb(withBlobs, pushManifest("r", big.text(), "v1")),
		"push evidence":                pushVerb(withBlobs, pushManifest("r", signature.text())),
		"push a manifest again":        pushVerb(withManifests, pushManifest("r", layered.text(), "v3")),
		"move a tag":                   pushVerb(withManifests, pushManifest("r", signature.text(), "v1")),
		"push what names virtual ones": pushVerb(withObjects, pushManifest("bucket", objects, "all")),
		"push to a closing name":       pushVerb(closingBucket, pushManifest("bucket", index(), "new")),
		"push a tag that must be new":  pushIf(repository.Condition{NoneMatch: []string{"*"}}, "v3"),
		"move a tag from where it is":  pushIf(repository.Condition{Match: []string{layeredAt.String()}}, "v1"),
	}
	for _, more := range []map[string]verb{readVerbs(), blobVerbs(), deleteVerbs(), uploadVerbs()} {
		for name, v := range more {
			all[name] = v
		}
	}
	return all
}

func readVerbs() map[string]verb {
	read := func(name string, run func(ctx context.Context, s *repository.Service) error) verb {
		return verb{prepare: withManifests, covers: []string{name}, run: run}
	}
	return map[string]verb{
		"pull a manifest": read("Manifest", func(ctx context.Context, s *repository.Service) error {
			m, err := s.Manifest(ctx, repository.ManifestRequest{Repository: "r", Reference: tag("v1"), Body: true})
			if err == nil && !bytes.Equal(m.Body, layered.text()) {
				err = errors.New("other bytes")
			}
			return err
		}),
		"list tags": read("Tags", func(ctx context.Context, s *repository.Service) error {
			list, _, err := s.Tags(ctx, repository.TagsRequest{Repository: "r", Limit: 9})
			return wantOf(2, len(list), err)
		}),
		"read the history of a tag": read("TagHistory", func(ctx context.Context, s *repository.Service) error {
			list, _, err := s.TagHistory(ctx, repository.HistoryRequest{Repository: "r", Tag: "v1", Before: time.Unix(1<<40, 0), Limit: 9})
			return wantOf(1, len(list), err)
		}),
		"find a layer": {
			prepare: func(b *bench) {
				withBlobs(b)
				b.push("r", titled("t", "a layer"), "v1")
				b.push("r", index(titled("t", "a layer")), "all")
			},
			covers: []string{"FindLayer"},
			run: func(ctx context.Context, s *repository.Service) error {
				_, err := s.FindLayer(ctx, repository.LayerRequest{Repository: "r", Reference: tag("all"), Title: "t"})
				return err
			},
		},
		"list the catalog": read("Catalog", func(ctx context.Context, s *repository.Service) error {
			list, _, err := s.Catalog(ctx, repository.CatalogRequest{Limit: 9, Readable: everywhere})
			return wantOf(1, len(list), err)
		}),
		"list referrers": read("Referrers", func(ctx context.Context, s *repository.Service) error {
			list, _, err := s.Referrers(ctx, repository.ReferrersRequest{Repository: "r", Subject: layeredAt, Limit: 9, Bytes: 1 << 20})
			return wantOf(1, len(list), err)
		}),
		"pull a blob": read("OpenBlob", func(ctx context.Context, s *repository.Service) error {
			_, rd, err := s.OpenBlob(ctx, repository.BlobRequest{Repository: "r", Digest: digest.Of([]byte(large(1)))})
			if err != nil {
				return err
			}
			defer rd.Close()
			var got bytes.Buffer
			err = rd.WriteRange(ctx, &got, 0, rd.Size(), true)
			return wantOf(len(large(1)), got.Len(), err)
		}),
	}
}

func wantOf(want, got int, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("got %d, want %d", got, want)
	}
	return err
}

func blobVerbs() map[string]verb {
	push := func(data string) verb {
		return verb{
			prepare: func(*bench) {}, covers: []string{"PushBlob"},
			run: func(ctx context.Context, s *repository.Service) error { return s.PushBlob(ctx, pushBlob("r", data)) },
		}
	}
	keep := func(prepare func(b *bench), repo, data string) verb {
		return verb{prepare: prepare, covers: []string{"Blob"}, run: func(ctx context.Context, s *repository.Service) error {
			_, err := s.Blob(ctx, repository.BlobRequest{By: alice, Repository: repo, Digest: digest.Of([]byte(data)), Keep: true})
			return err
		}}
	}
	from := func(prepare func(b *bench), data, from string) verb {
		return verb{prepare: prepare, covers: []string{"Mount"}, run: func(ctx context.Context, s *repository.Service) error {
			_, err := s.Mount(ctx, mount("target", data, from))
			return err
		}}
	}
	return map[string]verb{
		"push a small blob": push("a layer"), "push a large blob": push(large(1)), "push no bytes": push(""),
		"keep a blob":             keep(withManifests, "r", large(1)),
		"keep an object's blob":   keep(withObjects, "bucket", "hello\n"),
		"mount a blob":            from(withBlobs, large(1), "r"),
		"mount from anywhere":     from(withBlobs, large(1), ""),
		"mount an object's bytes": from(withObjects, "hello\n", "bucket"),
		"mount the empty blob":    from(withObjects, emptyJSON, "bucket"),
		"delete a blob": {
			prepare: withBlobs, covers: []string{"DeleteBlob"}, lost: fault.BlobNotFound,
			run: func(ctx context.Context, s *repository.Service) error {
				return s.DeleteBlob(ctx, repository.DeleteBlobRequest{By: alice, Repository: "r", Digest: digest.Of([]byte(large(1)))})
			},
		},
		"delete the empty blob": {
			prepare: withBlobs, covers: []string{"DeleteBlob"}, lost: fault.BlobNotFound,
			run: func(ctx context.Context, s *repository.Service) error {
				return s.DeleteBlob(ctx, repository.DeleteBlobRequest{By: alice, Repository: "r", Digest: artifact.EmptyDigest})
			},
		},
	}
}

// closingBucket is a deleted bucket with evidence that is still to go.
func closingBucket(b *bench) {
	b.bucket("bucket")
	b.blob("bucket", emptyJSON)
	for i := range 3 {
		b.push("bucket", image{subject: layeredAt, annotations: map[string]string{"n": fmt.Sprint(i)}}.text())
	}
	b.must(repository.MarkClosing(b.ctx(), b.meta, "bucket"))
}

func deleteVerbs() map[string]verb {
	remove := func(ref repository.Reference) verb {
		return verb{
			prepare: withManifests, covers: []string{"DeleteManifest"}, lost: fault.ManifestNotFound,
			run: func(ctx context.Context, s *repository.Service) error {
				return s.DeleteManifest(ctx, repository.DeleteManifestRequest{By: alice, Repository: "r", Reference: ref})
			},
		}
	}
	ruled := remove(at(layeredAt))
	ruled.prepare = func(b *bench) {
		withManifests(b)
		b.push("r", index(layered.text()), "other")
		b.rules.Immutable = []repository.ImmutableTags{rule(b.t, "r", "frozen")}
	}
	return map[string]verb{
		"delete a manifest":                             remove(at(layeredAt)),
		"delete a manifest where tags may be immutable": ruled,
		"delete evidence":                               remove(at(digest.Of(signature.text()))),
		"delete a tag":                                  remove(tag("v2")),
		"sweep": {prepare: closingBucket, covers: []string{"Sweep", "SweepAll"}, run: func(ctx context.Context, s *repository.Service) error {
			return s.SweepAll(ctx)
		}},
	}
}

func uploadVerbs() map[string]verb {
	whole := large(1) + large(2)
	end := func(data, begun string) verb {
		return verb{
			begun: begun, covers: []string{"FinishUpload"}, lost: fault.SessionNotFound,
			session: func(ctx context.Context, s *repository.Service, id repository.Session) error {
				up, err := s.Upload(ctx, id)
				if err != nil {
					return err
				}
				_, err = s.FinishUpload(ctx, finish(id, data, data[up.Offset:]))
				return err
			},
		}
	}
	return map[string]verb{
		"begin an upload": {prepare: func(*bench) {}, covers: []string{"BeginUpload"}, run: func(ctx context.Context, s *repository.Service) error {
			_, err := s.BeginUpload(ctx, repository.BeginUploadRequest{By: alice, Repository: "r"})
			return err
		}},
		"append to an upload": {
			begun: whole[:100], covers: []string{"AppendUpload", "Upload"},
			session: func(ctx context.Context, s *repository.Service, id repository.Session) error {
				up, err := s.Upload(ctx, id)
				if err != nil {
					return err
				}
				_, err = s.AppendUpload(ctx, chunk(id, up.Offset, whole[up.Offset:]))
				return err
			},
		},
		"finish an upload":                end(whole, whole),
		"finish an upload with a chunk":   end(whole, whole[:3000]),
		"finish an upload with all of it": end(whole, ""),
		"finish a small upload":           end("small", "s"),
		"cancel an upload": {
			begun: whole, covers: []string{"CancelUpload"}, lost: fault.SessionNotFound,
			session: func(ctx context.Context, s *repository.Service, id repository.Session) error {
				return s.CancelUpload(ctx, id)
			},
		},
	}
}

func TestEveryVerbIsTriedWithFaults(t *testing.T) {
	steady := map[string]string{
		"Start": "begins a goroutine that calls SweepAll", "Stop": "ends it", "References": "reads only, offline",
	}
	covered := map[string]bool{}
	for _, v := range verbs() {
		for _, name := range v.covers {
			covered[name] = true
		}
	}
	for m := range reflect.TypeFor[*repository.Service]().Methods() {
		if !covered[m.Name] && steady[m.Name] == "" {
			t.Errorf("%s has no verb", m.Name)
		}
	}
}

// see is everything that a client can see.
func (b *bench) see() string {
	b.t.Helper()
	var s strings.Builder
	names, _, err := b.Catalog(b.ctx(), repository.CatalogRequest{Limit: 100, Readable: everywhere})
	b.must(err)
	manifests := [][]byte{layered.text(), signature.text(), big.text(), objects, index()}
	for _, repo := range names {
		fmt.Fprintf(&s, "%s tags %s", repo, b.tags(repo))
		for i, text := range manifests {
			if _, err := b.get(repo, at(digest.Of(text))); err == nil {
				fmt.Fprintf(&s, " m%d", i)
			}
		}
		for i, data := range []string{"a layer", large(1), "a signature", emptyJSON, "", "hello\n", large(3), large(1) + large(2), "small"} {
			if b.hasBlob(repo, data) {
				fmt.Fprintf(&s, " b%d", i)
			}
		}
		var found []string
		for d := range b.referrers(repo, layeredAt) {
			found = append(found, d.String())
		}
		slices.Sort(found)
		fmt.Fprintf(&s, " referrers %v history %v\n", found, len(b.history(repo, "v1")))
	}
	return s.String()
}

// ports are the ways in which a call can fail.
func ports() map[string]func(b *bench, n int) (*repository.Service, func() string) {
	return map[string]func(b *bench, n int) (*repository.Service, func() string){
		"metadata": func(b *bench, n int) (*repository.Service, func() string) {
			sound := &switched{b.meta}
			_, s := b.over(sound, b.extents)
			f := metatest.Faulty(b.meta, n)
			sound.Store = f // from here on: opening is content's to try
			return s, f.Fired
		},
		"extents": func(b *bench, n int) (*repository.Service, func() string) {
			f := extenttest.Faulty(b.extents, n)
			_, s := b.over(b.meta, f)
			return s, f.Fired
		},
		"extents, after the fact": func(b *bench, n int) (*repository.Service, func() string) {
			f := extenttest.FaultyAfter(b.extents, n)
			_, s := b.over(b.meta, f)
			return s, f.Fired
		},
	}
}

// switched is a metadata store that becomes another one.
type switched struct{ meta.Store }

// TestAFailingCallLeavesNothingPartial runs each verb with the n-th call of a port failing, for every n: a client sees all of it or nothing, a second
// try succeeds, and what stays is sound.
func TestAFailingCallLeavesNothingPartial(t *testing.T) {
	for name, v := range verbs() {
		after := seenAfter(t, v)
		for port, open := range ports() {
			t.Run(name+" with faulty "+port, func(t *testing.T) {
				n := 1
				for tryWithFault(t, v, after, n, open) {
					n++
				}
				if n == 1 && port == "metadata" {
					t.Fatal("no call was ever made")
				}
			})
		}
	}
}

// begin prepares a verb and gives what runs it.
func (v verb) begin(b *bench) func(ctx context.Context, s *repository.Service) error {
	if v.session == nil {
		v.prepare(b)
		return v.run
	}
	id := b.session("r")
	if v.begun != "" {
		_, err := b.AppendUpload(b.ctx(), chunk(id, 0, v.begun))
		b.must(err)
	}
	return func(ctx context.Context, s *repository.Service) error { return v.session(ctx, s, id) }
}

// seenAfter is what a client sees when nothing fails.
func seenAfter(t *testing.T, v verb) string {
	b := newBench(t)
	b.must(v.begin(b)(t.Context(), b.Service))
	return b.see()
}

func tryWithFault(t *testing.T, v verb, after string, n int, open func(*bench, int) (*repository.Service, func() string)) (fired bool) {
	b := newBench(t)
	run := v.begin(b)
	before := b.see()
	s, point := open(b, n)
	err := run(t.Context(), s)
	what := fmt.Sprintf("call %d (%s)", n, point())
	if point() == "" && err != nil {
		t.Fatalf("without a fault: %v", err)
	}
	if err != nil && !errors.Is(err, metatest.ErrInjected) && !errors.Is(err, extenttest.ErrInjected) && !errors.Is(err, fault.Damaged) {
		t.Fatalf("%s: reported as %v", what, err)
	}
	if err != nil && repositoryFault(err).Kind() != fault.Internal {
		t.Fatalf("%s: the client is blamed: %v", what, err)
	}
	b.content, b.Service = b.over(b.meta, b.extents)
	seen := b.see()
	if seen != before && seen != after {
		t.Fatalf("%s: a client sees\n%s", what, seen)
	}
	if err == nil && seen != after {
		t.Fatalf("%s: acknowledged, and a client sees\n%s", what, seen)
	}
	if err != nil {
		again := run(t.Context(), b.Service)
		if again != nil && !(errors.Is(err, meta.ErrUnknownOutcome) && errors.Is(again, v.lost)) {
			t.Fatalf("%s: the second try failed: %v", what, again)
		}
	}
	if seen := b.see(); seen != after {
		t.Fatalf("%s: after the second try a client sees\n%s", what, seen)
	}
	b.wantSound()
	return point() != ""
}

// TestNothingIsLeftOfFailedPushes checks that what a failing call leaves behind is collected.
func TestNothingIsLeftOfFailedPushes(t *testing.T) {
	for n, fired := 1, true; fired; n++ {
		b := newBench(t)
		f := extenttest.Faulty(b.extents, n)
		_, s := b.over(b.meta, f)
		err := s.PushBlob(t.Context(), pushBlob("r", large(1)))
		if fired = f.Fired() != ""; fired == (err == nil) {
			t.Fatalf("%s: %v", f.Fired(), err)
		}
		b.content, b.Service = b.over(b.meta, b.extents)
		if r := b.settle(); r.Contents+r.Extents > 0 {
			t.Fatalf("call %d: left over %+v", n, r)
		}
	}
}

var _ content.References = (*repository.Service)(nil).References
