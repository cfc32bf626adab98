// Package collectionmodel is the model of how contents come and go: an explicit-state explorer, the protocol of package content as a
// transition system, broken variants of it, and a replayer that tells whether a recorded run is a behaviour of the model.
//
// # The protocol
//
// Bytes are written, and made durable, at a location that the writer makes up and that is never used again. Then one transaction
// names them: it makes a content row, or, when the digest has a content already, names that one. References are edges on a
// content, written by the transaction that writes the referrer and checks the content's row. A lease is an edge that expires: an upload gives one, so
// does HEAD by a client that may push (a content with edges for good is only read), and losing the last edge does. The collector's one
// transaction finds no edge, deletes the row, the digest's row and an alias's edge on its elder, and writes the locations to the trash. Once
// that is durable and no reader is left that might have seen them, the bytes go, then the trash row.
//
// A transaction that names a location for the first time reads the row of its process's epoch, which fencing writes. The sweep takes only what lies in
// epochs that are fenced and has neither a content's, a part's nor a trash row. A commit of unknown outcome leaves its location to the sweep.
//
// An upload's id is its content's. A content may be completed before its digest is known; if the digest turns out to be an elder content's,
// the younger becomes an alias: it holds an edge on the elder, and its own locations go to the trash. Part rows are cleared later.
//
// A reader registers in its process before its View. A process publishes how old its oldest reader is and what long readers have pinned, in one
// transaction; one that cannot renew this registration stops its readers before it lapses.
//
// # The invariants
//
// In every state, on every snapshot of the metadata that is visible or durable: a reference has its edge and its content's row, an alias its elder and its edge there, a
// digest a content; all bytes of a content and of an open upload are there, and durable if the row is; a location has one owner or a trash row. What a registered
// reader's View found is there. A client that was told "stored" or "present" finds the digest until its lease is over. Bytes of a living process are
// in a row or in somebody's memory. And from every state, once all is dropped, leases are over and the
// collector and sweep have come to rest, nothing is left.
//
// # How it is explored
//
// Transactions are atomic, as the metadata port promises; everything else interleaves, and leases, registrations, clients and processes end at
// any time. Numbers of locations and contents stand for new ones once nothing mentions the old, so any number of repetitions is explored within
// finite bounds; states that differ only in names are one (Canonical). A power loss is told by prophecy: see state. Configs
// lists what is explored on every change and Nightly what is larger; docs/collection-model.md has the figures.
//
// # What it does not cover
//
// Clocks (everything may end at any time; that a process stops reading before its registration lapses is assumed, and a read under way then gets an error, never
// other bytes, because locations are never used again); views of a replica that lags, and fail-over that loses acknowledged commits; a power loss of
// the metadata alone; rewriting (repacking, re-encryption), damage, backup; domains, rights and visibility; whether a digest is computed right.
//
// # Replay
//
// Replay checks runs of the real code, for any number of things, against the same rules (rules.go), said per row instead of per step of a client.
// Tests hold both together: random runs of the model must replay to the model's state, counter-examples of mutants must
// not, and what Replay takes must keep the invariants whatever made it.
package collectionmodel
