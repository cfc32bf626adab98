package repository_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/metatest"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

// bench is repositories over engines in memory, with a clock of its own. It can be stopped and started again.
type bench struct {
	t       testing.TB
	fs      *vfs.MemFS
	meta    meta.Store
	extents extent.Store
	content *content.Store
	*repository.Service
	now     time.Time
	rules   repository.Options
	objects map[string]content.Reference // what the objects need, by bucket and version
}

const (
	inlineMax = 1 << 10
	ociType   = "application/vnd.oci.image.manifest.v1+json"
	indexType = "application/vnd.oci.image.index.v1+json"
	layerType = "application/vnd.oci.image.layer.v1.tar"
	emptyType = "application/vnd.oci.empty.v1+json"
	emptyJSON = "{}"
)

// alice makes all requests that do not say who does.
var alice = repository.Actor{Principal: "alice", Request: "r1"}

func newBench(t testing.TB) *bench {
	b := &bench{t: t, fs: vfs.NewMem(), extents: extenttest.NewMemory(), now: time.Unix(1_800_000_000, 0)}
	b.open()
	t.Cleanup(func() { _ = b.meta.(*pebblemeta.Store).Close() })
	return b
}

// newLockOnlyBench is on an engine that honours declared locks alone.
func newLockOnlyBench(t testing.TB) *bench {
	b := &bench{t: t, meta: metatest.NewLockOnly(), extents: extenttest.NewMemory(), now: time.Unix(1_800_000_000, 0)}
	b.content, b.Service = b.over(b.meta, b.extents)
	return b
}

func (b *bench) open() {
	b.t.Helper()
	m, err := pebblemeta.Open("meta", pebblemeta.Options{FS: b.fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.t.Fatal(err)
	}
	b.meta = m
	b.content, b.Service = b.over(m, b.extents)
}

// over is the domain over the given engines, on the bench's clock.
func (b *bench) over(m meta.Store, e extent.Store) (*content.Store, *repository.Service) {
	b.t.Helper()
	c, err := content.Open(b.t.Context(), m, e, content.Options{InlineMax: inlineMax, SealSize: 64 << 10, Now: func() time.Time { return b.now }})
	if err != nil {
		b.t.Fatal(err)
	}
	return c, repository.New(c, b.rules)
}

// restart closes and opens everything.
func (b *bench) restart() {
	b.t.Helper()
	if err := b.meta.(*pebblemeta.Store).Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

func (b *bench) ctx() context.Context { return b.t.Context() }

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) wantFault(err, want error) {
	b.t.Helper()
	if !errors.Is(err, want) {
		b.t.Fatalf("got %v, want %v", err, want)
	}
}

// blob pushes data to repo.
func (b *bench) blob(repo, data string) digest.Digest {
	b.t.Helper()
	d := digest.Of([]byte(data))
	b.must(b.PushBlob(b.ctx(), pushBlob(repo, data)))
	return d
}

func pushBlob(repo, data string) repository.PushBlobRequest {
	return repository.PushBlobRequest{
		By: alice, Repository: repo, Digest: digest.Of([]byte(data)), Size: int64(len(data)), Body: strings.NewReader(data),
	}
}

// hasBlob says whether repo has a blob with these bytes, and checks them where it does.
func (b *bench) hasBlob(repo, data string) bool {
	b.t.Helper()
	req := repository.BlobRequest{By: alice, Repository: repo, Digest: digest.Of([]byte(data))}
	stat, err := b.Blob(b.ctx(), req)
	_, rd, openErr := b.OpenBlob(b.ctx(), req)
	if (err == nil) != (openErr == nil) {
		b.t.Fatalf("Blob says %v, OpenBlob %v", err, openErr)
	}
	if err != nil {
		return false
	}
	defer rd.Close()
	var got bytes.Buffer
	b.must(rd.WriteRange(b.ctx(), &got, 0, rd.Size(), true))
	if got.String() != data || stat.Size != int64(len(data)) {
		b.t.Fatalf("the blob has %d bytes, said to be %d, want %d", got.Len(), stat.Size, len(data))
	}
	return true
}

// image is the text of an image manifest with these layers and an empty config.
type image struct {
	layers       []string
	config       string // bytes; empty: the empty blob
	artifactType string
	subject      digest.Digest
	annotations  map[string]string
}

type descriptor struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int           `json:"size"`
	URLs      []string      `json:"urls,omitempty"`
}

func describe(mediaType, data string) descriptor {
	return descriptor{MediaType: mediaType, Digest: digest.Of([]byte(data)), Size: len(data)}
}

func (i image) text() []byte {
	layers := []descriptor{}
	for _, l := range i.layers {
		layers = append(layers, describe(layerType, l))
	}
	config := describe(emptyType, emptyJSON)
	if i.config != "" {
		config = describe("application/vnd.oci.image.config.v1+json", i.config)
	}
	doc := map[string]any{"schemaVersion": 2, "mediaType": ociType, "config": config, "layers": layers}
	if i.artifactType != "" {
		doc["artifactType"] = i.artifactType
	}
	if i.subject != "" {
		doc["subject"] = descriptor{MediaType: ociType, Digest: i.subject, Size: 7}
	}
	if i.annotations != nil {
		doc["annotations"] = i.annotations
	}
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return text
}

// index is the text of an index of manifests with these texts.
func index(children ...[]byte) []byte {
	list := []descriptor{}
	for _, c := range children {
		list = append(list, describe(ociType, string(c)))
	}
	text, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": list})
	if err != nil {
		panic(err)
	}
	return text
}

func pushManifest(repo string, text []byte, tags ...string) repository.PushManifestRequest {
	return repository.PushManifestRequest{By: alice, Repository: repo, Tags: tags, Body: text}
}

// push pushes a manifest, whose blobs are there.
func (b *bench) push(repo string, text []byte, tags ...string) digest.Digest {
	b.t.Helper()
	pushed, err := b.PushManifest(b.ctx(), pushManifest(repo, text, tags...))
	b.must(err)
	return pushed.Digest
}

// image pushes an image with its layers.
func (b *bench) image(repo string, i image, tags ...string) digest.Digest {
	b.t.Helper()
	for _, l := range i.layers {
		b.blob(repo, l)
	}
	if i.config != "" {
		b.blob(repo, i.config)
	} else {
		b.blob(repo, emptyJSON)
	}
	return b.push(repo, i.text(), tags...)
}

func tag(name string) repository.Reference { return repository.Reference{Tag: name} }

func at(d digest.Digest) repository.Reference { return repository.Reference{Digest: d} }

// get pulls a manifest, and checks that HEAD tells the same.
func (b *bench) get(repo string, ref repository.Reference) (repository.Manifest, error) {
	b.t.Helper()
	m, err := b.Manifest(b.ctx(), repository.ManifestRequest{Repository: repo, Reference: ref, Body: true})
	head, headErr := b.Manifest(b.ctx(), repository.ManifestRequest{Repository: repo, Reference: ref})
	if (err == nil) != (headErr == nil) || head.Digest != m.Digest || head.Size != int64(len(m.Body)) || head.MediaType != m.MediaType {
		b.t.Fatalf("with body %v (%v), without %v (%v)", m, err, head, headErr)
	}
	return m, err
}

func (b *bench) delete(repo string, ref repository.Reference) error {
	return b.DeleteManifest(b.ctx(), repository.DeleteManifestRequest{By: alice, Repository: repo, Reference: ref})
}

func (b *bench) deleteBlob(repo, data string) error {
	return b.DeleteBlob(b.ctx(), repository.DeleteBlobRequest{By: alice, Repository: repo, Digest: digest.Of([]byte(data))})
}

func (b *bench) tags(repo string) string {
	b.t.Helper()
	list, more, err := b.Tags(b.ctx(), repository.TagsRequest{Repository: repo, Limit: 1000})
	if err != nil || more {
		return fmt.Sprint(more, err)
	}
	return strings.Join(list, " ")
}

// referrers are the digests of the manifests with a subject.
func (b *bench) referrers(repo string, subject digest.Digest) map[digest.Digest]repository.Referrer {
	b.t.Helper()
	list, more, err := b.Referrers(b.ctx(), repository.ReferrersRequest{Repository: repo, Subject: subject, Limit: 1000, Bytes: 1 << 20})
	if err != nil || more {
		b.t.Fatal(more, err)
	}
	found := make(map[digest.Digest]repository.Referrer)
	for _, one := range list {
		found[one.Digest] = one
	}
	return found
}

// bucket gives repo the face of a bucket.
func (b *bench) bucket(name string) {
	b.t.Helper()
	key := repository.Names.Key(name)
	b.must(b.meta.Update(b.ctx(), meta.LockSet{}.Write(key), func(tx meta.Tx) error {
		return repository.Names.PutKey(tx, key, repository.Name{Owner: "alice", Bucket: true, Created: 1})
	}))
}

// object keeps data as an object of a bucket, inline when it is small, and returns what takes it away.
func (b *bench) object(bucket, version, data string) (remove func()) {
	b.t.Helper()
	staged, err := b.content.Ingest(b.ctx(), content.IngestRequest{Body: strings.NewReader(data), Size: int64(len(data)), Hashes: content.SHA256})
	b.must(err)
	defer staged.Discard(b.ctx())
	in := repository.Inline{Content: staged.Digest().String(), Size: staged.Size(), Location: staged.Location()}
	edge := content.Edge{Repository: bucket, Kind: content.EdgeObject, Referrer: version}
	var id content.ID
	b.must(b.content.Commit(b.ctx(), staged, func(r meta.Reader) (meta.Step, error) {
		if staged.Inline() {
			_, keep := b.content.KeepInline(staged)
			return meta.Join(keep, repository.IndexInline(bucket, version, in)), nil
		}
		var register meta.Step
		id, register, err = b.content.PlanRegister(b.ctx(), r, staged)
		return meta.Join(register, b.content.LinkNew(id, edge)), err
	}))
	if b.objects == nil {
		b.objects = make(map[string]content.Reference)
	}
	b.objects[bucket+"/"+version] = content.Reference{ID: id, Edge: edge}
	if id == "" {
		b.objects[bucket+"/"+version] = content.Reference{Location: in.Location}
	}
	return func() {
		b.t.Helper()
		delete(b.objects, bucket+"/"+version)
		b.must(meta.Execute(b.ctx(), b.meta, func(r meta.Reader) (meta.Step, error) {
			if id == "" {
				return meta.Join(b.content.DropInline(in.Location), repository.UnindexInline(bucket, version, in)), nil
			}
			return b.content.Unlink(b.ctx(), r, id, edge)
		}))
	}
}

// events are the kinds of events since the beginning, with what each is about.
func (b *bench) events() []string {
	b.t.Helper()
	var list []string
	b.must(b.meta.View(b.ctx(), func(r meta.Reader) error {
		for row, err := range r.Scan(b.ctx(), event.Outbox.After(meta.Position{})) {
			if err != nil {
				return err
			}
			e, err := event.Decode(row.Value)
			if err != nil {
				return err
			}
			list = append(list, strings.TrimSpace(strings.Join([]string{string(e.Kind), e.Name, e.Key, e.Principal}, " ")))
		}
		return nil
	}))
	return list
}

// wantSound checks every edge against the manifests, and every byte.
func (b *bench) wantSound() content.Report {
	b.t.Helper()
	ofObjects := func(context.Context, meta.Reader) iter.Seq2[content.Reference, error] {
		return func(yield func(content.Reference, error) bool) {
			for _, ref := range b.objects {
				if !yield(ref, nil) {
					return
				}
			}
		}
	}
	report, err := b.content.Check(b.ctx(), true, b.References, ofObjects)
	b.must(err)
	for _, p := range report.Problems {
		b.t.Error(p)
	}
	if b.t.Failed() {
		b.t.FailNow()
	}
	return report
}

// settle lets leases end and collects until nothing changes.
func (b *bench) settle() content.Report {
	b.t.Helper()
	for range 3 {
		b.now = b.now.Add(b.content.Lease() + 2*time.Minute)
		_, err := b.content.Collect(b.ctx(), true)
		b.must(err)
	}
	return b.wantSound()
}

// large is more than stays inline, different for each seed.
func large(seed int) string { return strings.Repeat(fmt.Sprintf("%d ", seed), inlineMax) }
