package content

import (
	"context"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// Member is the step that is stale once repo has lost the edge by which it holds the content now.
// Errors: fault.BlobNotFound when it holds none.
func (s *Store) Member(ctx context.Context, r meta.Reader, id ID, repo string) (meta.Step, error) {
	return s.MemberBy(ctx, r, id, repo, func(Edge) (bool, error) { return true, nil })
}

// MemberBy is Member by the first edge that counts. Edges come in the order of kind and referrer.
func (s *Store) MemberBy(ctx context.Context, r meta.Reader, id ID, repo string, counts func(Edge) (bool, error)) (meta.Step, error) {
	for row, err := range r.Scan(ctx, edges.Prefix(string(id), repo)) {
		if err != nil {
			return meta.Step{}, err
		}
		parts, err := meta.SplitKey(row.Key)
		if err != nil {
			return meta.Step{}, err
		}
		if ok, err := counts(Edge{repo, EdgeKind(parts[2]), parts[3]}); err != nil {
			return meta.Step{}, err
		} else if !ok {
			continue
		}
		key := edges.Key(parts...)
		return meta.Step{Locks: meta.LockSet{}.Read(key), Do: func(ctx context.Context, tx meta.Tx) error {
			_, err := tx.Get(ctx, key)
			return staleIfAbsent(err)
		}}, nil
	}
	return meta.Step{}, fault.BlobNotFound.With(string(id), nil)
}

// Revoke is the step that takes repo's lease of the content away, and with it the content out of repo's sight: nothing else may hold it there,
// or the step is stale.
func (s *Store) Revoke(id ID, repo string) meta.Step {
	lease := Edge{repo, EdgeLease, ""}.key(id)
	queue := dueKey(s.o.Now().Add(s.o.Lease), id)
	locks := meta.LockSet{}.Write(lease, queue).Guard(edges.Guard(string(id)))
	return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		for e, err := range edges.Scan(ctx, tx, edges.Prefix(string(id), repo)) {
			if err != nil {
				return err
			}
			if EdgeKind(e.Parts[2]) != EdgeLease {
				return meta.ErrStale
			}
		}
		if err := tx.Delete(lease); err != nil {
			return err
		}
		return due.PutKey(tx, queue, struct{}{})
	}}
}
