package content

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// EdgeKind says why a repository needs content.
type EdgeKind string

// The kinds of edges.
const (
	EdgeLease    EdgeKind = "lease"    // uploaded, or asked for by somebody about to refer to it; expires
	EdgeObject   EdgeKind = "object"   // the bytes of an object's version
	EdgeManifest EdgeKind = "manifest" // a manifest of the repository names it
	EdgeSelf     EdgeKind = "self"     // it is a manifest of the repository
	EdgeAlias    EdgeKind = "alias"    // a younger content of the same bytes reads it
)

// Edge is a reference from a repository to content. The same edge twice is one edge.
type Edge struct {
	Repository string
	Kind       EdgeKind
	Referrer   string // who refers, unique within repository and kind
}

func (e Edge) key(id ID) meta.Key {
	return edges.Key(string(id), e.Repository, string(e.Kind), e.Referrer)
}

// dueKey queues id for collection at t, rounded up to minutes so that repeated changes share a row.
func dueKey(t time.Time, id ID) meta.Key {
	return due.Key(meta.U64(uint64(t.Add(time.Minute).Truncate(time.Minute).Unix())), string(id))
}

// Link is the step that adds e to the content of id. Errors: fault.BlobNotFound when there is no such content.
func (s *Store) Link(ctx context.Context, r meta.Reader, id ID, e Edge) (meta.Step, error) {
	c, err := s.Get(ctx, r, id)
	if err != nil {
		return meta.Step{}, err
	}
	if c.ID != id { // an alias: the edge goes to both, so that the alias lives as long as its name is used
		return meta.Join(s.LinkNew(c.ID, e), s.putEdge(id, e, edgeRow{}, c.ID)), nil
	}
	return s.LinkNew(id, e), nil
}

// LinkNew is Link for an id that an earlier step of the same transaction makes or has checked.
// It is stale when the content is gone or has become an alias meanwhile.
func (s *Store) LinkNew(id ID, e Edge) meta.Step {
	return s.putEdge(id, e, edgeRow{}, "")
}

// putEdge writes an edge if the content is there and its alias is still the one of the plan.
func (s *Store) putEdge(id ID, e Edge, row edgeRow, alias ID) meta.Step {
	own, edge := contents.Key(string(id)), e.key(id)
	return meta.Step{Locks: meta.LockSet{}.Read(own).Write(edge), Do: func(ctx context.Context, tx meta.Tx) error {
		c, err := contents.GetKey(ctx, tx, own)
		if err != nil {
			return staleIfAbsent(err)
		}
		if c.Alias != alias {
			return meta.ErrStale
		}
		return edges.PutKey(tx, edge, row)
	}}
}

func staleIfAbsent(err error) error {
	if errors.Is(err, meta.ErrNotFound) {
		return meta.ErrStale
	}
	return err
}

// Unlink is the step that removes e from the content of id. The content is then kept for at least half a lease, without being visible
// anywhere for it, and collected unless somebody else refers to it by then.
func (s *Store) Unlink(ctx context.Context, r meta.Reader, id ID, e Edge) (meta.Step, error) {
	row, found, err := contents.Find(ctx, r, string(id))
	if err != nil {
		return meta.Step{}, err
	}
	if !found {
		return meta.Step{}, fault.BlobNotFound.With(string(id), nil)
	}
	own := contents.Key(string(id))
	ids := []ID{id}
	if row.Alias != "" {
		ids = append(ids, row.Alias)
	}
	steps := []meta.Step{{Locks: meta.LockSet{}.Read(own), Do: func(ctx context.Context, tx meta.Tx) error {
		now, err := contents.GetKey(ctx, tx, own)
		if err == nil && now.Alias != row.Alias {
			err = meta.ErrStale
		}
		return staleIfAbsent(err)
	}}}
	for _, i := range ids {
		edge := e.key(i)
		linger, err := s.linger(ctx, r, i)
		if err != nil {
			return meta.Step{}, err
		}
		steps = append(steps, linger, meta.Step{Locks: meta.LockSet{}.Write(edge), Do: func(_ context.Context, tx meta.Tx) error {
			return tx.Delete(edge)
		}})
	}
	return meta.Join(steps...), nil
}

// linger is the step that gives content which loses an edge a lease of no repository: so that a client which was told of it and skipped
// its upload still finds it. It does nothing where such a lease has half its life before it, so that popular content has no busy row.
func (s *Store) linger(ctx context.Context, r meta.Reader, id ID) (meta.Step, error) {
	lease := Edge{"", EdgeLease, ""}.key(id)
	old, err := edges.GetKey(ctx, r, lease)
	if err == nil && old.live(s.o.Now().Add(s.o.Lease/2)) {
		return meta.Step{}, nil
	}
	if err != nil && !errors.Is(err, meta.ErrNotFound) {
		return meta.Step{}, err
	}
	until := s.o.Now().Add(s.o.Lease)
	queue := dueKey(until, id)
	return meta.Step{Locks: meta.LockSet{}.Write(lease, queue), Do: func(_ context.Context, tx meta.Tx) error {
		return errors.Join(edges.PutKey(tx, lease, edgeRow{Until: until.Unix()}), due.PutKey(tx, queue, struct{}{}))
	}}, nil
}

// Grant is the step that keeps the content of id for a lease's time and makes it visible in repo. The id is one that an earlier step
// makes, or that Find or Get has just returned.
func (s *Store) Grant(id ID, repo string) meta.Step {
	until := s.o.Now().Add(s.o.Lease)
	queue := dueKey(until, id)
	lease := s.putEdge(id, Edge{repo, EdgeLease, ""}, edgeRow{Until: until.Unix()}, "")
	return meta.Join(lease, meta.Step{Locks: meta.LockSet{}.Write(queue), Do: func(_ context.Context, tx meta.Tx) error {
		return due.PutKey(tx, queue, struct{}{})
	}})
}

// Renew makes sure, in a transaction of its own, that content which somebody has just been told of stays for at least half
// a lease. It writes nothing where that is so already.
func (s *Store) Renew(ctx context.Context, id ID, repo string) error {
	return meta.Execute(ctx, s.meta, func(r meta.Reader) (meta.Step, error) {
		c, err := s.Get(ctx, r, id)
		if err != nil {
			return meta.Step{}, err
		}
		lease, found, err := edges.Find(ctx, r, string(c.ID), repo, string(EdgeLease), "")
		if err != nil {
			return meta.Step{}, err
		}
		if found && lease.live(s.o.Now().Add(s.o.Lease/2)) {
			own := contents.Key(string(c.ID))
			return meta.Step{Locks: meta.LockSet{}.Read(own), Do: func(ctx context.Context, tx meta.Tx) error {
				_, err := tx.Get(ctx, own)
				return staleIfAbsent(err)
			}}, nil
		}
		return s.Grant(c.ID, repo), nil
	})
}

// Holds says whether repo has any edge to the content, which must be named by its own id, not an alias's.
func (s *Store) Holds(ctx context.Context, r meta.Reader, id ID, repo string) (bool, error) {
	return meta.Any(ctx, r, edges.Prefix(string(id), repo))
}

// HoldsKind is Holds for edges of one kind.
func (s *Store) HoldsKind(ctx context.Context, r meta.Reader, id ID, repo string, k EdgeKind) (bool, error) {
	return meta.Any(ctx, r, edges.Prefix(string(id), repo, string(k)))
}

// Repositories yields each repository with an edge to the content once, in order.
func (s *Store) Repositories(ctx context.Context, r meta.Reader, id ID) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		rest := edges.Prefix(string(id))
		for {
			repo, found := "", false
			for e, err := range edges.Scan(ctx, r, rest.Limited(1)) {
				if err != nil {
					yield("", err)
					return
				}
				repo, found = e.Parts[1], true
			}
			if !found || repo != "" && !yield(repo, nil) {
				return
			}
			rest = edges.After(rest, string(id), repo)
		}
	}
}

// Referrers yields who refers to the content by edges of one kind in repo, in order.
func (s *Store) Referrers(ctx context.Context, r meta.Reader, id ID, repo string, k EdgeKind) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for e, err := range edges.Scan(ctx, r, edges.Prefix(string(id), repo, string(k))) {
			if err != nil {
				yield("", err)
				return
			}
			if !yield(e.Parts[3], nil) {
				return
			}
		}
	}
}

// GuardEdges covers the edges of a content, for a step that scans them.
func GuardEdges(id ID) meta.Guard { return edges.Guard(string(id)) }

// HoldsEdge says whether this very edge is there.
func (s *Store) HoldsEdge(ctx context.Context, r meta.Reader, id ID, e Edge) (bool, error) {
	_, found, err := edges.Find(ctx, r, string(id), e.Repository, string(e.Kind), e.Referrer)
	return found, err
}
