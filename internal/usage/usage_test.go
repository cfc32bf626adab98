package usage_test

import (
	"context"
	"log/slog"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/internal/usage"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/metatest"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
)

type tb interface {
	Helper()
	Fatal(args ...any)
}

func open(t tb, fs vfs.FS) *pebblemeta.Store {
	t.Helper()
	m, err := pebblemeta.Open("meta", pebblemeta.Options{FS: fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// record commits events in one transaction.
func record(t tb, m meta.Store, events ...event.Event) {
	t.Helper()
	err := m.Update(context.Background(), meta.LockSet{}, func(tx meta.Tx) error {
		for _, e := range events {
			if err := event.Record(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func created(bucket string, size int64) event.Event {
	return event.Event{Kind: event.ObjectCreated, Name: bucket, Objects: 1, Bytes: size}
}

// all is the usage of every bucket, and the number of events that still wait.
func all(t tb, m meta.Store) (map[string]usage.Usage, int) {
	t.Helper()
	sums, waiting := map[string]usage.Usage{}, 0
	err := m.View(context.Background(), func(r meta.Reader) error {
		for e, err := range usage.All(context.Background(), r) {
			if err != nil {
				return err
			}
			sums[e.Parts[0]] = e.Value
		}
		for _, err := range r.Scan(context.Background(), event.Outbox.After(meta.Position{})) {
			if err != nil {
				return err
			}
			waiting++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums, waiting
}

func TestEventsAreFoldedOnceAndTrimmed(t *testing.T) {
	m := open(t, vfs.NewMem())
	defer m.Close()
	record(t, m, created("a", 10), created("a", 5), created("b", 1))
	record(t, m, event.Event{Kind: event.ObjectDeleted, Name: "b", Objects: -1, Bytes: -1}, event.Event{Kind: event.TagMoved, Name: "r"})
	for range 2 {
		if err := usage.New(m, usage.Options{Batch: 2}).Catch(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, waiting := all(t, m)
		if diff := cmp.Diff(map[string]usage.Usage{"a": {Objects: 2, Bytes: 15}}, got); diff != "" || waiting != 0 {
			t.Errorf("%d events wait; usage differs (-want +got):\n%s", waiting, diff)
		}
	}
	err := m.View(t.Context(), func(r meta.Reader) error {
		if u, err := usage.Of(t.Context(), r, "a"); err != nil || u.Bytes != 15 {
			t.Errorf("usage of a: %v, %v", u, err)
		}
		u, err := usage.Of(t.Context(), r, "nobody")
		if u != (usage.Usage{}) {
			t.Errorf("usage of nobody: %v", u)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTwoFoldsCountNothingTwice(t *testing.T) {
	m := open(t, vfs.NewMem())
	defer m.Close()
	for name, engine := range map[string]meta.Store{"pebble": m, "locks only": metatest.NewLockOnly()} {
		t.Run("on "+name, func(t *testing.T) { twoFoldsCountNothingTwice(t, engine) })
	}
}

func twoFoldsCountNothingTwice(t *testing.T, m meta.Store) {
	for range 50 {
		record(t, m, created("a", 1))
	}
	results := make(chan error)
	for range 4 {
		go func() { results <- usage.New(m, usage.Options{Batch: 3}).Catch(t.Context()) }()
	}
	for range 4 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if got, waiting := all(t, m); got["a"] != (usage.Usage{Objects: 50, Bytes: 50}) || waiting != 0 {
		t.Errorf("usage %v, %d events wait", got, waiting)
	}
}

func TestEachCallOfAFoldMayFail(t *testing.T) {
	for n, fired := 1, true; fired; n++ {
		m := open(t, vfs.NewMem())
		record(t, m, created("a", 10), created("b", 1), created("a", 5))
		faulty := metatest.Faulty(m, n)
		err := usage.New(faulty, usage.Options{Batch: 2}).Catch(t.Context())
		fired = faulty.Fired() != ""
		if fired == (err == nil) {
			t.Errorf("call %d (%s): %v", n, faulty.Fired(), err)
		}
		if err := usage.New(m, usage.Options{}).Catch(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, waiting := all(t, m)
		want := map[string]usage.Usage{"a": {Objects: 2, Bytes: 15}, "b": {Objects: 1, Bytes: 1}}
		if !maps.Equal(got, want) || waiting != 0 {
			t.Errorf("call %d (%s) failed, then usage is %v and %d events wait", n, faulty.Fired(), got, waiting)
		}
		m.Close()
	}
}

// A power cut may come at any moment: what is acknowledged is counted once, before and after.
func TestUsageIsExactThroughPowerCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewCrashableMem()
		m := open(t, fs)
		want := map[string]usage.Usage{}
		t.Repeat(map[string]func(*rapid.T){
			"record": func(t *rapid.T) {
				e := created(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "bucket"), rapid.Int64Range(1, 9).Draw(t, "size"))
				record(t, m, e)
				u := want[e.Name]
				want[e.Name] = usage.Usage{Objects: u.Objects + 1, Bytes: u.Bytes + e.Bytes}
			},
			"fold": func(t *rapid.T) {
				if err := usage.New(m, usage.Options{Batch: rapid.IntRange(1, 3).Draw(t, "batch")}).Catch(context.Background()); err != nil {
					t.Fatal(err)
				}
			},
			"power cut": func(t *rapid.T) {
				fs = fs.CrashClone(vfs.CrashCloneCfg{})
				old := m
				m = open(t, fs)
				_ = old.Close()
			},
		})
		if err := usage.New(m, usage.Options{}).Catch(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got, waiting := all(t, m); !maps.Equal(got, want) || waiting != 0 {
			t.Fatalf("usage is %v, want %v; %d events wait", got, want, waiting)
		}
		_ = m.Close()
	})
}

func TestItFoldsAtEveryInterval(t *testing.T) {
	m := metatest.NewLockOnly() // Pebble's own goroutines do not rest, so its clock would not move
	synctest.Test(t, func(t *testing.T) {
		f := usage.New(m, usage.Options{Interval: time.Minute})
		if err := f.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		record(t, m, created("a", 1))
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, _ := all(t, m); got["a"].Objects != 1 {
			t.Errorf("usage after an interval: %v", got)
		}
		if err := f.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
