package repository

import (
	"context"

	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/meta"
)

// CatalogRequest asks for the names of repositories, in the order of their bytes.
type CatalogRequest struct {
	After    string                 // names greater than this one only
	Limit    int                    // how many at most
	Readable func(name string) bool // says whether the caller may read a repository; others are left out
}

// Catalog finds up to Limit repositories, buckets among them, and whether there are more.
func (s *Service) Catalog(ctx context.Context, req CatalogRequest) (names []string, more bool, err error) {
	rows := Names.All()
	if req.After != "" {
		rows = Names.After(rows, req.After)
	}
	err = s.meta.View(ctx, func(r meta.Reader) error {
		names, more = nil, false
		for e, err := range Names.Scan(ctx, r, rows) {
			if err != nil {
				return err
			}
			if e.Value.Closing() || !req.Readable(e.Parts[0]) {
				continue
			}
			if more = len(names) == req.Limit; more {
				return nil
			}
			names = append(names, e.Parts[0])
		}
		return nil
	})
	return names, more, err
}

// Referrer is a manifest as the list of its subject's referrers shows it.
type Referrer struct {
	MediaType    string
	Digest       digest.Digest
	Size         int64  // bytes
	ArtifactType string // of an image manifest without one: its config's media type; may be empty for an index
	Annotations  map[string]string
}

// Mark is a place in a list of referrers.
type Mark struct{ ArtifactType, Digest string }

// ReferrersRequest asks for the manifests with a subject, ordered by artifact type and digest.
type ReferrersRequest struct {
	Repository   string
	Subject      digest.Digest
	ArtifactType string // this type only; empty: all
	After        Mark   // beyond this place only; zero: from the beginning
	Limit        int    // how many at most
	Bytes        int    // about how many bytes of descriptors at most, but always one
}

// Referrers finds manifests with a subject, and whether there are more (OCI distribution specification 1.1, "Listing Referrers").
// The subject, and even the repository, need not exist. Errors: fault.RepositoryNameInvalid.
func (s *Service) Referrers(ctx context.Context, req ReferrersRequest) (list []Referrer, more bool, err error) {
	if err := CheckRepository(req.Repository); err != nil {
		return nil, false, err
	}
	rows := referrers.Prefix(req.Repository, req.Subject.String())
	if req.ArtifactType != "" {
		rows = referrers.Prefix(req.Repository, req.Subject.String(), req.ArtifactType)
	}
	if req.After != (Mark{}) {
		rows = referrers.After(rows, req.Repository, req.Subject.String(), req.After.ArtifactType, req.After.Digest)
	}
	err = s.meta.View(ctx, func(r meta.Reader) error {
		list, more = nil, false
		size := 0
		for e, err := range referrers.Scan(ctx, r, rows.Limited(req.Limit+1)) {
			if err != nil {
				return err
			}
			one := Referrer{
				Digest: digest.Digest(e.Parts[3]), ArtifactType: e.Parts[2],
				MediaType: e.Value.MediaType, Size: e.Value.Size, Annotations: e.Value.Annotations,
			}
			size += one.bytes()
			if more = len(list) == req.Limit || len(list) > 0 && size > req.Bytes; more {
				return nil
			}
			list = append(list, one)
		}
		return nil
	})
	return list, more, err
}

// bytes is about the length of the descriptor's JSON.
func (r Referrer) bytes() int {
	n := 128 + len(r.Digest) + len(r.MediaType) + len(r.ArtifactType)
	for k, v := range r.Annotations {
		n += len(k) + len(v) + 8
	}
	return n
}
