package crash

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
)

// objects writes a few keys of a bucket, each in every way that S3 has.
type objects struct {
	random *rand.Rand
	keys   []*register
	seq    int
	upload *upload // under way; nil: none
}

func newObjects(bucket, prefix string, seed uint64) *objects {
	o := &objects{random: rand.New(rand.NewPCG(seed, 1))}
	for n := range 4 {
		o.keys = append(o.keys, newRegister(bucket, fmt.Sprintf("%s/%d", prefix, n)))
	}
	return o
}

func (o *objects) pick() *register { return o.keys[o.random.IntN(len(o.keys))] }

func (o *objects) next(b body) object {
	o.seq++
	return object{seq: o.seq, body: b, absent: b == nil}
}

func describe(n object) http.Header {
	return http.Header{seqHeader: {strconv.Itoa(n.seq)}, bodyHeader: {n.body.String()}}
}

// step does one operation.
func (o *objects) step(c client) error {
	switch n := o.random.IntN(100); {
	case n < 50:
		return o.put(c)
	case n < 62:
		return o.copy(c)
	case n < 72:
		return o.remove(c)
	case n < 77:
		return o.removeTwo(c)
	case n < 89:
		return o.conditional(c)
	default:
		return o.stepUpload(c)
	}
}

func (o *objects) put(c client) error {
	r, n := o.pick(), o.next(body{randomPiece(o.random)})
	r.begin(n)
	a, err := c.s3(http.MethodPut, r.path(), describe(n), n.body.bytes())
	if err := want("PUT "+r.path(), a, err, 200); err != nil {
		return err
	}
	n.etag = a.Header.Get("Etag")
	r.settle(n)
	return nil
}

func (o *objects) remove(c client) error {
	r, n := o.pick(), o.next(nil)
	r.begin(n)
	a, err := c.s3(http.MethodDelete, r.path(), nil, nil)
	if err := want("DELETE "+r.path(), a, err, 204); err != nil {
		return err
	}
	r.settle(n)
	return nil
}

func (o *objects) removeTwo(c client) error {
	pair := []*register{o.keys[0], o.keys[1]}
	n := o.next(nil)
	list := "<Delete><Quiet>true</Quiet>"
	for _, r := range pair {
		r.begin(n)
		list += "<Object><Key>" + r.key + "</Key></Object>"
	}
	list += "</Delete>"
	sum := md5.Sum([]byte(list))
	h := http.Header{"Content-Md5": {base64.StdEncoding.EncodeToString(sum[:])}}
	a, err := c.s3(http.MethodPost, "/"+pair[0].bucket+"?delete=", h, []byte(list))
	if err := want("deleting two", a, err, 200); err != nil {
		return err
	}
	for _, r := range pair {
		r.settle(n)
	}
	return nil
}

func (o *objects) copy(c client) error {
	from, to := o.pick(), o.pick()
	source := from.known()
	if from == to || source.absent {
		return nil
	}
	n := o.next(source.body)
	h := describe(n)
	h["X-Amz-Copy-Source"], h["X-Amz-Metadata-Directive"] = []string{from.path()}, []string{"REPLACE"}
	to.begin(n)
	a, err := c.s3(http.MethodPut, to.path(), h, nil)
	if err := want("copying to "+to.path(), a, err, 200); err != nil {
		return err
	}
	to.settle(n)
	return nil
}

// conditional writes on a condition that holds or does not; the answer must be the right one.
func (o *objects) conditional(c client) error {
	r := o.pick()
	before, n := r.known(), o.next(body{randomPiece(o.random)})
	h := describe(n)
	status := http.StatusOK
	switch {
	case o.random.IntN(2) == 0:
		h["If-None-Match"] = []string{"*"}
		if !before.absent {
			status = http.StatusPreconditionFailed
		}
	case before.absent:
		h["If-Match"], status = []string{`"00000000000000000000000000000000"`}, http.StatusNotFound
	case before.etag == "":
		return nil
	default:
		h["If-Match"] = []string{before.etag}
	}
	if status == http.StatusOK {
		r.begin(n)
	}
	a, err := c.s3(http.MethodPut, r.path(), h, n.body.bytes())
	if err := want("a conditional PUT of "+r.path()+" over "+before.String(), a, err, status); err != nil {
		return err
	}
	if status == http.StatusOK {
		n.etag = a.Header.Get("Etag")
		r.settle(n)
	}
	return nil
}

// verify compares every key with what is possible, and brings an upload under way to an end.
func (o *objects) verify(c client) error {
	if err := o.verifyKeys(c); err != nil {
		return err
	}
	if err := o.resume(c); err != nil {
		return err
	}
	return o.verifyKeys(c)
}

func (o *objects) verifyKeys(c client) error {
	for _, r := range o.keys {
		found, err := r.read(c)
		if err != nil {
			return err
		}
		if err := r.check(found); err != nil {
			return err
		}
	}
	return nil
}

// observe reads keys of others while they are written.
func observe(c client, random *rand.Rand, keys []*register) error {
	r := keys[random.IntN(len(keys))]
	found, err := r.read(c)
	if err != nil {
		return err
	}
	if !found.absent {
		r.saw(found.seq)
	}
	return nil
}

// present are the keys that hold something.
func present(keys []*register) (names []string) {
	for _, r := range keys {
		if !r.known().absent {
			names = append(names, r.key)
		}
	}
	slices.Sort(names)
	return names
}
