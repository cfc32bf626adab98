package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/zot-artifact-store/zas/client"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
)

// small parts make few bytes many parts.
var small = client.UploadOptions{PartSize: 5 * mib, Parallel: 3}

func TestLargeObjectsMoveInPartsAndComeBackWhole(t *testing.T) {
	s := newSuite(t)
	content, ref := random(17*mib+5, 1), client.At(bucket, "large")
	o := small
	var last client.Progress
	o.Progress = func(p client.Progress) {
		if p.Done < last.Done || p.Total != int64(len(content)) {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
	}
	up := get(s.Upload(t.Context(), ref, bytes.NewReader(content), o))(s)
	if n := s.log.count("partNumber="); n != 4 || up.Content != digest.Of(content) || up.Size != int64(len(content)) || last.Done != up.Size {
		t.Errorf("%d parts: %+v, %+v", n, up, last)
	}
	path := filepath.Join(t.TempDir(), "down")
	last = client.Progress{}
	down := get(s.DownloadFile(t.Context(), ref, path, client.DownloadOptions{PartSize: 3 * mib, Progress: o.Progress}))(s)
	if n := s.log.count("GET"); n != 6 || down.Content != up.Content || down.ETag != up.ETag || last.Done != up.Size {
		t.Errorf("%d ranges: %+v, %+v", n, down, last)
	}
	sameFile(t, path, content)
	s.holds("large", content)
}

func sameFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file holds %d bytes, not the %d that it should (%v)", len(got), len(want), err)
	}
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(list) != 1 {
		t.Errorf("beside the file there are %v (%v)", list, err)
	}
}

func TestStreamsOfAnySize(t *testing.T) {
	s := newSuite(t)
	for _, size := range []int{0, 1, mib, 5*mib - 1, 5 * mib, 5*mib + 1, 15 * mib, 22*mib + 7} {
		content := random(size, uint64(size))
		info := get(s.UploadStream(t.Context(), client.At(bucket, "stream"), iotest.HalfReader(bytes.NewReader(content)), small))(s)
		if info.Size != int64(size) || info.Content != digest.Of(content) {
			t.Errorf("%d bytes: %+v", size, info)
		}
		s.holds("stream", content)
	}
	broken := errors.New("the pipe broke")
	_, err := s.UploadStream(t.Context(), client.At(bucket, "none"), io.MultiReader(bytes.NewReader(random(12*mib, 1)), iotest.ErrReader(broken)), small)
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	_, err = s.Stat(t.Context(), client.At(bucket, "none"))
	is(t, err, fault.KeyNotFound)
	s.noUploads()
}

func (s *suite) noUploads() {
	s.Helper()
	for p, err := range s.Uploads(s.Context(), client.At(bucket, "")) {
		s.Errorf("%+v is left (%v)", p, err)
	}
}

// crash is an upload that is cut off after some parts, as if the program had ended.
func (s *suite) crash(ref client.Ref, content []byte, state string) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	o := small
	o.State, o.Parallel = state, 1
	o.Progress = func(p client.Progress) {
		if p.Done >= 10*mib {
			cancel()
		}
	}
	if _, err := s.Upload(ctx, ref, bytes.NewReader(content), o); !errors.Is(err, context.Canceled) {
		s.Fatal(err)
	}
	s.log.count()
}

func TestAnUploadGoesOnAfterACrash(t *testing.T) {
	s := newSuite(t)
	content, ref, state := random(24*mib, 2), client.At(bucket, "big"), filepath.Join(t.TempDir(), "state")
	o := small
	o.State = state
	t.Run("with what is there", func(t *testing.T) {
		s.crash(ref, content, state)
		get(s.Upload(t.Context(), ref, bytes.NewReader(content), o))(s)
		if parts, begun := s.log.count("PUT", "partNumber="), s.log.count("?uploads"); parts != 3 || begun != 0 {
			t.Errorf("%d parts were sent and %d uploads begun", parts, begun)
		}
		s.holds("big", content)
		if _, err := os.Stat(state); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the state is still there (%v)", err)
		}
	})
	t.Run("without what has changed since", func(t *testing.T) {
		s.crash(ref, content, state)
		changed := slices.Clone(content)
		changed[7*mib] ^= 1 // in the second part, which is there
		get(s.Upload(t.Context(), ref, bytes.NewReader(changed), o))(s)
		if parts := s.log.count("PUT", "partNumber="); parts != 4 {
			t.Errorf("%d parts were sent", parts)
		}
		s.holds("big", changed)
	})
	t.Run("anew where it is another object, another size or no state", func(t *testing.T) {
		for name, change := range map[string]func(r *client.Ref, c *[]byte){
			"object": func(r *client.Ref, _ *[]byte) { r.Key = "other" },
			"size":   func(_ *client.Ref, c *[]byte) { *c = (*c)[:len(*c)-1] },
			"state":  func(*client.Ref, *[]byte) { s.ok(os.WriteFile(state, []byte("{"), 0o600)) },
		} {
			s.crash(ref, content, state)
			r, c := ref, content
			change(&r, &c)
			get(s.Upload(t.Context(), r, bytes.NewReader(c), o))(s)
			if begun := s.log.count("?uploads"); begun != 1 {
				t.Errorf("%s: %d uploads were begun", name, begun)
			}
			s.holds(r.Key, c)
		}
	})
	t.Run("anew where the upload has gone", func(t *testing.T) {
		s.crash(ref, content, state)
		for p, err := range s.Uploads(t.Context(), client.At(bucket, "")) {
			s.ok(errors.Join(err, s.Abort(t.Context(), p), s.Abort(t.Context(), p)))
		}
		get(s.Upload(t.Context(), ref, bytes.NewReader(content), o))(s)
		s.holds("big", content)
	})
	t.Run("by its id", func(t *testing.T) {
		s.crash(ref, content, state)
		s.ok(os.Remove(state))
		for p, err := range s.Uploads(t.Context(), client.At(bucket, "b")) {
			s.ok(err)
			s.log.count()
			get(s.Upload(t.Context(), ref, bytes.NewReader(content), client.UploadOptions{Continue: p.ID}))(s)
		}
		if parts := s.log.count("PUT", "partNumber="); parts != 3 {
			t.Errorf("%d parts were sent", parts)
		}
		s.noUploads()
	})
}

func TestACrashAfterTheCompletionIsNoSecondUpload(t *testing.T) {
	s := newSuite(t)
	content, ref := random(12*mib, 3), client.At(bucket, "big")
	o := small
	o.State = filepath.Join(t.TempDir(), "state")
	once := s.config
	once.Retry.Attempts = 1
	s.log.set(nil, func(r *http.Request, _ *http.Response) error {
		if r.Method == http.MethodPost && r.URL.Query().Has("uploadId") {
			return errors.New("the wire is cut")
		}
		return nil
	})
	_, err := s.newClient(once).Upload(t.Context(), ref, bytes.NewReader(content), o)
	if !errors.Is(err, client.ErrUnreachable) {
		t.Fatal(err)
	}
	s.log.set(nil, nil)
	info := get(s.Upload(t.Context(), ref, bytes.NewReader(content), o))(s)
	if sent := s.log.count("PUT"); sent != 0 || info.Content != digest.Of(content) {
		t.Errorf("%d parts were sent, %+v", sent, info)
	}
	t.Run("which is found out also where the file is another by now", func(t *testing.T) {
		s.log.set(nil, func(r *http.Request, _ *http.Response) error {
			if r.Method == http.MethodPost && r.URL.Query().Has("uploadId") {
				return errors.New("the wire is cut")
			}
			return nil
		})
		_, err := s.newClient(once).Upload(t.Context(), ref, bytes.NewReader(content), o)
		s.log.set(nil, nil)
		if !errors.Is(err, client.ErrUnreachable) {
			t.Fatal(err)
		}
		content[0] ^= 1
		_, err = s.Upload(t.Context(), ref, bytes.NewReader(content), o)
		is(t, err, fault.DigestMismatch)
	})
}

func TestWhatFailsForGoodLeavesNothingBehind(t *testing.T) {
	s := newSuite(t)
	s.put("big", "x")
	o := small
	o.If.Absent = true
	_, err := s.Upload(t.Context(), client.At(bucket, "big"), bytes.NewReader(random(12*mib, 1)), o)
	is(t, err, fault.PreconditionFailed)
	if n := s.log.count("PUT", "partNumber"); n != 0 {
		t.Errorf("%d parts were sent in vain", n)
	}
	o.If = client.Condition{Match: `"other"`}
	_, err = s.Upload(t.Context(), client.At(bucket, "big"), bytes.NewReader(random(12*mib, 1)), o)
	is(t, err, fault.PreconditionFailed)
	s.noUploads()
	s.holds("big", []byte("x"))
}

func TestALostAnswerIsNoLostRace(t *testing.T) {
	s := newSuite(t)
	ctx, ref, o := t.Context(), client.At(bucket, "lock"), client.UploadOptions{If: client.Condition{Absent: true}}
	lose := func(then func()) {
		var lost atomic.Bool
		s.log.set(nil, func(r *http.Request, _ *http.Response) error {
			if r.Method == http.MethodPut && lost.CompareAndSwap(false, true) {
				then()
				return errors.New("the wire is cut")
			}
			return nil
		})
	}
	t.Run("where it was won", func(t *testing.T) {
		lose(func() {})
		get(s.Upload(ctx, ref, strings.NewReader("mine"), o))(s)
		s.log.set(nil, nil)
	})
	t.Run("nor a won one where somebody else with the same bytes was first", func(t *testing.T) {
		lose(func() {})
		_, err := s.Upload(ctx, ref, strings.NewReader("mine"), o)
		is(t, err, fault.PreconditionFailed)
		s.log.set(nil, nil)
	})
	t.Run("and what others have done since is told apart", func(t *testing.T) {
		other := s.newClient(client.Config{Server: s.url, Credentials: root})
		get(s.Delete(ctx, ref, client.DeleteOptions{}))(s)
		lose(func() { get(other.Upload(ctx, ref, strings.NewReader("theirs"), client.UploadOptions{}))(s) })
		_, err := s.Upload(ctx, ref, strings.NewReader("mine"), o)
		is(t, err, fault.PreconditionFailed)
		var e *client.Error
		if !errors.As(err, &e) || !e.Uncertain || !strings.Contains(err.Error(), "may have succeeded") {
			t.Errorf("%+v", e)
		}
		s.log.set(nil, nil)
		s.holds("lock", []byte("theirs"))
	})
	t.Run("and a plain write is one version", func(t *testing.T) {
		s.ok(s.CreateBucket(ctx, "versions", client.BucketOptions{Versioning: true}))
		for range 2 {
			lose(func() {})
			get(s.Upload(ctx, client.At("versions", "k"), strings.NewReader("x"), client.UploadOptions{}))(s)
			lose(func() {})
			get(s.Copy(ctx, client.At("versions", "k"), client.At("versions", "copy"), client.CopyOptions{}))(s)
			s.log.set(nil, nil)
		}
		n := 0
		for _, err := range s.Versions(ctx, client.At("versions", ""), client.ListOptions{}) {
			s.ok(err)
			n++
		}
		if n != 4 {
			t.Errorf("4 writes made %d versions", n)
		}
	})
	t.Run("also of a server that does not know the key again", func(t *testing.T) {
		get(s.Delete(ctx, ref, client.DeleteOptions{}))(s)
		lose(func() {})
		after := s.log.after
		s.log.set(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut && s.log.count("PUT") > 1 {
				return &http.Response{StatusCode: http.StatusPreconditionFailed, Header: http.Header{}, Body: http.NoBody}, nil
			}
			return nil, nil
		}, after)
		get(s.Upload(ctx, ref, strings.NewReader("mine"), o))(s)
		s.log.set(nil, nil)
	})
}

func TestBrokenConnectionsAreGoneOnFrom(t *testing.T) {
	s := newSuite(t)
	content := random(12*mib, 4)
	o := small
	c, p := s.through(nil)
	p.harms(3, &harm{up: true, after: 2 * mib})
	get(c.Upload(t.Context(), client.At(bucket, "k"), bytes.NewReader(content), o))(s)
	if n := p.hurt.Load(); n != 3 {
		t.Errorf("%d connections were cut", n)
	}
	s.holds("k", content)
	for name, read := range map[string]func(path string) error{
		"a file": func(path string) error {
			_, err := c.DownloadFile(t.Context(), client.At(bucket, "k"), path, client.DownloadOptions{PartSize: 4 * mib})
			return err
		},
		"a reader": func(path string) error {
			r, err := c.Open(t.Context(), client.At(bucket, "k"))
			if err != nil {
				return err
			}
			defer r.Close()
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(f, r)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "down")
			p.harms(3, &harm{after: mib + 12345})
			if err := read(path); err != nil {
				t.Fatal(err)
			}
			if n := p.hurt.Load(); n != 3 {
				t.Errorf("%d connections were cut", n)
			}
			sameFile(t, path, content)
		})
	}
}

func TestDamageOnTheWayIsFoundAndMadeGood(t *testing.T) {
	s := newSuite(t)
	content := random(12*mib, 5)
	c, p := s.through(nil)
	for name, o := range map[string]client.UploadOptions{"in parts": small, "at once": {}} {
		p.harms(2, &harm{up: true, after: mib, flip: true})
		get(c.Upload(t.Context(), client.At(bucket, "k"), bytes.NewReader(content), o))(s)
		if n := p.hurt.Load(); n != 2 {
			t.Errorf("%s: %d bytes were changed", name, n)
		}
		p.next.Store(nil)
		s.holds("k", content)
	}
	path := filepath.Join(t.TempDir(), "down")
	p.harms(1, &harm{after: mib, flip: true})
	get(c.DownloadFile(t.Context(), client.At(bucket, "k"), path, client.DownloadOptions{PartSize: 4 * mib}))(s)
	if n := p.hurt.Load(); n != 1 {
		t.Errorf("%d bytes were changed", n)
	}
	sameFile(t, path, content)
	t.Run("or told, where it stays", func(t *testing.T) {
		p.harms(1000, &harm{after: mib, flip: true})
		var w buffer
		_, err := c.Download(t.Context(), client.At(bucket, "k"), &w, client.DownloadOptions{})
		is(t, err, fault.DigestMismatch)
		other := filepath.Join(t.TempDir(), "down")
		_, err = c.DownloadFile(t.Context(), client.At(bucket, "k"), other, client.DownloadOptions{})
		is(t, err, fault.DigestMismatch)
		if list, err := os.ReadDir(filepath.Dir(other)); err != nil || len(list) != 0 {
			t.Errorf("%v is left (%v)", list, err)
		}
		r := get(c.Open(t.Context(), client.At(bucket, "k")))(s)
		defer r.Close()
		_, err = io.Copy(io.Discard, r)
		is(t, err, fault.DigestMismatch)
	})
}

func TestADownloadGoesOnAfterACrash(t *testing.T) {
	s := newSuite(t)
	content := random(12*mib, 6)
	get(s.Upload(t.Context(), client.At(bucket, "k"), bytes.NewReader(content), client.UploadOptions{}))(s)
	path := filepath.Join(t.TempDir(), "down")
	crash := func() {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o := client.DownloadOptions{PartSize: mib, Parallel: 1, Progress: func(p client.Progress) {
			if p.Done > 7*mib {
				cancel()
			}
		}}
		if _, err := s.DownloadFile(ctx, client.At(bucket, "k"), path, o); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("half a file has the name of the whole (%v)", err)
		}
		s.log.count()
	}
	again := func(want int) {
		t.Helper()
		get(s.DownloadFile(t.Context(), client.At(bucket, "k"), path, client.DownloadOptions{PartSize: mib}))(s)
		if n := s.log.count("GET"); n != want && n != want-1 { // one more may have come before the crash was noticed
			t.Errorf("%d parts were fetched, want %d", n, want)
		}
		sameFile(t, path, content)
		s.ok(os.Remove(path))
	}
	part := filepath.Join(filepath.Dir(path), ".down.part")
	t.Run("with what is there", func(*testing.T) { crash(); again(5) })
	t.Run("not with what has been damaged since", func(t *testing.T) {
		crash()
		f, err := os.OpenFile(part, os.O_RDWR, 0)
		s.ok(err)
		_, err = f.WriteAt([]byte{content[3*mib] ^ 1}, 3*mib)
		s.ok(errors.Join(err, f.Close()))
		again(5 + 12)
	})
	t.Run("not with a state that is none", func(*testing.T) {
		crash()
		s.ok(os.WriteFile(part+".json", []byte("null"), 0o600))
		again(12)
	})
	t.Run("not with another object", func(*testing.T) {
		crash()
		content = random(12*mib, 7)
		get(s.Upload(t.Context(), client.At(bucket, "k"), bytes.NewReader(content), client.UploadOptions{}))(s)
		s.log.count()
		again(12)
	})
}

func TestADownloadIsOfOneVersion(t *testing.T) {
	s := newSuite(t)
	old, fresh := random(6*mib, 8), random(6*mib, 9)
	get(s.Upload(t.Context(), client.At(bucket, "k"), bytes.NewReader(old), client.UploadOptions{}))(s)
	other := s.newClient(client.Config{Server: s.url, Credentials: root})
	var replaced atomic.Bool
	s.log.set(nil, func(r *http.Request, _ *http.Response) error {
		if r.Method == http.MethodGet && replaced.CompareAndSwap(false, true) {
			get(other.Upload(t.Context(), client.At(bucket, "k"), bytes.NewReader(fresh), client.UploadOptions{}))(s)
		}
		return nil
	})
	path := filepath.Join(t.TempDir(), "down")
	info := get(s.DownloadFile(t.Context(), client.At(bucket, "k"), path, client.DownloadOptions{PartSize: mib, Parallel: 1}))(s)
	sameFile(t, path, fresh)
	if info.Content != digest.Of(fresh) {
		t.Errorf("%+v", info)
	}
}

func TestAReaderReads(t *testing.T) {
	s := newSuite(t)
	content := random(3000, 10)
	s.put("k", string(content))
	r := get(s.Open(t.Context(), client.At(bucket, "k")))(s)
	if err := iotest.TestReader(r, content); err != nil {
		t.Error(err)
	}
	s.ok(r.Close())
	if _, err := r.Read(make([]byte, 1)); err == nil {
		t.Error("it reads although it is closed")
	}
	if _, err := r.Seek(-1, io.SeekStart); err == nil {
		t.Error("it seeks before the beginning")
	}
	empty := get(s.Open(t.Context(), s.put("empty", "").Ref))(s)
	if got, err := io.ReadAll(empty); len(got) != 0 || err != nil {
		t.Error(got, err)
	}
}

func TestAStalledConnectionIsGivenUp(t *testing.T) {
	s := newSuite(t)
	content := random(8*mib, 11)
	c, p := s.through(func(c *client.Config) { c.Stall = 300 * time.Millisecond })
	p.harms(1, &harm{up: true, after: mib, hang: true})
	get(c.Upload(t.Context(), client.At(bucket, "k"), bytes.NewReader(content), client.UploadOptions{}))(s)
	up := p.hurt.Load()
	p.harms(1, &harm{after: mib, hang: true})
	var w buffer
	get(c.Download(t.Context(), client.At(bucket, "k"), &w, client.DownloadOptions{}))(s)
	if up != 1 || p.hurt.Load() != 1 || !bytes.Equal(w.b, content) {
		t.Errorf("%d and %d connections stalled", up, p.hurt.Load())
	}
	t.Run("though not while it is the reader who rests", func(t *testing.T) {
		r := get(c.Open(t.Context(), client.At(bucket, "k")))(s)
		defer r.Close()
		p.next.Store(nil)
		_, err := io.ReadFull(r, make([]byte, 10))
		s.ok(err)
		<-time.After(500 * time.Millisecond)
		rest, err := io.ReadAll(r)
		if err != nil || len(rest) != len(content)-10 {
			t.Error(len(rest), err)
		}
	})
}
