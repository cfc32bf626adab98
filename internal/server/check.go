package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/zot-artifact-store/zas/internal/config"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/module"
)

// CheckOptions are what an offline check is made of.
type CheckOptions struct {
	Config  config.Config
	Collect bool // first expire all that expires and collect all that nothing refers to
	Logger  *slog.Logger
}

// Check looks at everything in a data directory that no server uses, every byte included. Its error means that the check
// could not be done; what is wrong with the store is in the report.
func Check(ctx context.Context, o CheckOptions) (report content.Report, err error) {
	if path := o.Config.Storage.RootDirectory; !exists(filepath.Join(path, metaDirectory)) {
		return report, fmt.Errorf("%s is no data directory of zas", path)
	}
	dir, err := ClaimDirectory(o.Config.Storage.RootDirectory)
	if err != nil {
		return report, err
	}
	var life module.Life // never started: nothing goes on by itself during a check
	life.Add("directory", dir)
	defer func() { err = errors.Join(err, life.Stop(context.WithoutCancel(ctx))) }()
	opened, err := openStores(&life, dir.Path, o.Config.Storage, o.Logger)
	if err != nil {
		return report, err
	}
	settings := domainOptions(o.Config.Storage, o.Logger)
	if o.Collect {
		settings.content.Now = func() time.Time { return time.Now().Add(afterEverything) }
	}
	d, err := openDomain(ctx, &life, opened.meta, opened.extents, settings)
	if err != nil {
		return report, err
	}
	if o.Collect {
		if _, err := d.Content.Settle(ctx); err != nil {
			return report, err
		}
	}
	return d.Content.Check(ctx, true, d.Repositories.References, d.Objects.References)
}

// afterEverything is longer than any lease or upload session lasts.
const afterEverything = 10 * 365 * 24 * time.Hour
