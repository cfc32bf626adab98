// Package objstore runs the acceptance test of github.com/thanos-io/objstore, which Thanos, Loki, Cortex and Mimir store their
// data with (its client is minio-go), against the server that AWS_ENDPOINT_URL names.
package objstore
