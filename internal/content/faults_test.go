package content_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/metatest"
)

// verb is one thing that the store does, run again and again with another call to a port failing each time.
type verb struct {
	prepare func(b *bench) any                                        // over sound ports
	run     func(ctx context.Context, s *content.Store, at any) error // over the failing one
	covers  []string                                                  // methods of the Store
	lost    []error                                                   // what a second try may report after the first one's answer was lost
	refs    func(at any) []content.Reference
}

type uploadAt struct {
	id      content.ID
	numbers []int
	made    *content.Reference
}

var (
	large, small = bytesOf(1, 70_000), bytesOf(2, 300)
	theEdge      = object("bucket", "v")
)

func execute(ctx context.Context, s *content.Store, plan func(r meta.Reader) (meta.Step, error)) error {
	return meta.Execute(ctx, s.Meta(), plan)
}

func pushVerb(data []byte, e content.Edge) verb {
	return verb{
		prepare: func(*bench) any { return &uploadAt{made: &content.Reference{Edge: e}} },
		run: func(ctx context.Context, s *content.Store, at any) error {
			id, err := push(ctx, s, data, e)
			at.(*uploadAt).made.ID = id
			return err
		},
		covers: []string{"Ingest", "Commit", "PlanRegister", "LinkNew", "Grant"},
	}
}

func madeRefs(at any) []content.Reference {
	if u := at.(*uploadAt); u.made != nil && u.made.ID != "" && u.made.Edge.Kind != content.EdgeLease {
		return []content.Reference{*u.made}
	}
	return nil
}

// verbs are all of them; TestEveryVerbIsTriedWithFaults finds a method that is in none.
func verbs() map[string]verb {
	return map[string]verb{
		"push to an extent":  withRefs(pushVerb(large, theEdge)),
		"push inline":        withRefs(pushVerb(small, theEdge)),
		"push under a lease": pushVerb(large, content.Edge{Repository: "bucket", Kind: content.EdgeLease}),
		"push what is there": withRefs(func() verb {
			v := pushVerb(large, theEdge)
			v.prepare = func(b *bench) any {
				b.push(large, content.Edge{Repository: "other", Kind: content.EdgeLease})
				return &uploadAt{made: &content.Reference{Edge: theEdge}}
			}
			return v
		}()),
		"link":            linkVerb(),
		"unlink":          unlinkVerb(),
		"renew":           renewVerb(),
		"revoke":          revokeVerb(),
		"keep inline":     inlineVerb(),
		"append":          appendVerb(),
		"finish":          finishVerb(),
		"put a part":      partVerb(),
		"complete":        withRefs(completeVerb(true)),
		"complete late":   withRefs(completeVerb(false)),
		"become an alias": aliasVerb(),
		"abort":           abortVerb(),
		"collect":         collectVerb(),
		"read":            readVerb(),
	}
}

func withRefs(v verb) verb { v.refs = madeRefs; return v }

func linkVerb() verb {
	return withRefs(verb{
		prepare: func(b *bench) any {
			id := b.push(large, content.Edge{Repository: "other", Kind: content.EdgeLease})
			return &uploadAt{id: id, made: &content.Reference{ID: id, Edge: theEdge}}
		},
		run: func(ctx context.Context, s *content.Store, at any) error {
			return execute(ctx, s, func(r meta.Reader) (meta.Step, error) { return s.Link(ctx, r, at.(*uploadAt).id, theEdge) })
		},
		covers: []string{"Link"},
	})
}

func unlinkVerb() verb {
	return verb{
		prepare: func(b *bench) any { return &uploadAt{id: b.push(large, theEdge)} },
		run: func(ctx context.Context, s *content.Store, at any) error {
			return execute(ctx, s, func(r meta.Reader) (meta.Step, error) { return s.Unlink(ctx, r, at.(*uploadAt).id, theEdge) })
		},
		covers: []string{"Unlink"},
	}
}

func renewVerb() verb {
	return verb{
		prepare: func(b *bench) any {
			id := b.push(large, content.Edge{Repository: "bucket", Kind: content.EdgeLease})
			b.after(b.Lease() * 3 / 4)
			return &uploadAt{id: id}
		},
		run: func(ctx context.Context, s *content.Store, at any) error {
			return s.Renew(ctx, at.(*uploadAt).id, "bucket")
		},
		covers: []string{"Renew"},
	}
}

func revokeVerb() verb {
	lease := content.Edge{Repository: "bucket", Kind: content.EdgeLease}
	return verb{
		prepare: func(b *bench) any { return &uploadAt{id: b.push(large, lease)} },
		run: func(ctx context.Context, s *content.Store, at any) error {
			return execute(ctx, s, func(meta.Reader) (meta.Step, error) { return s.Revoke(at.(*uploadAt).id, "bucket"), nil })
		},
		covers: []string{"Revoke"},
	}
}

// inlineVerb keeps, copies, materialises and drops the bytes of a version.
func inlineVerb() verb {
	return verb{
		prepare: func(*bench) any { return &uploadAt{} },
		run: func(ctx context.Context, s *content.Store, _ any) error {
			st, err := s.Ingest(ctx, content.IngestRequest{Body: bytes.NewReader(small), Size: -1, Hashes: content.SHA256})
			if err != nil {
				return err
			}
			defer st.Discard(ctx)
			kept, keep := s.KeepInline(st)
			return s.Commit(ctx, st, func(r meta.Reader) (meta.Step, error) {
				return meta.Join(keep, meta.Step{Do: func(ctx context.Context, tx meta.Tx) error { return nil }}, s.DropInline(kept)), nil
			})
		},
		covers: []string{"KeepInline", "DropInline"},
	}
}

func appendVerb() verb {
	return verb{
		prepare: func(b *bench) any { return &uploadAt{id: b.begin(content.Session)} },
		run: func(ctx context.Context, s *content.Store, at any) error {
			var u content.Upload
			err := s.Meta().View(ctx, func(r meta.Reader) (err error) {
				u, err = s.GetUpload(ctx, r, at.(*uploadAt).id)
				return err
			})
			if err != nil {
				return err
			}
			_, err = s.Append(ctx, u.ID, u.Offset, bytes.NewReader(large[u.Offset:]))
			return err
		},
		covers: []string{"Append", "GetUpload", "NewUpload"},
	}
}

func finishVerb() verb {
	return verb{
		prepare: func(b *bench) any {
			id := b.begin(content.Session)
			b.append(id, 0, large)
			return &uploadAt{id: id}
		},
		run: func(ctx context.Context, s *content.Store, at any) error {
			f, err := s.PrepareFinish(ctx, at.(*uploadAt).id, digest.Of(large))
			if err != nil {
				return err
			}
			return execute(ctx, s, func(r meta.Reader) (meta.Step, error) {
				id, step, err := s.PlanFinish(ctx, r, f)
				return meta.Join(step, s.Grant(id, "bucket")), err
			})
		},
		covers: []string{"PrepareFinish", "PlanFinish"},
		lost:   []error{fault.SessionNotFound},
	}
}

func partVerb() verb {
	return verb{
		prepare: func(b *bench) any {
			id := b.begin(content.Multipart)
			b.putPart(id, 1, bytesOf(9, 70_000))
			return &uploadAt{id: id}
		},
		run: func(ctx context.Context, s *content.Store, at any) error {
			_, err := s.PutPart(ctx, at.(*uploadAt).id, 1, content.IngestRequest{Body: bytes.NewReader(large), Size: -1})
			return err
		},
		covers: []string{"PutPart"},
	}
}

func completeVerb(now bool) verb {
	return verb{
		prepare: func(b *bench) any {
			u := &uploadAt{id: b.begin(content.Multipart), numbers: []int{1, 3}}
			b.putPart(u.id, 1, large)
			b.putPart(u.id, 2, bytesOf(5, 70_000))
			b.putPart(u.id, 3, small)
			u.made = &content.Reference{Edge: theEdge}
			return u
		},
		run: func(ctx context.Context, s *content.Store, at any) error {
			u := at.(*uploadAt)
			if now {
				if err := s.FinishHash(ctx, u.id, u.numbers); err != nil {
					return err
				}
			}
			return execute(ctx, s, func(r meta.Reader) (meta.Step, error) {
				done, step, err := s.PlanComplete(ctx, r, u.id, u.numbers)
				u.made.ID = u.id
				return meta.Join(step, s.LinkNew(done.ID, theEdge)), err
			})
		},
		covers: []string{"FinishHash", "PlanComplete", "Parts", "Completed"},
		lost:   []error{fault.SessionNotFound},
	}
}

// aliasVerb computes a late digest that an elder content has already.
func aliasVerb() verb {
	return verb{
		prepare: func(b *bench) any {
			all := slices.Concat(large, small)
			b.push(all, object("bucket", "elder"))
			id := b.begin(content.Multipart)
			b.putPart(id, 1, large)
			b.putPart(id, 2, small)
			done := b.complete(id, theEdge, false, 1, 2)
			c, _ := b.find(all)
			return []content.Reference{{ID: done.ID, Edge: theEdge}, {ID: c.ID, Edge: object("bucket", "elder")}}
		},
		run: func(ctx context.Context, s *content.Store, _ any) error {
			_, err := s.Settle(ctx)
			return err
		},
		covers: []string{"Settle"},
		refs:   func(at any) []content.Reference { return at.([]content.Reference) },
	}
}

func abortVerb() verb {
	return verb{
		prepare: func(b *bench) any {
			id := b.begin(content.Multipart)
			b.putPart(id, 1, large)
			return &uploadAt{id: id}
		},
		run: func(ctx context.Context, s *content.Store, at any) error {
			return execute(ctx, s, func(meta.Reader) (meta.Step, error) { return s.AbortUpload(at.(*uploadAt).id), nil })
		},
		covers: []string{"AbortUpload"},
		lost:   []error{fault.SessionNotFound},
	}
}

// collectVerb has something for each part of the collector to do.
func collectVerb() verb {
	return verb{
		prepare: func(b *bench) any {
			kept := b.push(bytesOf(20, 70_000), theEdge)
			b.push(large, content.Edge{Repository: "bucket", Kind: content.EdgeLease})
			b.push(small, content.Edge{Repository: "bucket", Kind: content.EdgeLease})
			aborted := b.begin(content.Multipart)
			b.putPart(aborted, 1, bytesOf(21, 70_000))
			b.do(func(meta.Reader) (meta.Step, error) { return b.AbortUpload(aborted), nil })
			b.append(b.begin(content.Session), 0, bytesOf(22, 70_000))
			b.ingest(bytesOf(23, 70_000))
			b.restart()
			b.after(3 * b.Lease())
			return []content.Reference{{ID: kept, Edge: theEdge}}
		},
		run: func(ctx context.Context, s *content.Store, _ any) error {
			_, err := s.Collect(ctx, true)
			return err
		},
		covers: []string{"Collect"},
		refs:   func(at any) []content.Reference { return at.([]content.Reference) },
	}
}

func readVerb() verb {
	return verb{
		prepare: func(b *bench) any {
			id := b.push(large, theEdge)
			return &uploadAt{id: id, made: &content.Reference{ID: id, Edge: theEdge}}
		},
		run: func(ctx context.Context, s *content.Store, at any) error {
			got, err := readAll(ctx, s, at.(*uploadAt).id)
			if err == nil && !bytes.Equal(got, large) {
				err = errors.New("read other bytes")
			}
			return err
		},
		covers: []string{"Open", "Source"},
		refs:   madeRefs,
	}
}

// steady are methods that need no verb of their own, with the reason.
var steady = map[string]string{
	"Start": "begins goroutines that call Collect and late digests", "Stop": "ends them",
	"Meta": "getter", "Now": "getter", "Lease": "getter", "Collected": "getter", "Check": "reads only, offline",
	"Find": "one read", "FindArtifact": "one read", "Get": "one read", "Holds": "one read", "HoldsKind": "one read", "HoldsEdge": "one read", "Repositories": "reads only",
	"SourceOf": "part of Source", "Referrers": "reads only", "Member": "one read", "MemberBy": "reads only", "InlineSource": "one read",
	"CopyInline": "a plan of two steps that KeepInline has", "Materialise": "a plan of steps that push inline has",
}

func TestEveryVerbIsTriedWithFaults(t *testing.T) {
	covered := map[string]bool{}
	for _, v := range verbs() {
		for _, name := range v.covers {
			covered[name] = true
		}
	}
	for m := range reflect.TypeFor[*content.Store]().Methods() {
		if !covered[m.Name] && steady[m.Name] == "" {
			t.Errorf("%s has no verb", m.Name)
		}
	}
}

// TestAFailingCallLeavesNothingPartial runs each verb with the n-th call of a port failing, for every n: what it did is sound, a second try
// succeeds, and in the end nothing stays that nobody refers to.
func TestAFailingCallLeavesNothingPartial(t *testing.T) {
	ports := map[string]func(b *bench, n int) (*content.Store, func() string){
		"metadata": func(b *bench, n int) (*content.Store, func() string) {
			sound := &switched{b.meta}
			s := b.contentOver(sound, b.extents)
			f := metatest.Faulty(b.meta, n)
			sound.Store = f // from here on: opening is tried by a test of its own
			return s, f.Fired
		},
		"extents": func(b *bench, n int) (*content.Store, func() string) {
			f := extenttest.Faulty(b.extents, n)
			return b.contentOver(b.meta, f), f.Fired
		},
		"extents, after the fact": func(b *bench, n int) (*content.Store, func() string) {
			f := extenttest.FaultyAfter(b.extents, n)
			return b.contentOver(b.meta, f), f.Fired
		},
	}
	for name, v := range verbs() {
		for port, open := range ports {
			t.Run(name+" with faulty "+port, func(t *testing.T) {
				n := 1
				for tryWithFault(t, v, n, open) {
					n++
				}
				if n == 1 && port == "metadata" {
					t.Fatal("no call was ever made")
				}
			})
		}
	}
}

// switched is a metadata store that becomes another one.
type switched struct{ meta.Store }

func TestAStoreThatFailedToOpenOpensTheNextTime(t *testing.T) {
	for n, fired := 1, true; fired; n++ {
		b := newBench(t)
		f := metatest.Faulty(b.meta, n)
		_, err := content.Open(t.Context(), f, b.extents, b.options)
		if fired = f.Fired() != ""; fired == (err == nil) {
			t.Fatalf("%s: %v", f.Fired(), err)
		}
		b.Store = b.contentOver(b.meta, b.extents)
		b.push(large, theEdge)
	}
}

func tryWithFault(t *testing.T, v verb, n int, open func(*bench, int) (*content.Store, func() string)) (fired bool) {
	b := newBench(t)
	defer b.meta.Close()
	at := v.prepare(b)
	s, point := open(b, n)
	err := v.run(t.Context(), s, at)
	what := fmt.Sprintf("call %d (%s)", n, point())
	if point() == "" && err != nil {
		t.Fatalf("without a fault: %v", err)
	}
	if err != nil && !errors.Is(err, metatest.ErrInjected) && !errors.Is(err, extenttest.ErrInjected) {
		t.Fatalf("%s: reported as %v", what, err)
	}
	b.Store = b.contentOver(b.meta, extent.Store(b.extents))
	if err != nil {
		err := v.run(t.Context(), b.Store, at)
		if err != nil && !slices.ContainsFunc(v.lost, func(l error) bool { return errors.Is(err, l) }) {
			t.Fatalf("%s: the second try failed: %v", what, err)
		}
	}
	var refs []content.Reference
	if v.refs != nil {
		refs = v.refs(at)
	}
	b.wantSound(refs...)
	b.restart()
	b.collect()
	if r := b.wantSound(refs...); r.Orphans > 0 {
		t.Fatalf("%s: %d extents stay for ever", what, r.Orphans)
	}
	return point() != ""
}
