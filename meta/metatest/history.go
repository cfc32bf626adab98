package metatest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/zot-artifact-store/zas/meta"
)

const (
	historyWorkers = 8
	historyEach    = 100 // transactions of a worker
	historySteps   = 6   // at most, of a transaction
)

// event is a transaction or view of a history, with what it saw.
type event struct {
	id      string
	worker  int
	view    bool
	fails   bool
	steps   []step
	saw     []string
	version uint64 // of the snapshot
	commit  uint64 // of its commit, 0 when there is none
	err     error
}

// at is the event's place in the serial order: a commit at its version, what has no commit after the version that it saw.
func (e *event) at() uint64 { return max(e.version, e.commit) }

func (e *event) writes() bool { return !e.fails && slices.ContainsFunc(e.steps, step.writes) }

// checkHistory runs random concurrent transactions on an empty store and reports whether they saw and did what the same ones do one after
// another in the order of their versions. The log tells the versions of the commits.
func checkHistory(ctx context.Context, f *fixture) error {
	seed := rand.Uint64()
	events := make([][]*event, historyWorkers)
	var wg sync.WaitGroup
	for w := range events {
		rng := rand.New(rand.NewPCG(seed, uint64(w)))
		wg.Go(func() {
			for i := range historyEach {
				e := f.drawEvent(rng)
				e.worker, e.id = w, fmt.Sprintf("%d.%d", w, i)
				f.runEvent(ctx, e)
				events[w] = append(events[w], e)
			}
		})
	}
	wg.Wait()
	if err := f.findCommits(ctx, slices.Concat(events...)); err != nil {
		return fmt.Errorf("seed %d: %w", seed, err)
	}
	for _, worker := range events {
		for i := 1; i < len(worker); i++ {
			if before, e := worker[i-1], worker[i]; e.at() < before.at() {
				return fmt.Errorf("seed %d: %s at %d is ordered before its predecessor at %d", seed, e.id, e.at(), before.at())
			}
		}
	}
	if err := replayAll(slices.Concat(events...)); err != nil {
		return fmt.Errorf("seed %d: %w", seed, err)
	}
	return nil
}

// drawEvent makes up a transaction over few keys, so that many of them meet.
func (f *fixture) drawEvent(rng *rand.Rand) *event {
	e := &event{view: rng.IntN(4) == 0, fails: rng.IntN(8) == 0}
	for range 1 + rng.IntN(historySteps) {
		group, name := string(rune('a'+rng.IntN(3))), strconv.Itoa(rng.IntN(4))
		s := step{kind: stepKind(rng.IntN(4)), key: f.rows.Key(group, name), value: strconv.Itoa(rng.IntN(1e6))}
		if e.view {
			s.kind %= 2
		}
		if s.kind == stepScan {
			s.guard = f.rows.Guard(group)
			s.rg = f.rows.Prefix(group)
			switch rng.IntN(4) {
			case 0:
				s.rg, s.guard = f.rows.All(), f.rows.Guard()
			case 1:
				s.rg = f.rows.Starting(name, group)
			case 2:
				s.rg = f.rows.After(s.rg, group, name)
			}
			s.rg = s.rg.Limited(rng.IntN(3))
			s.rg.Reverse = rng.IntN(2) == 0
		}
		e.steps = append(e.steps, s)
	}
	return e
}

// locks are what the event needs and no more.
func (e *event) locks() meta.LockSet {
	var locks meta.LockSet
	for _, s := range e.steps {
		switch s.kind {
		case stepGet:
			locks = locks.Read(s.key)
		case stepScan:
			locks = locks.Guard(s.guard)
		default:
			locks = locks.Write(s.key)
		}
	}
	return locks
}

func (f *fixture) runEvent(ctx context.Context, e *event) {
	if e.view {
		e.err = f.View(ctx, func(r meta.Reader) error {
			e.version, e.saw = r.Version(), nil
			for _, s := range e.steps {
				saw, err := s.read(ctx, r)
				if err != nil {
					return err
				}
				e.saw = append(e.saw, saw)
				runtime.Gosched()
			}
			return nil
		})
		return
	}
	e.err = f.Update(ctx, e.locks(), func(tx meta.Tx) error {
		e.version, e.saw = tx.Version(), nil
		for _, s := range e.steps {
			saw, err := s.run(ctx, tx)
			if err != nil {
				return err
			}
			e.saw = append(e.saw, saw)
			runtime.Gosched()
		}
		if e.fails {
			return errOwn
		}
		if !e.writes() {
			return nil
		}
		return tx.Append(f.log, []byte(e.id))
	})
}

// findCommits reads the commits' versions from the log.
func (f *fixture) findCommits(ctx context.Context, events []*event) error {
	commits := map[string]uint64{}
	seen := map[uint64]string{}
	err := f.View(ctx, func(r meta.Reader) error {
		for row, err := range r.Scan(ctx, f.log.After(meta.Position{})) {
			if err != nil {
				return err
			}
			at, err := f.log.PositionOf(row.Key)
			if err != nil {
				return err
			}
			id := string(row.Value)
			if other, used := seen[at.Version]; used || commits[id] != 0 {
				return fmt.Errorf("%s has version %d, as %q has; or it has another", id, at.Version, other)
			}
			commits[id], seen[at.Version] = at.Version, id
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range events {
		e.commit = commits[e.id]
		switch {
		case e.fails && !e.view && !errors.Is(e.err, errOwn), (!e.fails || e.view) && e.err != nil:
			return fmt.Errorf("%s ended with error %w", e.id, e.err)
		case (e.commit != 0) != (e.writes() && !e.view):
			return fmt.Errorf("%s: its entry in the log is at version %d", e.id, e.commit)
		case e.commit != 0 && e.commit <= e.version:
			return fmt.Errorf("%s has version %d and saw %d", e.id, e.commit, e.version)
		}
	}
	return nil
}

// replayAll does the events one after another on a model.
func replayAll(events []*event) error {
	slices.SortStableFunc(events, func(a, b *event) int {
		return cmp.Or(cmp.Compare(a.at(), b.at()), cmp.Compare(b.commit, a.commit)) // who saw a commit comes after it
	})
	stored := model{}
	for _, e := range events {
		m := maps.Clone(stored)
		for i, s := range e.steps {
			if want := s.replay(m); e.saw[i] != want {
				return fmt.Errorf("%s at %d saw in step %d, %v\n got %s\nwant %s\nall its steps: %v", e.id, e.at(), i, s, e.saw[i], want, e.steps)
			}
		}
		if e.commit != 0 {
			stored = m
		}
	}
	return nil
}
