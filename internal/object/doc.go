// Package object is the domain of buckets and keys: versions with owners and metadata, conditional writes, listing,
// multipart uploads.
//
// A bucket is a repository with keys: it shares the namespace of package repository, and the bytes of its versions are
// contents (package content), named by edges of the bucket or, when small, kept inline with the version. Every verb is
// one transaction that holds the fact, its references and its event.
//
// Verbs look at a snapshot first and plan their transaction from it. The transaction sees to it that bucket and key are
// still as they were planned, and is planned again when they are not, so every check of the plan holds when it commits.
package object
