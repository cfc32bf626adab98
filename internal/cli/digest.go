package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
)

func (p *program) digestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "digest FILE",
		Short: "Print the digests that a file has in every store, without a server",
		Long: `digest prints the digest of a file's bytes and that of its artifact: the OCI manifest which follows from the bytes
alone, under which a server shows them wherever they were uploaded. FILE may be - for standard input.`,
		Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			d, size, err := p.digestOf(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.stdout, "content %s\nartifact %s\n", d, artifact.Digest(d, size))
			return err
		},
	}
}

func (p *program) digestOf(name string) (digest.Digest, int64, error) {
	if name == "-" {
		return digest.Compute(p.stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	return digest.Compute(io.Reader(f))
}
