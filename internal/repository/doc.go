// Package repository is repositories: names and who owns them, manifests, tags, referrers, and which blobs
// are visible where. A bucket is a repository with keys; package object builds on this one.
package repository
