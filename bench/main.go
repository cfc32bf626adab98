// Command bench measures what the server costs: CPU time of the server's process for one operation, syncs of the disk, memory.
// Beside each kind of work it runs, in the same minutes on the same machine, a floor: a small net/http server that does only the
// part of the work that nobody can leave out. Rates per second depend on who else uses the machine; the ratios hardly do.
//
//	go run ./bench -zas bin/zas [-only PATTERN] [-quick] [-update docs/performance.md]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == floorCommand {
		exit(serveFloor(os.Args[2:]))
	}
	var o options
	var only string
	flag.StringVar(&o.binary, "zas", "", "the server's `PROGRAM`; empty: build it")
	flag.StringVar(&only, "only", "", "run only the cases whose name matches `PATTERN`")
	flag.BoolVar(&o.quick, "quick", false, "a tenth of the operations: to try things out, not to believe")
	flag.StringVar(&o.update, "update", "", "put the table into this `FILE`, between its markers")
	flag.StringVar(&o.profile, "profile", "", "record each case with perf, into this `DIR`")
	flag.Parse()
	o.only = regexp.MustCompile(only)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

type options struct {
	binary, update, profile string
	only                    *regexp.Regexp
	quick                   bool
}

// run runs the groups of cases, each on a server with an empty data directory.
func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "zas-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.binary == "" {
		root, err := instance.Root()
		if err != nil {
			return err
		}
		o.binary = filepath.Join(dir, "zas")
		if err := instance.Build(root, o.binary); err != nil {
			return err
		}
	}
	b := &bench{options: o, dir: dir}
	for _, g := range groups() {
		if !o.only.MatchString(g.name) {
			continue
		}
		if err := b.group(ctx, g); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	if o.update != "" {
		return b.publish(o.update)
	}
	return nil
}

// group is what runs on one server.
type group struct {
	name   string
	secure bool
	run    func(*session) error
}

func groups() []group {
	return []group{
		{"idle", false, idle},
		{"small", false, small},
		{"large", false, large},
		{"large-tls", true, large},
		{"listing", false, listing},
		{"versions", false, versions},
		{"complete", false, complete},
		{"tags", false, tags},
		{"memory", false, manyUploads},
	}
}
