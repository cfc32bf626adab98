package collectionmodel

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestEveryRunOfTheModelReplays walks the model at random, tells each step as events and replays them: each must be possible, and
// the state of the model must be among those that Replay thinks possible.
func TestEveryRunOfTheModelReplays(t *testing.T) {
	for _, c := range Configs() {
		events := 0
		for seed := range uint64(30) {
			told, err := walk(New(c, Protocol), rand.New(rand.NewPCG(seed, 1)), 150)
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			events += told
		}
		t.Logf("%s: %d events", c.Name, events)
	}
}

// errNoWorld says that Replay has lost track of the model.
var errNoWorld = errors.New("no world is the model's state")

// walk takes steps of m at random and replays their events. It returns how many there were, and with an error the story.
func walk(m *Model, rng *rand.Rand, length int) (told int, err error) {
	n := &narrator{m: m}
	at := m.Initial()
	worlds, err := begin(n, &at)
	var story []string
	for i := 0; i < length && err == nil; i++ {
		s, next, ok := pick(m, &at, rng)
		if !ok {
			break
		}
		events, ok := n.tell(&at, s, &next)
		if !ok {
			break
		}
		story = append(story, s.String())
		for _, e := range events {
			if worlds, err = step(worlds, e); err != nil {
				err = fmt.Errorf("%w: %+v", err, e)
				break
			}
		}
		told += len(events)
		at = next
		if err == nil && m.is(Protocol) && !anyMatches(n, worlds, &at) {
			err = fmt.Errorf("%w: %v", errNoWorld, facts(n.rows(&at.visible)))
		}
	}
	if err != nil {
		err = fmt.Errorf("after\n%s\n%w", strings.Join(story, "\n"), err)
	}
	return told, err
}

// begin replays what has happened before the initial state: processes that run have claimed their epochs.
func begin(n *narrator, s *state) ([]*world, error) {
	worlds := []*world{newWorld()}
	if changes := n.changes(&rows{}, &s.visible); len(changes) > 0 {
		return step(worlds, Event{Kind: Commit, Changes: changes})
	}
	return worlds, nil
}

// pick chooses one of the steps of s at random.
func pick(m *Model, s *state, rng *rand.Rand) (chosen Step, next state, ok bool) {
	n := 0
	m.Steps(s, func(step Step, to *state) {
		if n++; rng.IntN(n) == 0 {
			chosen, next, ok = step, *to, true
		}
	})
	return chosen, next, ok
}

func anyMatches(n *narrator, worlds []*world, s *state) bool {
	for _, w := range worlds {
		for _, one := range w.withLate() {
			if one = one.clone(); !s.frozen {
				one.sync() // a late commit is durable without anybody having been told
			}
			if n.matches(one, s) {
				return true
			}
		}
	}
	return false
}

// TestNoCounterExampleReplays tells the counter-example of each mutant as events: Replay must refuse one of them.
func TestNoCounterExampleReplays(t *testing.T) {
	for _, b := range Mutants() {
		if b.Unseen != "" {
			continue
		}
		t.Run(b.Name, func(t *testing.T) {
			m := New(config(t, b.Config), b.Mutant)
			var err error
			if b.Violates == ErrLeak {
				err = refusedWalk(m) // the counter-example ends before the harm, in a state that cannot be cleaned up
			} else {
				err = replaySteps(t, m, explored(t, m).Trace)
			}
			if !errors.Is(err, ErrRefused) {
				t.Fatalf("its traces are taken for behaviours of the model: %v", err)
			}
			t.Log(err)
		})
	}
}

// refusedWalk walks m at random until Replay refuses what it does.
func refusedWalk(m *Model) error {
	for seed := range uint64(1000) {
		if _, err := walk(m, rand.New(rand.NewPCG(seed, 2)), 60); err != nil {
			return err
		}
	}
	return nil
}

// replaySteps walks from the initial state by the given steps and replays them.
func replaySteps(t *testing.T, m *Model, steps []Step) error {
	t.Helper()
	n := &narrator{m: m}
	at := m.Initial()
	worlds, err := begin(n, &at)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range steps {
		var next state
		found := false
		m.Steps(&at, func(s Step, to *state) {
			if s == want && !found {
				next, found = *to, true
			}
		})
		if !found {
			t.Fatalf("no step %v", want)
		}
		events, _ := n.tell(&at, want, &next)
		for _, e := range events {
			if worlds, err = step(worlds, e); err != nil {
				return err
			}
		}
		at = next
	}
	return nil
}

// explored is the exploration of m, which must end in a violation.
func explored(t *testing.T, m *Model) Result[Step] {
	t.Helper()
	r, err := Explore(m, limit)
	if err != nil || r.Violation == nil {
		t.Fatal(err, r.Violation)
	}
	return r
}
