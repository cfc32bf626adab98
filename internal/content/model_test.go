package content_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// modelled is a store beside what it must contain: the bytes behind every reference, and the uploads under way.
type modelled struct {
	*bench
	refs     map[content.Edge]modelledRef
	sessions map[content.ID][]byte
	parts    map[content.ID]map[int][]byte
	uploads  []content.ID // in the order of their beginning, so that a history can be repeated
	made     int
}

type modelledRef struct {
	id   content.ID
	data []byte
}

// TestTheStoreIsItsModel runs random histories of everything that the store does, with restarts and losses of power between, and holds
// against a model: every reference has its bytes, the check finds nothing, and once all is dropped nothing is left.
func TestTheStoreIsItsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &modelled{
			bench: newBench(t), refs: map[content.Edge]modelledRef{},
			sessions: map[content.ID][]byte{}, parts: map[content.ID]map[int][]byte{},
		}
		rt.Repeat(map[string]func(*rapid.T){
			"push":     m.push,
			"drop":     m.drop,
			"lease":    m.lease,
			"begin":    m.beginUpload,
			"append":   m.appendChunk,
			"finish":   m.finishSession,
			"part":     m.part,
			"complete": m.completeUpload,
			"abort":    m.abort,
			"wait":     func(rt *rapid.T) { m.after(time.Duration(rapid.IntRange(1, 30).Draw(rt, "hours")) * time.Hour) },
			"collect":  func(*rapid.T) { m.collectRound() },
			"restart":  func(*rapid.T) { m.restart() },
			"crash":    func(rt *rapid.T) { m.crash(rapid.SampledFrom([]int{0, 50, 100}).Draw(rt, "percent")) },
			"":         m.check,
		})
		m.dropAll(rt)
		_ = m.meta.Close()
	})
}

// collectRound is one round of the collector, and the uploads that it ended.
func (m *modelled) collectRound() {
	if _, err := m.Collect(m.t.Context(), true); err != nil {
		m.t.Fatal(err)
	}
	for id := range m.sessions {
		err := m.Meta().View(m.t.Context(), func(r meta.Reader) error {
			_, err := m.GetUpload(m.t.Context(), r, id)
			return err
		})
		if err != nil {
			delete(m.sessions, id)
		}
	}
}

// blob draws bytes among few, so that many are the same: inline and in extents.
func blob(rt *rapid.T) []byte {
	seed := rapid.IntRange(1, 4).Draw(rt, "seed")
	return bytesOf(uint64(seed), rapid.SampledFrom([]int{0, 700, 3000, 70_000}).Draw(rt, "size"))
}

func (m *modelled) edge(rt *rapid.T) content.Edge {
	m.made++
	return object(rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "repository"), fmt.Sprint(m.made))
}

func (m *modelled) push(rt *rapid.T) {
	data, e := blob(rt), m.edge(rt)
	m.refs[e] = modelledRef{m.bench.push(data, e), data}
}

func (m *modelled) lease(rt *rapid.T) {
	m.bench.push(blob(rt), content.Edge{Repository: "a", Kind: content.EdgeLease})
}

func (m *modelled) drop(rt *rapid.T) {
	all := make([]content.Edge, 0, len(m.refs))
	for e := range m.refs {
		all = append(all, e)
	}
	if len(all) == 0 {
		rt.Skip()
	}
	slices.SortFunc(all, func(a, b content.Edge) int { return strings.Compare(a.Referrer, b.Referrer) })
	e := rapid.SampledFrom(all).Draw(rt, "edge")
	m.unlink(m.refs[e].id, e)
	delete(m.refs, e)
}

func (m *modelled) beginUpload(rt *rapid.T) {
	kind := rapid.SampledFrom([]content.UploadKind{content.Multipart, content.Session}).Draw(rt, "kind")
	id := m.begin(kind)
	if m.uploads = append(m.uploads, id); kind == content.Multipart {
		m.parts[id] = map[int][]byte{}
	} else {
		m.sessions[id] = nil
	}
}

func pick[V any](rt *rapid.T, all []content.ID, of map[content.ID]V) content.ID {
	var ids []content.ID
	for _, id := range all {
		if _, ok := of[id]; ok {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		rt.Skip()
	}
	return rapid.SampledFrom(ids).Draw(rt, "upload")
}

func (m *modelled) appendChunk(rt *rapid.T) {
	id, data := pick(rt, m.uploads, m.sessions), blob(rt)
	m.append(id, int64(len(m.sessions[id])), data)
	m.sessions[id] = slices.Concat(m.sessions[id], data)
}

func (m *modelled) finishSession(rt *rapid.T) {
	id := pick(rt, m.uploads, m.sessions)
	data := m.sessions[id]
	made, err := m.finish(id, digest.Of(data))
	if err != nil {
		rt.Fatal(err)
	}
	delete(m.sessions, id)
	e := m.edge(rt)
	m.do(func(r meta.Reader) (meta.Step, error) { return m.Link(m.t.Context(), r, made, e) })
	m.refs[e] = modelledRef{made, data}
}

func (m *modelled) part(rt *rapid.T) {
	id, data := pick(rt, m.uploads, m.parts), blob(rt)
	number := rapid.IntRange(1, 4).Draw(rt, "number")
	m.putPart(id, number, data)
	m.parts[id][number] = data
	if rapid.Bool().Draw(rt, "hashed") {
		var numbers []int
		for n := range m.parts[id] {
			numbers = append(numbers, n)
		}
		slices.Sort(numbers)
		if err := m.FinishHash(m.t.Context(), id, numbers); err != nil {
			rt.Fatal(err)
		}
	}
}

func (m *modelled) completeUpload(rt *rapid.T) {
	id := pick(rt, m.uploads, m.parts)
	var numbers []int
	var data []byte
	for n := 1; n <= 4; n++ {
		p, ok := m.parts[id][n]
		if ok && rapid.IntRange(0, 3).Draw(rt, "use") > 0 {
			numbers = append(numbers, n)
			data = append(data, p...)
		}
	}
	if len(numbers) == 0 {
		rt.Skip()
	}
	e := m.edge(rt)
	done := m.complete(id, e, rapid.Bool().Draw(rt, "now"), numbers...)
	if done.Digest != "" && done.Digest != digest.Of(data) {
		rt.Fatalf("completed with the digest of other bytes")
	}
	delete(m.parts, id)
	m.refs[e] = modelledRef{done.ID, data}
}

func (m *modelled) abort(rt *rapid.T) {
	id := pick(rt, m.uploads, m.parts)
	m.do(func(meta.Reader) (meta.Step, error) { return m.AbortUpload(id), nil })
	delete(m.parts, id)
}

func (m *modelled) check(rt *rapid.T) {
	var refs []content.Reference
	for e, ref := range m.refs {
		refs = append(refs, content.Reference{ID: ref.id, Edge: e})
		if got, err := m.read(ref.id); err != nil || !bytes.Equal(got, ref.data) {
			rt.Fatalf("%v has %d bytes (%v), want %d", e, len(got), err, len(ref.data))
		}
	}
	report, err := m.Check(m.t.Context(), false, listed(refs))
	if err != nil || len(report.Problems) > 0 {
		rt.Fatalf("%v %v", report.Problems, err)
	}
}

// dropAll ends all references and uploads, and finds nothing left after their time.
func (m *modelled) dropAll(rt *rapid.T) {
	for e, ref := range m.refs {
		m.unlink(ref.id, e)
	}
	for id := range m.parts {
		m.do(func(meta.Reader) (meta.Step, error) { return m.AbortUpload(id), nil })
	}
	m.loseProcess()
	m.after(1000 * time.Hour)
	m.collect()
	report, err := m.Check(m.t.Context(), true)
	if err != nil || len(report.Problems) > 0 {
		rt.Fatalf("%v %v", report.Problems, err)
	}
	if report.Contents+report.Extents+report.Trash+report.Inline+report.Edges > 0 {
		rt.Fatalf("left over: %+v", report)
	}
}
