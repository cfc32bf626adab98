package repository

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// PushManifestRequest is a manifest to keep.
type PushManifestRequest struct {
	By         Actor
	Repository string
	Digest     digest.Digest // what the body must have; empty: its SHA-256 whatever it is
	Tags       []string      // to point at it
	MediaType  string        // Content-Type; may be empty
	Body       []byte
	If         Condition // of the tag where there is one, else of Digest
	Sight      *Sight    // of the pusher: a manifest can only name what that has
}

// Pushed is a manifest that has been kept.
type Pushed struct {
	Digest  digest.Digest // as asked for, else SHA-256
	Subject digest.Digest // empty: it has none
}

// PushManifest keeps a manifest, moves tags to it and lists it with its subject's referrers, in one transaction; a repository that does not exist
// is made (OCI distribution specification 1.1, "Pushing Manifests"). All that it names must be in the repository but the subject and layers that are to
// be fetched from elsewhere, unless the repository may be sparse. A manifest that is there already only gets the tags.
// Errors: fault.RepositoryNameInvalid, fault.TagInvalid, fault.ManifestTooLarge, fault.DigestMismatch, fault.ManifestInvalid,
// fault.ManifestBlobUnknown, fault.PreconditionFailed, fault.TagImmutable, fault.StorageFull.
func (s *Service) PushManifest(ctx context.Context, req PushManifestRequest) (Pushed, error) {
	if err := req.check(); err != nil {
		return Pushed{}, err
	}
	p, err := parseManifest(req.MediaType, req.Body)
	if err != nil {
		return Pushed{}, err
	}
	hashes := content.SHA256
	if req.Digest.Algorithm() == digest.SHA512 {
		hashes |= content.SHA512
	}
	err = s.prepared(ctx, req.By, func() error {
		staged, err := s.content.Ingest(ctx, content.IngestRequest{
			Body: bytes.NewReader(req.Body), Size: int64(len(req.Body)), Hashes: hashes,
			Verify: func(sums content.Sums) error { return verify(sums, req.Digest) },
		})
		if err != nil {
			return err
		}
		defer staged.Discard(ctx)
		push := manifestPush{Service: s, req: req, parsed: p, staged: staged, digest: req.Digest}
		if push.digest == "" {
			push.digest = staged.Digest()
		}
		req.Digest = push.digest
		return s.content.Commit(ctx, staged, func(r meta.Reader) (meta.Step, error) { return push.plan(ctx, r) })
	})
	return Pushed{Digest: req.Digest, Subject: p.subject}, err
}

func (req PushManifestRequest) check() error {
	if err := CheckRepository(req.Repository); err != nil {
		return err
	}
	for _, tag := range req.Tags {
		if err := CheckTag(tag); err != nil {
			return err
		}
	}
	if len(req.Body) > MaxManifest {
		return fault.ManifestTooLarge
	}
	return nil
}

// verify reports fault.DigestMismatch unless the bytes with these sums are called want.
func verify(sums content.Sums, want digest.Digest) error {
	if want == "" {
		return nil
	}
	h := content.SHA256
	if want.Algorithm() == digest.SHA512 {
		h = content.SHA512
	}
	if got := digest.FromSum(want.Algorithm(), sums.Get(h)); got != want {
		return fault.DigestMismatch.Detail("the body has the digest %s, not %s", got, want)
	}
	return nil
}

// manifestPush is one PushManifest under way.
type manifestPush struct {
	*Service
	req    PushManifestRequest
	parsed parsed
	staged *content.Staged
	digest digest.Digest
}

func (p manifestPush) plan(ctx context.Context, r meta.Reader) (meta.Step, error) {
	repo, by := p.req.Repository, p.req.By
	open, err := p.open(ctx, r, repo, by)
	if err != nil {
		return meta.Step{}, err
	}
	row, found, err := manifests.Find(ctx, r, repo, p.digest.String())
	if err == nil {
		err = p.holds(ctx, r, found)
	}
	if err != nil {
		return meta.Step{}, err
	}
	keep := sameManifest(repo, p.digest)
	if found && row.MediaType != p.parsed.mediaType {
		return meta.Step{}, invalid("the manifest is here already with the media type %q", row.MediaType)
	} else if !found {
		if keep, err = p.planNew(ctx, r); err != nil {
			return meta.Step{}, err
		}
	}
	pushed := p.fact(event.ManifestPushed, repo, by)
	pushed.Digest = p.digest.String()
	steps := []meta.Step{open, keep, tell(pushed)}
	for _, tag := range slices.Compact(slices.Sorted(slices.Values(p.req.Tags))) {
		move, err := p.planMove(ctx, r, tagMove{repo, tag, p.digest, p.parsed.mediaType, int64(len(p.req.Body)), by})
		if err != nil {
			return meta.Step{}, err
		}
		steps = append(steps, move)
	}
	return meta.Join(steps...), nil
}

// holds reports fault.PreconditionFailed when the condition does not hold in the plan. The steps of the plan are stale once that can have changed.
func (p manifestPush) holds(ctx context.Context, r meta.Reader, found bool) error {
	if p.req.Digest == "" && len(p.req.Tags) == 1 {
		row, _, err := tags.Find(ctx, r, p.req.Repository, p.req.Tags[0])
		if err != nil {
			return err
		}
		return p.req.If.check(row.Digest)
	}
	if !found {
		return p.req.If.check("")
	}
	return p.req.If.check(p.digest.String())
}

// sameManifest is the step that is stale once a manifest of the plan is gone.
func sameManifest(repo string, d digest.Digest) meta.Step {
	key := manifests.Key(repo, d.String())
	return meta.Step{Locks: meta.LockSet{}.Read(key), Do: func(ctx context.Context, tx meta.Tx) error {
		_, err := tx.Get(ctx, key)
		return staleIfAbsent(err)
	}}
}

func staleIfAbsent(err error) error {
	if errors.Is(err, meta.ErrNotFound) {
		return meta.ErrStale
	}
	return err
}

// stale is what a step reports when a row is not as it was planned: meta.ErrStale, unless it could not be read at all.
func stale(err error) error {
	if err == nil {
		return meta.ErrStale
	}
	return staleIfAbsent(err)
}

// planNew is the step that keeps a manifest that is not here yet, with edges to its own bytes and to all that it names.
func (p manifestPush) planNew(ctx context.Context, r meta.Reader) (meta.Step, error) {
	repo, d := p.req.Repository, p.digest.String()
	var also []digest.Digest
	if p.digest != p.staged.Digest() {
		also = append(also, p.digest)
	}
	own, register, err := p.content.PlanRegister(ctx, r, p.staged, also...)
	if err != nil {
		return meta.Step{}, err
	}
	steps := []meta.Step{register, p.content.LinkNew(own, content.Edge{Repository: repo, Kind: content.EdgeSelf, Referrer: d})}
	var held linkRow
	seen := make(map[content.ID]bool) // two digests may name one content
	unreal := unrealError{repo: repo}
	for _, n := range unique(p.parsed.names) {
		id, member, err := p.member(ctx, r, repo, n)
		switch {
		case errors.Is(err, errVirtual):
			unreal.digests = append(unreal.digests, n.digest)
		case err != nil:
			return meta.Step{}, err
		case id != "" && !seen[id]:
			seen[id] = true
			held.Contents = append(held.Contents, id)
			steps = append(steps, member, p.content.LinkNew(id, content.Edge{Repository: repo, Kind: content.EdgeManifest, Referrer: d}))
		}
	}
	if len(unreal.digests) > 0 {
		return meta.Step{}, unreal
	}
	row := manifestRow{
		Content: own, MediaType: p.parsed.mediaType, Size: int64(len(p.req.Body)), ArtifactType: p.parsed.artifactType,
		Subject: p.parsed.subject.String(), Pushed: p.content.Now().UnixNano(), By: p.req.By.Principal,
	}
	return meta.Join(append(steps, writeManifest(repo, d, row, held), p.planReferrer(row))...), nil
}

// unique is the names without repetitions; what is foreign in one place and not in another is not foreign.
func unique(names []named) []named {
	seen := make(map[digest.Digest]int, len(names))
	var list []named
	for _, n := range names {
		at, twice := seen[n.digest]
		if !twice {
			seen[n.digest] = len(list)
			list = append(list, n)
			continue
		}
		list[at].foreign = list[at].foreign && n.foreign
	}
	return list
}

// member is the content that the repository has under a name, and the step that keeps it there; no content for what may be absent.
// Errors: fault.ManifestBlobUnknown; errVirtual for what a manifest cannot hold on to before it is made real.
func (p manifestPush) member(ctx context.Context, r meta.Reader, repo string, n named) (content.ID, meta.Step, error) {
	if n.child {
		child, err := p.findManifest(ctx, r, repo, n.digest, p.req.Sight)
		if err == nil && child.virtual() {
			return "", meta.Step{}, errVirtual
		}
		if err == nil {
			return child.row.Content, sameManifest(repo, n.digest), nil
		}
		if !errors.Is(err, fault.ManifestNotFound) && !errors.Is(err, fault.RepositoryNotFound) {
			return "", meta.Step{}, err
		}
	}
	b, err := p.findBlob(ctx, r, repo, n.digest, p.req.Sight)
	switch {
	case err == nil && b.empty:
		return "", meta.Step{}, errVirtual
	case err == nil:
		return p.planContent(ctx, r, b)
	case !errors.Is(err, fault.BlobNotFound) && !errors.Is(err, fault.RepositoryNotFound):
		return "", meta.Step{}, err
	case n.foreign, matches(p.o.Sparse, repo):
		return "", meta.Step{}, nil
	}
	return "", meta.Step{}, fault.ManifestBlobUnknown.With(n.digest.String(), nil)
}

// writeManifest is the step that writes the rows of a manifest that is new to repo.
func writeManifest(repo, d string, row manifestRow, held linkRow) meta.Step {
	own, link, root := manifests.Key(repo, d), links.Key(repo, d), roots.Key(repo, d)
	locks := meta.LockSet{}.Write(own, link)
	if row.Subject == "" {
		locks = locks.Write(root)
	}
	return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		if _, found, err := manifests.Find(ctx, tx, repo, d); err != nil || found {
			return stale(err)
		}
		if row.Subject == "" {
			if err := roots.PutKey(tx, root, struct{}{}); err != nil {
				return err
			}
		}
		return errors.Join(manifests.PutKey(tx, own, row), links.PutKey(tx, link, held))
	}}
}

// planReferrer is the step that lists a manifest with its subject's referrers.
func (p manifestPush) planReferrer(row manifestRow) meta.Step {
	if row.Subject == "" {
		return meta.Step{}
	}
	key := referrers.Key(p.req.Repository, row.Subject, row.ArtifactType, p.digest.String())
	listed := referrerRow{MediaType: row.MediaType, Size: row.Size, Annotations: p.parsed.annotations}
	return meta.Step{Locks: meta.LockSet{}.Write(key), Do: func(_ context.Context, tx meta.Tx) error {
		return referrers.PutKey(tx, key, listed)
	}}
}

// realise makes real what a manifest is about to hold on to: the empty blob, or the artifact manifest of an object, which becomes an
// ordinary manifest beside.
func (s *Service) realise(ctx context.Context, repo string, d digest.Digest, by Actor) error {
	if d == artifact.EmptyDigest {
		return s.PushBlob(ctx, PushBlobRequest{
			By: by, Repository: repo, Digest: d, Size: int64(len(artifact.EmptyContent)), Body: strings.NewReader(artifact.EmptyContent),
		})
	}
	m, err := s.Manifest(ctx, ManifestRequest{Repository: repo, Reference: Reference{Digest: d}, Body: true})
	if err != nil {
		return err
	}
	_, err = s.PushManifest(ctx, PushManifestRequest{By: by, Repository: repo, Digest: d, MediaType: m.MediaType, Body: m.Body})
	return err
}
