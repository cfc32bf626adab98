package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// process is a server that is measured from outside.
type process struct {
	pid     int
	metrics string // its /metrics; empty: it has none
	client  *http.Client
}

// fresh is how old the server's metrics of its stores may be.
const fresh = 1100 * time.Millisecond

// usage is what a process has used so far.
type usage struct {
	cpu   time.Duration
	syncs float64
	at    time.Time
}

func (u usage) since(before usage) usage {
	return usage{u.cpu - before.cpu, u.syncs - before.syncs, u.at}
}

// read adds up the CPU time of all threads, in nanoseconds as the scheduler counts it; a thread that ends takes its time along,
// but Go's hardly ever do.
func (p *process) read() (usage, error) {
	u := usage{at: time.Now()}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.pid))
	if err != nil {
		return u, err
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // ended meanwhile
		}
		first, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return u, fmt.Errorf("%s: %w", file, err)
		}
		u.cpu += time.Duration(n)
	}
	if u.cpu == 0 {
		return u, fmt.Errorf("process %d is not there", p.pid)
	}
	if p.metrics == "" {
		return u, nil
	}
	time.Sleep(fresh)
	u.syncs, err = p.metric("zas_metadata_syncs_total")
	u.at = time.Now()
	return u, err
}

// metric is the value of one of the server's metrics.
func (p *process) metric(name string) (float64, error) {
	a, err := p.client.Get(p.metrics)
	if err != nil {
		return 0, err
	}
	defer a.Body.Close()
	lines := bufio.NewScanner(a.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}

// memory is the resident set of now and its highest since the last call of forget, in MiB.
func (p *process) memory() (now, highest float64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range bytes.Lines(b) {
		var kib float64
		switch {
		case scan(line, "VmRSS:", &kib):
			now = kib / 1024
		case scan(line, "VmHWM:", &kib):
			highest = kib / 1024
		}
	}
	return now, highest, nil
}

func scan(line []byte, name string, kib *float64) bool {
	n, _ := fmt.Sscanf(string(line), name+" %f kB", kib)
	return n == 1
}

// forget makes the kernel forget the highest resident set.
func (p *process) forget() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.pid), []byte("5"), 0)
}
