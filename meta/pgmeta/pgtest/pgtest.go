// Package pgtest runs a PostgreSQL server for tests: the one of the machine, as a process, on a directory of its own.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Variable names the environment variable with the connection string of a server that tests may use; each makes a schema of its own.
const Variable = "ZAS_TEST_POSTGRES"

// Main is for TestMain: it starts a server for the package's tests, if there is one to start and none is given, and stops it after them.
// With want false it starts none.
func Main(m *testing.M, want bool) int {
	if os.Getenv(Variable) != "" || !want {
		return m.Run()
	}
	server, err := Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "SKIPPED: tests that need PostgreSQL:", err)
		return m.Run()
	}
	defer server.Stop()
	if err := os.Setenv(Variable, server.URL); err != nil {
		panic(err)
	}
	return m.Run()
}

// URL is the connection string of the package's server. Without one the test is skipped, and fails where CI=true.
func URL(t testing.TB) string {
	t.Helper()
	url := os.Getenv(Variable)
	if url == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no PostgreSQL server: install the Debian package postgresql")
		}
		t.Skip("SKIPPED: there is no PostgreSQL server: install the Debian package postgresql")
	}
	return url
}

// Schema is a name for a schema that nobody else uses; the schema is dropped after the test.
func Schema(t testing.TB, url string) string {
	name := "t" + strings.ToLower(rand.Text())
	t.Cleanup(func() {
		if err := Exec(url, "DROP SCHEMA IF EXISTS "+name+" CASCADE"); err != nil {
			t.Error(err)
		}
	})
	return name
}

// Exec runs SQL on the server at url.
func Exec(url, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := pgconn.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	_, err = c.Exec(ctx, sql).ReadAll()
	return err
}

// Server is a PostgreSQL server under test. It ends with the process that started it.
type Server struct {
	URL  string
	dir  string
	bin  string
	life io.WriteCloser // the server's keeper ends it when this is closed
	kept *exec.Cmd
}

// Start makes an empty cluster and starts its server, with every acknowledged write on disk. It listens on a socket in its directory only.
func Start() (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "zas-pg")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, URL: "host=" + dir + " user=postgres dbname=postgres"}
	if err := s.make(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := s.Restart(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

// programs is the directory of the newest server's programs.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", fmt.Errorf("initdb is not installed")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) make() error {
	if os.Getuid() == 0 { // the server refuses to run as root
		owner, err := user.Lookup("postgres")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(owner.Uid)
		gid, _ := strconv.Atoi(owner.Gid)
		if err := os.Chown(s.dir, uid, gid); err != nil {
			return err
		}
	}
	out, err := s.command(s.bin + "/initdb -D " + s.data() + " -U postgres -A trust -E UTF8 --locale=C --no-sync").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// command runs a line of shell as the user of the server.
func (s *Server) command(line string) *exec.Cmd {
	if os.Getuid() == 0 {
		return exec.Command("su", "-s", "/bin/sh", "postgres", "-c", line)
	}
	return exec.Command("/bin/sh", "-c", line)
}

// Restart starts the server, which must have ended, and waits until it answers.
func (s *Server) Restart() error {
	server := s.bin + "/postgres -D " + s.data() + " -k " + s.dir + " -h '' -c logging_collector=off -c log_min_messages=fatal"
	s.kept = s.command("exec 3<&0; " + server + " </dev/null & server=$!; (cat <&3 >/dev/null; kill -QUIT $server) & wait $server; kill $! 2>/dev/null")
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.kept.Stdout, s.kept.Stderr = log, log
	if s.life, err = s.kept.StdinPipe(); err != nil {
		return err
	}
	if err := s.kept.Start(); err != nil {
		return err
	}
	for range 300 {
		if err = Exec(s.URL, "SELECT 1"); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.Kill()
	text, _ := os.ReadFile(log.Name())
	return fmt.Errorf("the server does not answer: %w: %s", err, text)
}

// Kill ends the server's processes at once, as kill -9 does.
func (s *Server) Kill() {
	if pid, err := s.pid(); err == nil {
		children, _ := exec.Command("pgrep", "-P", pid).Output()
		_ = exec.Command("kill", append([]string{"-9", pid}, strings.Fields(string(children))...)...).Run()
	}
	s.end()
}

// Signal sends the server a signal: INT ends it after rolling back, QUIT at once, HUP reads its configuration.
func (s *Server) Signal(name string) error {
	pid, err := s.pid()
	if err != nil {
		return err
	}
	return exec.Command("kill", "-"+name, pid).Run()
}

// Wait waits for the end of the server.
func (s *Server) Wait() { s.end() }

func (s *Server) end() {
	_ = s.kept.Wait()
	_ = s.life.Close()
}

func (s *Server) pid() (string, error) {
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return "", err
	}
	pid, _, _ := strings.Cut(string(text), "\n")
	return pid, nil
}

// Stop ends the server and removes its directory.
func (s *Server) Stop() {
	if s.Signal("INT") == nil {
		s.end()
	}
	_ = os.RemoveAll(s.dir)
}
