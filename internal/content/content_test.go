package content_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"errors"
	"hash/crc32"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

var sizes = map[string]int{
	"no bytes": 0, "one byte": 1, "the inline limit": 1 << 10, "one more than the inline limit": 1<<10 + 1,
	"one MiB": 1 << 20, "one MiB and a byte": 1<<20 + 1, "three and a half MiB": 7 << 19,
}

func TestIngestedBytesAreReadBack(t *testing.T) {
	for name, n := range sizes {
		for _, declared := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				b := newBench(t)
				data := bytesOf(1, n)
				req := content.IngestRequest{Body: reader{bytes.NewReader(data)}, Size: -1, Hashes: content.SHA256 | content.MD5 | content.SHA1 | content.CRC32C}
				if declared {
					req.Size = int64(n)
				}
				st, err := b.Ingest(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				wantSums(t, st.Sums(), data)
				edge := object("bucket", "v1")
				var id content.ID
				err = b.Commit(t.Context(), st, func(r meta.Reader) (step meta.Step, err error) {
					id, step, err = b.PlanRegister(t.Context(), r, st)
					return meta.Join(step, b.LinkNew(id, edge)), err
				})
				if err != nil {
					t.Fatal(err)
				}
				if st.Inline() != (n <= 1<<10) || st.Digest() != digest.Of(data) {
					t.Fatalf("inline %v, digest %s", st.Inline(), st.Digest())
				}
				b.wantBytes(id, data)
				b.wantSound(content.Reference{ID: id, Edge: edge})
			})
		}
	}
}

func wantSums(t *testing.T, got content.Sums, data []byte) {
	t.Helper()
	m, s := md5.Sum(data), sha1.Sum(data)
	c := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	want := map[content.Hashes][]byte{content.MD5: m[:], content.SHA1: s[:], content.CRC32C: {byte(c >> 24), byte(c >> 16), byte(c >> 8), byte(c)}, content.CRC64NVME: nil}
	for h, sum := range want {
		if !bytes.Equal(got.Get(h), sum) {
			t.Errorf("hash %d is %x, want %x", h, got.Get(h), sum)
		}
	}
}

func TestRefusedBytesLeaveNothing(t *testing.T) {
	broken := errors.New("connection reset")
	refused := errors.New("wrong checksum")
	for _, n := range []int{10, 3 << 20} {
		data := bytesOf(2, n)
		for name, c := range map[string]struct {
			req  content.IngestRequest
			want error
		}{
			"a body that breaks off":           {content.IngestRequest{Body: io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken)), Size: int64(n) + 1}, broken},
			"a body that ends unexpectedly":    {content.IngestRequest{Body: io.MultiReader(bytes.NewReader(data), iotest.ErrReader(io.ErrUnexpectedEOF)), Size: int64(n) + 1}, fault.Incomplete},
			"an undeclared one that ends so":   {content.IngestRequest{Body: io.MultiReader(bytes.NewReader(data), iotest.ErrReader(io.ErrUnexpectedEOF)), Size: -1}, fault.Incomplete},
			"a body shorter than declared":     {content.IngestRequest{Body: bytes.NewReader(data), Size: int64(n) + 1}, fault.Incomplete},
			"a body longer than declared":      {content.IngestRequest{Body: bytes.NewReader(data), Size: int64(n) - 1}, fault.SizeInvalid},
			"a body that the protocol refuses": {content.IngestRequest{Body: bytes.NewReader(data), Size: -1, Verify: func(content.Sums) error { return refused }}, refused},
		} {
			t.Run(name, func(t *testing.T) {
				b := newBench(t)
				_, err := b.Ingest(t.Context(), c.req)
				wantFault(t, err, c.want)
				b.wantEmpty()
			})
		}
	}
}

func TestAFullStoreSaysSo(t *testing.T) {
	b := newBench(t)
	b.extents.Limit(1 << 20)
	_, err := b.Ingest(t.Context(), content.IngestRequest{Body: bytes.NewReader(bytesOf(3, 2<<20)), Size: -1})
	wantFault(t, err, fault.StorageFull)
	b.wantEmpty()
}

func TestTheSameBytesAreStoredOnce(t *testing.T) {
	for name, n := range map[string]int{"inline": 100, "in extents": 100 << 10} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			data := bytesOf(4, n)
			one, two := object("a", "1"), object("b", "2")
			id, again := b.push(data, one), b.push(data, two)
			if id != again {
				t.Fatalf("two contents: %s and %s", id, again)
			}
			if r := b.wantSound(content.Reference{ID: id, Edge: one}, content.Reference{ID: id, Edge: two}); r.Contents != 1 || r.Extents+r.Inline != 1 {
				t.Fatalf("stored more than once: %+v", r)
			}
		})
	}
}

func TestRangesAreExact(t *testing.T) {
	b := newBench(t)
	data := bytesOf(5, 3<<20+17)
	id := b.push(data, object("a", "1"))
	rd, err := b.Open(t.Context(), func(r meta.Reader) (content.Source, error) { return b.Source(t.Context(), r, id) })
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	for _, plain := range []bool{false, true} {
		for _, c := range [][2]int64{{0, 1}, {0, 3<<20 + 17}, {1<<20 - 1, 2}, {1 << 20, 1 << 20}, {3 << 20, 17}, {3<<20 + 16, 1}, {5, 0}} {
			var out bytes.Buffer
			if err := rd.WriteRange(t.Context(), &out, c[0], c[1], plain); err != nil || !bytes.Equal(out.Bytes(), data[c[0]:c[0]+c[1]]) {
				t.Fatalf("range %v: %d bytes, %v", c, out.Len(), err)
			}
		}
	}
	body := rd.NewReader(t.Context(), 7, 2<<20)
	got, err := io.ReadAll(io.LimitReader(body, 1000))
	if err != nil || !bytes.Equal(got, data[7:1007]) || body.Close() != nil {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
}

func TestAMembershipIsAnyEdge(t *testing.T) {
	b := newBench(t)
	data := bytesOf(6, 10)
	id := b.push(data, object("zoo", "1"))
	b.push(data, content.Edge{Repository: "team/app", Kind: content.EdgeLease})
	b.push(data, object("zoo", "2"))
	err := b.Meta().View(t.Context(), func(r meta.Reader) error {
		var repos []string
		for repo, err := range b.Repositories(t.Context(), r, id) {
			if err != nil {
				return err
			}
			repos = append(repos, repo)
		}
		if diff := cmp.Diff([]string{"team/app", "zoo"}, repos); diff != "" {
			t.Error(diff)
		}
		for repo, want := range map[string]bool{"zoo": true, "team/app": true, "team": false, "zo": false} {
			if got, err := b.Holds(t.Context(), r, id, repo); err != nil || got != want {
				t.Errorf("%s holds it: %v, %v", repo, got, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestALeaseKeepsContentForItsTimeAndNoLonger(t *testing.T) {
	b := newBench(t)
	data := bytesOf(7, 100<<10)
	b.push(data, content.Edge{Repository: "app", Kind: content.EdgeLease})
	b.after(b.Lease() - time.Minute)
	b.collect()
	if _, err := b.find(data); err != nil {
		t.Fatalf("collected during its lease: %v", err)
	}
	b.after(3 * time.Minute)
	b.collect()
	_, err := b.find(data)
	wantFault(t, err, fault.BlobNotFound)
	b.wantEmpty()
}

func TestARenewedLeaseLastsLonger(t *testing.T) {
	b := newBench(t)
	data := bytesOf(8, 10)
	id := b.push(data, content.Edge{Repository: "app", Kind: content.EdgeLease})
	b.after(b.Lease() * 3 / 4)
	if err := b.Renew(t.Context(), id, "app"); err != nil {
		t.Fatal(err)
	}
	b.after(b.Lease() * 3 / 4)
	b.collect()
	b.wantBytes(id, data)
	b.after(b.Lease())
	b.collect()
	b.wantEmpty()
}

func TestRenewingAYoungLeaseWritesNothing(t *testing.T) {
	b := newBench(t)
	id := b.push(bytesOf(8, 10), content.Edge{Repository: "app", Kind: content.EdgeLease})
	before := b.meta.Metrics().Commits
	if err := b.Renew(t.Context(), id, "app"); err != nil {
		t.Fatal(err)
	}
	if after := b.meta.Metrics().Commits; after != before {
		t.Fatalf("%d commits", after-before)
	}
}

func TestContentOutlivesItsLastReferenceByALease(t *testing.T) {
	b := newBench(t)
	data, edge := bytesOf(9, 100<<10), object("bucket", "v")
	id := b.push(data, edge)
	b.after(100 * b.Lease())
	b.collect()
	b.wantBytes(id, data)
	b.unlink(id, edge)
	b.collect()
	if b.push(data, edge) != id {
		t.Fatal("what was still there was stored anew")
	}
	b.after(2 * b.Lease())
	b.collect()
	b.wantBytes(id, data)
	b.unlink(id, edge)
	b.after(2 * b.Lease())
	b.collect()
	b.wantEmpty()
}

func TestAnEarlierLeaseDoesNotShortenTheOneOfALostReference(t *testing.T) {
	b := newBench(t)
	data, edge := bytesOf(9, 100<<10), object("bucket", "v")
	id := b.push(data, content.Edge{Repository: "bucket", Kind: content.EdgeLease})
	b.push(data, edge)
	b.after(b.Lease() - time.Minute)
	b.unlink(id, edge)
	b.after(b.Lease() / 2)
	b.collect()
	b.wantBytes(id, data)
	err := b.Meta().View(t.Context(), func(r meta.Reader) error {
		if held, err := b.Holds(t.Context(), r, id, "bucket"); held || err != nil {
			t.Errorf("the bucket still shows the content: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.after(b.Lease())
	b.collect()
	b.wantEmpty()
}

func TestLosingManyReferencesWritesOneLease(t *testing.T) {
	b := newBench(t)
	data := bytesOf(9, 10)
	one, two := object("bucket", "1"), object("bucket", "2")
	id := b.push(data, one)
	b.push(data, two)
	b.unlink(id, one)
	b.after(b.Lease() / 4)
	b.unlink(id, two)
	b.after(b.Lease()/2 + time.Minute)
	b.collect()
	b.wantBytes(id, data)
	b.after(b.Lease() / 2)
	b.collect()
	b.wantEmpty()
}

func TestAReaderKeepsBytesThatAreCollected(t *testing.T) {
	b := newBench(t)
	data, edge := bytesOf(10, 3<<20), object("bucket", "v")
	id := b.push(data, edge)
	rd, err := b.Open(t.Context(), func(r meta.Reader) (content.Source, error) { return b.Source(t.Context(), r, id) })
	if err != nil {
		t.Fatal(err)
	}
	b.unlink(id, edge)
	b.after(2 * b.Lease()) // the reader is older than a minute, and still holds its own bytes
	if done := b.collect(); done.Contents != 1 || done.Waiting != 1 || done.Extents != 0 {
		t.Fatalf("%+v", done)
	}
	var out bytes.Buffer
	if err := rd.WriteRange(t.Context(), &out, 0, rd.Size(), false); err != nil || !bytes.Equal(out.Bytes(), data) {
		t.Fatalf("%d bytes, %v", out.Len(), err)
	}
	_ = rd.Close()
	if done := b.collect(); done.Extents != 1 {
		t.Fatalf("%+v", done)
	}
	b.wantEmpty()
}

func TestAnOldReaderHoldsNothingButItsOwn(t *testing.T) {
	b := newBench(t)
	kept := b.push(bytesOf(11, 100<<10), object("bucket", "kept"))
	gone := b.push(bytesOf(12, 100<<10), object("bucket", "gone"))
	rd, err := b.Open(t.Context(), func(r meta.Reader) (content.Source, error) { return b.Source(t.Context(), r, kept) })
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	b.unlink(gone, object("bucket", "gone"))
	b.after(2 * b.Lease())
	if done := b.collect(); done.Extents != 1 || done.Waiting != 0 {
		t.Fatalf("%+v", done)
	}
}

func TestBytesThatNoTransactionNamedAreSweptByTheNextEpoch(t *testing.T) {
	b := newBench(t)
	b.ingest(bytesOf(13, 100<<10)) // and then the process dies
	b.loseProcess()
	if r := b.wantSound(); r.Orphans != 1 {
		t.Fatalf("%+v", r)
	}
	st := b.ingest(bytesOf(14, 100<<10)) // of the living epoch: must not be swept
	if done := b.collect(); done.Orphans != 1 {
		t.Fatalf("%+v", done)
	}
	err := b.Commit(t.Context(), st, func(r meta.Reader) (meta.Step, error) {
		id, step, err := b.PlanRegister(t.Context(), r, st)
		return meta.Join(step, b.Grant(id, "app")), err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.wantSound()
}

func TestAFencedProcessNamesNothing(t *testing.T) {
	b := newBench(t)
	st := b.ingest(bytesOf(15, 100<<10))
	b.contentOver(b.meta, b.extents) // another process takes over
	err := b.Commit(t.Context(), st, func(r meta.Reader) (meta.Step, error) {
		id, step, err := b.PlanRegister(t.Context(), r, st)
		return meta.Join(step, b.Grant(id, "app")), err
	})
	if err == nil {
		t.Fatal("a fenced process has named an extent")
	}
}

func TestInlineBytesOfAVersionBecomeContentOnDemand(t *testing.T) {
	b := newBench(t)
	data := bytesOf(16, 500)
	st := b.ingest(data)
	location, keep := b.KeepInline(st)
	if err := b.Commit(t.Context(), st, func(meta.Reader) (meta.Step, error) { return keep, nil }); err != nil {
		t.Fatal(err)
	}
	version := content.Reference{Location: location}
	b.wantSound(version)
	_, err := b.find(data)
	wantFault(t, err, fault.BlobNotFound)
	b.do(func(r meta.Reader) (meta.Step, error) {
		id, step, err := b.Materialise(t.Context(), r, location)
		return meta.Join(step, b.Grant(id, "app")), err
	})
	c, err := b.find(data)
	if err != nil {
		t.Fatal(err)
	}
	b.wantBytes(c.ID, data)
	b.do(func(meta.Reader) (meta.Step, error) { return b.DropInline(location), nil })
	b.wantBytes(c.ID, data)
	b.after(2 * b.Lease())
	b.collect()
	b.wantEmpty()
}

func TestDamageIsReportedAndNeverServed(t *testing.T) {
	b := newBench(t)
	data := bytesOf(17, 3<<20)
	id := b.push(data, object("bucket", "v"))
	b.Store = b.contentOver(b.meta, flipped{b.extents, 2 << 20})
	rd, err := b.Open(t.Context(), func(r meta.Reader) (content.Source, error) { return b.Source(t.Context(), r, id) })
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	var out bytes.Buffer
	err = rd.WriteRange(t.Context(), &out, 0, rd.Size(), true)
	wantFault(t, err, fault.Damaged)
	if !bytes.Equal(out.Bytes(), data[:out.Len()]) {
		t.Fatal("damaged bytes were served")
	}
	report, err := b.Check(t.Context(), true, listed([]content.Reference{{ID: id, Edge: object("bucket", "v")}}))
	if err != nil || len(report.Problems) != 1 {
		t.Fatalf("%v, %v", report.Problems, err)
	}
}

func TestUploadingTheSameBytesAgainRepairsDamage(t *testing.T) {
	b := newBench(t)
	data, one, two := bytesOf(17, 3<<20), object("bucket", "1"), object("bucket", "2")
	id := b.push(data, one)
	b.Store = b.contentOver(b.meta, flipped{b.extents, 2 << 20})
	_, err := b.read(id)
	wantFault(t, err, fault.Damaged)
	b.Store = b.contentOver(b.meta, b.extents)
	if again := b.push(data, two); again != id {
		t.Fatalf("stored as another content: %s", again)
	}
	b.wantBytes(id, data)
	b.collect()
	b.wantBytes(id, data)
	refs := []content.Reference{{ID: id, Edge: one}, {ID: id, Edge: two}}
	if r := b.wantSound(refs...); r.Extents != 1 {
		t.Fatalf("the damaged bytes are still there: %+v", r)
	}
	b.push(data, object("bucket", "1"))
	if r := b.wantSound(refs...); r.Extents != 1 {
		t.Fatalf("sound bytes were replaced: %+v", r)
	}
}
