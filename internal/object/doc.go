// Package object is the domain of buckets and keys: versions with owners and metadata, conditional writes, listing,
// multipart uploads.
//
// A bucket is a repository with keys: it shares the namespace of package repository, and the bytes of its versions are
// contents (package content), named by edges of the bucket or, when small, kept inline with the version. Every verb is
// one transaction that holds the fact, its references and its event.
package object
