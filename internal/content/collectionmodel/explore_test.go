package collectionmodel

import (
	"errors"
	"slices"
	"testing"
)

// jugs is the riddle of two jugs of 3 and 5 that are to hold 4: small enough to know the answers.
type jugs struct {
	wanted uint8
	alike  bool // jugs of the same size, told apart by nothing
}

var errFound = errors.New("found")

func (j jugs) sizes() [2]uint8 {
	if j.alike {
		return [2]uint8{5, 5}
	}
	return [2]uint8{3, 5}
}

func (j jugs) Initial() [2]uint8 { return [2]uint8{} }

func (j jugs) Steps(s *[2]uint8, yield func(string, *[2]uint8)) {
	size := j.sizes()
	for i, name := range []string{"first", "second"} {
		full, empty, poured := *s, *s, *s
		full[i], empty[i] = size[i], 0
		n := min(s[i], size[1-i]-s[1-i])
		poured[i], poured[1-i] = s[i]-n, s[1-i]+n
		yield("fill the "+name, &full)
		yield("empty the "+name, &empty)
		yield("pour the "+name, &poured)
	}
}

func (j jugs) Canonical(s *[2]uint8) {
	if j.alike {
		slices.Sort(s[:])
	}
}

func (j jugs) Check(s *[2]uint8) error {
	if s[0] == j.wanted || s[1] == j.wanted {
		return errFound
	}
	return nil
}

func TestTheShortestTraceIsFound(t *testing.T) {
	r, err := Explore(jugs{wanted: 4}, 100)
	want := []string{"fill the second", "pour the second", "empty the first", "pour the second", "fill the second", "pour the second"}
	if err != nil || !errors.Is(r.Violation, errFound) || r.Depth != len(want) || !slices.Equal(r.Trace, want) {
		t.Fatalf("%+v %v", r, err)
	}
}

func TestAllStatesAreFound(t *testing.T) {
	r, err := Explore(jugs{wanted: 9}, 100)
	if err != nil || r.Violation != nil || r.States != 16 || r.Transitions != 16*6 || r.Trace != nil {
		t.Fatalf("%+v %v", r, err)
	}
}

func TestStatesThatDifferInNamesOnlyAreOne(t *testing.T) {
	r, err := Explore(jugs{wanted: 9, alike: true}, 100)
	if err != nil || r.States != 3 { // none, one or both are full
		t.Fatalf("%+v %v", r, err)
	}
}

func TestTooManyStatesAreAnError(t *testing.T) {
	if _, err := Explore(jugs{wanted: 9}, 10); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
}
