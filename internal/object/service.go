package object

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/jobs"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/meta"
)

// Options configure a Service. The zero value works.
type Options struct {
	MinPart   int64         // bytes of every part but the last; 0: 5 MiB
	MaxPut    int64         // bytes of one PUT or part; 0: 5 GiB
	MaxObject int64         // bytes of a multipart object; 0: 5 TiB
	Interval  time.Duration // between sweeps of completed uploads' answers, and between rounds of lifecycles; 0: 1 h
	Day       time.Duration // how long a day of a lifecycle lasts; 0: 24 h. Other lengths are for trials
	Now       func() time.Time
	Logger    *slog.Logger
}

func (o Options) withDefaults() Options {
	set := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.MinPart, 5<<20)
	set(&o.MaxPut, 5<<30)
	set(&o.MaxObject, 5<<40)
	if o.Interval == 0 {
		o.Interval = time.Hour
	}
	if o.Day == 0 {
		o.Day = day
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Service is buckets and objects over one content store. Its methods are safe for concurrent use.
type Service struct {
	content      *content.Store
	meta         meta.Store
	repositories *repository.Service // shares the namespace
	calendar     calendar
	o            Options

	forget, expire jobs.Loop

	expiredMu sync.Mutex
	expired   Expired
}

// New is a Service whose rows live in the metadata store of c.
func New(c *content.Store, o Options) *Service {
	o = o.withDefaults()
	return &Service{content: c, meta: c.Meta(), repositories: repository.New(c, repository.Options{}), calendar: calendar{o.Day}, o: o}
}

// Start begins to forget, in time, the answers to completed uploads, and to do what lifecycles have due. Stop ends both.
func (s *Service) Start(ctx context.Context) error {
	s.forget.Start(ctx, jobs.Job{
		Interval: s.o.Interval, Logger: s.o.Logger, Failure: "answers to completed uploads are not forgotten", Round: s.Forget,
	})
	s.expire.Start(ctx, jobs.Job{Interval: s.o.Interval, Logger: s.o.Logger, Failure: "a lifecycle is not done with what is due", Round: s.Expire})
	return nil
}

// Stop ends what Start began and waits for it.
func (s *Service) Stop(context.Context) error {
	s.forget.Stop()
	s.expire.Stop()
	return nil
}

// execute plans and commits a step. Errors: fault.Busy when others were faster again and again.
func (s *Service) execute(ctx context.Context, plan func(meta.Reader) (meta.Step, error)) error {
	return crowded(meta.Execute(ctx, s.meta, plan))
}

// crowded gives the failure of a hundred tries on one key its code.
func crowded(err error) error {
	if errors.Is(err, meta.ErrStale) {
		return fault.Busy.With("", err)
	}
	return err
}
