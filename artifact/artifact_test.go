package artifact_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
)

// contents makes the bytes that the vectors describe.
func contents(name string) []byte {
	switch name {
	case "empty":
		return nil
	case "hello":
		return []byte("hello\n")
	default:
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = byte(i)
		}
		return b
	}
}

func TestGoldenVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/artifacts.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name         string        `json:"name"`
		Size         int64         `json:"size"`
		Content      digest.Digest `json:"content_digest"`
		ManifestSize int           `json:"manifest_size"`
		Artifact     digest.Digest `json:"artifact_digest"`
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			d, size, err := digest.Compute(bytes.NewReader(contents(v.Name)))
			if err != nil || d != v.Content || size != v.Size {
				t.Fatalf("content is %s of %d bytes, want %s of %d (%v)", d, size, v.Content, v.Size, err)
			}
			m := artifact.Manifest(d, size)
			if len(m) != v.ManifestSize || digest.Of(m) != v.Artifact || artifact.Digest(d, size) != v.Artifact {
				t.Fatalf("manifest %s of %d bytes, want %s of %d", digest.Of(m), len(m), v.Artifact, v.ManifestSize)
			}
			if !json.Valid(m) {
				t.Fatal("the manifest is no JSON")
			}
		})
	}
}

func TestTheEmptyConfigIsItsDigest(t *testing.T) {
	if digest.Of([]byte(artifact.EmptyContent)) != artifact.EmptyDigest {
		t.Fatal("the empty config has another digest")
	}
}

func ExampleDigest() {
	fmt.Println(artifact.Digest(digest.Of([]byte("hello\n")), 6))
	// Output: sha256:4feb923c86debbd610d705fec215b153f0686467ba15166433760eddd10389da
}
