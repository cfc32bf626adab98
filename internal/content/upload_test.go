package content_test

import (
	"bytes"
	"context"
	"crypto/sha512"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

func (b *bench) begin(k content.UploadKind) content.ID {
	b.t.Helper()
	u, step := b.NewUpload("bucket", "root", k)
	b.do(func(meta.Reader) (meta.Step, error) { return step, nil })
	return u.ID
}

func (b *bench) append(id content.ID, at int64, data []byte) content.Upload {
	b.t.Helper()
	u, err := b.Append(b.t.Context(), id, at, reader{bytes.NewReader(data)})
	if err != nil {
		b.t.Fatal(err)
	}
	return u
}

// finish ends a session under a lease.
func (b *bench) finish(id content.ID, want digest.Digest) (content.ID, error) {
	f, err := b.PrepareFinish(b.t.Context(), id, want)
	if err != nil {
		return "", err
	}
	var made content.ID
	return made, meta.Execute(b.t.Context(), b.Meta(), func(r meta.Reader) (step meta.Step, err error) {
		made, step, err = b.PlanFinish(b.t.Context(), r, f)
		return meta.Join(step, b.Grant(made, "bucket")), err
	})
}

func TestASessionGoesOnAfterTheProcessDies(t *testing.T) {
	for name, sizes := range map[string][]int{
		"small chunks":                 {10, 1, 0, 500},
		"large chunks":                 {100 << 10, 1 << 20, 7},
		"chunks larger than a seal":    {300 << 10, 65 << 10},
		"exactly at the seal":          {64 << 10, 64 << 10},
		"no chunk at all":              {},
		"one byte beyond inline limit": {1<<10 + 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			id := b.begin(content.Session)
			var all []byte
			for i, n := range sizes {
				data := bytesOf(uint64(i), n)
				if u := b.append(id, int64(len(all)), data); u.Offset != int64(len(all)+n) {
					t.Fatalf("offset %d", u.Offset)
				}
				all = append(all, data...)
				b.loseProcess()
			}
			made, err := b.finish(id, digest.Of(all))
			if err != nil {
				t.Fatal(err)
			}
			b.wantBytes(made, all)
			b.collect()
			b.wantSound()
			b.after(2 * b.Lease())
			b.collect()
			b.wantEmpty()
		})
	}
}

func TestABrokenChunkKeepsWhatCame(t *testing.T) {
	for _, n := range []int{100, 200 << 10} {
		b := newBench(t)
		id := b.begin(content.Session)
		data := bytesOf(1, n+50)
		u, err := b.Append(t.Context(), id, 0, io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(io.ErrUnexpectedEOF)))
		wantFault(t, err, fault.Incomplete)
		if u.Offset != int64(n) {
			t.Fatalf("kept %d of %d bytes", u.Offset, n)
		}
		b.append(id, u.Offset, data[n:])
		if _, err := b.finish(id, digest.Of(data)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAChunkElsewhereThanTheEndIsRefused(t *testing.T) {
	b := newBench(t)
	id := b.begin(content.Session)
	b.append(id, 0, bytesOf(1, 10))
	for _, at := range []int64{0, 9, 11} {
		_, err := b.Append(t.Context(), id, at, bytes.NewReader(bytesOf(2, 10)))
		wantFault(t, err, fault.SessionRange)
	}
	b.append(id, -1, bytesOf(2, 10))
}

func TestTwoRequestsDoNotWriteOneSession(t *testing.T) {
	b := newBench(t)
	id := b.begin(content.Session)
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := b.Append(context.WithoutCancel(t.Context()), id, -1, r)
		done <- err
	}()
	_, _ = w.Write([]byte("x")) // the first request is reading now
	_, err := b.Append(t.Context(), id, -1, bytes.NewReader([]byte("y")))
	wantFault(t, err, fault.ConditionalConflict)
	_ = w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := b.finish(id, digest.Of([]byte("x"))); err != nil {
		t.Fatal(err)
	}
}

func TestASessionWithAnotherDigestStaysOpen(t *testing.T) {
	b := newBench(t)
	id := b.begin(content.Session)
	data := bytesOf(1, 5000)
	b.append(id, 0, data)
	_, err := b.finish(id, digest.Of([]byte("else")))
	wantFault(t, err, fault.DigestMismatch)
	if _, err := b.finish(id, digest.Of(data)); err != nil {
		t.Fatal(err)
	}
	_, err = b.finish(id, digest.Of(data))
	wantFault(t, err, fault.SessionNotFound)
}

func TestASHA512IsASecondName(t *testing.T) {
	for _, known := range []bool{false, true} {
		b := newBench(t)
		data := bytesOf(1, 200<<10)
		if known {
			b.push(data, content.Edge{Repository: "other", Kind: content.EdgeLease})
		}
		sum := sha512.Sum512(data)
		d := digest.FromSum(digest.SHA512, sum[:])
		id := b.begin(content.Session)
		b.append(id, 0, data)
		made, err := b.finish(id, d)
		if err != nil {
			t.Fatal(err)
		}
		err = b.Meta().View(t.Context(), func(r meta.Reader) error {
			c, err := b.Find(t.Context(), r, d)
			if c.ID != made || c.Digest != digest.Of(data) || c.SHA512 != d {
				t.Errorf("found %+v", c)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		b.collect()
		b.wantSound()
		b.after(2 * b.Lease())
		b.collect()
		b.wantEmpty()
	}
}

func TestAnIdleSessionExpiresAndABusyOneDoesNot(t *testing.T) {
	b := newBench(t)
	idle, busy := b.begin(content.Session), b.begin(content.Session)
	parts := b.begin(content.Multipart)
	b.append(idle, 0, bytesOf(1, 100<<10))
	b.after(20 * time.Hour)
	b.append(busy, 0, bytesOf(2, 100<<10))
	b.after(20 * time.Hour)
	if done := b.collect(); done.Sessions != 1 || done.Extents != 2 { // two seals
		t.Fatalf("%+v", done)
	}
	_, err := b.Append(t.Context(), idle, -1, bytes.NewReader(nil))
	wantFault(t, err, fault.SessionNotFound)
	b.append(busy, -1, bytesOf(3, 1))
	b.putPart(parts, 1, bytesOf(4, 10))
}

func (b *bench) putPart(id content.ID, number int, data []byte) content.Part {
	b.t.Helper()
	p, err := b.PutPart(b.t.Context(), id, number, content.IngestRequest{Body: bytes.NewReader(data), Size: int64(len(data)), Hashes: content.MD5})
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// complete makes an object's version of the parts. now says whether a small remainder is hashed before.
func (b *bench) complete(id content.ID, e content.Edge, now bool, numbers ...int) content.Completion {
	b.t.Helper()
	if now {
		if err := b.FinishHash(b.t.Context(), id, numbers); err != nil {
			b.t.Fatal(err)
		}
	}
	var done content.Completion
	b.do(func(r meta.Reader) (step meta.Step, err error) {
		done, step, err = b.PlanComplete(b.t.Context(), r, id, numbers)
		return meta.Join(step, b.LinkNew(done.ID, e)), err
	})
	return done
}

func TestACompletedUploadIsItsPartsInOrder(t *testing.T) {
	for name, now := range map[string]bool{"with its digest": true, "and its digest later": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			id := b.begin(content.Multipart)
			a, c, d := bytesOf(1, 100<<10), bytesOf(2, 3<<20), bytesOf(3, 9)
			b.putPart(id, 9, c)
			b.putPart(id, 2, bytesOf(4, 50<<10))
			b.putPart(id, 2, a)
			b.putPart(id, 5, bytesOf(5, 40<<10)) // not used
			b.putPart(id, 10000, d)
			all := slices.Concat(a, c, d)
			edge := object("bucket", "v")
			done := b.complete(id, edge, now, 2, 9, 10000)
			if done.Size != int64(len(all)) || now != (done.Digest == digest.Of(all)) || now == (done.Digest == "") {
				t.Fatalf("%+v", done)
			}
			b.wantBytes(done.ID, all)
			b.restart()
			b.collect()
			b.wantBytes(done.ID, all)
			if c, err := b.find(all); err != nil || c.ID != done.ID {
				t.Fatalf("found %+v, %v", c, err)
			}
			if r := b.wantSound(content.Reference{ID: done.ID, Edge: edge}); r.Extents != 2 {
				t.Fatalf("unused parts are still there: %+v", r)
			}
			b.unlink(done.ID, edge)
			b.after(2 * b.Lease())
			b.collect()
			b.wantEmpty()
		})
	}
}

func TestTheRollingDigestIsRolledBackWhenAPartIsReplaced(t *testing.T) {
	b := newBench(t)
	id := b.begin(content.Multipart)
	parts := [][]byte{bytesOf(1, 100<<10), bytesOf(2, 100<<10), bytesOf(3, 100<<10)}
	for i, p := range parts {
		b.putPart(id, i+1, p)
	}
	if err := b.FinishHash(t.Context(), id, []int{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	parts[1] = bytesOf(4, 100<<10)
	b.putPart(id, 2, parts[1])
	done := b.complete(id, object("bucket", "v"), true, 1, 2, 3)
	if all := slices.Concat(parts...); done.Digest != digest.Of(all) {
		t.Fatalf("digest %s", done.Digest)
	}
}

func TestCompletingNeedsEveryPart(t *testing.T) {
	b := newBench(t)
	id := b.begin(content.Multipart)
	b.putPart(id, 1, bytesOf(1, 10))
	b.putPart(id, 3, bytesOf(1, 10))
	for _, numbers := range [][]int{{2}, {1, 2}, {1, 2, 3}, {1, 3, 4}} {
		err := b.Meta().View(t.Context(), func(r meta.Reader) error {
			_, _, err := b.PlanComplete(t.Context(), r, id, numbers)
			return err
		})
		wantFault(t, err, fault.PartInvalid)
	}
}

func TestTwoUploadsOfTheSameBytesBecomeOneContent(t *testing.T) {
	for name, late := range map[string]bool{"the second learns it at completion": false, "the second learns it later and becomes an alias": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			one, two := bytesOf(1, 100<<10), bytesOf(2, 200<<10)
			all := slices.Concat(one, two)
			elder, old := b.push(all, object("bucket", "old")), object("bucket", "old")
			id := b.begin(content.Multipart)
			b.putPart(id, 1, one)
			b.putPart(id, 2, two)
			young := object("other", "young")
			done := b.complete(id, young, !late, 1, 2)
			if late == (done.ID == elder) {
				t.Fatalf("completed as %s", done.ID)
			}
			rd, err := b.Open(t.Context(), func(r meta.Reader) (content.Source, error) { return b.Source(t.Context(), r, done.ID) })
			if err != nil {
				t.Fatal(err)
			}
			b.collect()
			var out bytes.Buffer
			if err := rd.WriteRange(t.Context(), &out, 0, rd.Size(), false); err != nil || !bytes.Equal(out.Bytes(), all) {
				t.Fatalf("a reader that began before lost its bytes: %v", err)
			}
			_ = rd.Close()
			b.collect()
			refs := []content.Reference{{ID: elder, Edge: old}, {ID: done.ID, Edge: young}}
			if r := b.wantSound(refs...); r.Extents != 1 {
				t.Fatalf("stored twice: %+v", r)
			}
			err = b.Meta().View(t.Context(), func(r meta.Reader) error {
				if held, err := b.Holds(t.Context(), r, elder, "other"); !held || err != nil {
					t.Errorf("the alias's repository does not hold the content: %v", err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			b.unlink(elder, old)
			b.after(2 * b.Lease())
			b.collect()
			b.wantBytes(done.ID, all)
			b.wantSound(refs[1])
			b.unlink(done.ID, young)
			b.after(2 * b.Lease())
			b.collect()
			b.wantEmpty()
		})
	}
}

func TestAnAbortedUploadLeavesNothing(t *testing.T) {
	b := newBench(t)
	id := b.begin(content.Multipart)
	b.putPart(id, 1, bytesOf(1, 100<<10))
	b.putPart(id, 2, bytesOf(2, 10))
	b.do(func(meta.Reader) (meta.Step, error) { return b.AbortUpload(id), nil })
	_, err := b.PutPart(t.Context(), id, 3, content.IngestRequest{Body: bytes.NewReader(bytesOf(3, 100<<10)), Size: -1})
	wantFault(t, err, fault.SessionNotFound)
	b.collect()
	b.wantEmpty()
}

func TestTheWorkerFindsDigestsByItself(t *testing.T) {
	b := newBench(t)
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := b.begin(content.Multipart)
	one, two := bytesOf(1, 100<<10), bytesOf(2, 100<<10)
	b.putPart(id, 1, one)
	b.putPart(id, 2, two)
	done := b.complete(id, object("bucket", "v"), false, 1, 2)
	b.Completed(done)
	all := slices.Concat(one, two)
	for {
		_, err := b.find(all)
		if err == nil {
			break
		}
		if !errors.Is(err, fault.BlobNotFound) {
			t.Fatal(err)
		}
	}
	if err := b.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantSound(content.Reference{ID: done.ID, Edge: object("bucket", "v")})
}

func TestALeaseThatAnAliasBringsToItsElderEnds(t *testing.T) {
	b := newBench(t)
	one, two := bytesOf(1, 100<<10), bytesOf(2, 100<<10)
	old, young := object("a", "old"), object("b", "young")
	elder := b.push(slices.Concat(one, two), old)
	id := b.begin(content.Multipart)
	b.putPart(id, 1, one)
	b.putPart(id, 2, two)
	done := b.complete(id, young, false, 1, 2)
	b.unlink(done.ID, young) // before its digest is known
	b.collect()
	b.wantSound(content.Reference{ID: elder, Edge: old})
	b.unlink(elder, old)
	b.after(2 * b.Lease())
	b.collect()
	b.wantEmpty()
}
