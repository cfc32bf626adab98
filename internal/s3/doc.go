// Package s3 is the S3 protocol on net/http, over the domain of package object (Amazon S3 API Reference, 2006-03-01).
//
// A request goes one way: parse it into a typed operation, which touches nothing; authenticate; authorize what the operation says that it
// needs; do it; render. Errors are written in one place. Paths are never cleaned: the decoded key that was signed is the key that is
// authorized and stored.
package s3
