//go:build !unix

package server

import "os"

// lockFile does nothing: the metadata store locks its own directory on every system.
func lockFile(*os.File) error { return nil }

// noFollow is not known.
const noFollow = 0
