package repository

import (
	"context"
	"errors"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/meta"
)

// Inline is what an inline version of an object tells its repository: where its bytes are. Such a version has no content row, so these rows
// are how its artifact and its blob are found by digest. Contents in extents are found through their edges instead.
type Inline struct {
	Content  string          `cbor:"1,keyasint"` // digest of the bytes
	Size     int64           `cbor:"2,keyasint"`
	Location extent.Location `cbor:"3,keyasint"`
}

// The rows (repository, digest, version) of inline versions: by content digest and by artifact digest.
var (
	inlineBlobs     = meta.NewTable[Inline](0x31, "inline blobs")
	inlineArtifacts = meta.NewTable[Inline](0x32, "inline artifacts")
)

// IndexInline is the step that makes an inline version findable in the repository of its bucket. version is unique in the repository.
func IndexInline(repo, version string, in Inline) meta.Step {
	blob, art := inlineKeys(repo, version, in)
	return meta.Step{Locks: meta.LockSet{}.Write(blob, art), Do: func(_ context.Context, tx meta.Tx) error {
		return errors.Join(inlineBlobs.PutKey(tx, blob, in), inlineArtifacts.PutKey(tx, art, in))
	}}
}

// UnindexInline takes back IndexInline.
func UnindexInline(repo, version string, in Inline) meta.Step {
	blob, art := inlineKeys(repo, version, in)
	return meta.Step{Locks: meta.LockSet{}.Write(blob, art), Do: func(_ context.Context, tx meta.Tx) error {
		return errors.Join(tx.Delete(blob), tx.Delete(art))
	}}
}

func inlineKeys(repo, version string, in Inline) (blob, art meta.Key) {
	d := digest.Digest(in.Content)
	return inlineBlobs.Key(repo, in.Content, version), inlineArtifacts.Key(repo, artifact.Digest(d, in.Size).String(), version)
}
