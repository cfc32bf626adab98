package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zot-artifact-store/zas/internal/server"
)

func (p *program) fsckCommand() *cobra.Command {
	var f settings
	var collect bool
	c := &cobra.Command{
		Use:   "fsck",
		Short: "Check everything in a data directory that no server uses",
		Long: `fsck checks every row against every other, every reference, every extent, and every byte against its checksums and
digest. It exits with 3 when something is wrong, after naming it. With --collect it first expires every lease and collects
everything that nothing refers to, so that whatever leaked shows. Unfinished OCI uploads are lost by it.`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := p.load(f)
			if err != nil {
				return err
			}
			logger, closeLog, err := p.logger(loaded.Config.Log)
			if err != nil {
				return usage(err)
			}
			defer closeLog()
			report, err := server.Check(c.Context(), server.CheckOptions{Config: loaded.Config, Logger: logger, Collect: collect})
			if err != nil {
				return err
			}
			for _, problem := range report.Problems {
				fmt.Fprintln(p.stdout, "problem: "+problem)
			}
			fmt.Fprintf(p.stdout, "%d contents (%d bytes), %d inline, %d references, %d extents (%d orphans, %d in the trash)\n",
				report.Contents, report.Bytes, report.Inline, report.Edges, report.Extents, report.Orphans, report.Trash)
			if n := len(report.Problems); n > 0 {
				return codedError{fmt.Errorf("the store is not sound: %d problems", n), exitUnsound}
			}
			fmt.Fprintln(p.stdout, "the store is sound")
			return nil
		},
	}
	f.flags(c)
	c.Flags().BoolVar(&collect, "collect", false, "expire and collect everything that can be, then check")
	return c
}
