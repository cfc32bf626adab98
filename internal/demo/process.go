package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/auth"
)

// process is a server in a process of its own, so that it can be killed.
type process struct {
	command *exec.Cmd
	address string
	log     *os.File
	ended   chan error
}

// startTime bounds how long a server may take to be ready.
const startTime = 30 * time.Second

// start runs `zas serve` and waits until it is ready.
func (d *demo) start(ctx context.Context) (*process, error) {
	log, err := os.OpenFile(filepath.Join(d.dir, "zas.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.CommandContext(context.WithoutCancel(ctx), d.o.Program, "serve", "--data", d.data(), "--listen", d.address), address: d.address, log: log, ended: make(chan error, 1)}
	p.command.Env = append(withoutSettings(os.Environ()), "ZAS_STORAGE_GCINTERVAL=1s") // for people who are watching
	p.command.Stdout, p.command.Stderr = log, log
	if err := p.command.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() { p.ended <- p.command.Wait() }() // ends with the process, which stop and kill end
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		if p.ready(ctx) {
			tick.Stop()
			return p, nil
		}
		select {
		case <-tick.C:
		case err := <-p.ended:
			return nil, fmt.Errorf("the server ended at once (%w); its log is in %s", err, log.Name())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), p.kill())
		}
	}
}

func (p *process) ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// kill ends the process as a power cut would, as far as the process is concerned.
func (p *process) kill() error {
	err := p.command.Process.Kill()
	if ended := <-p.ended; ended == nil { // killed, as it should be, unless it had ended before
		err = errors.Join(err, errors.New("the server had ended by itself"))
	}
	return errors.Join(err, p.log.Close())
}

// stop asks the process to end, and waits.
func (p *process) stop() error {
	_ = p.command.Process.Signal(os.Interrupt) // it may have had its own from the terminal
	return errors.Join(<-p.ended, p.log.Close())
}

// withoutSettings is environ without what would configure the server differently from what the demonstration says.
func withoutSettings(environ []string) []string {
	var kept []string
	for _, line := range environ {
		if !strings.HasPrefix(line, "ZAS_") {
			kept = append(kept, line)
		}
	}
	return kept
}

// freeAddress is a loopback address that nobody listens on at the moment.
func freeAddress(ctx context.Context) (string, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// keptRoot reads the root pair that the server made at its first start.
func keptRoot(data string) (auth.Root, error) {
	text, err := os.ReadFile(filepath.Join(data, "root-credentials.json"))
	if err != nil {
		return auth.Root{}, err
	}
	var root auth.Root
	return root, json.Unmarshal(text, &root)
}

// settledUse waits until the extents take no more than most bytes: the second copy of what is there already is removed in the background.
func settledUse(ctx context.Context, data string, most int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		used, err := diskUse(data)
		if err != nil || used <= most {
			tick.Stop()
			return used, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return used, fmt.Errorf("the same bytes are stored twice: %d bytes, want %d", used, most)
		}
	}
}

// diskUse is the number of bytes in the files of the extent store.
func diskUse(data string) (total int64, err error) {
	err = filepath.WalkDir(filepath.Join(data, "blobs"), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
