package client

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Entry is one line of a listing.
type Entry struct {
	Info        // of the object; Content, Metadata and Lock are left out
	Common bool // the key stands for all that begin with it, up to the delimiter
	Marker bool // a delete marker, in Versions
	Latest bool // the current version, in Versions
}

// ListOptions say what to list.
type ListOptions struct {
	Delimiter string // keys that have it behind the prefix are summed up in one Entry with Common; usually `/`
	After     string // begin behind this key
	Page      int    // keys that one request asks for; 0: 1000, which is the most
}

// List yields the objects whose key begins with that of prefix, in the order of their bytes (S3 API, "ListObjectsV2"). It asks for a page when it comes to
// it, so that objects which are written or removed meanwhile may be there or not. It ends with the first error.
func (c *Client) List(ctx context.Context, prefix Ref, o ListOptions) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		token := ""
		for {
			q := listing("ListObjectsV2", prefix, o)
			q.ask("list-type", "2")
			if token != "" {
				q.ask("continuation-token", token)
			} else if o.After != "" {
				q.ask("start-after", o.After)
			}
			var page objectsPage
			if err := c.page(ctx, q, &page); err != nil {
				yield(Entry{}, err)
				return
			}
			if !each(page.entries(prefix.Bucket), yield) || !page.IsTruncated {
				return
			}
			if page.NextContinuationToken == "" || page.NextContinuationToken == token {
				yield(Entry{}, &Error{Op: q.op, Ref: prefix, Cause: errEndless})
				return
			}
			token = page.NextContinuationToken
		}
	}
}

var errEndless = errors.New("the server says that there is more, and not where")

// listing is a request for a page.
func listing(op string, prefix Ref, o ListOptions) *request {
	q := &request{op: op, method: http.MethodGet, ref: Ref{Bucket: prefix.Bucket}}
	q.ask("encoding-type", "url") // XML has no words for some keys
	if prefix.Key != "" {
		q.ask("prefix", prefix.Key)
	}
	if o.Delimiter != "" {
		q.ask("delimiter", o.Delimiter)
	}
	if o.Page > 0 {
		q.ask("max-keys", strconv.Itoa(o.Page))
	}
	return q
}

// page asks for a page and reads it.
func (c *Client) page(ctx context.Context, q *request, into interface{ decode() error }) error {
	if q.ref.Bucket == "" {
		return &Error{Op: q.op, Cause: errors.New("the reference names no bucket")}
	}
	return c.document(ctx, q, func(raw []byte) error { return errors.Join(xml.Unmarshal(raw, into), into.decode()) })
}

func each[T any](list []T, yield func(T, error) bool) bool {
	for _, one := range list {
		if !yield(one, nil) {
			return false
		}
	}
	return true
}

// listedObject is <Contents>, <Version> and <DeleteMarker>.
type listedObject struct {
	Key          string
	VersionID    string `xml:"VersionId"`
	IsLatest     bool
	LastModified time.Time
	ETag         string
	Size         int64
}

type commonPrefix struct{ Prefix string }

// decodeAll undoes encoding-type=url.
func decodeAll(encoding string, names ...*string) error {
	if encoding != "url" {
		return nil
	}
	for _, name := range names {
		decoded, err := url.QueryUnescape(*name)
		if err != nil {
			return fmt.Errorf("a key in the listing: %w", err)
		}
		*name = decoded
	}
	return nil
}

func (l *listedObject) entry(bucket string) Entry {
	return Entry{Info: Info{Ref: Ref{bucket, l.Key, l.VersionID}, Size: l.Size, ETag: l.ETag, Modified: l.LastModified}, Latest: l.IsLatest}
}

func (p commonPrefix) entry(bucket string) Entry {
	return Entry{Info: Info{Ref: At(bucket, p.Prefix)}, Common: true}
}

// objectsPage is <ListBucketResult>.
type objectsPage struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	EncodingType          string
	IsTruncated           bool
	NextContinuationToken string
	Contents              []listedObject
	CommonPrefixes        []commonPrefix
}

func (p *objectsPage) decode() error {
	return decodeList(p.EncodingType, p.Contents, p.CommonPrefixes)
}

func decodeList(encoding string, objects []listedObject, prefixes []commonPrefix) error {
	for i := range objects {
		if err := decodeAll(encoding, &objects[i].Key); err != nil {
			return err
		}
	}
	for i := range prefixes {
		if err := decodeAll(encoding, &prefixes[i].Prefix); err != nil {
			return err
		}
	}
	return nil
}

// entries are keys and common prefixes in one order.
func (p *objectsPage) entries(bucket string) []Entry {
	list := make([]Entry, 0, len(p.Contents)+len(p.CommonPrefixes))
	for i := range p.Contents {
		list = append(list, p.Contents[i].entry(bucket))
	}
	for _, one := range p.CommonPrefixes {
		list = append(list, one.entry(bucket))
	}
	slices.SortStableFunc(list, func(a, b Entry) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// Versions yields all versions and delete markers of the keys that begin with that of prefix, those of a key from the newest (S3 API,
// "ListObjectVersions").
func (c *Client) Versions(ctx context.Context, prefix Ref, o ListOptions) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		key, id := o.After, ""
		for {
			q := listing("ListObjectVersions", prefix, o)
			q.ask("versions", "")
			if key != "" {
				q.ask("key-marker", key)
			}
			if id != "" {
				q.ask("version-id-marker", id)
			}
			var page versionsPage
			if err := c.page(ctx, q, &page); err != nil {
				yield(Entry{}, err)
				return
			}
			if !each(page.entries(prefix.Bucket), yield) || !page.IsTruncated {
				return
			}
			if page.NextKeyMarker == key && page.NextVersionIDMarker == id {
				yield(Entry{}, &Error{Op: q.op, Ref: prefix, Cause: errEndless})
				return
			}
			key, id = page.NextKeyMarker, page.NextVersionIDMarker
		}
	}
}

// versionsPage is <ListVersionsResult>. Versions and markers are in one order, which their elements' order tells.
type versionsPage struct {
	XMLName             xml.Name
	EncodingType        string
	IsTruncated         bool
	NextKeyMarker       string
	NextVersionIDMarker string `xml:"NextVersionIdMarker"`
	CommonPrefixes      []commonPrefix
	Items               []versionItem `xml:",any"`
}

// versionItem is <Version> or <DeleteMarker>, or another element, which is skipped.
type versionItem struct {
	XMLName xml.Name
	listedObject
}

func (p *versionsPage) decode() error {
	if p.XMLName.Local != "ListVersionsResult" {
		return fmt.Errorf("it is a %s", p.XMLName.Local)
	}
	p.Items = slices.DeleteFunc(p.Items, func(i versionItem) bool { return i.XMLName.Local != "Version" && i.XMLName.Local != "DeleteMarker" })
	for i := range p.Items {
		if err := decodeAll(p.EncodingType, &p.Items[i].Key); err != nil {
			return err
		}
	}
	return errors.Join(decodeList(p.EncodingType, nil, p.CommonPrefixes), decodeAll(p.EncodingType, &p.NextKeyMarker))
}

func (p *versionsPage) entries(bucket string) []Entry {
	list := make([]Entry, 0, len(p.Items)+len(p.CommonPrefixes))
	for i := range p.Items {
		e := p.Items[i].entry(bucket)
		e.Marker = p.Items[i].XMLName.Local == "DeleteMarker"
		list = append(list, e)
	}
	for _, one := range p.CommonPrefixes {
		list = append(list, one.entry(bucket))
	}
	slices.SortStableFunc(list, func(a, b Entry) int { return cmp.Compare(a.Key, b.Key) })
	return list
}
