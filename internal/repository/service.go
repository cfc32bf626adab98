package repository

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/jobs"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/pattern"
)

// Options configure a Service. The zero value works.
type Options struct {
	Interval  time.Duration // between looks for deleted buckets whose evidence is still to be removed; 0: 1 minute
	Logger    *slog.Logger
	Immutable []ImmutableTags
	Sparse    []pattern.Glob // repositories whose manifests may name what is not there
}

// Service is repositories over one content store. Its methods are safe for concurrent use.
type Service struct {
	content *content.Store
	meta    meta.Store
	o       Options

	sweeping jobs.Loop
}

// New is a Service whose rows live in the metadata store of c.
func New(c *content.Store, o Options) *Service {
	if o.Interval == 0 {
		o.Interval = time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{content: c, meta: c.Meta(), o: o}
}

// Actor is on whose behalf a request is made.
type Actor struct {
	Principal string // id
	Request   string // request id
}

// Reference is how a request names a manifest: by digest, else by tag.
type Reference struct {
	Tag    string
	Digest digest.Digest
}

// String is the written form.
func (r Reference) String() string {
	if r.Digest != "" {
		return r.Digest.String()
	}
	return r.Tag
}

func (r Reference) check() error {
	if r.Digest != "" {
		return nil
	}
	return CheckTag(r.Tag)
}

// fact is an event of repo by actor, at the store's time.
func (s *Service) fact(kind event.Kind, repo string, by Actor) event.Event {
	return event.Event{Kind: kind, Time: event.At(s.content.Now()), Principal: by.Principal, Request: by.Request, Name: repo}
}

// tell is the step that records e.
func tell(e event.Event) meta.Step {
	return meta.Step{Do: func(_ context.Context, tx meta.Tx) error { return event.Record(tx, e) }}
}

// closingError says that a plan met a name whose deletion is not finished.
type closingError struct{ name string }

func (e closingError) Error() string { return "repository " + e.name + " is being removed" }

// errVirtual says that something exists in a repository only virtually.
var errVirtual = errors.New("virtual")

// unrealError says that a plan needs real content under digests that exist in the repository only virtually.
type unrealError struct {
	repo    string
	digests []digest.Digest
}

func (e unrealError) Error() string { return fmt.Sprintf("%v are virtual in %s", e.digests, e.repo) }

// maxPreparations bounds how often prepared starts again. Each time something missing has been made, so once or twice are usual.
const maxPreparations = 100

// prepared runs try again after having made what it found missing: a name that is free of its past, real content in place of virtual.
func (s *Service) prepared(ctx context.Context, by Actor, try func() error) error {
	for range maxPreparations {
		err := try()
		var shut closingError
		var unreal unrealError
		switch {
		case errors.As(err, &shut):
			if err := s.Sweep(ctx, shut.name); err != nil {
				return err
			}
		case errors.As(err, &unreal):
			for _, d := range unreal.digests {
				if err := s.realise(ctx, unreal.repo, d, by); err != nil {
					return err
				}
			}
		default:
			return err
		}
	}
	return fault.Busy
}

// execute plans and commits a step, prepared.
func (s *Service) execute(ctx context.Context, by Actor, plan func(meta.Reader) (meta.Step, error)) error {
	return s.prepared(ctx, by, func() error { return meta.Execute(ctx, s.meta, plan) })
}

// open is the step that makes sure that repo exists when something is pushed to it: it makes a repository (never a bucket) owned by
// the actor. It only reads where the name is there already.
func (s *Service) open(ctx context.Context, r meta.Reader, repo string, by Actor) (meta.Step, error) {
	key := Names.Key(repo)
	row, found, err := Names.Find(ctx, r, repo)
	switch {
	case err != nil:
		return meta.Step{}, err
	case found && row.Closing():
		return meta.Step{}, closingError{repo}
	}
	locks := meta.LockSet{}.Read(key)
	if !found {
		locks = meta.LockSet{}.Write(key)
	}
	fresh := Name{Owner: by.Principal, Created: s.content.Now().UnixNano(), Repository: true}
	opened := s.fact(event.RepositoryOpened, repo, by)
	return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		now, still, err := Names.Find(ctx, tx, repo)
		switch {
		case err != nil:
			return err
		case still != found || still && now.Closing():
			return meta.ErrStale
		case still:
			return nil
		}
		return errors.Join(Names.PutKey(tx, key, fresh), event.Record(tx, opened))
	}}, nil
}

// use is the step that keeps the plan's name in place, and reports fault.RepositoryNotFound where there is none.
func (s *Service) use(ctx context.Context, r meta.Reader, repo string) (meta.Step, error) {
	key := Names.Key(repo)
	check := func(ctx context.Context, r meta.Reader) error {
		row, found, err := Names.Find(ctx, r, repo)
		if err == nil && (!found || row.Closing()) {
			err = fault.RepositoryNotFound.With(repo, nil)
		}
		return err
	}
	return meta.Step{Locks: meta.LockSet{}.Read(key), Do: func(ctx context.Context, tx meta.Tx) error { return check(ctx, tx) }}, check(ctx, r)
}

// absent says why something is not there: the repository is not, else missing about what.
func absent(ctx context.Context, r meta.Reader, repo string, missing *fault.Code, what string) error {
	row, found, err := Names.Find(ctx, r, repo)
	switch {
	case err != nil:
		return err
	case !found || row.Closing():
		return fault.RepositoryNotFound.With(repo, nil)
	}
	return missing.With(what, nil)
}
