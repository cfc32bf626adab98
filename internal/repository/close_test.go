package repository_test

import (
	"fmt"
	"testing"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/meta"
)

// close removes a name as DeleteBucket does.
func (b *bench) close(name string) error {
	return meta.Execute(b.ctx(), b.meta, func(r meta.Reader) (meta.Step, error) {
		return repository.PlanClose(b.ctx(), b.content, r, name)
	})
}

func (b *bench) name(name string) (row repository.Name, found bool) {
	b.t.Helper()
	b.must(b.meta.View(b.ctx(), func(r meta.Reader) (err error) {
		row, found, err = repository.FindName(b.ctx(), r, name)
		return err
	}))
	return row, found
}

func (b *bench) evidence(name string) (n int) {
	b.t.Helper()
	b.must(b.meta.View(b.ctx(), func(r meta.Reader) error {
		n = repository.Evidence(b.ctx(), r, name)
		return nil
	}))
	return n
}

func TestABucketWithTagsOrManifestsIsNotClosed(t *testing.T) {
	b := newBench(t)
	b.bucket("bucket")
	subject := artifact.Digest(digest.Of([]byte("gone")), 4)
	sig := b.image("bucket", image{subject: subject, layers: []string{"s"}}, "tagged-evidence")
	b.wantFault(b.close("bucket"), fault.BucketNotEmpty)
	b.must(b.delete("bucket", tag("tagged-evidence")))
	foreign := b.image("bucket", image{layers: []string{"l"}})
	b.wantFault(b.close("bucket"), fault.BucketNotEmpty)
	b.must(b.delete("bucket", at(foreign)))
	b.must(b.close("bucket"))
	if _, found := b.name("bucket"); found || b.evidence("bucket") > 0 || len(b.referrers("bucket", subject)) > 0 {
		t.Errorf("the name is %v, %d rows of evidence", found, b.evidence("bucket"))
	}
	_, err := b.get("bucket", at(sig))
	b.wantFault(err, fault.RepositoryNotFound)
	if r := b.settle(); r.Contents > 0 {
		t.Errorf("left over: %+v", r)
	}
}

// signed is a bucket with much evidence.
func signed(t *testing.T, n int) *bench {
	b := newBench(t)
	b.bucket("bucket")
	b.blob("bucket", emptyJSON)
	subject := artifact.Digest(digest.Of([]byte("gone")), 4)
	for i := range n {
		b.push("bucket", image{subject: subject, annotations: map[string]string{"n": fmt.Sprint(i)}}.text())
	}
	return b
}

func TestMuchEvidenceGoesInSteps(t *testing.T) {
	b := signed(t, repository.MaxSweep*5/2)
	b.must(b.close("bucket"))
	if row, found := b.name("bucket"); !found || !row.Closing() || b.evidence("bucket") == 0 {
		t.Fatalf("%+v, %v, %d rows of evidence", row, found, b.evidence("bucket"))
	}
	if _, _, err := b.Tags(b.ctx(), repository.TagsRequest{Repository: "bucket", Limit: 1}); repositoryFault(err) != fault.RepositoryNotFound {
		t.Errorf("a closing name has tags: %v", err)
	}
	if names, _, err := b.Catalog(b.ctx(), repository.CatalogRequest{Limit: 10, Readable: everywhere}); err != nil || len(names) > 0 {
		t.Errorf("a closing name is listed: %v %v", names, err)
	}
	b.restart()
	b.must(b.SweepAll(b.ctx()))
	if _, found := b.name("bucket"); found || b.evidence("bucket") > 0 {
		t.Errorf("the name is %v, %d rows of evidence", found, b.evidence("bucket"))
	}
	if r := b.settle(); r.Contents > 0 {
		t.Errorf("left over: %+v", r)
	}
}

func TestAPushToAClosingNameFindsItClean(t *testing.T) {
	b := signed(t, repository.MaxSweep*3/2)
	b.must(b.close("bucket"))
	b.image("bucket", image{layers: []string{"l"}}, "v")
	row, _ := b.name("bucket")
	if !row.Repository || row.Bucket || b.tags("bucket") != "v" || b.evidence("bucket") != 3 { // manifest, link, history
		t.Errorf("%+v, tags %s, %d rows of evidence", row, b.tags("bucket"), b.evidence("bucket"))
	}
	b.wantSound()
}

func TestSweepLeavesLivingNamesAlone(t *testing.T) {
	b := newBench(t)
	b.image("r", image{layers: []string{"l"}}, "v")
	b.must(b.Sweep(b.ctx(), "r"))
	b.must(b.Sweep(b.ctx(), "none"))
	if b.tags("r") != "v" {
		t.Error(b.tags("r"))
	}
}

func TestAStartedServiceFinishesWhatWasLeft(t *testing.T) {
	b := signed(t, 3)
	b.must(repository.MarkClosing(b.ctx(), b.meta, "bucket"))
	b.must(b.Start(b.ctx()))
	for found := true; found; { // it looks at once
		_, found = b.name("bucket")
	}
	b.must(b.Stop(b.ctx()))
	if n := b.evidence("bucket"); n > 0 {
		t.Errorf("%d rows of evidence", n)
	}
	b.must(repository.New(b.content, repository.Options{}).Stop(b.ctx())) // never started
}
