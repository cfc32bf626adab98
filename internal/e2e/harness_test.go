package e2e

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// built is the server's program, compiled once for all tests: $ZAS_BINARY where that is set.
var built = sync.OnceValues(func() (string, error) {
	if binary := os.Getenv("ZAS_BINARY"); binary != "" {
		return filepath.Abs(binary)
	}
	root, err := instance.Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, ".build", "bin", "zas")
	return binary, instance.Build(root, binary)
})

func binary(t testing.TB) string {
	t.Helper()
	b, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// serve is a server with an empty data directory, which stops with the test. env is settings, as NAME=value.
func serve(t testing.TB, secure bool, env ...string) *instance.Instance {
	t.Helper()
	o := instance.Options{Binary: binary(t), Data: t.TempDir(), Env: env}
	if secure {
		cert, err := instance.NewCert(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		o.Cert = cert
	}
	return start(t, o)
}

func start(t testing.TB, o instance.Options) *instance.Instance {
	t.Helper()
	i, err := instance.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the server's log ends with\n%s", last(i.Log(), 40))
		}
	})
	return i
}

func last(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// secureAndNot runs test against a server over http and one over https.
func secureAndNot(t *testing.T, test func(*testing.T, *instance.Instance)) {
	t.Run("over http", func(t *testing.T) { test(t, serve(t, false)) })
	t.Run("over https", func(t *testing.T) { test(t, serve(t, true)) })
}

// tool is a program that setup.sh installs into .build, or one of the system.
func tool(t testing.TB, path string) string {
	t.Helper()
	if !strings.Contains(path, "/") {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	} else {
		root, err := instance.Root()
		if err != nil {
			t.Fatal(err)
		}
		if found := filepath.Join(root, ".build", path); exists(found) {
			return found
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: run internal/e2e/setup.sh (make tools)", path)
	}
	t.Skipf("SKIPPED, NOT TESTED: %s is missing: run internal/e2e/setup.sh (make tools)", path)
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// command is a program to run, with an empty home of its own.
type command struct {
	t     testing.TB
	dir   string // working directory and home
	env   []string
	limit time.Duration // of one run
}

func newCommand(t testing.TB, env ...string) command {
	dir := t.TempDir()
	return command{t, dir, append(os.Environ(), append([]string{"HOME=" + dir, "NO_PROXY=127.0.0.1"}, env...)...), 5 * time.Minute}
}

// run runs a program, which must succeed, and returns what it wrote to its standard output.
func (c command) run(name string, args ...string) string {
	c.t.Helper()
	out, err := c.try(io.Discard, name, args...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", filepath.Base(name), strings.Join(args, " "), err)
	}
	return out
}

// fails runs a program that must not succeed, and returns its standard error.
func (c command) fails(name string, args ...string) string {
	c.t.Helper()
	var stderr bytes.Buffer
	if _, err := c.try(&stderr, name, args...); err == nil {
		c.t.Fatalf("%s %s: succeeded", filepath.Base(name), strings.Join(args, " "))
	}
	return stderr.String()
}

func (c command) try(stderr io.Writer, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), c.limit)
	defer cancel()
	var stdout, errors bytes.Buffer
	p := exec.CommandContext(ctx, name, args...)
	p.Dir, p.Env, p.Stdout, p.Stderr = c.dir, c.env, &stdout, io.MultiWriter(&errors, stderr)
	err := p.Run()
	if err != nil {
		err = &commandError{err, errors.String() + stdout.String()}
	}
	return stdout.String(), err
}

// file writes a file into the command's directory.
func (c command) file(name string, content []byte) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

type commandError struct {
	err    error
	output string
}

func (e *commandError) Error() string { return e.err.Error() + "\n" + e.output }
func (e *commandError) Unwrap() error { return e.err }
