package repository

import (
	"context"
	"errors"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/event"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/meta"
)

// tagMove is a tag and where it shall point; no digest: nowhere.
type tagMove struct {
	repo      string
	tag       string
	digest    digest.Digest
	mediaType string // of the manifest
	size      int64  // of the manifest, in bytes
	by        Actor
}

// planMove is the step that points a tag at a manifest of the repository, or removes it, and adds to its history. It is the only way in which
// a tag changes. Its cost does not depend on how many tags there are. A push of the same manifest again is remembered in the tag's row alone.
// Errors: fault.TagImmutable.
func (s *Service) planMove(ctx context.Context, r meta.Reader, m tagMove) (meta.Step, error) {
	was, found, err := tags.Find(ctx, r, m.repo, m.tag)
	if err != nil {
		return meta.Step{}, err
	}
	now := s.content.Now().UnixNano()
	own := tags.Key(m.repo, m.tag)
	unmoved := func(ctx context.Context, tx meta.Tx) error {
		at, still, err := tags.Find(ctx, tx, m.repo, m.tag)
		if err == nil && (still != found || at.Version != was.Version) {
			err = meta.ErrStale
		}
		return err
	}
	if found && was.Digest == m.digest.String() {
		again := was
		again.Pushed = now
		return meta.Step{Locks: meta.LockSet{}.Write(own), Do: func(ctx context.Context, tx meta.Tx) error {
			if err := unmoved(ctx, tx); err != nil {
				return err
			}
			return tags.PutKey(tx, own, again)
		}}, nil
	}
	if found {
		if err := s.o.mayMove(m.repo, m.tag); err != nil {
			return meta.Step{}, err
		}
	}
	version, last := was.Version, was.Moved
	if !found {
		if version, last, err = lastMove(ctx, r, m.repo, m.tag); err != nil {
			return meta.Step{}, err
		}
	}
	row := tagRow{
		Digest: m.digest.String(), Version: version + 1, Moved: max(now, last+1), Pushed: now, By: m.by.Principal,
		MediaType: m.mediaType, Size: m.size,
	}
	write := writeMove(m, was, row)
	return meta.Join(meta.Step{Locks: meta.LockSet{}.Write(own), Do: unmoved}, write, tell(s.movedFact(m))), nil
}

func (s *Service) movedFact(m tagMove) event.Event {
	kind := event.TagMoved
	if m.digest == "" {
		kind = event.TagDeleted
	}
	fact := s.fact(kind, m.repo, m.by)
	fact.Key, fact.Digest = m.tag, m.digest.String()
	return fact
}

// writeMove is the step that writes the rows of a tag's move from was to row. It is stale when that version exists.
func writeMove(m tagMove, was, row tagRow) meta.Step {
	own, entry := tags.Key(m.repo, m.tag), history.Key(m.repo, m.tag, meta.U64(row.Version))
	locks := meta.LockSet{}.Write(own, entry)
	from, to := tagged.Key(m.repo, was.Digest, m.tag), tagged.Key(m.repo, row.Digest, m.tag)
	if was.Digest != "" {
		locks = locks.Write(from)
	}
	move := moveRow{Digest: row.Digest, Time: row.Moved, By: row.By, MediaType: row.MediaType, Size: row.Size}
	if row.Digest != "" {
		locks = locks.Write(to)
	} else {
		move.Digest, move.MediaType, move.Size, move.Deleted = was.Digest, was.MediaType, was.Size, true
	}
	return meta.Step{Locks: locks, Do: func(ctx context.Context, tx meta.Tx) error {
		if _, err := tx.Get(ctx, entry); !errors.Is(err, meta.ErrNotFound) {
			return stale(err)
		}
		if was.Digest != "" {
			if err := tx.Delete(from); err != nil {
				return err
			}
		}
		if err := history.PutKey(tx, entry, move); err != nil {
			return err
		}
		if row.Digest == "" {
			return tx.Delete(own)
		}
		return errors.Join(tags.PutKey(tx, own, row), tagged.PutKey(tx, to, struct{}{}))
	}}
}

// TagsRequest asks for tags in the order of their bytes.
type TagsRequest struct {
	Repository string
	After      string // tags greater than this one only
	Limit      int    // how many at most
}

// Tags finds up to Limit tags, and whether there are more (OCI distribution specification 1.1, "Listing Tags").
// Errors: fault.RepositoryNameInvalid, fault.RepositoryNotFound.
func (s *Service) Tags(ctx context.Context, req TagsRequest) (list []string, more bool, err error) {
	if err := CheckRepository(req.Repository); err != nil {
		return nil, false, err
	}
	rows := tags.Prefix(req.Repository)
	if req.After != "" {
		rows = tags.After(rows, req.Repository, req.After)
	}
	err = s.meta.View(ctx, func(r meta.Reader) error {
		list, more = nil, false
		for row, err := range r.Scan(ctx, rows.Limited(req.Limit+1)) {
			if err != nil {
				return err
			}
			if more = len(list) == req.Limit; more {
				return nil
			}
			parts, err := meta.SplitKey(row.Key)
			if err != nil {
				return err
			}
			list = append(list, parts[1])
		}
		if len(list) > 0 {
			return nil
		}
		return mustExist(ctx, r, req.Repository)
	})
	return list, more, err
}

func mustExist(ctx context.Context, r meta.Reader, repo string) error {
	row, found, err := Names.Find(ctx, r, repo)
	if err == nil && (!found || row.Closing()) {
		err = fault.RepositoryNotFound.With(repo, nil)
	}
	return err
}
