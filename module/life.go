package module

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Starter is a part with work to do before the first request, or with goroutines of its own.
type Starter interface {
	// Start returns when the part is ready. ctx bounds the starting only; the part ends with Stop.
	Start(ctx context.Context) error
}

// Stopper is a part with something to give back. A part may be an io.Closer instead.
type Stopper interface {
	// Stop awaits the part's goroutines and frees what it holds, within ctx.
	// It is called at most once, and also on a part that was built and never started.
	Stop(ctx context.Context) error
}

// Checker is a part that knows whether it works.
type Checker interface {
	// Check reports nil when requests that need the part can be served now.
	Check(ctx context.Context) error
}

// Life is the parts of a program in the order in which they were built. A part is built from those that it needs, so
// that order is the order of dependency: parts start in it and stop in reverse. The zero value is empty and ready.
type Life struct {
	mu      sync.Mutex // guards parts and started
	parts   []part
	started int // parts[:started] have been started
}

type part struct {
	name  string
	value any
}

// Add takes a part that has just been built. What it can do is told by the interfaces that it implements:
// Starter, Stopper or io.Closer, Checker; a part with none of them may be added too.
func (l *Life) Add(name string, value any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts = append(l.parts, part{name: name, value: value})
}

// Start starts the parts that have not been started, in order. On the first error it stops every part, started or
// merely built, in reverse, and reports all that went wrong.
func (l *Life) Start(ctx context.Context) error {
	for {
		p, ok := l.next()
		if !ok {
			return nil
		}
		starter, ok := p.value.(Starter)
		if !ok {
			continue
		}
		if err := starter.Start(ctx); err != nil {
			return errors.Join(fmt.Errorf("start %s: %w", p.name, err), l.Stop(ctx))
		}
	}
}

func (l *Life) next() (part, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.started == len(l.parts) {
		return part{}, false
	}
	l.started++
	return l.parts[l.started-1], true
}

// Stop stops all parts in reverse, goes on after errors, and reports them together. A second call does nothing.
func (l *Life) Stop(ctx context.Context) error {
	l.mu.Lock()
	parts := l.parts
	l.parts, l.started = nil, 0
	l.mu.Unlock()
	var failed []error
	for i := len(parts) - 1; i >= 0; i-- {
		var err error
		switch v := parts[i].value.(type) {
		case Stopper:
			err = v.Stop(ctx)
		case io.Closer:
			err = v.Close()
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("stop %s: %w", parts[i].name, err))
		}
	}
	return errors.Join(failed...)
}

// Health is what one part says of itself.
type Health struct {
	Name string
	Took time.Duration
	Err  error // nil: it works
}

// Check asks every part that is a Checker, in order.
func (l *Life) Check(ctx context.Context) []Health {
	l.mu.Lock()
	parts := l.parts[:len(l.parts):len(l.parts)]
	l.mu.Unlock()
	var all []Health
	for _, p := range parts {
		if checker, ok := p.value.(Checker); ok {
			begin := time.Now()
			err := checker.Check(ctx)
			all = append(all, Health{Name: p.name, Took: time.Since(begin), Err: err})
		}
	}
	return all
}
