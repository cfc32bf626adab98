package collectionmodel

import (
	"testing"
	"time"
)

func TestScratch(t *testing.T) {
	for _, c := range Configs() {
		start := time.Now()
		r, err := Explore(New(c, Protocol), 8_000_000)
		t.Logf("%-14s %9d states %10d transitions depth %d in %v: %v %v", c.Name, r.States, r.Transitions, r.Depth, time.Since(start).Round(time.Millisecond), err, r.Violation)
		for i, s := range r.Trace {
			t.Logf("   %d %s", i+1, s)
		}
	}
}
