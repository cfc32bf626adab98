// Package oracletest holds package sigv4 against the signers of others: the AWS SDK for Go and minio-go. It is a module
// of its own, so that the server does not depend on them.
package oracletest
