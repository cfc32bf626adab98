// Command zas is the artifact store: the server, and the tools beside it. It links the standard modules and nothing else;
// a build of your own is this file with one more line:
//
//	module.Provide(r, gate.Point, "house-rules", rules.New)
package main

import (
	"os"

	"github.com/zot-artifact-store/zas/internal/cli"
	"github.com/zot-artifact-store/zas/module"
	"github.com/zot-artifact-store/zas/standard"
)

// version is set by the linker: see the Makefile.
var version string

func main() {
	r := &module.Registry{}
	standard.Modules(r)
	os.Exit(cli.Main(r, version))
}
