package crash

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"

	"github.com/zot-artifact-store/zas/digest"
)

// images pushes to a repository of its own in every way that OCI has.
type images struct {
	random   *rand.Rand
	repo     string
	others   []string // to mount from
	possible []content
	session  *session // a chunked upload under way; nil: none
}

func newImages(repo string, others []string, seed uint64) *images {
	empty := content{tags: map[string]digest.Digest{}, manifests: map[digest.Digest]image{}}
	return &images{random: rand.New(rand.NewPCG(seed, 3)), repo: repo, others: others, possible: []content{empty}}
}

func (o *images) known() content { return o.possible[0] }

// change does a request after which the repository holds next.
func (o *images) change(next content, doing string, send func() error) error {
	o.possible = append(o.possible, next)
	if err := send(); err != nil {
		return fmt.Errorf("%s in %s: %w", doing, o.repo, err)
	}
	o.possible = []content{next}
	return nil
}

func (o *images) step(c client) error {
	switch n := o.random.IntN(100); {
	case n < 45:
		return o.push(c, "")
	case n < 60:
		return o.pushReferrer(c)
	case n < 70:
		return o.deleteTag(c)
	case n < 80:
		return o.deleteManifest(c)
	default:
		return o.stepSession(c)
	}
}

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	layerType    = "application/octet-stream"
)

type descriptor struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int           `json:"size"`
}

func describePiece(p piece) descriptor { return descriptor{layerType, digest.Of(p.bytes()), p.size} }

// render makes a manifest of a config and layers.
func render(blobs []piece, subject digest.Digest, size int) image {
	m := struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		ArtifactType  string       `json:"artifactType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
		Subject       *descriptor  `json:"subject,omitempty"`
	}{SchemaVersion: 2, MediaType: manifestType, ArtifactType: "application/vnd.crash", Config: describePiece(blobs[0])}
	for _, p := range blobs[1:] {
		m.Layers = append(m.Layers, describePiece(p))
	}
	if subject != "" {
		m.Subject = &descriptor{manifestType, subject, size}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err) // a struct of strings and numbers can be marshalled
	}
	return image{raw, blobs, subject}
}

// push pushes blobs and then a manifest of them under a tag, or about subject without one.
func (o *images) push(c client, subject digest.Digest) error {
	blobs := []piece{{byte(o.random.IntN(seeds)), 100}, randomPiece(o.random)}
	if o.random.IntN(2) == 0 {
		blobs = append(blobs, randomPiece(o.random))
	}
	for _, p := range blobs {
		if err := o.pushBlob(c, p); err != nil {
			return err
		}
	}
	m := render(blobs, subject, len(o.known().manifests[subject].raw))
	d := digest.Of(m.raw)
	tag, ref := fmt.Sprintf("t%d", o.random.IntN(4)), d.String()
	if subject != "" {
		tag = ""
	} else {
		ref = tag
	}
	return o.change(o.known().tag(tag, d, m), "pushing a manifest", func() error {
		a, err := c.oci(http.MethodPut, "/v2/"+o.repo+"/manifests/"+ref, http.Header{"Content-Type": {manifestType}}, m.raw)
		return want(ref, a, err, 201)
	})
}

// pick is a manifest of the repository; empty: there is none.
func (o *images) pick() digest.Digest {
	all := slices.Sorted(maps.Keys(o.known().manifests))
	if len(all) == 0 {
		return ""
	}
	return all[o.random.IntN(len(all))]
}

func (o *images) pushReferrer(c client) error {
	subject := o.pick()
	if subject == "" {
		return nil
	}
	return o.push(c, subject)
}

func (o *images) deleteTag(c client) error {
	tags := slices.Sorted(maps.Keys(o.known().tags))
	if len(tags) == 0 {
		return nil
	}
	tag := tags[o.random.IntN(len(tags))]
	return o.change(o.known().untag(tag), "deleting a tag", func() error {
		a, err := c.oci(http.MethodDelete, "/v2/"+o.repo+"/manifests/"+tag, nil, nil)
		return want(tag, a, err, 202)
	})
}

// deleteManifest also bounds how many there are.
func (o *images) deleteManifest(c client) error {
	for range max(1, len(o.known().manifests)-6) {
		d := o.pick()
		if d == "" {
			return nil
		}
		err := o.change(o.known().remove(d), "deleting a manifest", func() error {
			a, err := c.oci(http.MethodDelete, "/v2/"+o.repo+"/manifests/"+d.String(), nil, nil)
			return want(d.String(), a, err, 202)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pushBlob makes sure that the repository has a blob, in one of the ways that clients use.
func (o *images) pushBlob(c client, p piece) error {
	content := p.bytes()
	d := digest.Of(content)
	uploads := "/v2/" + o.repo + "/blobs/uploads/"
	switch o.random.IntN(4) {
	case 0: // ask, and skip what is there
		a, err := c.oci(http.MethodHead, "/v2/"+o.repo+"/blobs/"+d.String(), nil, nil)
		if err != nil || a.Status == http.StatusOK {
			return err
		}
	case 1: // mount, or take the session that comes instead
		from := o.others[o.random.IntN(len(o.others))]
		a, err := c.oci(http.MethodPost, uploads+"?mount="+d.String()+"&from="+from, nil, nil)
		if err := want("mounting "+d.String(), a, err, 201, 202); err != nil || a.Status == http.StatusCreated {
			return err
		}
		return finish(c, a.Header.Get("Location"), d, content)
	case 2: // in one request
		a, err := c.oci(http.MethodPost, uploads+"?digest="+d.String(), nil, content)
		return want("pushing "+d.String(), a, err, 201)
	}
	a, err := c.oci(http.MethodPost, uploads, nil, nil)
	if err := want("opening a session", a, err, 202); err != nil {
		return err
	}
	return finish(c, a.Header.Get("Location"), d, content)
}

func finish(c client, location string, d digest.Digest, content []byte) error {
	a, err := c.oci(http.MethodPut, location+"?digest="+d.String(), nil, content)
	return want("finishing "+d.String(), a, err, 201)
}
