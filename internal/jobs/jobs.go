// Package jobs is what runs by itself: rounds of work at an interval.
package jobs

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Job is a round of work that is done again and again.
type Job struct {
	Interval time.Duration
	Logger   *slog.Logger
	Failure  string // what the log says when a round fails
	Round    func(context.Context) error
}

// Loop runs one Job. The zero value runs nothing. It is not started twice.
type Loop struct {
	stop context.CancelFunc
	done sync.WaitGroup
}

// Start begins with a round at once; a failed one is tried again at the next interval. The end of ctx does not end it.
func (l *Loop) Start(ctx context.Context, j Job) {
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.done.Go(func() { j.run(ctx) })
}

// Stop ends the rounds and waits for the one under way, whose context is cancelled.
func (l *Loop) Stop() {
	if l.stop != nil {
		l.stop()
		l.done.Wait()
	}
}

func (j Job) run(ctx context.Context) {
	tick := time.NewTicker(j.Interval)
	defer tick.Stop()
	for {
		if err := j.Round(ctx); err != nil && ctx.Err() == nil {
			j.Logger.WarnContext(ctx, j.Failure, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
