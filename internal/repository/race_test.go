package repository_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/zot-artifact-store/zas/fault"
)

// TestAManifestNeverLosesABlobToARace pushes manifests while others delete the blobs, delete the manifests, and let leases end: a manifest that
// is there has all its blobs, and a blob that was deleted after the last push is gone.
func TestAManifestNeverLosesABlobToARace(t *testing.T) {
	for name, make := range map[string]func(testing.TB) *bench{"pebble": newBench, "locks alone": newLockOnlyBench} {
		t.Run(name, func(t *testing.T) {
			for round := range 20 {
				raceForABlob(t, make(t), fmt.Sprint("layer ", round))
			}
		})
	}
}

func raceForABlob(t *testing.T, b *bench, layer string) {
	b.blob("r", layer)
	b.blob("r", emptyJSON)
	text := image{layers: []string{layer}}.text()
	var pushErr, deleteErr error
	var group sync.WaitGroup
	group.Go(func() { _, pushErr = b.PushManifest(b.ctx(), pushManifest("r", text, "v")) })
	group.Go(func() { deleteErr = b.deleteBlob("r", layer) })
	group.Go(func() { _, _ = b.Mount(b.ctx(), mount("other", layer, "r")) })
	group.Wait()
	switch {
	case pushErr == nil && fault.Of(deleteErr).Code == fault.MethodNotAllowed:
		if !b.hasBlob("r", layer) {
			t.Fatal("the manifest has lost its blob")
		}
	case deleteErr == nil && fault.Of(pushErr).Code == fault.ManifestBlobUnknown:
		if b.hasBlob("r", layer) || b.tags("r") != "" {
			t.Fatal("the blob is deleted, and still there")
		}
	default:
		t.Fatalf("no order explains that the push ended with %v, the deletion with %v", pushErr, deleteErr)
	}
	b.wantSound()
}

// TestARaceToCloseABucketEndsInOneOfTwoStates closes a bucket while evidence and tags are pushed to it.
func TestARaceToCloseABucketEndsInOneOfTwoStates(t *testing.T) {
	for name, make := range map[string]func(testing.TB) *bench{"pebble": newBench, "locks alone": newLockOnlyBench} {
		t.Run(name, func(t *testing.T) {
			for round := range 20 {
				b := make(t)
				b.bucket("bucket")
				b.blob("bucket", emptyJSON)
				var tagged, closed error
				var group sync.WaitGroup
				group.Go(func() { _, tagged = b.PushManifest(b.ctx(), pushManifest("bucket", image{}.text(), "v")) })
				group.Go(func() {
					_, _ = b.PushManifest(b.ctx(), pushManifest("bucket", image{subject: layeredAt, artifactType: fmt.Sprint(round)}.text()))
				})
				group.Go(func() { closed = b.close("bucket") })
				group.Wait()
				row, found := b.name("bucket")
				switch {
				case closed != nil && (fault.Of(closed).Code != fault.BucketNotEmpty || !row.Bucket || tagged != nil):
					t.Fatalf("%+v, %v: closed %v, tagged %v", row, found, closed, tagged)
				case closed == nil && found && row.Bucket:
					t.Fatal("the bucket is still there")
				case closed == nil && found && !row.Closing() && tagged == nil && b.tags("bucket") != "v":
					t.Fatalf("a push was acknowledged after the bucket went, and its tag is not there: %s", b.tags("bucket"))
				}
				b.must(b.Sweep(b.ctx(), "bucket"))
				b.wantSound()
			}
		})
	}
}
