package object_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/internal/usage"
	"github.com/zot-artifact-store/zas/meta"
)

// model is what buckets hold, as plain maps, beside the store that has to agree.
type model struct {
	*bench
	buckets map[string]map[string]entry
	open    []upload
}

type entry struct {
	bytes []byte
	etag  string
	kind  string // content type
}

type upload struct {
	ref  object.UploadRef
	kind string
	list map[int][]byte
	tags map[int]string
}

// data draws bytes of an interesting size; some are drawn again, so that contents are shared.
func (m *model) data(t *rapid.T) []byte {
	size := rapid.SampledFrom([]int{0, 1, minPart, inlineMax, inlineMax + 1, 3 * inlineMax}).Draw(t, "size")
	return bytesOf(rapid.Uint64Range(0, 3).Draw(t, "seed"), size)
}

func (m *model) key(t *rapid.T, name string) (bucket, key string) {
	return rapid.SampledFrom([]string{"one", "two"}).Draw(t, name+" bucket"), rapid.SampledFrom([]string{"a", "a/b", "c"}).Draw(t, name+" key")
}

// condition draws a condition, and whether it holds.
func (m *model) condition(t *rapid.T, bucket, key string) (object.WriteCondition, *fault.Code) {
	now, there := m.buckets[bucket][key]
	switch rapid.IntRange(0, 3).Draw(t, "condition") {
	case 0:
		if there {
			return object.WriteCondition{Absent: true}, fault.PreconditionFailed
		}
		return object.WriteCondition{Absent: true}, nil
	case 1:
		if there {
			return object.WriteCondition{Match: now.etag}, nil
		}
		return object.WriteCondition{Match: "x"}, fault.KeyNotFound
	}
	return object.WriteCondition{}, nil
}

// expect compares the outcome of a verb. It says whether the verb did what it is for.
func (m *model) expect(t *rapid.T, err error, want *fault.Code) bool {
	t.Helper()
	if want != nil {
		if !errors.Is(err, want) {
			t.Fatalf("got %v, want %s", err, want.Name())
		}
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}

func (m *model) put(t *rapid.T) {
	bucket, key := m.key(t, "put")
	data := m.data(t)
	req := putRequest(bucket, key, data)
	req.Metadata.ContentType = rapid.SampledFrom([]string{"", "text/plain"}).Draw(t, "type")
	var want *fault.Code
	req.If, want = m.condition(t, bucket, key)
	stored, err := m.Put(m.t.Context(), req)
	if m.expect(t, err, want) {
		m.buckets[bucket][key] = entry{data, stored.ETag(), req.Metadata.ContentType}
	}
}

func (m *model) delete(t *rapid.T) {
	bucket, key := m.key(t, "delete")
	if _, err := m.Delete(m.t.Context(), object.DeleteRequest{By: alice, Bucket: bucket, Key: key}); err != nil {
		t.Fatal(err)
	}
	delete(m.buckets[bucket], key)
}

func (m *model) deleteMany(t *rapid.T) {
	bucket, first := m.key(t, "first")
	_, second := m.key(t, "second")
	results, err := m.DeleteMany(m.t.Context(), object.DeleteManyRequest{By: alice, Bucket: bucket, Keys: []object.DeleteKey{
		{Key: first}, {Key: second}, {Key: first, VersionID: object.NullVersion}, {Key: second, VersionID: absentVersion},
	}})
	if err := allGone(results, err); err != nil {
		t.Fatal(err)
	}
	delete(m.buckets[bucket], first)
	delete(m.buckets[bucket], second)
}

func (m *model) copy(t *rapid.T) {
	from, source := m.key(t, "source")
	to, key := m.key(t, "destination")
	req := object.CopyRequest{By: alice, Source: object.Source{Bucket: from, Key: source}, Bucket: to, Key: key}
	copied, there := m.buckets[from][source]
	var want *fault.Code
	req.If, want = m.condition(t, to, key)
	if rapid.Bool().Draw(t, "replace") {
		req.Metadata = &object.Metadata{ContentType: "text/html"}
		copied.kind = "text/html"
	} else if from == to && source == key {
		want = fault.CopyOntoItself
	}
	if rapid.IntRange(0, 3).Draw(t, "checksum") == 0 {
		req.Algorithm = object.SHA1
		if want == fault.CopyOntoItself {
			want = m.holds(req.If, to, key)
		}
	}
	if !there {
		want = fault.KeyNotFound
	}
	_, err := m.Copy(m.t.Context(), req)
	if m.expect(t, err, want) {
		m.buckets[to][key] = copied
	}
}

// holds is what a condition gives.
func (m *model) holds(c object.WriteCondition, bucket, key string) *fault.Code {
	now, there := m.buckets[bucket][key]
	switch {
	case c.Absent && there:
		return fault.PreconditionFailed
	case c.Match != "" && !there:
		return fault.KeyNotFound
	case c.Match != "" && c.Match != now.etag:
		return fault.PreconditionFailed
	}
	return nil
}

func (m *model) begin(t *rapid.T) {
	bucket, key := m.key(t, "upload")
	kind := rapid.SampledFrom([]string{"", "text/plain"}).Draw(t, "type")
	ref, _ := m.upload(object.CreateUploadRequest{Bucket: bucket, Key: key, Metadata: object.Metadata{ContentType: kind}})
	m.open = append(m.open, upload{ref, kind, map[int][]byte{}, map[int]string{}})
}

func (m *model) anOpen(t *rapid.T) int {
	if len(m.open) == 0 {
		t.Skip("no upload is open")
	}
	return rapid.IntRange(0, len(m.open)-1).Draw(t, "upload")
}

func (m *model) part(t *rapid.T) {
	u := m.open[m.anOpen(t)]
	number := rapid.SampledFrom([]int{1, 2, 3, 10_000}).Draw(t, "number")
	data := m.data(t)
	var part object.Part
	var err error
	from, source := m.key(t, "source")
	if e, there := m.buckets[from][source]; there && rapid.Bool().Draw(t, "copied") {
		data = e.bytes
		part, _, err = m.PutPartCopy(m.t.Context(), object.PartCopyRequest{Upload: u.ref, Number: number, Source: object.Source{Bucket: from, Key: source}})
	} else {
		part, err = m.putPart(m.t.Context(), u.ref, number, data)
	}
	if err != nil {
		t.Fatal(err)
	}
	u.list[number], u.tags[number] = data, part.ETag
}

func (m *model) complete(t *rapid.T) {
	i := m.anOpen(t)
	u := m.open[i]
	var whole []byte
	var list []object.CompletePart
	var want *fault.Code
	numbers := slices.Sorted(maps.Keys(u.list))
	for n, number := range numbers {
		whole = append(whole, u.list[number]...)
		list = append(list, object.CompletePart{Number: number, ETag: u.tags[number]})
		if n < len(numbers)-1 && len(u.list[number]) < minPart {
			want = fault.EntityTooSmall
		}
	}
	if len(list) == 0 {
		want = fault.MalformedXML
	}
	req := completeRequest(u.ref, list)
	c, refused := m.condition(t, u.ref.Bucket, u.ref.Key)
	if req.If = c; refused != nil && want != fault.MalformedXML {
		want = refused
	}
	stored, err := m.Complete(m.t.Context(), req)
	if !m.expect(t, err, want) {
		return
	}
	m.buckets[u.ref.Bucket][u.ref.Key] = entry{whole, stored.ETag(), u.kind}
	m.open = slices.Delete(m.open, i, i+1)
}

func (m *model) abort(t *rapid.T) {
	i := m.anOpen(t)
	if err := m.Abort(m.t.Context(), object.AbortRequest{Upload: m.open[i].ref}); err != nil {
		t.Fatal(err)
	}
	_, err := m.putPart(m.t.Context(), m.open[i].ref, 1, nil)
	m.expect(t, err, fault.UploadNotFound)
	m.open = slices.Delete(m.open, i, i+1)
}

// agree compares everything.
func (m *model) agree(t *rapid.T) {
	for bucket, keys := range m.buckets {
		list, _, err := m.List(m.t.Context(), object.ListRequest{Bucket: bucket, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]entry{}
		for _, it := range list {
			data, err := m.read(bucket, it.Name)
			if err != nil {
				t.Fatal(err)
			}
			got[it.Name] = entry{data, it.Version.ETag(), it.Version.Metadata.ContentType}
			found, err := m.Head(m.t.Context(), object.GetRequest{Bucket: bucket, Key: it.Name})
			if err != nil || found.Identity.Content != digest.Of(data) {
				t.Fatalf("%s/%s: %v, %v", bucket, it.Name, found.Identity, err)
			}
		}
		same := diff.Comparer(func(a, b entry) bool { return bytes.Equal(a.bytes, b.bytes) && a.etag == b.etag && a.kind == b.kind })
		if d := diff.Diff(keys, got, same); d != "" {
			t.Fatalf("%s differs (-want +got):\n%s", bucket, d)
		}
	}
}

// sound checks every row, and that the events tell what the buckets hold.
func (m *model) sound(t *rapid.T) {
	if _, err := m.content.Settle(m.t.Context()); err != nil {
		t.Fatal(err)
	}
	report, err := m.content.Check(m.t.Context(), true, m.References)
	if err != nil || len(report.Problems) > 0 {
		t.Fatal(err, report.Problems)
	}
	sums := map[string]usage.Usage{}
	err = m.meta.View(m.t.Context(), func(r meta.Reader) error {
		for row, err := range r.Scan(m.t.Context(), event.Outbox.After(meta.Position{})) {
			if err != nil {
				return err
			}
			e, err := event.Decode(row.Value)
			if err != nil {
				return err
			}
			u := sums[e.Name]
			sums[e.Name] = usage.Usage{Objects: u.Objects + e.Objects, Bytes: u.Bytes + e.Bytes}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for bucket, keys := range m.buckets {
		want := usage.Usage{Objects: int64(len(keys))}
		for _, e := range keys {
			want.Bytes += int64(len(e.bytes))
		}
		if sums[bucket] != want {
			t.Fatalf("events tell %v of %s, which holds %v", sums[bucket], bucket, want)
		}
	}
}

func TestBucketsAreMaps(t *testing.T) {
	for name, open := range engines(t) {
		t.Run("on "+name, func(t *testing.T) { bucketsAreMaps(t, open) })
	}
}

func bucketsAreMaps(t *testing.T, open func() meta.Store) {
	rapid.Check(t, func(rt *rapid.T) {
		store := open()
		if c, ok := store.(io.Closer); ok {
			defer c.Close()
		}
		m := &model{bench: newBenchWith(t, store, extenttest.NewMemory(), content.Options{HashNow: 1 << 11}), buckets: map[string]map[string]entry{}}
		for _, name := range []string{"one", "two"} {
			m.bucket(name)
			m.buckets[name] = map[string]entry{}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"put": m.put, "delete": m.delete, "delete many": m.deleteMany, "copy": m.copy,
			"begin": m.begin, "part": m.part, "complete": m.complete, "abort": m.abort,
			"settle": m.sound, "": func(*rapid.T) {},
		})
		m.sound(rt)
		m.agree(rt)
	})
}
