package oci

import (
	"net/url"
	"strconv"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// listHistory is GET of where a tag has been, newest first (draft extension of the OCI distribution specification, pull request 606,
// "Component: tag-history").
type listHistory struct {
	on
	query repository.HistoryRequest
}

// parseHistory reads the draft's parameters n, before, since and digest, and last, which only the link to the next page has.
func parseHistory(t target, query url.Values) (operation, error) {
	o := listHistory{on: on{t.repo}, query: repository.HistoryRequest{Repository: t.repo, Tag: t.ref}}
	var err error
	if o.query.Limit, err = parsePage(query); err != nil {
		return nil, err
	}
	if o.query.Before, err = parseTime(query, "before"); err != nil {
		return nil, err
	}
	if o.query.Since, err = parseTime(query, "since"); err != nil {
		return nil, err
	}
	if query.Has("digest") {
		if o.query.Digest, err = parseDigest(query.Get("digest")); err != nil {
			return nil, err
		}
	}
	if query.Has("last") {
		if o.query.Below, err = strconv.ParseUint(query.Get("last"), 10, 63); err != nil || o.query.Below == 0 {
			return nil, fault.ArgumentInvalid.Detail("last must be taken from the link to the next page")
		}
	}
	return o, repository.CheckTag(t.ref)
}

func parseTime(query url.Values, name string) (time.Time, error) {
	if !query.Has(name) {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, query.Get(name))
	if err != nil {
		return at, fault.ArgumentInvalid.Detail("%s must be a time of the form 2026-01-31T12:00:00Z (RFC 3339)", name)
	}
	return at, nil
}

func (listHistory) name() string                          { return "list tag history" }
func (o listHistory) needs() (auth.Action, auth.Resource) { return Pull, o.resource() }

func (o listHistory) serve(x *exchange) error {
	moves, next, err := x.o.Repositories.TagHistory(x.r.Context(), o.query)
	if err != nil {
		return err
	}
	list := []descriptor{}
	for _, m := range moves {
		happened := "created"
		if m.Deleted {
			happened = "deleted"
		}
		list = append(list, descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: m.Size, Annotations: map[string]string{
			"org.opencontainers.distribution.tag.timestamp": m.Time.UTC().Format(time.RFC3339Nano),
			"org.opencontainers.distribution.tag.event":     happened,
		}})
	}
	if next > 0 {
		x.next(o.rest(next))
	}
	return x.index(list)
}

// rest is the query of the next page.
func (o listHistory) rest(next uint64) url.Values {
	query := page(o.query.Limit, strconv.FormatUint(next, 10))
	for name, at := range map[string]time.Time{"before": o.query.Before, "since": o.query.Since} {
		if !at.IsZero() {
			query.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	if o.query.Digest != "" {
		query.Set("digest", o.query.Digest.String())
	}
	return query
}
