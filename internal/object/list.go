package object

import (
	"context"
	"strings"

	"github.com/zot-artifact-store/zas/meta"
)

// ListRequest asks for keys in the order of their bytes.
type ListRequest struct {
	Bucket    string
	Prefix    string // keys that begin so
	Delimiter string // keys that have it after the prefix are rolled up into one common prefix; empty: none are
	After     string // items greater than this only
	Limit     int    // items at most
}

// Item is a key with its current version, or a common prefix.
type Item struct {
	Name    string   // key or common prefix
	Version *Version // nil: a common prefix
}

// List finds up to Limit items, and whether there are more (S3 API, "ListObjectsV2"). Its cost is that of what it returns:
// keys behind a common prefix are not read. Errors: fault.BucketNotFound.
func (s *Service) List(ctx context.Context, req ListRequest) (list []Item, more bool, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		list, more = make([]Item, 0, min(req.Limit, 1000)), false
		if _, err := findBucket(ctx, r, req.Bucket); err != nil {
			return err
		}
		rest := req.start(objects)
		ok := !empty(rest)
		for ok {
			var err error
			if rest, ok, err = s.listRun(ctx, r, &req, rest, &list); err != nil {
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

// start is the rows of t, whose keys begin with bucket and key, behind After, which is itself a key or a common prefix that has been told.
func (req *ListRequest) start(t meta.Table[Version]) meta.Range {
	rest := t.Starting(req.Prefix, req.Bucket)
	if req.After == "" || req.After < req.Prefix {
		return rest
	}
	if common := req.common(req.After); common != "" {
		return t.SkipPrefix(rest, common, req.Bucket)
	}
	return t.After(rest, req.Bucket, req.After)
}

func empty(r meta.Range) bool { return r.To != nil && string(r.From) >= string(r.To) }

// common is the common prefix that key is rolled up into; empty when it stands for itself.
func (req *ListRequest) common(key string) string {
	if req.Delimiter == "" || !strings.HasPrefix(key, req.Prefix) {
		return ""
	}
	i := strings.Index(key[len(req.Prefix):], req.Delimiter)
	if i < 0 {
		return ""
	}
	return key[:len(req.Prefix)+i+len(req.Delimiter)]
}

// listRun reads rows until the list has one item more than asked for, the range ends (some is false), or two keys in a row share a
// common prefix: then it is cheaper to go on behind that. Most scans end by that second key, so a lone key costs no seek.
func (s *Service) listRun(ctx context.Context, r meta.Reader, req *ListRequest, rest meta.Range, list *[]Item) (next meta.Range, some bool, err error) {
	last := ""
	for e, err := range objects.Scan(ctx, r, rest) {
		if err != nil {
			return rest, false, err
		}
		key := e.Parts[1]
		common := req.common(key)
		switch {
		case common == "":
			*list = append(*list, Item{Name: key, Version: &e.Value})
		case common == last:
			return objects.SkipPrefix(rest, common, req.Bucket), true, nil
		default:
			*list = append(*list, Item{Name: common})
		}
		last = common
		if len(*list) > req.Limit {
			return rest, true, nil
		}
	}
	return rest, false, nil
}
