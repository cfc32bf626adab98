package cli_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zot-artifact-store/zas/internal/cli"
	"github.com/zot-artifact-store/zas/module"
	"github.com/zot-artifact-store/zas/standard"
)

// update rewrites the transcripts with what the program prints.
var update = flag.Bool("update", false, "rewrite the transcripts")

// TestMain lets the test's own binary be zas: transcripts and servers run it again under that name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"zas": func() {
		r := &module.Registry{}
		standard.Modules(r)
		os.Exit(cli.Main(r, "v0.0.0-test"))
	}})
}

func TestTranscripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ZAS_STORAGE_FREESPACEFLOOR", "0")
			e.Values["server"] = &served{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serve,
			"halt":  func(ts *testscript.TestScript, _ bool, _ []string) { ts.Value("server").(*served).stop(ts) },
			"get":   get,
			"hide":  hide,
			"exits": exits,
		},
	})
}

// served is the server of a script.
type served struct {
	process *exec.Cmd
	log     *os.File
}

// stop stops the server as a service manager does; it must end well.
func (s *served) stop(ts *testscript.TestScript) {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGTERM)
	err := s.process.Wait()
	s.process = nil
	_ = s.log.Close()
	if err != nil {
		ts.Fatalf("the server ended with %v:\n%s", err, ts.ReadFile("served.stderr"))
	}
}

// serve [args...] starts `zas serve` in the background, by default on a free port, waits for its greeting, which it
// leaves in served.stdout, and sets $URL. The server ends with `halt` or with the script.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value("server").(*served)
	s.process = exec.Command(filepath.Join(binDir(ts), "zas"), append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	s.process.Dir = ts.MkAbs(".")
	s.process.Env = []string{"ZAS_STORAGE_FREESPACEFLOOR=0", "HOME=" + ts.Getenv("HOME"),
		"ZAS_ROOT_ACCESS_KEY=" + ts.Getenv("ZAS_ROOT_ACCESS_KEY"), "ZAS_ROOT_SECRET_KEY=" + ts.Getenv("ZAS_ROOT_SECRET_KEY")}
	stdout, err := s.process.StdoutPipe()
	ts.Check(err)
	s.log, err = os.Create(ts.MkAbs("served.stderr"))
	ts.Check(err)
	s.process.Stderr = s.log
	ts.Check(s.process.Start())
	ts.Defer(func() { s.stop(ts) })
	address := regexp.MustCompile(`zas is ready at (\S+)`)
	var told strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		told.WriteString(lines.Text() + "\n")
		if found := address.FindStringSubmatch(lines.Text()); found != nil {
			ts.Setenv("URL", found[1])
		}
		if strings.Contains(lines.Text(), "oras pull") { // the last line of the greeting
			break
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs("served.stdout"), []byte(told.String()), 0o600))
	if told.Len() == 0 {
		ts.Fatalf("the server did not start:\n%s", ts.ReadFile("served.stderr"))
	}
}

// exits CODE COMMAND [args...] runs a command that must end with the exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		code = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s exits with %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

func binDir(ts *testscript.TestScript) string {
	path, _, _ := strings.Cut(ts.Getenv("PATH"), string(os.PathListSeparator))
	return path
}

// get STATUS PATH asks the server and compares the status.
func get(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.Getenv("URL")+args[1], nil)
	ts.Check(err)
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	ts.Check(err)
	if got := response.Status[:3]; got != args[0] {
		ts.Fatalf("GET %s answers %s, want %s\n%s", args[1], got, args[0], body)
	}
}

// hide FILE replaces what differs from run to run: addresses, keys, directories.
func hide(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	for _, r := range []struct{ pattern, with string }{
		{regexp.QuoteMeta(ts.MkAbs(".")), "WORK"},
		{`127\.0\.0\.1:\d+`, "ADDRESS"},
		{`ZAS[A-Z2-7]{17}`, "ACCESSKEY"},
		{`\b[A-Z2-7]{40}\b`, "SECRETKEY"},
		{`process \d+`, "process PID"},
		{`\S*/zas digest`, "zas digest"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
