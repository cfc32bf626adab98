package server

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/zot-artifact-store/zas/auth/policy"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/internal/config"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/internal/telemetry"
	"github.com/zot-artifact-store/zas/internal/usage"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/module"
)

// Domain is what protocols act on.
type Domain struct {
	Content      *content.Store
	Repositories *repository.Service
	Objects      *object.Service
}

// build makes the stores, the domain and the protocols, in this order, and gives the handler of all protocols.
func (s *Server) build(ctx context.Context, dir string) (*dispatcher, error) {
	c := s.options.Config
	opened, err := openStores(&s.life, dir, c.Storage, s.options.Logger)
	if err != nil {
		return nil, err
	}
	opened.publish(s.metrics)
	d, err := openDomain(ctx, &s.life, s.metrics.Meta(opened.meta), s.metrics.Extents(opened.extents), domainOptions(c.Storage, s.options.Logger))
	if err != nil {
		return nil, err
	}
	d.publish(ctx, s.metrics)
	protocols, err := s.protocols(d, dir)
	if err != nil {
		return nil, err
	}
	return s.dispatch(protocols, opened.extents), nil
}

// options are those of the parts of the domain.
type options struct {
	content      content.Options
	repositories repository.Options
	objects      object.Options
}

// domainOptions is the configuration in the words of the domain.
func domainOptions(c config.Storage, logger *slog.Logger) options {
	inline := int64(c.InlineLimit)
	if inline == 0 {
		inline = -1 // none, in the words of content
	}
	o := options{
		content: content.Options{
			InlineMax: inline,
			Lease:     time.Duration(c.GCDelay),
			Interval:  time.Duration(c.GCInterval),
			Logger:    logger.With("part", "content"),
		},
		repositories: repository.Options{Logger: logger.With("part", "repositories"), Sparse: c.SparseRepositories},
		objects: object.Options{
			Interval: time.Duration(c.LifecycleInterval),
			Day:      time.Duration(c.LifecycleDay),
			Logger:   logger.With("part", "objects"),
		},
	}
	for _, rule := range c.ImmutableTags {
		o.repositories.Immutable = append(o.repositories.Immutable, repository.ImmutableTags(rule))
	}
	return o
}

// openDomain makes the services over the stores and adds them to life.
func openDomain(ctx context.Context, life *module.Life, m meta.Store, e extent.Store, with options) (Domain, error) {
	o := with.content
	with.objects.Now = o.Now
	store, err := content.Open(ctx, m, e, o)
	if err != nil {
		return Domain{}, fmt.Errorf("open the content store: %w", err)
	}
	life.Add("content", store)
	d := Domain{
		Content:      store,
		Repositories: repository.New(store, with.repositories),
		Objects:      object.New(store, with.objects),
	}
	life.Add("repositories", d.Repositories)
	life.Add("objects", d.Objects)
	life.Add("usage", usage.New(m, usage.Options{Logger: o.Logger}))
	return d, nil
}

// publish makes what the domain counts metrics.
func (d Domain) publish(ctx context.Context, m *telemetry.Metrics) {
	total := recent(10*time.Second, func() usage.Usage { return d.total(ctx) })
	m.Gauge("object_versions", "Versions of objects in all buckets, a moment ago.", func() float64 { return float64(total().Objects) })
	m.Gauge("object_bytes", "Bytes of the versions of objects in all buckets, shared or not, a moment ago.",
		func() float64 { return float64(total().Bytes) })
	m.Counter("collected_contents_total", "Contents collected because nothing referred to them.",
		func() float64 { return float64(d.Content.Collected().Contents) })
	m.Counter("collected_sessions_total", "Upload sessions that expired.", func() float64 { return float64(d.Content.Collected().Sessions) })
	m.Counter("collected_extents_total", "Extents removed from the store.", func() float64 { return float64(d.Content.Collected().Extents) })
	m.Counter("lifecycle_looks_total", "Keys that lifecycles have looked at because something was due.",
		func() float64 { return float64(d.Objects.Expired().Looks) })
	m.Counter("lifecycle_objects_total", "Objects that lifecycles let expire.", func() float64 { return float64(d.Objects.Expired().Objects) })
	m.Counter("lifecycle_versions_total", "Noncurrent versions that lifecycles removed.",
		func() float64 { return float64(d.Objects.Expired().Versions) })
	m.Counter("lifecycle_markers_total", "Delete markers that lifecycles removed.", func() float64 { return float64(d.Objects.Expired().Markers) })
	m.Counter("lifecycle_uploads_total", "Multipart uploads that lifecycles aborted.", func() float64 { return float64(d.Objects.Expired().Uploads) })
	m.Gauge("collected_extents_waiting", "Extents to be removed that a reader still holds.",
		func() float64 { return float64(d.Content.Collected().Waiting) })
}

// total is the usage of all buckets; zero while it cannot be read.
func (d Domain) total(ctx context.Context) (sum usage.Usage) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTime)
	defer cancel()
	err := d.Content.Meta().View(ctx, func(r meta.Reader) error {
		sum = usage.Usage{}
		for e, err := range usage.All(ctx, r) {
			if err != nil {
				return err
			}
			sum.Objects += e.Value.Objects
			sum.Bytes += e.Value.Bytes
		}
		return nil
	})
	if err != nil {
		return usage.Usage{}
	}
	return sum
}

// protocols builds every protocol that the program links, except for those that are turned off by
// `extensions.NAME.enable: false`.
func (s *Server) protocols(d Domain, dir string) ([]Protocol, error) {
	rules := new(policy.Policy)
	if err := s.options.Config.HTTP.AccessControl.Grant(rules); err != nil {
		return nil, err
	}
	secret, err := keptSecret(dir)
	if err != nil {
		return nil, err
	}
	given := Given{
		Domain: d, Keys: s.root.Root, Passwords: s.root.Root, Policy: rules, Key: secret.key,
		ExternalURL: string(s.options.Config.HTTP.ExternalURL), Now: time.Now, Version: s.options.Version,
	}
	linked := module.Names(s.options.Modules, Protocols)
	var uses []module.Use
	for _, name := range linked {
		settings, enabled := enabledSettings(s.options.Config.Extensions[name])
		if enabled {
			uses = append(uses, module.Use{Name: name, Path: "extensions." + name, Config: settings})
		}
	}
	for name := range s.options.Config.Extensions {
		if !slices.Contains(linked, name) {
			return nil, &module.ConfigError{Path: "extensions." + name, Reason: "this program has no such extension"}
		}
	}
	host := module.Host[Given]{Logger: s.options.Logger, Given: given}
	return module.Load(s.options.Modules, &s.life, Protocols, host, uses...)
}

// enabledSettings takes `enable` out of a module's settings.
func enabledSettings(settings map[string]any) (rest map[string]any, enabled bool) {
	rest = map[string]any{}
	enabled = true
	for name, value := range settings {
		if name == "enable" {
			enabled = value != false
			continue
		}
		rest[name] = value
	}
	return rest, enabled
}
