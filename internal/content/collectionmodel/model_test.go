package collectionmodel

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the figures into docs/collection-model.md")

const (
	limit        = 2_000_000  // states of a configuration that is explored on every change
	nightlyLimit = 40_000_000 // some 8 GB
	document     = "../../../docs/collection-model.md"
)

// explorations is the results for every configuration of the protocol, made once.
var explorations = sync.OnceValues(func() (results []Result[Step], err error) {
	for _, c := range Configs() {
		r, err := Explore(New(c, Protocol), limit)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		results = append(results, r)
	}
	return results, nil
})

func TestTheProtocolKeepsItsInvariants(t *testing.T) {
	results, err := explorations()
	if err != nil {
		t.Fatal(err)
	}
	states, transitions := 0, 0
	for i, c := range Configs() {
		report(t, c, results[i])
		states, transitions = states+results[i].States, transitions+results[i].Transitions
	}
	t.Logf("%-26s %9d states %10d transitions", "all", states, transitions)
}

func TestTheProtocolKeepsItsInvariantsInLargerConfigurations(t *testing.T) {
	if os.Getenv("ZAS_NIGHTLY") == "" {
		t.Skip("takes minutes and gigabytes: set ZAS_NIGHTLY=1")
	}
	var table []string
	for _, c := range Nightly() {
		began := time.Now()
		r, err := Explore(New(c, Protocol), nightlyLimit)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		report(t, c, r)
		t.Logf("%v", time.Since(began).Round(time.Second))
		table = append(table, configRow(c, r))
	}
	wantDocumented(t, "nightly", configHead, table)
}

func report(t *testing.T, c Config, r Result[Step]) {
	t.Helper()
	t.Logf("%-26s %9d states %10d transitions, depth %d", c.Name, r.States, r.Transitions, r.Depth)
	if r.Violation != nil {
		t.Errorf("%s: %v after\n%s", c.Name, r.Violation, story(r.Trace))
	}
}

func story(trace []Step) string {
	var b strings.Builder
	for i, s := range trace {
		fmt.Fprintf(&b, "%3d. %s\n", i+1, s)
	}
	return b.String()
}

func TestEveryMutantIsFound(t *testing.T) {
	for _, b := range Mutants() {
		t.Run(b.Name, func(t *testing.T) {
			r := explored(t, New(config(t, b.Config), b.Mutant))
			t.Logf("%d steps in %q: %v\n%s", len(r.Trace), b.Config, r.Violation, story(r.Trace))
			if !errors.Is(r.Violation, b.Violates) {
				t.Errorf("found %v, want %v", r.Violation, b.Violates)
			}
		})
	}
}

func TestEveryMutantIsListed(t *testing.T) {
	listed := map[Mutant]bool{}
	for _, b := range append(Mutants(), Relaxations()...) {
		listed[b.Mutant] = true
	}
	for m := Protocol + 1; m <= LoserTrashedUndurable; m++ {
		if !listed[m] {
			t.Errorf("mutant %d is in no table", m)
		}
	}
}

func TestRelaxationsBreakNothing(t *testing.T) {
	for _, b := range Relaxations() {
		r, err := Explore(New(config(t, b.Config), b.Mutant), limit)
		if err != nil || r.Violation != nil {
			t.Errorf("%s: %v %v after\n%s", b.Name, err, r.Violation, story(r.Trace))
		}
	}
}

func config(t *testing.T, name string) Config {
	t.Helper()
	c, ok := Find(name)
	if !ok {
		t.Fatalf("no configuration %q", name)
	}
	return c
}

// TestRenamingLosesNoState explores without renaming: up to it, the same states must be found.
func TestRenamingLosesNoState(t *testing.T) {
	for _, name := range []string{"pushers", "late digests", "long readers"} {
		c := config(t, name)
		c.Locations, c.Contents, c.Losses = 2, 2, 0
		renamed, err := Explore(New(c, Protocol), limit)
		if err != nil || renamed.Violation != nil {
			t.Fatal(err, renamed.Violation)
		}
		u := unrenamed{New(c, Protocol), map[state]struct{}{}}
		plain, err := Explore(u, limit)
		if err != nil || plain.Violation != nil {
			t.Fatal(err, plain.Violation)
		}
		t.Logf("%s: %d states, %d without renaming", name, renamed.States, plain.States)
		if len(u.seen) != renamed.States {
			t.Errorf("%s: %d states with renaming, %d renamed afterwards", name, renamed.States, len(u.seen))
		}
	}
}

// unrenamed is a model whose states are all told apart. It sees what they would be renamed to.
type unrenamed struct {
	*Model
	seen map[state]struct{}
}

func (unrenamed) Canonical(*state) {}

func (u unrenamed) Check(s *state) error {
	renamed := *s
	u.Model.Canonical(&renamed)
	u.seen[renamed] = struct{}{}
	return u.Model.Check(s)
}

var (
	configHead = []string{"| Configuration | Covers | States | Transitions | Depth |", "|---|---|---:|---:|---:|"}
	mutantHead = []string{"| What is done wrong | Shortest counter-example | Ends in | Configuration |", "|---|---:|---|---|"}
)

func configRow(c Config, r Result[Step]) string {
	return fmt.Sprintf("| %s | %s | %s | %s | %d |", c.Name, c.Covers, grouped(r.States), grouped(r.Transitions), r.Depth)
}

// grouped is n with a comma before each three digits.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// TestTheDocumentTellsTheFigures compares docs/collection-model.md with what is explored.
func TestTheDocumentTellsTheFigures(t *testing.T) {
	results, err := explorations()
	if err != nil {
		t.Fatal(err)
	}
	var configs, mutants []string
	states, transitions := 0, 0
	for i, c := range Configs() {
		configs = append(configs, configRow(c, results[i]))
		states, transitions = states+results[i].States, transitions+results[i].Transitions
	}
	configs = append(configs, fmt.Sprintf("| all | | %s | %s | |", grouped(states), grouped(transitions)))
	for _, b := range Mutants() {
		r := explored(t, New(config(t, b.Config), b.Mutant))
		mutants = append(mutants, fmt.Sprintf("| %s | %d steps | %v | %s |", b.Name, len(r.Trace), r.Violation, b.Config))
	}
	wantDocumented(t, "configurations", configHead, configs)
	wantDocumented(t, "mutants", mutantHead, mutants)
}

// wantDocumented wants a table between the document's marks of that name. With -update it puts it there.
func wantDocumented(t *testing.T, mark string, head, rows []string) {
	t.Helper()
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	open, end := "<!-- "+mark+" -->\n", "<!-- end of "+mark+" -->"
	before, rest, ok := strings.Cut(string(raw), open)
	was, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks for %s", document, mark)
	}
	want := strings.Join(append(append([]string{}, head...), rows...), "\n") + "\n"
	switch {
	case was == want:
	case *update:
		if err := os.WriteFile(document, []byte(before+open+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s differs from what is explored; run go test with -update\n%s", document, want)
	}
}
