package object

import (
	"context"

	"github.com/zot-artifact-store/zas/meta"
)

// ListPartsRequest asks for the parts of an upload.
type ListPartsRequest struct {
	Upload UploadRef
	After  int // numbers greater than this only
	Limit  int
}

// ListParts finds up to Limit parts, and whether there are more (S3 API, "ListParts").
// Errors: fault.UploadNotFound, fault.BucketNotFound.
func (s *Service) ListParts(ctx context.Context, req ListPartsRequest) (u Upload, list []Part, more bool, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		list, more = nil, false
		row, err := findUpload(ctx, r, req.Upload)
		if err != nil {
			return err
		}
		u = row.upload(req.Upload.Key, req.Upload.ID)
		for p, err := range s.content.Parts(ctx, r, req.Upload.content(), req.After) {
			if err != nil {
				return err
			}
			if more = len(list) == req.Limit; more {
				return nil
			}
			list = append(list, partOf(p, row.Algorithm))
		}
		return nil
	})
	return u, list, more, err
}

// ListUploadsRequest asks for uploads in the order of their keys, those of one key in the order of their beginning.
type ListUploadsRequest struct {
	ListRequest        // After: the last key or common prefix
	AfterID     string // with After: ids of that key greater than this too
}

// UploadItem is an upload or a common prefix.
type UploadItem struct {
	Name   string  // key or common prefix
	Upload *Upload // nil: a common prefix
}

// ListUploads finds up to Limit items, and whether there are more (S3 API, "ListMultipartUploads"). Errors: fault.BucketNotFound.
func (s *Service) ListUploads(ctx context.Context, req ListUploadsRequest) (list []UploadItem, more bool, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		list, more = nil, false
		if _, err := findBucket(ctx, r, req.Bucket); err != nil {
			return err
		}
		rest, ok := req.start(uploads.Starting(req.Prefix, req.Bucket))
		for ok {
			var err error
			if rest, ok, err = s.listUploadsRun(ctx, r, &req, rest, &list); err != nil {
				return err
			}
			if more = len(list) > req.Limit; more {
				list, ok = list[:req.Limit], false
			}
		}
		return nil
	})
	return list, more, err
}

// start is ListRequest's, but for the ids of the last key.
func (req *ListUploadsRequest) start(rest meta.Range) (meta.Range, bool) {
	switch {
	case req.After == "" || req.After < req.Prefix:
		return rest, true
	case req.common(req.After) != "":
		rest = uploads.SkipPrefix(rest, req.common(req.After), req.Bucket)
	case req.AfterID != "":
		rest = uploads.After(rest, req.Bucket, req.After, req.AfterID)
	default:
		rest = uploads.After(rest, req.Bucket, req.After)
	}
	return rest, rest.To == nil || string(rest.From) < string(rest.To)
}

func (s *Service) listUploadsRun(ctx context.Context, r meta.Reader, req *ListUploadsRequest, rest meta.Range, list *[]UploadItem) (meta.Range, bool, error) {
	for e, err := range uploads.Scan(ctx, r, rest) {
		if err != nil {
			return rest, false, err
		}
		key := e.Parts[1]
		if common := req.common(key); common != "" {
			*list = append(*list, UploadItem{Name: common})
			return uploads.SkipPrefix(rest, common, req.Bucket), true, nil
		}
		u := e.Value.upload(key, e.Parts[2])
		*list = append(*list, UploadItem{Name: key, Upload: &u})
		if len(*list) > req.Limit {
			return rest, true, nil
		}
	}
	return rest, false, nil
}
