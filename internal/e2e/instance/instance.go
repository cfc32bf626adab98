// Package instance is a zas server as a process of its own, as tests and benchmarks start, kill and measure it.
package instance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The root key pair that every instance is given.
const (
	AccessKey = "AKIAEXAMPLEROOT00001"
	SecretKey = "end-to-end/secret+key/of+the/root"
)

// Options say how to start an instance. Binary and Data are required.
type Options struct {
	Binary string   // the zas program
	Data   string   // the data directory
	Cert   *Cert    // serve https with it; nil: http
	Config string   // a configuration file; empty: none
	Env    []string // further environment, as NAME=value
	Log    io.Writer
}

// Instance is a running server.
type Instance struct {
	URL  string // without a slash at its end
	Host string // address and port
	PID  int
	Data string
	// CertFile is the certificate that clients have to trust; empty: the instance speaks http.
	CertFile string

	command *exec.Cmd
	client  *http.Client
	log     *tail
	ended   chan struct{}
	err     error // set before ended is closed
}

// startLimit bounds how long an instance may take until it is ready.
const startLimit = 60 * time.Second

// Start runs a server on a free port of 127.0.0.1 and returns when it says that it is ready.
func Start(ctx context.Context, o Options) (*Instance, error) {
	host, err := freeAddress()
	if err != nil {
		return nil, err
	}
	i := &Instance{Host: host, URL: "http://" + host, Data: o.Data, client: http.DefaultClient, log: &tail{}, ended: make(chan struct{})}
	args := []string{"serve", "--data", o.Data, "--listen", host}
	if o.Config != "" {
		args = append(args, "--config", o.Config)
	}
	i.command = exec.Command(o.Binary, args...)
	i.command.Env = append(os.Environ(), "ZAS_ROOT_ACCESS_KEY="+AccessKey, "ZAS_ROOT_SECRET_KEY="+SecretKey)
	if o.Cert != nil {
		i.URL, i.CertFile = "https://"+host, o.Cert.CertFile
		i.client = &http.Client{Transport: &http.Transport{TLSClientConfig: o.Cert.Client()}}
		i.command.Env = append(i.command.Env, "ZAS_HTTP_TLS_CERT="+o.Cert.CertFile, "ZAS_HTTP_TLS_KEY="+o.Cert.KeyFile)
	}
	i.command.Env = append(i.command.Env, o.Env...)
	var output io.Writer = i.log
	if o.Log != nil {
		output = io.MultiWriter(i.log, o.Log)
	}
	i.command.Stdout, i.command.Stderr = output, output
	if err := i.command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", o.Binary, err)
	}
	i.PID = i.command.Process.Pid
	go func() {
		i.err = i.command.Wait()
		close(i.ended)
	}()
	if err := i.waitReady(ctx); err != nil {
		return nil, errors.Join(err, i.Kill())
	}
	return i, nil
}

// freeAddress is an address that nobody listens on at the moment.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (i *Instance) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if i.ready(ctx) {
			return nil
		}
		select {
		case <-again.C:
		case <-i.ended:
			return fmt.Errorf("the server ended at once: %w\n%s", i.err, i.log)
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w\n%s", ctx.Err(), i.log)
		}
	}
}

func (i *Instance) ready(ctx context.Context) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, i.URL+"/readyz", nil)
	if err != nil {
		return false
	}
	answer, err := i.client.Do(r)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (i *Instance) Kill() error {
	err := i.command.Process.Kill()
	<-i.ended
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Stop asks the process to stop and waits for it. Its error is an exit code other than 0, or that it did not stop within a minute.
func (i *Instance) Stop() error {
	if err := i.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case <-i.ended:
	case <-limit.C:
		return errors.Join(errors.New("the server does not stop"), i.Kill())
	}
	if i.err != nil {
		return fmt.Errorf("the server ended with %w\n%s", i.err, i.log)
	}
	return nil
}

// Log is the last of what the process wrote.
func (i *Instance) Log() string { return i.log.String() }

// Client is an HTTP client that trusts this instance, with room for so many connections at a time.
func (i *Instance) Client(connections int) *http.Client {
	t := &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections, DisableCompression: true}
	if old, ok := i.client.Transport.(*http.Transport); ok {
		t.TLSClientConfig = old.TLSClientConfig
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Build compiles the server of this source tree to binary.
func Build(root, binary string) error {
	c := exec.Command("go", "build", "-o", binary, "./cmd/zas")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building zas: %w\n%s", err, out)
	}
	return nil
}

// Root is the source tree that holds the working directory.
func Root() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("looking for the module: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSpace(string(out)), "/go.mod"), nil
}

// tail keeps the last of what is written to it.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

const tailLimit = 64 << 10

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(p)
	if over := t.b.Len() - tailLimit; over > 0 {
		t.b.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
