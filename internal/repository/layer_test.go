package repository_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// titled is the text of an image manifest whose layers have these titles and bytes, in turn.
func titled(titlesAndBytes ...string) []byte {
	type layer struct {
		descriptor
		Annotations map[string]string `json:"annotations"`
	}
	layers := []layer{}
	for i := 0; i < len(titlesAndBytes); i += 2 {
		title := map[string]string{"org.opencontainers.image.title": titlesAndBytes[i], "other": "x"}
		layers = append(layers, layer{describe(layerType, titlesAndBytes[i+1]), title})
	}
	text, err := json.Marshal(map[string]any{"schemaVersion": 2, "config": describe(emptyType, emptyJSON), "layers": layers})
	if err != nil {
		panic(err)
	}
	return text
}

// find is the digest of the layer with a title, or the error.
func (b *bench) find(ref repository.Reference, title string) (digest.Digest, error) {
	found, err := b.FindLayer(b.ctx(), repository.LayerRequest{Repository: "r", Reference: ref, Title: title})
	return found.Digest, err
}

func (b *bench) wantFound(ref repository.Reference, title, data string) {
	b.t.Helper()
	if d, err := b.find(ref, title); err != nil || d != digest.Of([]byte(data)) {
		b.t.Errorf("%s in %s: %s, %v", title, ref, d, err)
	}
}

func titledBench(t *testing.T) *bench {
	b := newBench(t)
	for _, data := range []string{"1", "2", emptyJSON} {
		b.blob("r", data)
	}
	return b
}

func TestALayerIsFoundByItsTitle(t *testing.T) {
	b := titledBench(t)
	b.push("r", titled("a", "1", "dir/b", "2", "same", "1", "same", "1", "twice", "1", "twice", "2"), "v")
	b.wantFound(tag("v"), "a", "1")
	b.wantFound(tag("v"), "dir/b", "2")
	b.wantFound(tag("v"), "same", "1")
	_, err := b.find(tag("v"), "twice")
	b.wantFault(err, fault.LayerAmbiguous)
	for _, title := range []string{"b", "A", "", "dir", "x"} {
		_, err := b.find(tag("v"), title)
		b.wantFault(err, fault.BlobNotFound)
	}
	_, err = b.find(tag("w"), "a")
	b.wantFault(err, fault.ManifestNotFound)
}

func TestALayerIsFoundThroughAnIndex(t *testing.T) {
	b := titledBench(t)
	b.rules.Sparse = rule(t, "r", "x").Repositories
	b.content, b.Service = b.over(b.meta, b.extents)
	one, two := titled("tool", "1", "notes", "1"), titled("tool", "2", "notes", "1", "two", "2")
	first := b.push("r", one)
	b.push("r", two)
	b.push("r", index([]byte("not here"), one, two, []byte("1"), one), "all") // "1" is a blob
	b.push("r", index(index([]byte("not here"), one, two, []byte("1"), one)), "deep")
	for _, name := range []string{"all", "deep"} {
		b.wantFound(tag(name), "notes", "1")
		b.wantFound(tag(name), "two", "2")
		_, err := b.find(tag(name), "tool")
		b.wantFault(err, fault.LayerAmbiguous)
		if text := fault.Of(err).Text(); !strings.Contains(text, first.String()) {
			t.Errorf("the error says %q", text)
		}
	}
	b.wantFound(at(first), "tool", "1")
}

func TestTheBytesOfAnObjectAreALayer(t *testing.T) {
	b := titledBench(t)
	b.bucket("r")
	b.object("r", "v", "hello\n")
	b.wantFound(at(artifact.Digest(digest.Of([]byte("hello\n")), 6)), "content", "hello\n")
}

// TestTheSearchForALayerEnds looks into indexes that nest too deep and that name too many manifests.
func TestTheSearchForALayerEnds(t *testing.T) {
	b := titledBench(t)
	text := titled("a", "1")
	b.push("r", text)
	for nesting := 1; nesting <= 6; nesting++ {
		text = index(text)
		d := b.push("r", text)
		if nesting <= 4 {
			b.wantFound(at(d), "a", "1")
			continue
		}
		_, err := b.find(at(d), "a")
		b.wantFault(err, fault.LayerAmbiguous)
	}
	text = titled("a", "1")
	for range 3 { // a million ways to one manifest
		var copies [][]byte
		for range 100 {
			copies = append(copies, text)
		}
		text = index(copies...)
		b.wantFound(at(b.push("r", text)), "a", "1")
	}
	var many [][]byte
	for i := range 200 {
		many = append(many, titled(fmt.Sprint("t", i), "1"))
		b.push("r", many[i])
	}
	b.wantFound(at(b.push("r", index(many[:199]...))), "t7", "1")
	_, err := b.find(at(b.push("r", index(many...))), "t7")
	b.wantFault(err, fault.LayerAmbiguous)
}
