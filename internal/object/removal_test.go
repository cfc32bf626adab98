package object_test

import (
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// TestWhateverRemovesAVersionAsksItsLock is about the one place that all removals pass, whoever asks: callers that look for themselves
// before that do not show whether it does.
func TestWhateverRemovesAVersionAsksItsLock(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	later, before := now.Add(1).UnixNano(), now.UnixNano()
	for _, c := range []struct {
		name   string
		v      object.Version
		bypass bool
		locked bool
	}{
		{"a hold", object.Version{Hold: object.HoldOn}, true, true},
		{"compliance", object.Version{Retention: object.Retention{Mode: object.Compliance, Until: later}}, true, true},
		{"compliance that has ended", object.Version{Retention: object.Retention{Mode: object.Compliance, Until: before}}, false, false},
		{"governance", object.Version{Retention: object.Retention{Mode: object.Governance, Until: later}}, false, true},
		{"governance with bypass", object.Version{Retention: object.Retention{Mode: object.Governance, Until: later}}, true, false},
		{"a lifted hold", object.Version{Hold: object.HoldOff}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.v.Inline = "inline"
			err := object.PlanRemoval(newBench(t).Service, &c.v, now, c.bypass)
			if c.locked {
				wantFault(t, err, fault.ObjectLocked)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestTheRegistryForgetsARemovedVersion removes small versions, which the registry finds by an index of their own, in each way there is.
func TestTheRegistryForgetsARemovedVersion(t *testing.T) {
	for name, remove := range map[string]func(b *bench){
		"by its id":   func(b *bench) { b.delete("bucket", "key", object.NullVersion) },
		"by another":  func(b *bench) { b.put("bucket", "key", []byte("other")) },
		"by a marker": func(b *bench) { b.setVersioning("bucket", object.Suspended); b.delete("bucket", "key", "") },
		"by a null later": func(b *bench) {
			buried(b)
			b.setVersioning("bucket", object.Suspended)
			b.put("bucket", "key", []byte("other"))
		},
		"from history": func(b *bench) { buried(b); b.delete("bucket", "key", object.NullVersion) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.bucket("bucket")
			data := []byte("small")
			b.put("bucket", "key", data)
			blob := func() error {
				_, err := repository.New(b.content, repository.Options{}).Blob(t.Context(), repository.BlobRequest{Repository: "bucket", Digest: digest.Of(data)})
				return err
			}
			if err := blob(); err != nil {
				t.Fatal(err)
			}
			remove(b)
			wantFault(t, blob(), fault.BlobNotFound)
		})
	}
}

// buried puts a version on top of the null version.
func buried(b *bench) {
	b.setVersioning("bucket", object.Versioned)
	b.put("bucket", "key", []byte("between"))
}
