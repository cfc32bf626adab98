package repository

import (
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
)

// MaxManifest is the largest manifest in bytes (OCI distribution specification 1.1, "Pushing Manifests": at least 4 megabytes).
const MaxManifest = 4 << 20

// The media types of manifests that are taken: what other types refer to cannot be known, so it could not be kept.
const (
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	ociIndex       = "application/vnd.oci.image.index.v1+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// parsed is what a repository must know of a manifest's text.
type parsed struct {
	mediaType    string
	artifactType string // with the fallback to the config's media type
	subject      digest.Digest
	annotations  map[string]string
	names        []named
	layers       []descriptor
	manifests    []descriptor
}

// maxNames is how many blobs and manifests one manifest names at most: each is looked up and held on to in one transaction.
const maxNames = 10_000

// named is a blob or manifest that a manifest names.
type named struct {
	digest  digest.Digest
	child   bool // by an index: a manifest, though some clients put blobs there
	foreign bool // may be absent: it is fetched from elsewhere
}

// invalid is fault.ManifestInvalid with a reason.
func invalid(format string, args ...any) error { return fault.ManifestInvalid.Detail(format, args...) }

// parseManifest reads a manifest pushed with the Content-Type contentType, which may be empty (OCI image specification 1.1, "Image Manifest" and "Image
// Index"; Docker image manifest V2, schema 2). It is strict where leniency would let two programs read two different documents from one
// digest: keys are compared exactly, a key stands once in its object, and the text is either a manifest or an index.
// Errors: fault.ManifestInvalid.
func parseManifest(contentType string, body []byte) (parsed, error) {
	if !utf8.Valid(body) {
		return parsed{}, invalid("the manifest is not UTF-8")
	}
	var doc document
	if err := doc.read(newStrict(body)); err != nil {
		return parsed{}, invalid("the manifest is not valid: %.300s", err) // it may tell what was sent
	}
	mediaType, err := mediaTypeOf(contentType, doc)
	if err != nil {
		return parsed{}, err
	}
	p := parsed{
		mediaType: mediaType, artifactType: doc.artifactType, annotations: doc.annotations, layers: doc.layers, manifests: doc.manifests,
	}
	if doc.subject != nil {
		p.subject = doc.subject.digest
	}
	if n := len(doc.layers) + len(doc.manifests); n > maxNames {
		return parsed{}, invalid("the manifest names %d layers or manifests, at most %d are accepted", n, maxNames)
	}
	return p, p.take(doc)
}

// mediaTypeOf is the type that the header and the text agree on.
func mediaTypeOf(contentType string, doc document) (string, error) {
	header := ""
	if contentType != "" {
		var err error
		if header, _, err = mime.ParseMediaType(contentType); err != nil {
			return "", invalid("the Content-Type is malformed")
		}
	}
	switch {
	case header == "" && doc.mediaType != "":
		header = doc.mediaType
	case header == "" && doc.has("manifests"):
		header = ociIndex
	case header == "":
		header = ociManifest
	case doc.mediaType != "" && doc.mediaType != header:
		return "", invalid("the Content-Type is %.100q, the manifest's mediaType is %.100q", header, doc.mediaType)
	}
	switch header {
	case ociManifest, ociIndex, dockerManifest, dockerList:
		return header, nil
	}
	return "", invalid("manifests of type %.100q are not accepted: only OCI image manifests and indexes, and Docker manifests and lists of schema 2", header)
}

// take checks that doc has the form of p's media type and collects what it names.
func (p *parsed) take(doc document) error {
	if doc.schemaVersion != 2 {
		return invalid("schemaVersion must be 2")
	}
	if p.mediaType == ociIndex || p.mediaType == dockerList {
		if !doc.has("manifests") || doc.has("config") || doc.has("layers") {
			return invalid("an index has manifests, and neither config nor layers")
		}
		for _, d := range doc.manifests {
			p.names = append(p.names, named{digest: d.digest, child: true})
		}
		return nil
	}
	if doc.config == nil || doc.has("manifests") {
		return invalid("an image manifest has a config, and no manifests")
	}
	if p.artifactType == "" {
		p.artifactType = doc.config.mediaType
	}
	p.names = append(p.names, named{digest: doc.config.digest})
	for _, d := range doc.layers {
		p.names = append(p.names, named{digest: d.digest, foreign: d.foreign()})
	}
	return nil
}

// document is the fields of a manifest or index that matter here.
type document struct {
	keys          map[string]struct{} // that it has
	schemaVersion int64
	mediaType     string
	artifactType  string
	config        *descriptor
	layers        []descriptor
	manifests     []descriptor
	subject       *descriptor
	annotations   map[string]string
}

func (d document) has(key string) bool {
	_, ok := d.keys[key]
	return ok
}

func (d *document) read(s *strict) error {
	keys, err := s.object(documentKeys, func(key string) (err error) {
		switch key {
		case "schemaVersion":
			d.schemaVersion, err = s.integer()
		case "mediaType":
			d.mediaType, err = s.text()
		case "artifactType":
			d.artifactType, err = s.text()
		case "config":
			d.config, err = readDescriptor(s)
		case "subject":
			d.subject, err = readDescriptor(s)
		case "layers":
			d.layers, err = readDescriptors(s)
		case "manifests":
			d.manifests, err = readDescriptors(s)
		case "annotations":
			d.annotations, err = readTexts(s)
		default:
			err = s.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	d.keys = keys
	return s.end()
}

// descriptor is a reference to a blob or manifest (OCI image specification 1.1, "OCI Content Descriptors").
type descriptor struct {
	mediaType string
	digest    digest.Digest
	size      int64
	urls      int    // how many
	title     string // its annotation of that name; empty: none
}

// titleKey is the annotation that is the name of a layer's bytes as a file (OCI image specification 1.1, "Pre-Defined Annotation Keys").
const titleKey = "org.opencontainers.image.title"

// foreign says that the bytes are to be fetched from elsewhere, so that they need not be here.
func (d descriptor) foreign() bool {
	return d.urls > 0 || strings.Contains(d.mediaType, ".nondistributable.") || strings.Contains(d.mediaType, ".foreign.")
}

// readDescriptor reads a descriptor; nil for null.
func readDescriptor(s *strict) (*descriptor, error) {
	var d descriptor
	keys, err := s.object(descriptorKeys, func(key string) (err error) {
		switch key {
		case "mediaType":
			d.mediaType, err = s.text()
		case "digest":
			var text string
			if text, err = s.text(); err == nil {
				d.digest, err = digest.Parse(text)
			}
		case "size":
			d.size, err = s.integer()
		case "urls":
			err = s.array(func() error {
				d.urls++
				_, err := s.text()
				return err
			})
		case "annotations":
			d.title, err = readTitle(s)
		default:
			err = s.skip()
		}
		return err
	})
	switch {
	case err != nil || keys == nil:
		return nil, err
	case d.digest == "":
		return nil, errNoDigest
	case d.size < 0:
		return nil, errNegativeSize
	}
	return &d, nil
}

// readTitle reads the one annotation of a descriptor that matters here.
func readTitle(s *strict) (title string, err error) {
	_, err = s.object(nil, func(key string) (err error) {
		if key != titleKey {
			return s.skip()
		}
		title, err = s.text()
		return err
	})
	return title, err
}

func readDescriptors(s *strict) (list []descriptor, err error) {
	err = s.array(func() error {
		d, err := readDescriptor(s)
		if err == nil && d == nil {
			err = errNoDigest
		}
		if err == nil {
			list = append(list, *d)
		}
		return err
	})
	return list, err
}

func readTexts(s *strict) (map[string]string, error) {
	texts := make(map[string]string)
	_, err := s.object(nil, func(key string) (err error) {
		texts[key], err = s.text()
		return err
	})
	return texts, err
}
