package object

import (
	"context"

	"github.com/zot-artifact-store/zas/meta"
)

// AttributesRequest asks what is known of a version.
type AttributesRequest struct {
	VersionRef
	After int // parts with greater numbers only
	Limit int // parts at most
}

// Attributes is what is known of a version, beside its metadata.
type Attributes struct {
	Version
	VersionID string // as clients see it; empty where the bucket has never had versioning
	Parts     []Part // their numbers, sizes and checksums
	More      bool   // there are more parts
}

// Attributes finds a version and a page of its parts (S3 API, "GetObjectAttributes"). A version that was not uploaded in parts has none.
// Errors: fault.BucketNotFound, fault.KeyNotFound, fault.VersionNotFound, fault.ArgumentInvalid for a malformed version id, MarkerError.
func (s *Service) Attributes(ctx context.Context, req AttributesRequest) (Attributes, error) {
	var a Attributes
	err := s.meta.View(ctx, func(r meta.Reader) error {
		at, bucket, err := req.find(ctx, r)
		if err != nil {
			return err
		}
		a = Attributes{Version: *at.Version, VersionID: told(at.Version, bucket)}
		if a.PartCount == 0 || req.Limit == 0 {
			return nil
		}
		row, err := parts.Get(ctx, r, req.Bucket, a.ID)
		if err != nil {
			return err
		}
		a.Parts, a.More = row.page(a.Checksum.Algorithm, req.After, req.Limit)
		return nil
	})
	return a, err
}

// page is up to limit parts whose numbers are greater than after, with their sums of algorithm a, and whether there are more.
func (row *partsRow) page(a Algorithm, after, limit int) (list []Part, more bool) {
	size := algorithmInfo[a].size
	for i, number := range row.Numbers {
		if number <= after {
			continue
		}
		if len(list) == limit {
			return list, true
		}
		p := Part{Number: number, Size: row.Sizes[i]}
		if len(row.Sums) == size*len(row.Numbers) {
			p.Checksum = Checksum{Algorithm: a, Sum: row.Sums[i*size : (i+1)*size]}
		}
		list = append(list, p)
	}
	return list, false
}
