package repository

import (
	"context"
	"errors"

	"github.com/zot-artifact-store/zas/meta"
)

// ParseManifest says what a manifest names, or why it is refused.
func ParseManifest(contentType string, body []byte) (mediaType string, names []string, err error) {
	p, err := parseManifest(contentType, body)
	for _, n := range p.names {
		names = append(names, n.digest.String())
	}
	return p.mediaType, names, err
}

// Evidence is how many manifests and entries of history a name still has, tags aside.
func Evidence(ctx context.Context, r meta.Reader, repo string) (n int) {
	for range r.Scan(ctx, manifests.Prefix(repo)) {
		n++
	}
	for range r.Scan(ctx, history.Prefix(repo)) {
		n++
	}
	for range r.Scan(ctx, links.Prefix(repo)) {
		n++
	}
	for range r.Scan(ctx, referrers.Prefix(repo)) {
		n++
	}
	return n
}

// MarkClosing takes the faces of a name away, as PlanClose does where there is much evidence.
func MarkClosing(ctx context.Context, m meta.Store, repo string) error {
	name, mark := Names.Key(repo), closing.Key(repo)
	return m.Update(ctx, meta.LockSet{}.Write(name, mark), func(tx meta.Tx) error {
		return errors.Join(Names.PutKey(tx, name, Name{Owner: "alice"}), closing.PutKey(tx, mark, struct{}{}))
	})
}

// MaxSweep is how many manifests go in one transaction.
const MaxSweep = maxSweep

// MaxUntag is how many tags go in one transaction.
const MaxUntag = maxUntag
