// Package event is the outbox: facts that are committed together with the change that they tell of,
// and folded or delivered afterwards.
package event

import (
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/zot-artifact-store/zas/meta"
)

// Kind says what happened.
type Kind string

// The kinds of events.
const (
	BucketCreated    Kind = "bucket.created"
	BucketDeleted    Kind = "bucket.deleted"
	BucketChanged    Kind = "bucket.changed" // its versioning, lock or settings: of these Key names the sub-resource
	ObjectCreated    Kind = "object.created"
	ObjectDeleted    Kind = "object.deleted"
	ObjectMarked     Kind = "object.marked"  // a delete marker hides the key
	ObjectChanged    Kind = "object.changed" // tags, retention or legal hold of a version
	RepositoryOpened Kind = "repository.created"
	BlobPushed       Kind = "blob.pushed"
	BlobDeleted      Kind = "blob.deleted"
	ManifestPushed   Kind = "manifest.pushed"
	ManifestDeleted  Kind = "manifest.deleted"
	TagMoved         Kind = "tag.moved"
	TagDeleted       Kind = "tag.deleted"
)

// Event is one committed fact. Fields that do not apply are empty.
type Event struct {
	Kind      Kind   `cbor:"1,keyasint"`
	Time      int64  `cbor:"2,keyasint"`           // Unix nanoseconds
	Principal string `cbor:"3,keyasint,omitempty"` // id of who did it
	Request   string `cbor:"4,keyasint,omitempty"` // request id
	Name      string `cbor:"5,keyasint,omitempty"` // bucket or repository
	Key       string `cbor:"6,keyasint,omitempty"` // object key or tag
	Version   string `cbor:"7,keyasint,omitempty"`
	Digest    string `cbor:"8,keyasint,omitempty"`
	Objects   int64  `cbor:"9,keyasint,omitempty"`  // change of the number of versions of the bucket
	Bytes     int64  `cbor:"10,keyasint,omitempty"` // change of their bytes
}

// Outbox is the log of all events in commit order.
var Outbox = meta.NewLog(0x50, "outbox")

// Record adds e to the outbox in the transaction that makes it true.
func Record(tx meta.Tx, e Event) error {
	raw, err := cbor.Marshal(e)
	if err != nil {
		return err
	}
	return tx.Append(Outbox, raw)
}

// Decode is the event in an outbox entry's value.
func Decode(raw []byte) (Event, error) {
	var e Event
	return e, cbor.Unmarshal(raw, &e)
}

// At is t as events keep it.
func At(t time.Time) int64 { return t.UnixNano() }
