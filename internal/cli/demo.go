package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/internal/demo"
	"github.com/zot-artifact-store/zas/internal/server"
)

func (p *program) demoCommand() *cobra.Command {
	var stay bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show what the server does, on a temporary directory",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			self, err := ownPath()
			if err != nil {
				return err
			}
			return demo.Run(c.Context(), demo.Options{
				Program: self, Out: p.stdout, Stay: stay || isTerminal(p.stdin),
				Greet: func(address, dir string, root auth.Root) {
					greet(p.stdout, greeting{host: address, data: dir, program: self, credentials: server.Credentials{Root: root, Fresh: true}})
				},
			})
		},
	}
	c.Flags().BoolVar(&stay, "stay", false, "keep serving at the end, until Ctrl-C, also without a terminal")
	return c
}

// ownPath is where this program can be started again, under the name by which it was called.
func ownPath() (string, error) {
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		return os.Executable()
	}
	return filepath.Abs(path)
}

// isTerminal says whether somebody sits there: r is a character device, and not the one that is always empty.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && !os.SameFile(info, null)
}
