package object_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/meta"
)

// call is what one of several clients of a key asks for.
type call struct {
	verb  string // get, read, put, delete, remove, list, turn
	data  string
	id    string // of the version to read or to remove
	cond  object.WriteCondition
	state object.Versioning // to turn to
}

// answer is what it hears: a fault, or what was found or made.
type answer struct {
	code string
	data string
	id   string // as clients see it
	list string
}

// scattered lets others run before a transaction, now and then: so that plans are overtaken.
type scattered struct{ meta.Store }

func (s scattered) Update(ctx context.Context, locks meta.LockSet, fn func(meta.Tx) error) error {
	for range rand.IntN(4) {
		runtime.Gosched()
	}
	return s.Store.Update(ctx, locks, fn)
}

// make does the call over the store.
func (c call) make(b *bench) (a answer, err error) {
	ctx := b.t.Context()
	switch c.verb {
	case "get", "read":
		var data []byte
		data, err = b.readPart(object.GetRequest{Bucket: "bucket", Key: "key", VersionID: c.id})
		a.data = string(data)
	case "put":
		req := putRequest("bucket", "key", []byte(c.data))
		req.If = c.cond
		var stored object.Stored
		stored, err = b.Put(ctx, req)
		a.id = stored.VersionID
	case "delete", "remove":
		var deleted object.Deleted
		deleted, err = b.Delete(ctx, object.DeleteRequest{By: alice, Bucket: "bucket", Key: "key", VersionID: c.id, If: c.cond})
		a.id = deleted.VersionID
	case "list":
		var list []object.VersionItem
		list, _, err = b.ListVersions(ctx, object.ListVersionsRequest{ListRequest: object.ListRequest{Bucket: "bucket", Limit: 100}})
		for _, it := range list {
			a.list += it.Version.Address() + " " + it.Version.ETag() + "\n"
		}
	case "turn":
		err = b.PutVersioning(ctx, object.VersioningRequest{By: alice, Bucket: "bucket", State: c.state})
	}
	for _, code := range []*fault.Code{fault.KeyNotFound, fault.VersionNotFound, fault.MethodNotAllowed, fault.PreconditionFailed, fault.Busy} {
		if errors.Is(err, code) {
			return answer{code: code.Name()}, nil
		}
	}
	return a, err
}

// follows says whether a is an answer to c when the bucket is as b, and what the bucket is then.
func (c call) follows(b *vault, a answer) (bool, *vault) {
	if a.code == fault.Busy.Name() {
		return true, b
	}
	next := b.clone()
	now := b.current("key").object()
	var want answer
	var code *fault.Code
	switch c.verb {
	case "get", "read":
		var e *edition
		if e, code = b.find("key", c.id); code == nil {
			want.data = e.Data
		}
	case "put":
		code = now.holds(c.cond)
		next.write("key", &edition{Data: c.data, ETag: etagOf(c.data)}, time.Time{})
		want.id = next.named(a.id)
	case "delete":
		code = now.holds(c.cond)
		next.hide("key", time.Time{})
		want.id = next.named(a.id)
	case "remove":
		want.id = c.id
		code = next.remove("key", c.id, time.Time{}, false)
	case "list":
		for _, i := range b.list(object.ListRequest{}, "", false) {
			want.list += i.version.address() + " " + i.version.ETag + "\n"
		}
	case "turn":
		next.State = c.state
	}
	if code != nil {
		next, want = b, answer{code: code.Name()}
	}
	return a == want, next
}

// named gives the current version its id, where that is no null version. It returns the id as its writer hears it.
func (b *vault) named(id string) string {
	switch e := b.current("key"); {
	case b.State == object.Unversioned:
		return ""
	case !e.Null && id != object.NullVersion && b.index("key", id) < 0:
		e.ID = ident(id)
	}
	return b.current("key").address()
}

// text is all there is to a bucket of the model.
func (b *vault) text() string {
	s := fmt.Sprint(b.State)
	for _, e := range b.Keys["key"] {
		s += fmt.Sprintf(" %s %s %v", e.address(), e.Data, e.Marker)
	}
	return s
}

// registers is the model of one key for porcupine.
func registers(state object.Versioning) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return &vault{State: state, Keys: map[string][]*edition{}} },
		Step: func(state, input, output any) (bool, any) {
			return input.(call).follows(state.(*vault), output.(answer))
		},
		Equal: func(a, b any) bool { return a.(*vault).text() == b.(*vault).text() },
	}
}

// client is one of those that use a key at the same time. It remembers what it has seen.
type client struct {
	*rand.Rand
	number, calls int
	etag          string
	ids           []string
}

// draw is the next call of the client; with versions among them.
func (c *client) draw(versions bool) call {
	c.calls++
	data := fmt.Sprintf("%d-%d", c.number, c.calls)
	if c.IntN(8) == 0 {
		data = string(bytesOf(uint64(c.number*100+c.calls), 2*inlineMax))
	}
	verbs := []call{
		{verb: "get"}, {verb: "get"}, {verb: "put", data: data}, {verb: "put", data: data, cond: object.WriteCondition{Absent: true}},
		{verb: "put", data: data, cond: object.WriteCondition{Match: c.etag}}, {verb: "put", data: data, cond: object.WriteCondition{Match: c.etag}},
		{verb: "delete"}, {verb: "delete", cond: object.WriteCondition{Match: c.etag}},
	}
	if versions {
		id := c.ids[c.IntN(len(c.ids))]
		verbs = append(verbs, call{verb: "remove", id: id}, call{verb: "remove", id: id}, call{verb: "read", id: id}, call{verb: "list"}, call{verb: "list"},
			call{verb: "turn", state: object.Versioning(1 + c.IntN(2))})
	}
	return verbs[c.IntN(len(verbs))]
}

func (c *client) learn(asked call, a answer) {
	switch {
	case asked.verb == "get" && a.code == "":
		c.etag = etagOf(a.data)
	case asked.verb == "put" && a.code == "":
		c.etag = etagOf(asked.data)
	}
	if a.id != "" {
		c.ids = append(c.ids, a.id)
	}
}

func TestAKeyIsLinearizable(t *testing.T) {
	for _, of := range []struct {
		name     string
		state    object.Versioning
		versions bool
	}{
		{"without versioning", object.Unversioned, false},
		{"under versioning", object.Versioned, false},
		{"while versioning is suspended", object.Suspended, false},
		{"with its versions", object.Versioned, true},
	} {
		t.Run(of.name, func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, b *bench) {
				short := 40
				if testing.Short() {
					short = 8
				}
				b = b.over(scattered{b.meta}, b.extents)
				for range nightly(short, 3000) {
					b.linearizable(t, of.state, of.versions)
				}
			})
		})
	}
}

// linearizable lets clients use a key of a new bucket at once, and checks that what they heard has an order.
func (b *bench) linearizable(t *testing.T, state object.Versioning, versions bool) {
	b.bucket("bucket")
	if state != object.Unversioned {
		b.setVersioning("bucket", state)
	}
	const clients, calls = 4, 6
	seed := rand.Uint64()
	var clock atomic.Int64
	var heard [clients][]porcupine.Operation
	for _, err := range together(clients, func(i int) error {
		c := client{Rand: rand.New(rand.NewPCG(seed, uint64(i))), number: i, etag: "x", ids: []string{object.NullVersion}}
		for range calls {
			asked := c.draw(versions)
			begun := clock.Add(1)
			a, err := asked.make(b)
			if err != nil {
				return err
			}
			heard[i] = append(heard[i], porcupine.Operation{ClientId: i, Input: asked, Call: begun, Output: a, Return: clock.Add(1)})
			c.learn(asked, a)
		}
		return nil
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var all []porcupine.Operation
	for _, h := range heard {
		all = append(all, h...)
	}
	if porcupine.CheckOperationsTimeout(registers(state), all, time.Minute) != porcupine.Ok {
		for _, o := range all {
			t.Logf("%d: %d to %d: %+v: %+v", o.ClientId, o.Call, o.Return, o.Input, o.Output)
		}
		t.Fatal("there is no order that explains this")
	}
	b.check()
	b.emptied(t)
}

// emptied removes the bucket with all that is in it.
func (b *bench) emptied(t *testing.T) {
	if err := object.Misshapen(t.Context(), b.meta); err != nil {
		t.Fatal(err)
	}
	list, _, err := b.ListVersions(t.Context(), object.ListVersionsRequest{ListRequest: object.ListRequest{Bucket: "bucket", Limit: 100}})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range list {
		b.delete("bucket", it.Name, it.Version.Address())
	}
	if err := b.DeleteBucket(t.Context(), object.DeleteBucketRequest{By: alice, Bucket: "bucket"}); err != nil {
		t.Fatal(err)
	}
}
