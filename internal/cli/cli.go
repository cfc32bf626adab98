// Package cli is the command line of zas.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/zot-artifact-store/zas/module"
)

// Exit codes of every command.
const (
	exitOK      = 0
	exitFailed  = 1 // the command could not do what it was asked for
	exitUsage   = 2 // the command line or the configuration is wrong
	exitUnsound = 3 // fsck: the store was checked and is not sound
)

// codedError is an error with an exit code of its own.
type codedError struct {
	error
	code int
}

// Unwrap gives the error itself.
func (e codedError) Unwrap() error { return e.error }

// usage marks an error as one of the command line or the configuration.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return codedError{err, exitUsage}
}

// program is what commands need of their surroundings.
type program struct {
	modules *module.Registry
	version string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	environ []string
	// stop ends at the first SIGINT or SIGTERM, cut at the second.
	stop, cut context.Context //nolint:containedctx // they are the program's signals, not a request's context
}

// Main runs the program with the modules that it links, and gives the exit code. version may be empty.
// Codes: 0 done, 1 failed, 2 wrong command line or configuration, 3 (fsck) the store is not sound.
func Main(modules *module.Registry, version string) int {
	stop, cut, end := signals()
	defer end()
	p := &program{
		modules: modules, version: versionOf(version), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), stop: stop, cut: cut,
	}
	root := p.command()
	root.SetArgs(os.Args[1:])
	err := root.ExecuteContext(stop)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(os.Stderr, "zas: "+err.Error())
	var coded codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	return exitFailed
}

// signals are two contexts that end at the first and at the second SIGINT or SIGTERM.
func signals() (stop, cut context.Context, end func()) {
	stop, stopped := context.WithCancel(context.Background())
	cut, cutOff := context.WithCancel(context.Background())
	received := make(chan os.Signal, 2)
	signal.Notify(received, syscall.SIGINT, syscall.SIGTERM)
	go func() { // lives as long as the process
		<-received
		stopped()
		<-received
		cutOff()
	}()
	return stop, cut, func() {
		signal.Stop(received)
		stopped()
		cutOff()
	}
}

func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "zas",
		Short: "An OCI registry and an S3 object store over one store",
		Long: `zas keeps artifacts: it is an OCI registry and an S3-compatible object store over one content-addressed store.

Exit codes: 0 done, 1 failed, 2 wrong command line or configuration, 3 (fsck) the store is not sound.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(fmt.Errorf("there is no command %q; see zas --help", args[0]))
			}
			return c.Help()
		},
	}
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.AddCommand(p.serveCommand(), p.digestCommand(), p.fsckCommand(), p.versionCommand(), p.demoCommand())
	return root
}

// exactly is cobra.ExactArgs with the exit code of a wrong command line.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error { return usage(cobra.ExactArgs(n)(c, args)) }
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly(0),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.stdout, "zas "+p.version)
			return err
		},
	}
}

// versionOf is the version that the linker was given, else that of the module: `go install` records it.
func versionOf(linked string) string {
	if linked != "" {
		return linked
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
