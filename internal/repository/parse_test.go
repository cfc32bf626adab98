package repository_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
)

const (
	someDigest  = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
	otherDigest = "sha256:4feb923c86debbd610d705fec215b153f0686467ba15166433760eddd10389da"
	dockerType  = "application/vnd.docker.distribution.manifest.v2+json"
	listType    = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// short writes manifests with the place-holders D1 and D2 for digests, and CONFIG for a config.
func short(text string) string {
	config := `"config":{"mediaType":"x/y","digest":"D1","size":6}`
	return strings.NewReplacer("CONFIG", config, "D1", someDigest, "D2", otherDigest).Replace(strings.ReplaceAll(text, "CONFIG", config))
}

// accepted are manifests that clients really push, by what is special about them.
var accepted = map[string][3]string{ // Content-Type, text, media type
	"an image":                        {ociType, `{"schemaVersion":2,"mediaType":"` + ociType + `",CONFIG,"layers":[{"digest":"D2","size":1}]}`, ociType},
	"without a Content-Type":          {"", `{"schemaVersion":2,"mediaType":"` + dockerType + `",CONFIG,"layers":[]}`, dockerType},
	"without any type":                {"", `{"schemaVersion":2,CONFIG,"layers":[]}`, ociType},
	"an index without any type":       {"", `{"schemaVersion":2,"manifests":[{"digest":"D2","size":1}]}`, indexType},
	"a type with parameters":          {ociType + "; charset=utf-8", `{"schemaVersion":2,CONFIG,"layers":[]}`, ociType},
	"a type in capitals":              {strings.ToUpper(ociType), `{"schemaVersion":2,CONFIG,"layers":[]}`, ociType},
	"a Docker list":                   {listType, `{"schemaVersion":2,"manifests":[{"digest":"D2","size":1,"platform":{"os":"linux","os.features":["a"]}}]}`, listType},
	"an empty index":                  {indexType, `{"schemaVersion":2,"manifests":[]}`, indexType},
	"null where Go writes it":         {indexType, `{"schemaVersion":2,"manifests":null,"annotations":null,"subject":null}`, indexType},
	"layers of null":                  {ociType, `{"schemaVersion":2,CONFIG,"layers":null}`, ociType},
	"no layers":                       {ociType, `{"schemaVersion":2,CONFIG}`, ociType},
	"unknown fields":                  {ociType, `{"schemaVersion":2,CONFIG,"org.example":{"a":[1,{"b":null}],"A":1e3}}`, ociType},
	"white space around":              {ociType, " \n{\"schemaVersion\":2 ,\tCONFIG}\r\n ", ociType},
	"the same digest twice":           {ociType, `{"schemaVersion":2,CONFIG,"layers":[{"digest":"D1","size":6},{"digest":"D1","size":6}]}`, ociType},
	"annotations that differ by case": {ociType, `{"schemaVersion":2,CONFIG,"annotations":{"a":"1","A":"2"}}`, ociType},
	"data in descriptors":             {ociType, `{"schemaVersion":2,"config":{"digest":"D1","size":2,"data":"e30="}}`, ociType},
	"a subject":                       {ociType, `{"schemaVersion":2,CONFIG,"subject":{"digest":"D2","size":1}}`, ociType},
	"a subject of an index":           {indexType, `{"schemaVersion":2,"manifests":[],"artifactType":"a/b","subject":{"digest":"D2","size":1}}`, indexType},
	"an escaped key":                  {ociType, `{"schema\u0056ersion":2,CONFIG}`, ociType},
}

// refused are texts that no registry should keep, by what is wrong.
var refused = map[string][2]string{ // Content-Type, text
	"nothing":                          {ociType, ``},
	"no object":                        {ociType, `[]`},
	"null":                             {ociType, `null`},
	"an unfinished object":             {ociType, `{"schemaVersion":2,CONFIG`},
	"something behind":                 {ociType, `{"schemaVersion":2,CONFIG}{}`},
	"not UTF-8":                        {ociType, "{\"schemaVersion\":2,CONFIG,\"a\":\"\xff\"}"},
	"a byte order mark":                {ociType, "\ufeff{\"schemaVersion\":2,CONFIG}"},
	"schema 1":                         {"application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1,"fsLayers":[]}`},
	"schemaVersion 1":                  {ociType, `{"schemaVersion":1,CONFIG}`},
	"no schemaVersion":                 {ociType, `{CONFIG}`},
	"a type that nobody knows":         {"application/vnd.example+json", `{"schemaVersion":2,CONFIG}`},
	"a malformed type":                 {"a b/;", `{"schemaVersion":2,CONFIG}`},
	"types that differ":                {ociType, `{"schemaVersion":2,"mediaType":"` + dockerType + `",CONFIG}`},
	"an image as an index":             {indexType, `{"schemaVersion":2,CONFIG,"layers":[]}`},
	"an index as an image":             {ociType, `{"schemaVersion":2,"manifests":[]}`},
	"an image that is an index too":    {ociType, `{"schemaVersion":2,CONFIG,"manifests":[]}`},
	"an index that has layers too":     {indexType, `{"schemaVersion":2,"manifests":[],"layers":[]}`},
	"no config":                        {ociType, `{"schemaVersion":2,"layers":[]}`},
	"a config of null":                 {ociType, `{"schemaVersion":2,"config":null}`},
	"layers twice":                     {ociType, `{"schemaVersion":2,CONFIG,"layers":[],"layers":[{"digest":"D2","size":1}]}`},
	"layers twice, once escaped":       {ociType, `{"schemaVersion":2,CONFIG,"layers":[],"l\u0061yers":[]}`},
	"layers in another spelling":       {ociType, `{"schemaVersion":2,CONFIG,"Layers":[]}`},
	"a digest twice":                   {ociType, `{"schemaVersion":2,"config":{"digest":"D1","digest":"D2"}}`},
	"a digest with a long s":           {ociType, `{"schemaVersion":2,"config":{"digeſt":"D1","digest":"D2"}}`},
	"a digest in another spelling":     {ociType, `{"schemaVersion":2,"config":{"Digest":"D1","digest":"D2"}}`},
	"an annotation twice":              {ociType, `{"schemaVersion":2,CONFIG,"annotations":{"a":"1","a":"2"}}`},
	"a key twice in an unknown field":  {ociType, `{"schemaVersion":2,CONFIG,"x":[{"a":{"b":1,"b":2}}]}`},
	"an annotation that is no string":  {ociType, `{"schemaVersion":2,CONFIG,"annotations":{"a":1}}`},
	"a digest without algorithm":       {ociType, `{"schemaVersion":2,"config":{"digest":"5891"}}`},
	"a digest of an unknown algorithm": {ociType, `{"schemaVersion":2,"config":{"digest":"md5:b1946ac92492d2347c6235b4d2611184"}}`},
	"a digest in capitals":             {ociType, `{"schemaVersion":2,"config":{"digest":"` + strings.ToUpper(someDigest) + `"}}`},
	"a descriptor without digest":      {ociType, `{"schemaVersion":2,"config":{"size":1}}`},
	"a layer of null":                  {ociType, `{"schemaVersion":2,CONFIG,"layers":[null]}`},
	"a negative size":                  {ociType, `{"schemaVersion":2,"config":{"digest":"D1","size":-1}}`},
	"a size that is no whole number":   {ociType, `{"schemaVersion":2,"config":{"digest":"D1","size":1.5}}`},
	"a size beyond 64 bits":            {ociType, `{"schemaVersion":2,"config":{"digest":"D1","size":9223372036854775808}}`},
	"layers that are no list":          {ociType, `{"schemaVersion":2,CONFIG,"layers":{}}`},
	"a media type that is no string":   {ociType, `{"schemaVersion":2,CONFIG,"mediaType":1}`},
	"nested very deeply":               {ociType, `{"schemaVersion":2,CONFIG,"x":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`},
}

func TestManifestsThatClientsPushAreAccepted(t *testing.T) {
	for what, m := range accepted {
		mediaType, _, err := repository.ParseManifest(m[0], []byte(short(m[1])))
		if err != nil || mediaType != m[2] {
			t.Errorf("%s: %s, %v", what, mediaType, err)
		}
	}
}

func TestManifestsThatCouldBeReadInTwoWaysAreRefused(t *testing.T) {
	for what, m := range refused {
		_, _, err := repository.ParseManifest(m[0], []byte(short(m[1])))
		if repositoryFault(err) != fault.ManifestInvalid {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && len(fault.Of(err).Text()) > 500 {
			t.Errorf("%s: an answer of %d bytes", what, len(err.Error()))
		}
	}
}

// FuzzManifest checks that what is accepted means the same to a program that uses encoding/json with all its freedoms.
func FuzzManifest(f *testing.F) {
	for _, m := range accepted {
		f.Add(m[0], []byte(short(m[1])))
	}
	for _, m := range refused {
		f.Add(m[0], []byte(short(m[1])))
	}
	f.Fuzz(func(t *testing.T, contentType string, text []byte) {
		_, names, err := repository.ParseManifest(contentType, text)
		if err != nil {
			if repositoryFault(err) != fault.ManifestInvalid {
				t.Fatal(err)
			}
			return
		}
		var theirs []string
		type descriptor struct{ Digest string }
		var doc struct {
			Config            *descriptor
			Layers, Manifests []descriptor
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		if doc.Config != nil {
			theirs = append(theirs, doc.Config.Digest)
		}
		for _, d := range append(doc.Layers, doc.Manifests...) {
			theirs = append(theirs, d.Digest)
		}
		if fmt.Sprint(names) != fmt.Sprint(theirs) {
			t.Fatalf("read as naming %v, others read %v", names, theirs)
		}
	})
}

func TestRealManifestsAreAccepted(t *testing.T) {
	files, err := filepath.Glob("testdata/manifests/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, names, err := repository.ParseManifest("", text); err != nil || len(names) == 0 {
			t.Errorf("%s: %v, %d names", name, err, len(names))
		}
	}
}
