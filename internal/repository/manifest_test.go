package repository_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
)

func TestAPushedManifestIsPulledByteForByte(t *testing.T) {
	b := newBench(t)
	text := image{layers: []string{"a layer", large(1)}}.text()
	spaced := append([]byte("\n  "), append(text, " \n"...)...)
	b.blob("r/app", "a layer")
	b.blob("r/app", large(1))
	d := b.push("r/app", spaced, "v1")
	for _, ref := range []repository.Reference{tag("v1"), at(d)} {
		m, err := b.get("r/app", ref)
		b.must(err)
		if string(m.Body) != string(spaced) || m.Digest != d || m.MediaType != ociType || d != digest.Of(spaced) {
			t.Errorf("by %s: %+v", ref, m)
		}
	}
}

func TestALargeManifestIsPulled(t *testing.T) {
	b := newBench(t)
	text := image{annotations: map[string]string{"a": strings.Repeat("x", repository.MaxManifest-1000)}}.text()
	b.blob("r", emptyJSON)
	m, err := b.get("r", at(b.push("r", text)))
	b.must(err)
	if string(m.Body) != string(text) {
		t.Error("other bytes")
	}
	_, err = b.PushManifest(b.ctx(), pushManifest("r", append(text, make([]byte, 1000)...)))
	b.wantFault(err, fault.ManifestTooLarge)
}

func TestAManifestNamesOnlyWhatItsRepositoryHas(t *testing.T) {
	b := newBench(t)
	b.blob("other", "a layer")
	b.blob("r", emptyJSON)
	text := image{layers: []string{"a layer"}}.text()
	_, err := b.PushManifest(b.ctx(), pushManifest("r", text, "v1"))
	b.wantFault(err, fault.ManifestBlobUnknown)
	if got := b.tags("r"); got != "" {
		t.Errorf("tags %s", got)
	}
	b.blob("r", "a layer")
	b.push("r", text, "v1")
	_, err = b.PushManifest(b.ctx(), pushManifest("r", index(text, []byte("no such manifest"))))
	b.wantFault(err, fault.ManifestBlobUnknown)
}

func TestAnIndexMayNameBlobs(t *testing.T) {
	b := newBench(t) // as build caches do
	b.blob("r", "a cached layer")
	b.push("r", index([]byte("a cached layer")), "cache")
	b.settle()
	if !b.hasBlob("r", "a cached layer") {
		t.Error("the index does not keep its blob")
	}
}

func TestLayersFromElsewhereMayBeAbsent(t *testing.T) {
	b := newBench(t)
	b.blob("r", emptyJSON)
	text := `{"schemaVersion":2,"config":{"mediaType":"` + emptyType + `","digest":"` + artifact.EmptyDigest.String() + `","size":2},"layers":[` +
		`{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"` + digest.Of([]byte("1")).String() + `","size":1},` +
		`{"mediaType":"x/y","urls":["https://example.com/2"],"digest":"` + digest.Of([]byte("2")).String() + `","size":1}]}`
	b.push("r", []byte(text))
}

func TestAManifestKeepsItsBlobsAndLeavesThem(t *testing.T) {
	b := newBench(t)
	d := b.image("r", image{layers: []string{"small", large(1)}})
	b.settle()
	if !b.hasBlob("r", "small") || !b.hasBlob("r", large(1)) {
		t.Fatal("blobs of a manifest have been collected")
	}
	b.must(b.delete("r", at(d)))
	if r := b.settle(); r.Contents+r.Extents+r.Edges > 0 {
		t.Errorf("left over: %+v", r)
	}
}

func TestTheSameManifestAgainOnlyGetsTheTag(t *testing.T) {
	b := newBench(t)
	i := image{layers: []string{"a layer"}}
	d := b.image("r", i, "v1")
	b.now = b.now.Add(b.content.Lease() * 2)
	b.must(b.delete("r", tag("v1")))
	if got := b.push("r", i.text(), "v2", "v3", "v2"); got != d || b.tags("r") != "v2 v3" {
		t.Errorf("%s, tags %s", got, b.tags("r"))
	}
}

func TestADigestIsVerified(t *testing.T) {
	b := newBench(t)
	b.blob("r", emptyJSON)
	req := pushManifest("r", image{}.text(), "v1")
	req.Digest = digest.Of([]byte("something else"))
	_, err := b.PushManifest(b.ctx(), req)
	b.wantFault(err, fault.DigestMismatch)
	if got := b.tags("r"); got != "" {
		t.Errorf("tags %s", got)
	}
}

func TestSHA512NamesManifestsAndBlobs(t *testing.T) {
	b := newBench(t)
	sha512 := func(s string) digest.Digest {
		h := digest.SHA512.New()
		h.Write([]byte(s))
		return digest.FromSum(digest.SHA512, h.Sum(nil))
	}
	for _, data := range []string{"small", large(1)} {
		req := pushBlob("r", data)
		req.Digest = sha512(data)
		b.must(b.PushBlob(b.ctx(), req))
		found, err := b.Blob(b.ctx(), repository.BlobRequest{Repository: "r", Digest: sha512(data)})
		if err != nil || found.Size != int64(len(data)) {
			t.Errorf("%v, %v", found, err)
		}
	}
	text := strings.ReplaceAll(string(image{layers: []string{"small"}, config: large(1)}.text()), digest.Of([]byte("small")).String(), sha512("small").String())
	req := pushManifest("r", []byte(text))
	req.Digest = sha512(text)
	pushed, err := b.PushManifest(b.ctx(), req)
	b.must(err)
	m, err := b.get("r", at(sha512(text)))
	b.must(err)
	if pushed.Digest != sha512(text) || m.Digest != pushed.Digest || string(m.Body) != text {
		t.Errorf("pushed as %s, pulled as %s", pushed.Digest, m.Digest)
	}
	_, err = b.get("r", at(digest.Of([]byte(text))))
	b.wantFault(err, fault.ManifestNotFound)
	b.must(b.delete("r", at(m.Digest)))
	if r := b.settle(); r.Contents > 0 {
		t.Errorf("left over: %+v", r)
	}
}

func TestDeletingAManifestRemovesItsTagsAndItsPlaceAmongReferrers(t *testing.T) {
	b := newBench(t)
	subject := b.image("r", image{layers: []string{"a layer"}}, "v1", "v2")
	sig := b.image("r", image{subject: subject, artifactType: "x/sig", annotations: map[string]string{"k": "v"}}, "sig")
	want := map[digest.Digest]repository.Referrer{sig: {
		MediaType: ociType, Digest: sig, ArtifactType: "x/sig", Annotations: map[string]string{"k": "v"},
		Size: int64(len(image{subject: subject, artifactType: "x/sig", annotations: map[string]string{"k": "v"}}.text())),
	}}
	if diff := cmp.Diff(want, b.referrers("r", subject)); diff != "" {
		t.Error(diff)
	}
	b.must(b.delete("r", at(subject)))
	if got := b.tags("r"); got != "sig" || len(b.referrers("r", subject)) != 1 {
		t.Errorf("after the subject went: tags %s, %d referrers", got, len(b.referrers("r", subject)))
	}
	b.must(b.delete("r", at(sig)))
	if got := b.tags("r"); got != "" || len(b.referrers("r", subject)) != 0 {
		t.Errorf("tags %s, %d referrers", got, len(b.referrers("r", subject)))
	}
	b.wantFault(b.delete("r", at(sig)), fault.ManifestNotFound)
	b.wantFault(b.delete("r", tag("v1")), fault.ManifestNotFound)
	b.wantFault(b.delete("none", tag("v1")), fault.RepositoryNotFound)
}

func TestAManifestWithVeryManyTagsIsDeletedWithAllOfThem(t *testing.T) {
	b := newBench(t)
	text := image{layers: []string{"a layer"}}.text()
	d := b.image("r", image{layers: []string{"a layer"}}, "keep")
	for i := range 12 {
		req := pushManifest("r", text)
		for j := range 100 {
			req.Tags = append(req.Tags, "t"+string(rune('a'+i))+string(rune('a'+j/26))+string(rune('a'+j%26)))
		}
		_, err := b.PushManifest(b.ctx(), req)
		b.must(err)
	}
	b.must(b.delete("r", at(d)))
	if got := b.tags("r"); got != "" {
		t.Errorf("tags %.40s…", got)
	}
}

func TestTheArtifactOfAnObjectIsAManifestOfItsBucket(t *testing.T) {
	for _, data := range []string{"hello\n", large(3)} {
		b := newBench(t)
		b.bucket("bucket")
		remove := b.object("bucket", "version-1", data)
		content := digest.Of([]byte(data))
		d := artifact.Digest(content, int64(len(data)))
		m, err := b.get("bucket", at(d))
		b.must(err)
		if !m.Object || string(m.Body) != string(artifact.Manifest(content, int64(len(data)))) || m.Digest != d {
			t.Errorf("%+v", m)
		}
		if !b.hasBlob("bucket", data) || !b.hasBlob("bucket", emptyJSON) || b.hasBlob("other", data) {
			t.Error("blobs")
		}
		_, err = b.get("other", at(d))
		b.wantFault(err, fault.RepositoryNotFound)
		b.wantFault(b.delete("bucket", at(d)), fault.ObjectArtifact)
		b.wantFault(b.deleteBlob("bucket", data), fault.ObjectArtifact)
		b.wantFault(b.deleteBlob("bucket", emptyJSON), fault.ObjectArtifact)
		remove()
		_, err = b.get("bucket", at(d))
		b.wantFault(err, fault.ManifestNotFound)
	}
}

func TestTheArtifactOfAnObjectCanBeTaggedAndOutlivesIt(t *testing.T) {
	for _, data := range []string{"hello\n", large(3)} {
		b := newBench(t)
		b.bucket("bucket")
		remove := b.object("bucket", "version-1", data)
		text := artifact.Manifest(digest.Of([]byte(data)), int64(len(data)))
		d := b.push("bucket", text, "release")
		remove()
		b.settle()
		m, err := b.get("bucket", tag("release"))
		b.must(err)
		if m.Object || m.Digest != d || !b.hasBlob("bucket", data) || !b.hasBlob("bucket", emptyJSON) {
			t.Errorf("%+v", m)
		}
		b.must(b.delete("bucket", at(d)))
		if r := b.settle(); r.Contents > 0 {
			t.Errorf("left over: %+v", r)
		}
	}
}

func TestDeletingAPushedArtifactLeavesTheObjects(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	b.object("bucket", "version-1", large(3))
	d := b.push("bucket", artifact.Manifest(digest.Of([]byte(large(3))), int64(len(large(3)))), "release")
	b.must(b.delete("bucket", at(d)))
	m, err := b.get("bucket", at(d))
	b.must(err)
	if !m.Object || b.tags("bucket") != "" {
		t.Errorf("%+v, tags %s", m, b.tags("bucket"))
	}
	b.wantFault(b.delete("bucket", at(d)), fault.ObjectArtifact)
}

func TestAnIndexOfObjectsMakesTheirArtifactsOrdinaryManifests(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	var children [][]byte
	var removes []func()
	for i, data := range []string{"one", "two", large(3)} {
		removes = append(removes, b.object("bucket", string(rune('a'+i)), data))
		children = append(children, artifact.Manifest(digest.Of([]byte(data)), int64(len(data))))
	}
	b.push("bucket", index(children...), "all")
	for _, remove := range removes {
		remove()
	}
	b.settle()
	for _, c := range children {
		_, err := b.get("bucket", at(digest.Of(c)))
		b.must(err)
	}
}

func TestEvidenceCanBeAttachedToAnObject(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	b.object("bucket", "version-1", "hello\n")
	subject := artifact.Digest(digest.Of([]byte("hello\n")), 6)
	sig := b.image("bucket", image{subject: subject, artifactType: "x/sig", layers: []string{"signature"}})
	if got := b.referrers("bucket", subject); len(got) != 1 || got[sig].ArtifactType != "x/sig" {
		t.Errorf("%v", got)
	}
}

func TestNamesAreChecked(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"", "UPPER", "a//b", "a/../b", "-a", "v2/", "api/x"} {
		_, err := b.PushManifest(b.ctx(), pushManifest(name, image{}.text()))
		b.wantFault(err, fault.RepositoryNameInvalid)
		b.wantFault(b.PushBlob(b.ctx(), pushBlob(name, "x")), fault.RepositoryNameInvalid)
	}
	for _, name := range []string{"", ".a", "-a", "a/b", "a b", strings.Repeat("a", 129)} {
		_, err := b.PushManifest(b.ctx(), pushManifest("r", image{}.text(), name))
		b.wantFault(err, fault.TagInvalid)
	}
}
