package repository

import (
	"context"
	"time"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/meta"
)

// Move is an entry of a tag's history: the tag went to a manifest, or was taken from it. The manifest may be gone.
type Move struct {
	Version   uint64 // 1 for the first of the tag, one more for each
	Digest    digest.Digest
	MediaType string
	Size      int64     // of the manifest, in bytes
	Time      time.Time // later than that of the entry before, even where clocks went back
	By        string    // principal id
	Deleted   bool
}

// HistoryRequest asks for the history of a tag, newest first.
type HistoryRequest struct {
	Repository string
	Tag        string
	Below      uint64        // entries before this version only; 0: from the newest
	Before     time.Time     // entries of earlier times only; zero: no bound
	Since      time.Time     // entries of later times only; zero: no bound
	Digest     digest.Digest // entries of this manifest only; empty: of all
	Limit      int           // how many at most
}

// maxLook is how many entries TagHistory reads to find those of one manifest.
const maxLook = 10_000

// TagHistory finds entries of a tag's history, newest first, whether the tag is there or not, and where to go on: Below of the next request, 0 when there is no
// more. Fewer than Limit may come although there are more. A repository that does not exist has no history.
// The order is that of the commits; no clock has a say in it. Errors: fault.RepositoryNameInvalid, fault.TagInvalid.
func (s *Service) TagHistory(ctx context.Context, req HistoryRequest) (moves []Move, next uint64, err error) {
	if err := CheckRepository(req.Repository); err != nil {
		return nil, 0, err
	}
	if err := CheckTag(req.Tag); err != nil || req.Limit <= 0 {
		return nil, 0, err
	}
	err = s.meta.View(ctx, func(r meta.Reader) error {
		moves, next = nil, 0
		below, err := req.begin(ctx, r)
		if err != nil {
			return err
		}
		rows := history.Before(history.Prefix(req.Repository, req.Tag), req.Repository, req.Tag, meta.U64(below))
		looked := 0
		for e, err := range history.Scan(ctx, r, rows.Reversed().Limited(maxLook+1)) {
			if err != nil {
				return err
			}
			m := e.Value.move(meta.ParseU64(e.Parts[2]))
			if !req.Since.IsZero() && !m.Time.After(req.Since) {
				return nil
			}
			if looked++; looked > maxLook || len(moves) == req.Limit {
				next = m.Version + 1
				return nil
			}
			if req.Digest == "" || m.Digest == req.Digest {
				moves = append(moves, m)
			}
		}
		return nil
	})
	return moves, next, err
}

// begin is the version below which the entries that are asked for lie. Versions have no gaps and times ascend with them, so the bound in time is searched by halves.
func (req HistoryRequest) begin(ctx context.Context, r meta.Reader) (uint64, error) {
	newest, _, err := lastMove(ctx, r, req.Repository, req.Tag)
	below := newest + 1
	if req.Below > 0 {
		below = min(below, req.Below)
	}
	if err != nil || req.Before.IsZero() {
		return below, err
	}
	low := uint64(1)
	for low < below {
		middle := low + (below-low)/2
		row, err := history.Get(ctx, r, req.Repository, req.Tag, meta.U64(middle))
		if err != nil {
			return 0, err
		}
		if time.Unix(0, row.Time).Before(req.Before) {
			low = middle + 1
		} else {
			below = middle
		}
	}
	return low, nil
}

func (row moveRow) move(version uint64) Move {
	return Move{
		Version: version, Digest: digest.Digest(row.Digest), MediaType: row.MediaType, Size: row.Size,
		Time: time.Unix(0, row.Time), By: row.By, Deleted: row.Deleted,
	}
}

// lastMove is the version and the time of a tag's newest move; 0 when it never was.
func lastMove(ctx context.Context, r meta.Reader, repo, tag string) (version uint64, at int64, err error) {
	for e, err := range history.Scan(ctx, r, history.Prefix(repo, tag).Reversed().Limited(1)) {
		if err != nil {
			return 0, 0, err
		}
		return meta.ParseU64(e.Parts[2]), e.Value.Time, nil
	}
	return 0, 0, nil
}
