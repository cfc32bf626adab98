package repository

import (
	"context"
	"errors"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/jobs"
	"github.com/zot-artifact-store/zas/meta"
)

// planEmpty is the step that proves that repo has no tags and no manifests but evidence: manifests with a subject and no tag, which
// never keep a bucket. Errors, in plan and step: fault.BucketNotEmpty, which says what remains.
func planEmpty(ctx context.Context, r meta.Reader, repo string) (meta.Step, error) {
	locks := meta.LockSet{}.Guard(tags.Guard(repo), roots.Guard(repo))
	return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error { return empty(ctx, tx, repo) }}, empty(ctx, r, repo)
}

func empty(ctx context.Context, r meta.Reader, repo string) error {
	some, err := meta.Any(ctx, r, tags.Prefix(repo))
	if err == nil && some {
		err = fault.BucketNotEmpty.Detail("the bucket has tags, made by OCI clients: delete them first")
	}
	if err != nil {
		return err
	}
	some, err = meta.Any(ctx, r, roots.Prefix(repo))
	if err == nil && some {
		err = fault.BucketNotEmpty.Detail("the bucket has manifests, pushed by OCI clients: delete them first")
	}
	return err
}

// maxSweep is how many manifests, and how many entries of tag history, go in one transaction.
const maxSweep = 200

// PlanClose is the step that removes the name of a repository, with the evidence that remains in it. Where there is
// more evidence than one transaction should remove, the name is left without any face (Name.Closing) until Service has removed the rest.
// Errors, in plan and step: fault.BucketNotEmpty, which says whether tags or manifests remain.
func PlanClose(ctx context.Context, c *content.Store, r meta.Reader, repo string) (meta.Step, error) {
	none, err := planEmpty(ctx, r, repo)
	if err != nil {
		return meta.Step{}, err
	}
	sweep, err := eraser{c, repo}.planSweep(ctx, r)
	return meta.Join(none, sweep), err
}

// planSweep is the step that removes as much of the rows of a repository without tags and roots as should go at once, and the name with the last of them.
func (e eraser) planSweep(ctx context.Context, r meta.Reader) (meta.Step, error) {
	var steps []meta.Step
	for m, err := range manifests.Scan(ctx, r, manifests.Prefix(e.repo).Limited(maxSweep)) {
		if err != nil {
			return meta.Step{}, err
		}
		remove, err := e.planRemove(ctx, r, digest.Digest(m.Parts[1]), m.Value)
		if err != nil {
			return meta.Step{}, err
		}
		steps = append(steps, remove)
	}
	var moves []meta.Key
	for row, err := range r.Scan(ctx, history.Prefix(e.repo).Limited(maxSweep)) {
		if err != nil {
			return meta.Step{}, err
		}
		parts, err := meta.SplitKey(row.Key)
		if err != nil {
			return meta.Step{}, err
		}
		moves = append(moves, history.Key(parts...))
	}
	return meta.Join(append(steps, forget(moves), planUnname(e.repo))...), nil
}

// forget is the step that deletes keys.
func forget(keys []meta.Key) meta.Step {
	return meta.Step{Locks: meta.LockSet{}.Write(keys...), Do: func(_ context.Context, tx meta.Tx) error {
		for _, key := range keys {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	}}
}

// planUnname is the step that removes the name of repo if none of its rows are left, and else takes its faces away.
func planUnname(repo string) meta.Step {
	name, mark, no := Names.Key(repo), closing.Key(repo), unempty.Key(repo)
	locks := meta.LockSet{}.Write(name, mark, no).Guard(manifests.Guard(repo), history.Guard(repo))
	return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		row, found, err := Names.Find(ctx, tx, repo)
		if err != nil || !found {
			return err
		}
		some, err := meta.Any(ctx, tx, manifests.Prefix(repo))
		if err == nil && !some {
			some, err = meta.Any(ctx, tx, history.Prefix(repo))
		}
		if err != nil {
			return err
		}
		if !some {
			return errors.Join(tx.Delete(name), tx.Delete(mark), tx.Delete(no))
		}
		row.Bucket, row.Repository = false, false
		return errors.Join(Names.PutKey(tx, name, row), closing.PutKey(tx, mark, struct{}{}))
	}}
}

// Sweep removes what is left of a repository whose name is closing, and then the name. It does nothing to any other.
func (s *Service) Sweep(ctx context.Context, repo string) error {
	for done := false; !done; {
		err := meta.Execute(ctx, s.meta, func(r meta.Reader) (meta.Step, error) {
			row, found, err := Names.Find(ctx, r, repo)
			if done = !found || !row.Closing(); err != nil || done {
				return meta.Step{Do: nothing}, err
			}
			sweep, err := eraser{s.content, repo}.planSweep(ctx, r)
			key := Names.Key(repo)
			still := meta.Step{Locks: meta.LockSet{}.Write(key), Do: func(ctx context.Context, tx meta.Tx) error {
				if now, err := Names.GetKey(ctx, tx, key); err != nil || now != row {
					return stale(err)
				}
				return nil
			}}
			return meta.Join(still, sweep), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// SweepAll sweeps every closing name, until one fails.
func (s *Service) SweepAll(ctx context.Context) error {
	var names []string
	err := s.meta.View(ctx, func(r meta.Reader) error {
		names = nil
		for e, err := range closing.Scan(ctx, r, closing.All()) {
			if err != nil {
				return err
			}
			names = append(names, e.Parts[0])
		}
		return nil
	})
	for _, name := range names {
		if err == nil {
			err = s.Sweep(ctx, name)
		}
	}
	return err
}

// Start begins to remove, at every interval, what is left of deleted buckets. Stop ends it.
func (s *Service) Start(ctx context.Context) error {
	s.sweeping.Start(ctx, jobs.Job{
		Interval: s.o.Interval, Logger: s.o.Logger, Failure: "evidence of deleted buckets is not removed yet", Round: s.SweepAll,
	})
	return nil
}

// Stop ends what Start began and waits for it.
func (s *Service) Stop(context.Context) error {
	s.sweeping.Stop()
	return nil
}
