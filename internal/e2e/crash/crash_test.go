package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
	"github.com/zot-artifact-store/zas/internal/e2e/wire"
)

// rounds are 20 in every run and 200 in a nightly one, or as many as $ZAS_CRASH_ROUNDS says.
func rounds(t *testing.T) int {
	if text := os.Getenv("ZAS_CRASH_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if os.Getenv("ZAS_NIGHTLY") != "" {
		return 200
	}
	return 20
}

// worker is a client of one kind, with what it knows about its own keys or repository.
type worker interface {
	step(c client) error   // one operation
	verify(c client) error // what is there against what was acknowledged
}

const bucket = "crash"

// world is one data directory and everything that is known about it.
type world struct {
	t       *testing.T
	random  *rand.Rand
	options instance.Options
	workers []worker
	keys    []*register
	writers int // of uploads in parts
	steps   atomic.Int64
}

// TestKill is described by the package's comment.
func TestKill(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newWorld(t, seed)
	w.createBucket()
	for round := range rounds(t) {
		w.crash()
		w.recover(round)
		if t.Failed() {
			t.Fatalf("in round %d, of seed %d; the data is kept in %s", round, seed, w.keep())
		}
	}
	t.Logf("%d operations", w.steps.Load())
	w.emptied()
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 0))}
	w.options = instance.Options{
		Binary: binary(t), Data: filepath.Join(t.TempDir(), "data"), Env: []string{"ZAS_STORAGE_GCINTERVAL=200ms", "ZAS_LOG_LEVEL=warn"},
	}
	for n := range 6 {
		o := newObjects(bucket, fmt.Sprintf("w%d", n), seed+uint64(n))
		w.workers, w.keys = append(w.workers, o), append(w.keys, o.keys...)
		w.writers++
	}
	for n := range 2 {
		o := newContest(bucket, fmt.Sprintf("contest%d", n), seed+uint64(n))
		w.workers, w.keys = append(w.workers, o), append(w.keys, o.key)
	}
	for n := range 2 {
		w.workers = append(w.workers, newReleases(fmt.Sprintf("release%d", n), seed+uint64(n)))
	}
	repos := []string{"crash/a", "crash/b", "crash/c", "crash/d/e"}
	for n, repo := range repos {
		w.workers = append(w.workers, newImages(repo, repos, seed+uint64(n)))
	}
	return w
}

func binary(t *testing.T) string {
	if b := os.Getenv("ZAS_BINARY"); b != "" {
		return b
	}
	root, err := instance.Root()
	if err == nil {
		b := filepath.Join(t.TempDir(), "zas")
		if err = instance.Build(root, b); err == nil {
			return b
		}
	}
	t.Fatal(err)
	return ""
}

func (w *world) start() (*instance.Instance, client) {
	w.t.Helper()
	i, err := instance.Start(w.t.Context(), w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	return i, client{w.t.Context(), wire.To(i, 64)}
}

func (w *world) createBucket() {
	i, c := w.start()
	a, err := c.s3(http.MethodPut, "/"+bucket, nil, nil)
	plain := want("creating the bucket", a, err, 200)
	a, err = c.s3(http.MethodPut, "/"+lockedBucket, http.Header{"X-Amz-Bucket-Object-Lock-Enabled": {"true"}}, nil)
	if err := errors.Join(plain, want("creating the locked bucket", a, err, 200), i.Stop()); err != nil {
		w.t.Fatal(err)
	}
}

// crash lets everybody work until the server is killed in the midst of it.
func (w *world) crash() {
	i, c := w.start()
	var all sync.WaitGroup
	run := func(step func(client) error) {
		all.Go(func() {
			for {
				err := step(c)
				switch {
				case gone(err):
					return
				case err != nil:
					w.t.Error(err)
					return
				}
				w.steps.Add(1)
			}
		})
	}
	for _, one := range w.workers {
		run(one.step)
	}
	for n := range 3 {
		random := rand.New(rand.NewPCG(w.random.Uint64(), uint64(n)))
		keys := slices.DeleteFunc(slices.Clone(w.keys), func(r *register) bool { return r.key[0] != 'w' })
		run(func(c client) error { return observe(c, random, keys) })
	}
	timer := time.NewTimer(time.Duration(100+w.random.IntN(1900)) * time.Millisecond)
	<-timer.C
	if err := i.Kill(); err != nil {
		w.t.Error(err)
	}
	all.Wait()
	if w.t.Failed() {
		w.t.Log(i.Log())
	}
}

// recover opens the data directory again, compares, and checks it as a whole.
func (w *world) recover(round int) {
	if round%3 == 0 {
		w.fsck()
	}
	i, c := w.start()
	w.compare(c)
	end := i.Stop
	if round%2 == 0 {
		end = i.Kill
	}
	if err := end(); err != nil {
		w.t.Error(err)
	}
	if w.t.Failed() {
		w.t.Log(i.Log())
		return
	}
	sound := regexp.MustCompile(`\(0 orphans, 0 in the trash\)`)
	if report := w.fsck("--collect"); !sound.MatchString(report) {
		w.t.Errorf("something is left over after a collection: %s", report)
	}
}

func (w *world) compare(c client) {
	var all sync.WaitGroup
	for _, one := range w.workers {
		all.Go(func() {
			if err := one.verify(c); err != nil {
				w.t.Error(err)
			}
		})
	}
	all.Wait()
	names, err := listed(c, bucket)
	if err != nil {
		w.t.Error(err)
	}
	if known := present(w.keys); !slices.Equal(names, known) {
		w.t.Errorf("listed are %v, there are %v", names, known)
	}
	if err := abortUploads(c, bucket, w.writers); err != nil {
		w.t.Error(err)
	}
}

func (w *world) fsck(flags ...string) string {
	w.t.Helper()
	out, err := exec.Command(w.options.Binary, append([]string{"fsck", "--data", w.options.Data}, flags...)...).CombinedOutput()
	if err != nil {
		w.t.Errorf("zas fsck %v: %v\n%s", flags, err, out)
	}
	return string(out)
}

// emptied deletes everything, after which nothing at all may be left.
func (w *world) emptied() {
	i, c := w.start()
	for _, one := range w.workers {
		if err := empty(c, one); err != nil {
			w.t.Error(err)
		}
	}
	if err := i.Stop(); err != nil {
		w.t.Error(err)
	}
	nothing := regexp.MustCompile(`(?m)^0 contents \(0 bytes\), 0 inline, 0 references, 0 extents \(0 orphans, 0 in the trash\)$`)
	if report := w.fsck("--collect"); !nothing.MatchString(report) {
		w.t.Errorf("everything was deleted, and there is something: %s", report)
	}
}

// empty deletes what a worker has.
func empty(c client, one worker) error {
	switch o := one.(type) {
	case *objects:
		for _, r := range o.keys {
			a, err := c.s3(http.MethodDelete, r.path(), nil, nil)
			if err := want("deleting "+r.path(), a, err, 204); err != nil {
				return err
			}
		}
	case *contest:
		return o.clear(c)
	case *releases:
		return o.clear(c)
	case *images:
		for len(o.known().manifests) > 0 {
			if err := o.deleteManifest(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep moves the data out of what the test removes.
func (w *world) keep() string {
	kept, err := os.MkdirTemp("", "zas-crash-")
	if err == nil {
		err = os.Rename(w.options.Data, filepath.Join(kept, "data"))
	}
	if err != nil {
		return err.Error()
	}
	return kept
}
