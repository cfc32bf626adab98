package archtest

import (
	"slices"
	"strings"
	"testing"
)

// layer is packages of one kind. They may import the packages of the layers that may names, and of their own layer only what
// siblings lists.
type layer struct {
	name     string
	packages []string
	may      []string
}

// layers is the whole tree: a package that is not here fails the test.
func layers() []layer {
	return []layer{
		{"words", []string{"artifact", "digest", "fault", "headertext", "module", "pattern", "strictjson"}, nil},
		{"ports", []string{"extent", "meta", "auth", "event"}, []string{"words"}},
		{"adapters", []string{"extent/fileextent", "meta/pebblemeta", "meta/pgmeta", "auth/sigv4", "auth/policy", "auth/token"}, []string{"words", "ports"}},
		{"client", []string{"client"}, []string{"words"}},
		{"contracts", []string{"extent/extenttest", "meta/metatest", "meta/pgmeta/pgtest"}, []string{"words", "ports"}},
		{"domain", []string{"internal/jobs", "internal/content", "internal/repository", "internal/object", "internal/usage"},
			[]string{"words", "ports"}},
		{"protocols", []string{"internal/s3", "internal/oci"}, []string{"words", "ports", "domain"}},
		{"assembly", []string{"internal/config", "internal/telemetry", "internal/server", "internal/demo", "internal/reference", "internal/cli", "standard", "cmd/zas"},
			[]string{"words", "ports", "adapters", "client", "domain", "protocols"}},
		{"models", []string{"internal/content/collectionmodel"}, []string{"words", "ports"}},
		{"tests", []string{"internal/archtest", "internal/e2e", "internal/e2e/instance", "internal/e2e/wire", "internal/e2e/crash", "bench"},
			[]string{"words", "ports", "adapters", "client", "contracts", "domain", "protocols", "assembly"}},
	}
}

// siblings are the imports within a layer, and the few across that the layers do not allow.
func siblings() map[string][]string {
	return map[string][]string{
		"artifact":            {"digest"},
		"client":              {"auth/sigv4"},
		"event":               {"meta"},                                                     // the outbox is rows
		"internal/repository": {"internal/content", "internal/jobs"},                        // manifests are content
		"internal/object":     {"internal/content", "internal/repository", "internal/jobs"}, // a bucket is a repository with keys
		"internal/usage":      {"internal/jobs"},                                            // it is folded at an interval
		"internal/s3":         {"auth/sigv4", "auth/policy"},                                // signature and policies are parts of the protocol
		"internal/oci":        {"auth/token"},                                               // so are tokens
		"internal/server":     {"internal/config", "internal/telemetry"},
		"internal/reference":  {"internal/config"},
		"internal/cli":        {"internal/config", "internal/telemetry", "internal/server", "internal/demo"},
		"standard":            {"internal/server"},
		"cmd/zas":             {"internal/cli", "standard"},
		"internal/e2e":        {"internal/e2e/instance", "internal/e2e/wire"},
		"internal/e2e/crash":  {"internal/e2e/instance", "internal/e2e/wire"},
		"internal/e2e/wire":   {"internal/e2e/instance"},
		"bench":               {"internal/e2e/instance", "internal/e2e/wire"},
	}
}

// users are the packages that may import a dependency that must stay where it is. Other dependencies are free above the words.
func users() map[string][]string {
	return map[string][]string{
		"github.com/cockroachdb/pebble/v2":     {"meta/pebblemeta"},
		"github.com/jackc/pgx/v5":              {"meta/pgmeta", "meta/pgmeta/pgtest"},
		"github.com/prometheus/client_golang":  {"internal/telemetry"},
		"github.com/spf13/cobra":               {"internal/cli"},
		"github.com/goccy/go-yaml":             {"internal/config"},
		"github.com/opencontainers/image-spec": {"internal/repository", "internal/oci"},
		"github.com/opencontainers/go-digest":  {"internal/repository", "internal/oci"},
		"github.com/cespare/xxhash/v2":         {"internal/content"},
		"github.com/zeebo/xxh3":                {"internal/content"},
		"github.com/minio/crc64nvme":           {"internal/content", "internal/object"},
		"github.com/anishathalye/porcupine":    {"internal/object"},
	}
}

// light are the client and what it is made of beside the words: who uses it gets no dependency with it.
func light() []string { return []string{"client", "auth", "auth/sigv4"} }

func layerOf(path string) (layer, bool) {
	for _, l := range layers() {
		if slices.Contains(l.packages, path) {
			return l, true
		}
	}
	return layer{}, false
}

func TestEveryPackageIsInALayer(t *testing.T) {
	tree := load(t)
	for _, p := range tree.packages {
		if _, ok := layerOf(p.path); !ok {
			t.Errorf("package %s is in no layer: add it to layers", p.path)
		}
	}
	for _, l := range layers() {
		for _, path := range l.packages {
			if tree.find(path) == nil && !slices.Contains(planned(), path) {
				t.Errorf("layer %s lists %s, which does not exist", l.name, path)
			}
		}
	}
}

// planned are packages that layers lists and that may be missing.
func planned() []string { return []string{"bench", "internal/e2e/crash"} }

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range load(t).packages {
		own, ok := layerOf(p.path)
		if !ok {
			continue
		}
		for _, path := range p.imports() {
			inside, ours := strings.CutPrefix(path, module+"/")
			if !ours {
				continue
			}
			other, _ := layerOf(inside)
			if !slices.Contains(own.may, other.name) && !slices.Contains(siblings()[p.path], inside) {
				t.Errorf("%s (%s) imports %s (%s)", p.path, own.name, inside, other.name)
			}
		}
	}
}

func TestSiblingsAreUsed(t *testing.T) {
	tree := load(t)
	for path, list := range siblings() {
		p := tree.find(path)
		for _, sibling := range list {
			if p != nil && tree.find(sibling) != nil && !slices.Contains(append(p.imports(), p.testImports()...), module+"/"+sibling) {
				t.Errorf("%s no longer imports %s: remove it from siblings", path, sibling)
			}
		}
	}
}

func TestDependenciesStayWhereTheyBelong(t *testing.T) {
	tree := load(t)
	for _, p := range tree.packages {
		own, _ := layerOf(p.path)
		for _, path := range p.imports() {
			dependency := tree.dependency(path)
			if dependency == "" {
				continue
			}
			if own.name == "words" || slices.Contains(light(), p.path) {
				t.Errorf("%s imports %s: words and the client use the standard library only", p.path, path)
			}
			if may, kept := users()[dependency]; kept && !slices.Contains(may, p.path) {
				t.Errorf("%s imports %s, which belongs to %v", p.path, path, may)
			}
		}
	}
}
