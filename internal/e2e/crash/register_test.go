package crash

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
)

// object is what a key holds: something written by the operation with this number, or nothing since that operation.
type object struct {
	seq    int
	body   body
	absent bool
	etag   string // as an answer has told it; empty: not known
}

// String is for messages.
func (o object) String() string {
	if o.absent {
		return fmt.Sprintf("nothing, since %d", o.seq)
	}
	return fmt.Sprintf("%v, written by %d", o.body, o.seq)
}

// register is what is known about one key: the states that it may be in. One worker writes it; anybody may read.
type register struct {
	bucket, key string

	mu       sync.Mutex
	possible []object
}

func newRegister(bucket, key string) *register {
	return &register{bucket: bucket, key: key, possible: []object{{absent: true}}}
}

func (r *register) path() string { return "/" + r.bucket + "/" + r.key }

// begin notes an operation under way: from now on its outcome is possible.
func (r *register) begin(o object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.possible = append(r.possible, o)
}

// settle notes that the key is in state o: an operation was acknowledged, or was refused and o is what was there before.
func (r *register) settle(o object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.possible = []object{o}
}

// saw notes that a reader got what operation seq wrote: what was there before may not come back.
func (r *register) saw(seq int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.possible, func(o object) bool { return o.seq == seq }); i >= 0 {
		r.possible = r.possible[i:]
	}
}

// known is the state, when there is only one.
func (r *register) known() object {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.possible[0]
}

// check compares the state found after a crash with the possible ones. An absence has no number.
func (r *register) check(found object) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range r.possible {
		if o.absent == found.absent && (o.absent || o.seq == found.seq) {
			if !o.absent && o.body.String() != found.body.String() {
				break
			}
			r.possible = []object{found}
			return nil
		}
	}
	return fmt.Errorf("%s holds %v, possible are %v", r.path(), found, r.possible)
}

// The headers that say what an object is.
const (
	seqHeader  = "X-Amz-Meta-Seq"
	bodyHeader = "X-Amz-Meta-Body"
)

// read gets a key and compares its bytes with what they are said to be.
func (r *register) read(c client) (object, error) {
	a, err := c.s3("GET", r.path(), nil, nil)
	if err != nil {
		return object{}, err
	}
	if a.Status == 404 {
		return object{absent: true}, nil
	}
	if err := a.Want(200); err != nil {
		return object{}, fmt.Errorf("reading %s: %w", r.path(), err)
	}
	seq, err := strconv.Atoi(a.Header.Get(seqHeader))
	if err != nil {
		return object{}, fmt.Errorf("reading %s: %w", r.path(), err)
	}
	b, err := parseBody(a.Header.Get(bodyHeader))
	if err != nil {
		return object{}, fmt.Errorf("reading %s: %w", r.path(), err)
	}
	if want := b.bytes(); string(want) != string(a.Body) {
		return object{}, fmt.Errorf("%s: %d bytes are not the %d of %v", r.path(), len(a.Body), len(want), b)
	}
	return object{seq: seq, body: b, etag: a.Header.Get("Etag")}, checkDigest(a)
}
