package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
	"github.com/zot-artifact-store/zas/internal/e2e/wire"
)

const (
	smallSize = 4 << 10
	largeSize = 64 << 20
	clients   = 16
)

// bench is a whole run.
type bench struct {
	options
	dir  string
	rows []row
}

// session is a group of cases on one server, with a floor beside it.
type session struct {
	*bench
	ctx    context.Context //nolint:containedctx // of the group
	name   string
	server *process
	client *wire.Client
	floor  *floor
	beside *wire.Client
	large  []byte // largeSize random bytes
}

// group starts a server and its floor, and runs the cases.
func (b *bench) group(ctx context.Context, g group) (err error) {
	dir, err := os.MkdirTemp(b.dir, g.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := &session{bench: b, ctx: ctx, name: g.name, large: random(largeSize)}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, s.large, 0o600); err != nil {
		return err
	}
	o := instance.Options{Binary: b.binary, Data: filepath.Join(dir, "data"), Env: []string{"ZAS_LOG_OUTPUT=" + filepath.Join(dir, "log")}}
	if g.secure {
		if o.Cert, err = instance.NewCert(dir); err != nil {
			return err
		}
	}
	i, err := instance.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Kill()) }()
	if s.floor, err = startFloor(ctx, file, o.Cert); err != nil {
		return err
	}
	defer s.floor.stop()
	s.server = &process{pid: i.PID, metrics: i.URL + "/metrics", client: i.Client(1)}
	s.client = wire.To(i, 2*clients)
	s.beside = &wire.Client{HTTP: i.Client(2 * clients), URL: s.floor.url}
	return g.run(s)
}

func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

// count is how often a case runs its operation.
func (s *session) count(n int) int {
	if s.quick {
		return max(1, n/10)
	}
	return n
}

// measure runs op n times from so many clients, and says what one of them cost p.
func (s *session) measure(what string, p *process, n, clients int, op func(i int) error) (cost, error) {
	stop := s.record(what, p)
	before, err := p.read()
	if err != nil {
		return cost{}, err
	}
	if err := repeat(n, clients, op); err != nil {
		return cost{}, fmt.Errorf("%s: %w", what, err)
	}
	wall := time.Since(before.at)
	after, err := p.read()
	if err := errors.Join(err, stop()); err != nil {
		return cost{}, err
	}
	u := after.since(before)
	return cost{
		cpu: u.cpu.Seconds() / float64(n), syncs: u.syncs / float64(n), rate: float64(n) / wall.Seconds(), measured: true,
	}, nil
}

// rounds is how often the floor and the server take turns: what else the machine does meets both.
const rounds = 5

// compare measures op on the server and under on the floor, in turns, and gives the medians.
func (s *session) compare(what string, n, clients int, op, under func(i int) error) (c, floor cost, err error) {
	return s.compareWith(&s.floor.process, what, n, clients, pair{op, under})
}

// pair is an operation, and the one that it is compared with.
type pair struct{ op, under func(i int) error }

// compareWith is compare with the costs of another process: the server's own, to compare two of its operations.
func (s *session) compareWith(beside *process, what string, n, clients int, both pair) (c, floor cost, err error) {
	each := max(1, n/rounds)
	var ours, theirs []cost
	for round := range rounds {
		shift := func(op func(int) error) func(int) error { return func(i int) error { return op(round*each + i) } }
		f, err := s.measure("floor", beside, each, clients, shift(both.under))
		if err != nil {
			return c, floor, err
		}
		o, err := s.measure(fmt.Sprintf("%s %d", what, round), s.server, each, clients, shift(both.op))
		if err != nil {
			return c, floor, err
		}
		ours, theirs = append(ours, o), append(theirs, f)
	}
	c, floor = median(ours), median(theirs)
	ratios := make([]float64, rounds)
	for i := range ratios {
		ratios[i] = ours[i].cpu / theirs[i].cpu
	}
	slices.Sort(ratios)
	c.ratio = ratios[rounds/2]
	return c, floor, nil
}

// median is that of each figure by itself.
func median(costs []cost) cost {
	of := func(figure func(cost) float64) float64 {
		all := make([]float64, len(costs))
		for i, c := range costs {
			all[i] = figure(c)
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return cost{
		cpu: of(func(c cost) float64 { return c.cpu }), syncs: of(func(c cost) float64 { return c.syncs }),
		rate: of(func(c cost) float64 { return c.rate }), measured: true,
		least: slices.MinFunc(costs, func(a, b cost) int { return cmp.Compare(a.cpu, b.cpu) }).cpu,
	}
}

// cost is that of one operation.
type cost struct {
	cpu      float64 // seconds of the server
	syncs    float64 // of the metadata's log
	rate     float64 // operations per second
	ratio    float64 // to the floor
	least    float64 // seconds of the server, in the round that cost least
	measured bool
}

// repeat runs op n times from so many clients. It ends at the first error.
func repeat(n, clients int, op func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Bool
	errs := make([]error, clients)
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for !failed.Load() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[c] = op(i); errs[c] != nil {
					failed.Store(true)
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// record records a profile of p with perf until the returned function is called.
func (s *session) record(what string, p *process) (stop func() error) {
	if s.profile == "" || p != s.server {
		return func() error { return nil }
	}
	file := filepath.Join(s.profile, s.name+" "+what+".perf")
	c := exec.Command("perf", "record", "-q", "-F", "499", "-g", "-o", file, "-p", strconv.Itoa(p.pid))
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return func() error { return err }
	}
	return func() error {
		_ = c.Process.Signal(syscall.SIGINT)
		_ = c.Wait() // its exit code is that of the signal
		return nil
	}
}
