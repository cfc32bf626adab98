package repository_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
)

// Attack 24: indexes of indexes, which nothing may walk down by recursion.
func TestIndexesWithinIndexes(t *testing.T) {
	b := newBench(t)
	const deep = 300
	text := image{}.text()
	all := []digest.Digest{b.image("a", image{})}
	for range deep {
		text = index(text)
		all = append(all, b.push("a", text))
	}
	top := b.push("a", text, "top")
	t.Run("the top is there and what it names is", func(t *testing.T) {
		if m, err := b.get("a", tag("top")); err != nil || m.Digest != top {
			t.Error(m.Digest, err)
		}
		b.wantSound()
	})
	t.Run("an index that names itself is not possible: it names nothing", func(t *testing.T) {
		self := `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:` + strings.Repeat("0", 64) + `","size":1}]}`
		_, err := b.PushManifest(b.ctx(), pushManifest("a", []byte(self)))
		if !errors.Is(err, fault.ManifestBlobUnknown) {
			t.Error(err)
		}
	})
	t.Run("all of it goes, from the top down", func(t *testing.T) {
		for _, d := range slices.Backward(all) {
			b.must(b.delete("a", at(d)))
		}
		if report := b.settle(); report.Contents != 0 {
			t.Errorf("%d contents are left", report.Contents)
		}
	})
}
