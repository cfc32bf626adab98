package collectionmodel

import "github.com/zot-artifact-store/zas/extent"

// Event is something that a real run did and that can be seen at its ports. A trace of them is recorded by wrappers of
// extent.Store and meta.Store, and replayed by Replay.
//
// The order of a trace is what it proves, so a recorder holds one lock over an Update and the note of it, shared over a View. It notes
// Create and Delete of an extent before the call and Commit after it.
type Event struct {
	Kind  Kind
	Epoch extent.Epoch // of the process that does it
	At    int64        // the clock that leases are judged by; any unit. Without it leases end by Lapse

	Location  extent.Location   // of ExtentCreate, ExtentCommit, ExtentDelete
	Outcome   Outcome           // of a Commit
	Changes   []Change          // of a Commit
	Reader    string            // of ReadBegin, ReadFound, ReadDone: unique among the readers under way
	Locations []extent.Location // of ReadFound: extents, not inline bytes
	Content   string            // of Told, Lapse
	Until     int64             // of Told
}

// Kind is what happened.
type Kind uint8

// The kinds of events.
const (
	ExtentCreate Kind = iota // the first byte may be there
	ExtentCommit             // all bytes are durable
	ExtentDelete             // the bytes are about to go: also when a writer is aborted
	Commit                   // an Update that wrote these rows
	Settled                  // no commit of unknown outcome can still come: each has happened or never will
	Durable                  // every commit so far is on disk: for recorders that see commits before they are
	ReadBegin                // a reader registers, before its View
	ReadFound                // its View has returned
	ReadDone                 // it will open nothing more
	Told                     // a client was told that the content is there to refer to, until a time at least
	Lapse                    // every lease of the content, and what was told on the strength of it, is over
	Crash                    // the process is gone; its rows and its bytes stay
	PowerLoss                // every process is gone, with bytes and commits that were not durable
)

// Outcome is what the caller of an Update learnt.
type Outcome uint8

// The outcomes.
const (
	Done    Outcome = iota // Update returned nil: the commit and all before it are durable
	Visible                // it has not returned yet, others may read what it wrote
	Unknown                // meta.ErrUnknownOutcome: it may have happened, may come later, or never
)

// Change is one row that a commit put or deleted. A row is named by the fields that its Row lists first.
type Change struct {
	Row    Row
	Delete bool

	Content   string            // content or upload: of all rows but TrashRow and EpochRow
	Number    int               // of PartRow
	Digest    string            // of DigestRow
	Referrer  string            // of EdgeRow: repository, kind and referrer, in any one form
	Location  extent.Location   // of PartRow (empty for inline bytes), OwnerRow, TrashRow
	Epoch     extent.Epoch      // of EpochRow
	Locations []extent.Location // of ContentRow: extents, not inline bytes
	Elder     string            // of ContentRow: what it is an alias of
	Younger   string            // of EdgeRow: the alias that holds it
	Until     int64             // of EdgeRow: when the lease is over; 0: an edge for good
	Fenced    bool              // of EpochRow
}

// Row is a kind of row.
type Row uint8

// The rows that the protocol is about.
const (
	ContentRow Row = iota // Content → Locations, Elder
	UploadRow             // Content: an open upload
	PartRow               // Content, Number → Location
	OwnerRow              // Location → Content
	DigestRow             // Digest → Content
	EdgeRow               // Content, Referrer → Until, Younger
	TrashRow              // Location
	EpochRow              // Epoch → Fenced
)
