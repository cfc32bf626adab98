package crash

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
)

// contest lets several writers create the same key at the same time, and then removes it.
type contest struct {
	random *rand.Rand
	key    *register
	seq    int
}

func newContest(bucket, key string, seed uint64) *contest {
	return &contest{random: rand.New(rand.NewPCG(seed, 2)), key: newRegister(bucket, key)}
}

const rivals = 4

func (o *contest) step(c client) error {
	if !o.key.known().absent {
		return o.clear(c)
	}
	attempts := make([]object, rivals)
	for i := range attempts {
		o.seq++
		attempts[i] = object{seq: o.seq, body: body{randomPiece(o.random)}}
		o.key.begin(attempts[i])
	}
	statuses, errs := make([]int, rivals), make([]error, rivals)
	var all sync.WaitGroup
	for i, n := range attempts {
		all.Go(func() {
			h := describe(n)
			h["If-None-Match"] = []string{"*"}
			a, err := c.s3(http.MethodPut, o.key.path(), h, n.body.bytes())
			statuses[i], errs[i] = a.Status, want("contesting "+o.key.path(), a, err, 200, 409, 412)
		})
	}
	all.Wait()
	return o.judge(attempts, statuses, errs)
}

// judge notes what follows from the answers: who won, or that somebody did.
func (o *contest) judge(attempts []object, statuses []int, errs []error) (err error) {
	winners, refused := 0, false
	for i := range attempts {
		switch {
		case errs[i] != nil && (err == nil || gone(err)):
			err = errs[i]
		case statuses[i] == http.StatusOK:
			winners++
			o.key.settle(attempts[i])
		case statuses[i] == http.StatusPreconditionFailed:
			refused = true
		}
	}
	switch {
	case winners > 1:
		return fmt.Errorf("%d writers of %s won", winners, o.key.path())
	case winners == 0 && err == nil:
		return fmt.Errorf("nobody won %s: %v", o.key.path(), statuses)
	case winners == 0 && refused: // a refusal rests on something that is there for good
		o.key.mu.Lock()
		o.key.possible = attempts
		o.key.mu.Unlock()
	}
	return err
}

func (o *contest) clear(c client) error {
	o.seq++
	n := object{seq: o.seq, absent: true}
	o.key.begin(n)
	a, err := c.s3(http.MethodDelete, o.key.path(), nil, nil)
	if err := want("clearing "+o.key.path(), a, err, 204); err != nil {
		return err
	}
	o.key.settle(n)
	return nil
}

func (o *contest) verify(c client) error {
	found, err := o.key.read(c)
	if err != nil {
		return err
	}
	return o.key.check(found)
}
