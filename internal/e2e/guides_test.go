package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// TestTheGuideToReleasesIsTrue runs the commands of the guide as they stand. A line that begins with an exclamation mark has to fail.
func TestTheGuideToReleasesIsTrue(t *testing.T) {
	aws := tool(t, "venv/bin/aws")
	root, err := instance.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "guides", "releases.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{"set -eu", "shopt -s expand_aliases", "cd " + t.TempDir()}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		// bash does not end for a command behind `!`, so that is spelt out
		lines = append(lines, regexp.MustCompile(`(?m)^! (.*)$`).ReplaceAllString(block[1], `if $1; then echo "not refused: $1" >&2; exit 1; fi`))
	}
	i := serve(t, false)
	c := s3Command(t, i)
	c.env = append(c.env, "ENDPOINT="+i.URL, "PATH="+filepath.Dir(aws)+":"+os.Getenv("PATH"))
	c.run("bash", "-c", strings.Join(lines, "\n"))
}
