package repository_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// session begins an upload.
func (b *bench) session(repo string) repository.Session {
	b.t.Helper()
	up, err := b.BeginUpload(b.ctx(), repository.BeginUploadRequest{By: alice, Repository: repo})
	b.must(err)
	return repository.Session{By: alice, Repository: repo, ID: up.ID}
}

func chunk(s repository.Session, at int64, data string) repository.Chunk {
	return repository.Chunk{Session: s, At: at, Body: strings.NewReader(data)}
}

func finish(s repository.Session, whole, last string) repository.FinishUploadRequest {
	return repository.FinishUploadRequest{
		Session: s, Digest: digest.Of([]byte(whole)), Size: int64(len(last)), At: -1, Body: strings.NewReader(last),
	}
}

func TestABlobIsUploadedInChunks(t *testing.T) {
	for name, whole := range map[string]string{"small": "abcdefgh", "large": large(1) + large(2)} {
		for _, cuts := range [][]int{{0, 0, 0}, {1, 2, 3}, {0, len(whole), len(whole)}, {len(whole) / 2, len(whole) - 1, len(whole)}} {
			b := newBench(t)
			s := b.session("r")
			for i := range cuts[:2] {
				from, to := 0, cuts[i]
				if i > 0 {
					from = cuts[i-1]
				}
				up, err := b.AppendUpload(b.ctx(), chunk(s, int64(from), whole[from:to]))
				b.must(err)
				if up.Offset != int64(to) {
					t.Errorf("%s %v: at %d", name, cuts, up.Offset)
				}
			}
			_, err := b.FinishUpload(b.ctx(), finish(s, whole, whole[cuts[1]:]))
			b.must(err)
			if !b.hasBlob("r", whole) {
				t.Errorf("%s %v: not there", name, cuts)
			}
			_, err = b.Upload(b.ctx(), s)
			b.wantFault(err, fault.SessionNotFound)
			b.wantSound()
		}
	}
}

func TestAChunkOutOfOrderIsRefusedWithWhereToGoOn(t *testing.T) {
	b := newBench(t)
	s := b.session("r")
	for _, at := range []int64{1, 5} {
		up, err := b.AppendUpload(b.ctx(), chunk(s, at, "x"))
		b.wantFault(err, fault.SessionRange)
		if up.Offset != 0 {
			t.Errorf("at %d", up.Offset)
		}
	}
	_, err := b.AppendUpload(b.ctx(), chunk(s, 0, "abc"))
	b.must(err)
	up, err := b.AppendUpload(b.ctx(), chunk(s, 0, "abc"))
	b.wantFault(err, fault.SessionRange)
	if up.Offset != 3 {
		t.Errorf("at %d", up.Offset)
	}
	req := finish(s, "abcdef", "def")
	req.At = 4
	up, err = b.FinishUpload(b.ctx(), req)
	b.wantFault(err, fault.SessionRange)
	if up.Offset != 3 {
		t.Errorf("at %d", up.Offset)
	}
	_, err = b.FinishUpload(b.ctx(), finish(s, "abcdef", "def"))
	b.must(err)
}

func TestAnUploadGoesOnAfterARestart(t *testing.T) {
	b := newBench(t)
	s := b.session("r")
	whole := large(1) + large(2) + large(3) + large(4) + large(5)
	_, err := b.AppendUpload(b.ctx(), chunk(s, 0, whole[:5000]))
	b.must(err)
	b.restart()
	broken := errors.New("the connection broke")
	cut := io.MultiReader(strings.NewReader(whole[5000:9000]), &failing{broken})
	up, err := b.AppendUpload(b.ctx(), repository.Chunk{Session: s, At: 5000, Body: cut})
	if !errors.Is(err, broken) || up.Offset < 5000 {
		t.Fatalf("at %d: %v", up.Offset, err)
	}
	b.restart()
	again, err := b.Upload(b.ctx(), s)
	b.must(err)
	if again.Offset != up.Offset {
		t.Fatalf("at %d, was %d", again.Offset, up.Offset)
	}
	_, err = b.AppendUpload(b.ctx(), chunk(s, up.Offset, whole[up.Offset:]))
	b.must(err)
	b.restart()
	_, err = b.FinishUpload(b.ctx(), finish(s, whole, ""))
	b.must(err)
	if !b.hasBlob("r", whole) {
		t.Error("not there")
	}
	b.wantSound()
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestAWrongDigestLeavesTheSession(t *testing.T) {
	b := newBench(t)
	s := b.session("r")
	_, err := b.FinishUpload(b.ctx(), finish(s, "something else", "abc"))
	b.wantFault(err, fault.DigestMismatch)
	_, err = b.AppendUpload(b.ctx(), chunk(s, 0, "abc"))
	b.must(err)
	_, err = b.FinishUpload(b.ctx(), finish(s, "something else", ""))
	b.wantFault(err, fault.DigestMismatch)
	_, err = b.FinishUpload(b.ctx(), finish(s, "abc", ""))
	b.must(err)
}

func TestASessionIsItsPrincipalsAndItsRepositorysAlone(t *testing.T) {
	b := newBench(t)
	s := b.session("r")
	stranger, elsewhere := s, s
	stranger.By.Principal = "bob"
	elsewhere.Repository = "other"
	for _, wrong := range []repository.Session{stranger, elsewhere, {By: alice, Repository: "r", ID: "none"}, {By: alice, Repository: "r"}} {
		_, err := b.Upload(b.ctx(), wrong)
		b.wantFault(err, fault.SessionNotFound)
		_, err = b.AppendUpload(b.ctx(), chunk(wrong, -1, "x"))
		b.wantFault(err, fault.SessionNotFound)
		_, err = b.FinishUpload(b.ctx(), finish(wrong, "x", "x"))
		b.wantFault(err, fault.SessionNotFound)
		b.wantFault(b.CancelUpload(b.ctx(), wrong), fault.SessionNotFound)
	}
	b.must(b.CancelUpload(b.ctx(), s))
	b.wantFault(b.CancelUpload(b.ctx(), s), fault.SessionNotFound)
	if r := b.settle(); r.Contents+r.Extents+r.Inline > 0 {
		t.Errorf("left over: %+v", r)
	}
}

func TestASessionThatIsForgottenGoes(t *testing.T) {
	b := newBench(t)
	s := b.session("r")
	_, err := b.AppendUpload(b.ctx(), chunk(s, 0, large(1)))
	b.must(err)
	if r := b.settle(); r.Contents+r.Extents+r.Inline > 0 {
		t.Errorf("left over: %+v", r)
	}
	_, err = b.Upload(b.ctx(), s)
	b.wantFault(err, fault.SessionNotFound)
}
