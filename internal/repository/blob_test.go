package repository_test

import (
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
)

func everywhere(string) bool { return true }

func mount(repo, data, from string) repository.MountRequest {
	return repository.MountRequest{By: alice, Repository: repo, Digest: digest.Of([]byte(data)), From: from, Readable: everywhere}
}

func TestABlobIsSeenOnlyWhereItWasPushed(t *testing.T) {
	b := newBench(t)
	for _, data := range []string{"small", large(1), ""} {
		b.blob("r", data)
		b.blob("other", "something")
		if !b.hasBlob("r", data) || b.hasBlob("other", data) || b.hasBlob("none", data) {
			t.Errorf("%.10q", data)
		}
	}
	_, err := b.Blob(b.ctx(), repository.BlobRequest{Repository: "other", Digest: digest.Of([]byte("small"))})
	b.wantFault(err, fault.BlobNotFound)
	_, err = b.Blob(b.ctx(), repository.BlobRequest{Repository: "none", Digest: digest.Of([]byte("small"))})
	b.wantFault(err, fault.RepositoryNotFound)
}

func TestABrokenPushLeavesNothing(t *testing.T) {
	b := newBench(t)
	for _, data := range []string{"small", large(1)} {
		short := pushBlob("r", data)
		short.Body = strings.NewReader(data[1:])
		b.wantFault(b.PushBlob(b.ctx(), short), fault.Incomplete)
		long := pushBlob("r", data)
		long.Body = strings.NewReader(data + "x")
		b.wantFault(b.PushBlob(b.ctx(), long), fault.SizeInvalid)
		other := pushBlob("r", data)
		other.Body = strings.NewReader("X" + data[1:])
		b.wantFault(b.PushBlob(b.ctx(), other), fault.DigestMismatch)
	}
	if r := b.wantSound(); r.Contents+r.Extents+r.Inline > 0 {
		t.Errorf("left over: %+v", r)
	}
	if _, _, err := b.Tags(b.ctx(), repository.TagsRequest{Repository: "r", Limit: 1}); repositoryFault(err) != fault.RepositoryNotFound {
		t.Errorf("%v", err)
	}
}

func TestAnUnreferencedBlobStaysAsLongAsItsPusherAsksForIt(t *testing.T) {
	b := newBench(t)
	d := b.blob("r", large(1))
	for range 5 {
		b.now = b.now.Add(b.content.Lease() * 3 / 4)
		_, err := b.Blob(b.ctx(), repository.BlobRequest{By: alice, Repository: "r", Digest: d, Keep: true})
		b.must(err)
		_, err = b.content.Collect(b.ctx(), true)
		b.must(err)
	}
	for range 2 {
		b.now = b.now.Add(b.content.Lease())
		if b.hasBlob("r", large(1)) { // without keeping it
			_, err := b.content.Collect(b.ctx(), true)
			b.must(err)
		}
	}
	if b.hasBlob("r", large(1)) {
		t.Error("nobody asked to keep it")
	}
}

func TestAskingToKeepAnObjectsBlobLeasesIt(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	remove := b.object("bucket", "v", "hello\n")
	_, err := b.Blob(b.ctx(), repository.BlobRequest{By: alice, Repository: "bucket", Digest: digest.Of([]byte("hello\n")), Keep: true})
	b.must(err)
	remove()
	b.now = b.now.Add(b.content.Lease() / 2)
	_, err = b.content.Collect(b.ctx(), true)
	b.must(err)
	if !b.hasBlob("bucket", "hello\n") {
		t.Error("the client was told that it need not push it")
	}
}

func TestDeletingABlobHidesItHereAlone(t *testing.T) {
	b := newBench(t)
	b.blob("r", large(1))
	b.blob("other", large(1))
	b.must(b.deleteBlob("r", large(1)))
	if b.hasBlob("r", large(1)) || !b.hasBlob("other", large(1)) {
		t.Error("who sees it")
	}
	b.wantFault(b.deleteBlob("r", large(1)), fault.BlobNotFound)
	b.wantFault(b.deleteBlob("none", large(1)), fault.RepositoryNotFound)
	b.must(b.deleteBlob("other", large(1)))
	if r := b.settle(); r.Contents > 0 {
		t.Errorf("left over: %+v", r)
	}
}

func TestABlobThatAManifestNeedsIsNotDeleted(t *testing.T) {
	b := newBench(t)
	text := image{layers: []string{"a layer"}}.text()
	d := b.image("r", image{layers: []string{"a layer"}})
	for _, data := range []string{"a layer", emptyJSON, string(text)} {
		b.wantFault(b.deleteBlob("r", data), fault.MethodNotAllowed)
	}
	b.must(b.delete("r", at(d)))
	b.must(b.deleteBlob("r", "a layer"))
	b.must(b.deleteBlob("r", emptyJSON))
}

func TestTheEmptyBlobIsInEveryRepositoryUntilItIsDeletedThere(t *testing.T) {
	b := newBench(t)
	b.blob("r", "something")
	if !b.hasBlob("r", emptyJSON) || b.hasBlob("none", emptyJSON) {
		t.Error("at first")
	}
	b.must(b.deleteBlob("r", emptyJSON))
	if b.hasBlob("r", emptyJSON) {
		t.Error("after it has been deleted")
	}
	b.wantFault(b.deleteBlob("r", emptyJSON), fault.BlobNotFound)
	_, err := b.PushManifest(b.ctx(), pushManifest("r", image{}.text()))
	b.wantFault(err, fault.ManifestBlobUnknown)
	b.blob("r", emptyJSON)
	if !b.hasBlob("r", emptyJSON) {
		t.Error("after it has been pushed")
	}
}

func TestAManifestCanNameTheEmptyBlobWithoutAPush(t *testing.T) {
	b := newBench(t)
	b.blob("r", "a layer")
	d := b.push("r", image{layers: []string{"a layer"}}.text())
	b.settle()
	if !b.hasBlob("r", emptyJSON) {
		t.Error("gone")
	}
	b.wantFault(b.deleteBlob("r", emptyJSON), fault.MethodNotAllowed)
	b.must(b.delete("r", at(d)))
}

func TestABlobIsMountedFromARepositoryThatMayBeRead(t *testing.T) {
	b := newBench(t)
	b.blob("from", large(1))
	_, err := b.Mount(b.ctx(), mount("r", large(1), "elsewhere"))
	b.wantFault(err, fault.BlobNotFound)
	_, err = b.Mount(b.ctx(), mount("r", "unknown", "from"))
	b.wantFault(err, fault.BlobNotFound)
	refused := mount("r", large(1), "from")
	refused.Readable = func(string) bool { return false }
	_, err = b.Mount(b.ctx(), refused)
	b.wantFault(err, fault.BlobNotFound)
	if b.hasBlob("r", large(1)) {
		t.Fatal("a refused mount shows the blob")
	}
	got, err := b.Mount(b.ctx(), mount("r", large(1), "from"))
	b.must(err)
	if got.Size != int64(len(large(1))) || !b.hasBlob("r", large(1)) {
		t.Errorf("%+v", got)
	}
	b.must(b.deleteBlob("from", large(1)))
	if !b.hasBlob("r", large(1)) {
		t.Error("it went with its source")
	}
}

func TestAMountWithoutSourceLooksWhereTheCallerMayRead(t *testing.T) {
	b := newBench(t)
	b.blob("a", large(1))
	b.blob("b", large(1))
	var asked []string
	req := mount("r", large(1), "")
	req.Readable = func(repo string) bool {
		asked = append(asked, repo)
		return repo == "b"
	}
	_, err := b.Mount(b.ctx(), req)
	b.must(err)
	if strings.Join(asked, " ") != "a b" || !b.hasBlob("r", large(1)) {
		t.Errorf("asked for %v", asked)
	}
	req = mount("r2", large(1), "")
	req.Readable = func(string) bool { return false }
	_, err = b.Mount(b.ctx(), req)
	b.wantFault(err, fault.BlobNotFound)
}

func TestTheBytesOfAnObjectAreMounted(t *testing.T) {
	for _, data := range []string{"hello\n", large(1)} {
		b := newBench(t)
		b.bucket("bucket")
		remove := b.object("bucket", "v", data)
		_, err := b.Mount(b.ctx(), mount("r", data, "bucket"))
		b.must(err)
		remove()
		if !b.hasBlob("r", data) || b.hasBlob("bucket", data) {
			t.Errorf("%.10q", data)
		}
	}
}

func TestWhatIsThereAlreadyIsMountedFromAnywhere(t *testing.T) {
	b := newBench(t)
	b.blob("r", "a layer")
	b.now = b.now.Add(b.content.Lease() - time.Minute)
	_, err := b.Mount(b.ctx(), mount("r", "a layer", "nowhere"))
	b.must(err)
	_, err = b.Mount(b.ctx(), mount("r", emptyJSON, "nowhere"))
	b.must(err)
	b.now = b.now.Add(b.content.Lease() / 2)
	_, err = b.content.Collect(b.ctx(), true)
	b.must(err)
	if !b.hasBlob("r", "a layer") {
		t.Error("a mount does not renew the lease")
	}
	if _, err := b.Blob(b.ctx(), repository.BlobRequest{Repository: "r", Digest: artifact.EmptyDigest, Keep: true}); err != nil {
		t.Error(err)
	}
}
