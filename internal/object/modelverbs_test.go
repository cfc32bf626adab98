package object_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// malformedVersion is no version id.
const malformedVersion = "no-id"

func (h *history) verbs() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"put": h.drawPut, "put again": h.drawPut, "delete": h.drawDelete, "delete version": h.drawDeleteVersion, "delete many": h.drawDeleteMany,
		"copy": h.drawCopy, "begin": h.drawBegin, "part": h.drawPart, "complete": h.drawComplete, "abort": h.drawAbort,
		"tags": h.drawTags, "retention": h.drawRetention, "hold": h.drawHold,
		"versioning": h.drawVersioning, "lock": h.drawLock, "delete bucket": h.drawDeleteBucket, "lifecycle": h.drawLifecycle,
		"time": h.passTime, "registry": h.drawRegistry,
		"list versions": h.drawListVersions, "list": h.drawList, "read": h.drawRead,
	}
}

// drawPlace draws a key, some more often, so that they come to have a history.
func (h *history) drawPlace(t *rapid.T, name string) (bucket, key string) {
	return rapid.SampledFrom(modelBuckets()).Draw(t, name+" bucket"), rapid.SampledFrom([]string{"a/b", "a/b", "a", "a/c", "d"}).Draw(t, name+" key")
}

// drawID draws the id of a version of the key as clients see it, or of none.
func (h *history) drawID(t *rapid.T, bucket, key string) string {
	ids := []string{object.NullVersion, absentVersion, malformedVersion}
	for range 2 { // mostly one that is there
		for _, e := range h.world.Buckets[bucket].Keys[key] {
			ids = append(ids, e.address())
		}
	}
	slices.Reverse(ids)
	return rapid.SampledFrom(ids).Draw(t, "version")
}

// drawData draws bytes of an interesting size; some are drawn again, so that contents are shared.
func drawData(t *rapid.T) []byte {
	size := rapid.SampledFrom([]int{1, 0, minPart, inlineMax, inlineMax + 1, 3 * inlineMax}).Draw(t, "size")
	return bytesOf(rapid.Uint64Range(0, 3).Draw(t, "seed"), size)
}

func drawKind(t *rapid.T) object.Metadata {
	return object.Metadata{ContentType: rapid.SampledFrom([]string{"", "text/plain"}).Draw(t, "type")}
}

func drawTags(t *rapid.T) []object.Tag {
	return [][]object.Tag{nil, {{Key: "a", Value: "1"}}, {{Key: "b", Value: "2"}, {Key: "a"}}}[rapid.IntRange(0, 2).Draw(t, "tags")]
}

func (h *history) drawCondition(t *rapid.T, e *edition) object.WriteCondition {
	match := "x"
	if e != nil {
		match = e.ETag
	}
	return rapid.SampledFrom([]object.WriteCondition{{}, {}, {}, {Match: match}, {Absent: true}, {Match: object.AnyETag}, {Match: "x"}}).Draw(t, "condition")
}

func (h *history) drawRetentionOf(t *rapid.T) object.Retention {
	lasts := rapid.SampledFrom([]time.Duration{24 * time.Hour, 36 * time.Hour, 2 * time.Hour, -time.Hour}).Draw(t, "lasts")
	return object.Retention{Mode: rapid.SampledFrom([]object.LockMode{object.Governance, object.Compliance}).Draw(t, "mode"), Until: h.now.Add(lasts).UnixNano()}
}

// drawProtection draws what a writer asks for: mostly nothing where there is no object lock.
func (h *history) drawProtection(t *rapid.T, bucket string) (p object.Protection) {
	if rapid.IntRange(0, 9).Draw(t, "protection") < 7 && !h.world.Buckets[bucket].Lockable {
		return p
	}
	if rapid.Bool().Draw(t, "retained") {
		p.Retention = h.drawRetentionOf(t)
	}
	p.Hold = rapid.SampledFrom([]object.Hold{object.HoldUnset, object.HoldUnset, object.HoldOff, object.HoldOn}).Draw(t, "hold")
	return p
}

// first is the first fault; nil when there is none.
func first(codes ...*fault.Code) *fault.Code {
	for _, c := range codes {
		if c != nil {
			return c
		}
	}
	return nil
}

// told fails unless id is what a client hears of the current version of a key.
func (w *world) told(bucket, key, id string) error {
	b := w.Buckets[bucket]
	want := ""
	if b.State != object.Unversioned {
		want = b.current(key).address()
	}
	if id != want {
		return fmt.Errorf("the version of %s/%s was told as %q, not %q", bucket, key, id, want)
	}
	return nil
}

func (h *history) drawPut(t *rapid.T) {
	bucket, key := h.drawPlace(t, "put")
	data := drawData(t)
	req := putRequest(bucket, key, data)
	req.Metadata, req.Tags, req.Protect = drawKind(t), drawTags(t), h.drawProtection(t, bucket)
	req.If = h.drawCondition(t, h.world.Buckets[bucket].current(key).object())
	var stored object.Stored
	h.do(t, step{
		what: fmt.Sprintf("put %s/%s", bucket, key),
		model: func(w *world) *fault.Code {
			b := w.Buckets[bucket]
			code := first(b.current(key).object().holds(req.If), b.allows(req.Protect, h.now))
			b.write(key, &edition{
				Data: string(data), ETag: etagOf(string(data)), Kind: req.Metadata.ContentType, Tags: req.Tags,
				Retention: req.Protect.Retention, Hold: req.Protect.Hold,
			}, h.now)
			return code
		},
		run: func(b *bench) (err error) {
			req.Body = bytes.NewReader(data)
			stored, err = b.Put(b.t.Context(), req)
			return err
		},
		then: func(w *world) error { return w.told(bucket, key, stored.VersionID) },
	})
}

func (h *history) drawDelete(t *rapid.T) {
	bucket, key := h.drawPlace(t, "delete")
	req := object.DeleteRequest{By: alice, Bucket: bucket, Key: key, If: h.drawCondition(t, h.world.Buckets[bucket].current(key).object())}
	var deleted object.Deleted
	h.do(t, step{
		what: fmt.Sprintf("delete %s/%s", bucket, key),
		model: func(w *world) *fault.Code {
			b := w.Buckets[bucket]
			code := b.current(key).object().holds(req.If)
			b.hide(key, h.now)
			return code
		},
		run: func(b *bench) (err error) {
			deleted, err = b.Delete(b.t.Context(), req)
			return err
		},
		then: func(w *world) error {
			if w.Buckets[bucket].State == object.Unversioned {
				return answered(deleted, object.Deleted{})
			}
			return answered(deleted, object.Deleted{VersionID: w.Buckets[bucket].current(key).address(), Marker: true})
		},
	})
}

func answered(got, want object.Deleted) error {
	if got != want {
		return fmt.Errorf("answered %+v, want %+v", got, want)
	}
	return nil
}

func (h *history) drawDeleteVersion(t *rapid.T) {
	bucket, key := h.drawPlace(t, "delete")
	b := h.world.Buckets[bucket]
	req := object.DeleteRequest{By: alice, Bucket: bucket, Key: key, VersionID: h.drawID(t, bucket, key), Bypass: rapid.Bool().Draw(t, "bypass")}
	var e *edition
	if at := b.index(key, req.VersionID); at >= 0 {
		e = b.Keys[key][at]
	}
	req.If = h.drawCondition(t, e.object())
	var deleted object.Deleted
	h.do(t, step{
		what: fmt.Sprintf("delete %s/%s %s", bucket, key, req.VersionID), bypass: req.Bypass,
		model: func(w *world) *fault.Code {
			if req.VersionID == malformedVersion {
				return fault.ArgumentInvalid
			}
			return first(e.object().holds(req.If), w.Buckets[bucket].remove(key, req.VersionID, h.now, req.Bypass))
		},
		run: func(b *bench) (err error) {
			deleted, err = b.Delete(b.t.Context(), req)
			return err
		},
		then: func(*world) error {
			return answered(deleted, object.Deleted{VersionID: req.VersionID, Marker: e != nil && e.Marker})
		},
	})
}

// drawDeleteMany draws keys and versions, some of them twice. Where a call may fail each key comes once or with versions alone, which
// makes one transaction.
func (h *history) drawDeleteMany(t *rapid.T) {
	req := object.DeleteManyRequest{By: alice, Bucket: rapid.SampledFrom(modelBuckets()).Draw(t, "bucket"), Bypass: rapid.Bool().Draw(t, "bypass")}
	whole := map[string]bool{}
	for range rapid.IntRange(1, 6).Draw(t, "keys") {
		_, key := h.drawPlace(t, "delete")
		k := object.DeleteKey{Key: key}
		if rapid.IntRange(0, 3).Draw(t, "with a version") > 0 {
			k.VersionID = h.drawID(t, req.Bucket, key)
		} else {
			k.If = h.drawCondition(t, nil)
		}
		used, there := whole[key]
		if h.failing && there && (used || k.VersionID == "") {
			continue
		}
		whole[key] = k.VersionID == ""
		req.Keys = append(req.Keys, k)
	}
	wants, markers := make([]*fault.Code, len(req.Keys)), make([]bool, len(req.Keys))
	var results []object.DeleteResult
	h.do(t, step{
		what: fmt.Sprintf("delete of %s %+v", req.Bucket, req.Keys), bypass: req.Bypass,
		model: func(w *world) *fault.Code {
			b := w.Buckets[req.Bucket]
			for i, k := range req.Keys {
				if k.VersionID != "" {
					at := h.world.Buckets[req.Bucket].index(k.Key, k.VersionID)
					markers[i] = at >= 0 && h.world.Buckets[req.Bucket].Keys[k.Key][at].Marker
					wants[i] = b.remove(k.Key, k.VersionID, h.now, req.Bypass)
					continue
				}
				if wants[i] = b.current(k.Key).object().holds(k.If); wants[i] == nil {
					b.hide(k.Key, h.now)
				}
			}
			return nil
		},
		run: func(b *bench) (err error) {
			results, err = b.DeleteMany(b.t.Context(), req)
			for i, r := range results {
				if wants[i] == nil || !errors.Is(r.Err, wants[i]) {
					err = errors.Join(err, r.Err)
				}
			}
			return err
		},
		then: func(w *world) error {
			for i, r := range results {
				if (r.Err == nil) != (wants[i] == nil) {
					return fmt.Errorf("item %d: %v, want %v", i, r.Err, wants[i])
				}
			}
			return nil
		},
	})
}

func (h *history) drawCopy(t *rapid.T) {
	from, source := h.drawPlace(t, "source")
	to, key := h.drawPlace(t, "destination")
	if rapid.IntRange(0, 2).Draw(t, "onto itself") == 0 {
		to, key = from, source
	}
	req := object.CopyRequest{By: alice, Source: object.Source{Bucket: from, Key: source}, Bucket: to, Key: key, Protect: h.drawProtection(t, to)}
	if rapid.Bool().Draw(t, "of a version") {
		req.Source.VersionID = h.drawID(t, from, source)
	}
	if rapid.Bool().Draw(t, "replace") {
		req.Metadata = &object.Metadata{ContentType: "text/html"}
	}
	if rapid.IntRange(0, 2).Draw(t, "tags directive") == 0 {
		tags := drawTags(t)
		req.Tags = &tags
	}
	if rapid.IntRange(0, 3).Draw(t, "checksum") == 0 {
		req.Algorithm = object.SHA1
	}
	req.If = h.drawCondition(t, h.world.Buckets[to].current(key).object())
	var copied object.Copied
	var sourceID string
	h.do(t, step{
		what: fmt.Sprintf("copy %s/%s %s to %s/%s", from, source, req.Source.VersionID, to, key),
		model: func(w *world) *fault.Code {
			e, code := w.Buckets[from].find(source, req.Source.VersionID)
			switch {
			case code == fault.MethodNotAllowed:
				return fault.BadRequest
			case code != nil:
				return code
			case from == to && source == key && req.Source.VersionID == "" && req.Metadata == nil && req.Algorithm == 0:
				return fault.CopyOntoItself
			}
			if w.Buckets[from].State != object.Unversioned {
				sourceID = e.address()
			}
			b := w.Buckets[to]
			made := edition{Data: e.Data, ETag: e.ETag, Kind: e.Kind, Tags: e.Tags, Retention: req.Protect.Retention, Hold: req.Protect.Hold}
			if req.Metadata != nil {
				made.Kind = req.Metadata.ContentType
			}
			if req.Tags != nil {
				made.Tags = *req.Tags
			}
			code = first(b.current(key).object().holds(req.If), b.allows(req.Protect, h.now))
			b.write(key, &made, h.now)
			return code
		},
		run: func(b *bench) (err error) {
			copied, err = b.Copy(b.t.Context(), req)
			return err
		},
		then: func(w *world) error {
			if copied.SourceID != sourceID {
				return fmt.Errorf("the source was told as %q, not %q", copied.SourceID, sourceID)
			}
			return w.told(to, key, copied.VersionID)
		},
	})
}

func (h *history) drawBegin(t *rapid.T) {
	bucket, key := h.drawPlace(t, "upload")
	req := object.CreateUploadRequest{By: alice, Bucket: bucket, Key: key, Metadata: drawKind(t), Tags: drawTags(t), Protect: h.drawProtection(t, bucket)}
	h.do(t, step{
		what: fmt.Sprintf("begin %s/%s", bucket, key),
		model: func(w *world) *fault.Code {
			w.Open = append(w.Open, &opened{listed{bucket, key, "", map[int]string{}}, req, map[int]string{}})
			return w.Buckets[bucket].allows(req.Protect, h.now)
		},
		run: func(b *bench) error {
			_, err := b.CreateUpload(b.t.Context(), req)
			return err
		},
	})
}

// drawOpen draws an open upload, as its place in the list of the world.
func (h *history) drawOpen(t *rapid.T) int {
	if len(h.world.Open) == 0 {
		t.Skip("no upload is open")
	}
	return rapid.IntRange(0, len(h.world.Open)-1).Draw(t, "upload")
}

func (h *history) drawPart(t *rapid.T) {
	i := h.drawOpen(t)
	number := rapid.SampledFrom([]int{1, 2, 3, 10_000}).Draw(t, "number")
	data := string(drawData(t))
	ref := h.world.Open[i].ref()
	var src *object.Source
	from, source := h.drawPlace(t, "source")
	id := h.drawID(t, from, source)
	if e, _ := h.world.Buckets[from].find(source, id); e != nil && rapid.Bool().Draw(t, "copied") {
		data, src = e.Data, &object.Source{Bucket: from, Key: source, VersionID: id}
	}
	h.do(t, step{
		what: fmt.Sprintf("part %d of %v", number, ref),
		model: func(w *world) *fault.Code {
			w.Open[i].Parts[number], w.Open[i].data[number] = etagOf(data), data
			return nil
		},
		run: func(b *bench) (err error) {
			if src != nil {
				_, _, err = b.PutPartCopy(b.t.Context(), object.PartCopyRequest{Upload: ref, Number: number, Source: *src})
			} else {
				_, err = b.putPart(b.t.Context(), ref, number, []byte(data))
			}
			return err
		},
	})
}

func (h *history) drawComplete(t *rapid.T) {
	i := h.drawOpen(t)
	u := h.world.Open[i]
	var list []object.CompletePart
	var pieces []string
	var small *fault.Code
	numbers := slices.Sorted(maps.Keys(u.Parts))
	for n, number := range numbers {
		pieces = append(pieces, u.data[number])
		list = append(list, object.CompletePart{Number: number, ETag: u.Parts[number]})
		if n < len(numbers)-1 && len(u.data[number]) < minPart {
			small = fault.EntityTooSmall
		}
	}
	req := completeRequest(u.ref(), list)
	req.If = h.drawCondition(t, h.world.Buckets[u.Bucket].current(u.Key).object())
	var stored object.Stored
	h.do(t, step{
		what: fmt.Sprintf("complete %v", u.ref()),
		model: func(w *world) *fault.Code {
			b := w.Buckets[u.Bucket]
			if len(list) == 0 {
				return fault.MalformedXML
			}
			code := first(b.current(u.Key).object().holds(req.If), small)
			data, etag := join(pieces)
			b.write(u.Key, &edition{
				Data: data, ETag: etag, Kind: u.asked.Metadata.ContentType, Tags: u.asked.Tags,
				Retention: u.asked.Protect.Retention, Hold: u.asked.Protect.Hold,
			}, h.now)
			w.Open = slices.Delete(w.Open, i, i+1)
			return code
		},
		run: func(b *bench) (err error) {
			stored, err = b.Complete(b.t.Context(), req)
			return err
		},
		then: func(w *world) error { return w.told(u.Bucket, u.Key, stored.VersionID) },
	})
}

func (h *history) drawAbort(t *rapid.T) {
	i := h.drawOpen(t)
	u := h.world.Open[i]
	h.do(t, step{
		what: fmt.Sprintf("abort %v", u.ref()),
		model: func(w *world) *fault.Code {
			w.Open = slices.Delete(w.Open, i, i+1)
			return nil
		},
		run: func(b *bench) error { return b.Abort(b.t.Context(), object.AbortRequest{Upload: u.ref()}) },
	})
}
