package repository

import (
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// The tables of repositories. Comments name the parts of the keys. Guards are per repository, for the emptiness that
// PlanClose proves, and per manifest where its tags are listed to be removed with it.
var (
	manifests = meta.NewTable[manifestRow](0x33, "manifests", 1)         // repository, digest
	links     = meta.NewTable[linkRow](0x34, "manifest links")           // repository, digest
	roots     = meta.NewTable[struct{}](0x35, "manifests that stand", 1) // repository, digest
	tags      = meta.NewTable[tagRow](0x36, "tags", 1)                   // repository, tag
	tagged    = meta.NewTable[struct{}](0x37, "tags of manifests", 2)    // repository, digest, tag
	history   = meta.NewTable[moveRow](0x38, "tag history", 1)           // repository, tag, version (U64)
	referrers = meta.NewTable[referrerRow](0x39, "referrers")            // repository, subject, artifact type, digest
	unempty   = meta.NewTable[struct{}](0x3A, "no empty blob")           // repository
	closing   = meta.NewTable[struct{}](0x3B, "closing repositories")    // repository
)

// manifestRow is one manifest. Its bytes are content that it holds an edge of its own to.
type manifestRow struct {
	Content      content.ID `cbor:"1,keyasint"`
	MediaType    string     `cbor:"2,keyasint"`
	Size         int64      `cbor:"3,keyasint"`           // bytes
	ArtifactType string     `cbor:"4,keyasint,omitempty"` // as referrers show it
	Subject      string     `cbor:"5,keyasint,omitempty"` // digest
	Pushed       int64      `cbor:"6,keyasint"`           // Unix nanoseconds
	By           string     `cbor:"7,keyasint,omitempty"` // principal id
}

// linkRow is the contents that a manifest holds edges to. It is read only to remove them and to check them.
type linkRow struct {
	Contents []content.ID `cbor:"1,keyasint"`
}

// tagRow is a tag as it stands. A manifest without a subject is a root: it alone, or any tag, keeps a bucket from being deleted.
type tagRow struct {
	Digest  string `cbor:"1,keyasint"`
	Version uint64 `cbor:"2,keyasint"`           // of the last move, counted per tag; goes on after a deletion
	Moved   int64  `cbor:"3,keyasint"`           // Unix nanoseconds, as the history has it
	Pushed  int64  `cbor:"4,keyasint"`           // Unix nanoseconds of the last push, be it of the same manifest
	By      string `cbor:"5,keyasint,omitempty"` // principal id
	// What the manifest is, for the history when it may be gone.
	MediaType string `cbor:"6,keyasint,omitempty"`
	Size      int64  `cbor:"7,keyasint,omitempty"` // bytes
}

// moveRow is one entry of a tag's history: the tag went to a manifest, or was taken from it.
type moveRow struct {
	Digest    string `cbor:"1,keyasint,omitempty"`
	Time      int64  `cbor:"2,keyasint"`           // Unix nanoseconds; later than that of the entry before, whatever clocks say
	By        string `cbor:"3,keyasint,omitempty"` // principal id
	MediaType string `cbor:"4,keyasint,omitempty"`
	Size      int64  `cbor:"5,keyasint,omitempty"` // bytes
	Deleted   bool   `cbor:"6,keyasint,omitempty"`
}

// referrerRow is a manifest as its subject's referrers list shows it.
type referrerRow struct {
	MediaType   string            `cbor:"1,keyasint"`
	Size        int64             `cbor:"2,keyasint"` // bytes
	Annotations map[string]string `cbor:"3,keyasint,omitempty"`
}
