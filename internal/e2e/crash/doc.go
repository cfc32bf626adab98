// Package crash kills the server with SIGKILL under mixed S3 and OCI load, round after round, and holds what is there afterwards
// against what was acknowledged: all of that is there with its bytes, what was under way is there wholly or not at all, what a
// reader saw does not go back, and after a collection nothing is left over.
package crash
