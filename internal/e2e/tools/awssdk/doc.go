// Package awssdk is the AWS SDK for Go v2 as a client of the server: its S3 client, its transfer manager and its presigner,
// with their defaults. The cases run against the endpoint that AWS_ENDPOINT_URL names.
package awssdk
