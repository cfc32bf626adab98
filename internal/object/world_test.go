package object_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// world is what buckets hold, as plainly as it can be said: the reference that the store has to agree with.
type world struct {
	Buckets map[string]*vault
	Open    []*opened
}

// vault is a bucket.
type vault struct {
	State    object.Versioning
	Lockable bool
	Rule     object.LockRule
	Keys     map[string][]*edition // oldest first
}

// edition is a version.
type edition struct {
	ID           ident
	Null, Marker bool
	Data         string
	ETag, Kind   string
	Tags         []object.Tag
	Retention    object.Retention
	Hold         object.Hold
	Written      int64 // Unix nanoseconds
	Superseded   int64 // likewise
}

// ident is an id that the store has made up; empty in what a verb has just made, and then equal to any.
type ident string

// opened is an upload.
type opened struct {
	listed
	asked object.CreateUploadRequest
	data  map[int]string // of the parts
}

// listed is what of an upload clients can see.
type listed struct {
	Bucket, Key string
	ID          ident
	Parts       map[int]string // ETags
}

// is says whether both may be the same upload.
func (o *opened) is(other *opened) bool {
	return o.Bucket == other.Bucket && o.Key == other.Key && (o.ID == other.ID || o.ID == "" || other.ID == "")
}

func (o *opened) ref() object.UploadRef {
	return object.UploadRef{Bucket: o.Bucket, Key: o.Key, ID: string(o.ID)}
}

func (w *world) clone() *world {
	c := &world{Buckets: map[string]*vault{}}
	for name, b := range w.Buckets {
		c.Buckets[name] = b.clone()
	}
	for _, o := range w.Open {
		own := *o
		own.Parts, own.data = maps.Clone(o.Parts), maps.Clone(o.data)
		c.Open = append(c.Open, &own)
	}
	return c
}

func (b *vault) clone() *vault {
	c := *b
	c.Keys = map[string][]*edition{}
	for key, list := range b.Keys {
		for _, e := range list {
			v := *e
			c.Keys[key] = append(c.Keys[key], &v)
		}
	}
	return &c
}

// current is the newest version; nil when the key has none.
func (b *vault) current(key string) *edition {
	if list := b.Keys[key]; len(list) > 0 {
		return list[len(list)-1]
	}
	return nil
}

// object is the version, unless it is absent or a delete marker.
func (e *edition) object() *edition {
	if e == nil || e.Marker {
		return nil
	}
	return e
}

func (e *edition) address() string {
	if e.Null {
		return object.NullVersion
	}
	return string(e.ID)
}

// find is the version that id addresses, or why there is none to read.
func (b *vault) find(key, id string) (*edition, *fault.Code) {
	if id == "" {
		if e := b.current(key).object(); e != nil {
			return e, nil
		}
		return nil, fault.KeyNotFound
	}
	at := b.index(key, id)
	switch {
	case at >= 0 && b.Keys[key][at].Marker:
		return nil, fault.MethodNotAllowed
	case at >= 0:
		return b.Keys[key][at], nil
	case id == malformedVersion:
		return nil, fault.ArgumentInvalid
	}
	return nil, fault.VersionNotFound
}

func (b *vault) index(key, id string) int {
	return slices.IndexFunc(b.Keys[key], func(e *edition) bool { return e.address() == id })
}

// write makes e the current version. A null version takes the place of the one there is.
func (b *vault) write(key string, e *edition, now time.Time) {
	e.Written, e.Null = now.UnixNano(), b.State != object.Versioned
	if e.Retention.Mode == object.Unlocked && b.Rule != (object.LockRule{}) && !e.Marker {
		e.Retention = object.Retention{Mode: b.Rule.Mode, Until: now.UTC().AddDate(b.Rule.Years, 0, b.Rule.Days).UnixNano()}
	}
	list := b.Keys[key]
	if e.Null {
		list = slices.DeleteFunc(list, func(old *edition) bool { return old.Null })
	}
	if n := len(list); n > 0 && list[n-1].Superseded == 0 {
		list[n-1].Superseded = e.Written
	}
	b.Keys[key] = append(list, e)
}

// hide is what deleting a key does.
func (b *vault) hide(key string, now time.Time) {
	if b.State == object.Unversioned {
		delete(b.Keys, key)
		return
	}
	b.write(key, &edition{Marker: true}, now)
}

// remove removes a version for good.
func (b *vault) remove(key, id string, now time.Time, bypass bool) *fault.Code {
	at := b.index(key, id)
	switch {
	case at < 0 && id == malformedVersion:
		return fault.ArgumentInvalid
	case at < 0:
		return nil
	case b.Keys[key][at].guarded(now, bypass):
		return fault.ObjectLocked
	}
	list := slices.Delete(b.Keys[key], at, at+1)
	if b.Keys[key] = list; len(list) == 0 {
		delete(b.Keys, key)
		return nil
	}
	list[len(list)-1].Superseded = 0
	return nil
}

// guarded says whether nobody may remove the version.
func (e *edition) guarded(now time.Time, bypass bool) bool {
	return e.Hold == object.HoldOn || e.retained(now) && (e.Retention.Mode == object.Compliance || !bypass)
}

func (e *edition) retained(now time.Time) bool {
	return e.Retention.Mode != object.Unlocked && e.Retention.Until > now.UnixNano()
}

// holds is what a condition gives; e is nil where there is no object.
func (e *edition) holds(c object.WriteCondition) *fault.Code {
	switch {
	case c.Absent && e != nil:
		return fault.PreconditionFailed
	case c.Match != "" && e == nil:
		return fault.KeyNotFound
	case c.Match != "" && c.Match != object.AnyETag && c.Match != e.ETag:
		return fault.PreconditionFailed
	}
	return nil
}

// allows is what a bucket says to a writer who asks for protection.
func (b *vault) allows(p object.Protection, now time.Time) *fault.Code {
	switch {
	case p == object.Protection{}:
		return nil
	case p.Retention.Mode != object.Unlocked && p.Retention.Until <= now.UnixNano():
		return fault.ArgumentInvalid
	case !b.Lockable:
		return fault.LockMissing
	}
	return nil
}

// item is a line of a listing.
type item struct {
	name    string
	version *edition // nil: a common prefix
	latest  bool
}

// list is the versions of a bucket, or with current alone the keys, as a listing has them behind after: those of after itself
// are told behind the version afterID, if it is given.
func (b *vault) list(r object.ListRequest, afterID string, current bool) (items []item) {
	for _, key := range slices.Sorted(maps.Keys(b.Keys)) {
		if !strings.HasPrefix(key, r.Prefix) {
			continue
		}
		if i := strings.Index(key[len(r.Prefix):], r.Delimiter); r.Delimiter != "" && i >= 0 {
			common := key[:len(r.Prefix)+i+len(r.Delimiter)]
			told := len(items) > 0 && items[len(items)-1].name == common
			if !told && common > r.After && !strings.HasPrefix(r.After, common) && (!current || b.some(common)) {
				items = append(items, item{name: common})
			}
			continue
		}
		list := slices.Clone(b.Keys[key])
		slices.Reverse(list)
		if current {
			if e := list[0].object(); e != nil && key > r.After {
				items = append(items, item{key, e, true})
			}
			continue
		}
		behind := key > r.After
		for i, e := range list {
			if behind {
				items = append(items, item{key, e, i == 0})
			}
			behind = behind || key == r.After && e.address() == afterID
		}
	}
	return items
}

// some says whether keys with this prefix have an object.
func (b *vault) some(prefix string) bool {
	for key := range b.Keys {
		if strings.HasPrefix(key, prefix) && b.current(key).object() != nil {
			return true
		}
	}
	return false
}

func (i item) String() string {
	if i.version == nil {
		return i.name
	}
	return fmt.Sprint(i.name, " ", i.version.address(), " ", i.latest)
}

// etagOf is that of an object that was written at once.
func etagOf(data string) string {
	sum := md5.Sum([]byte(data))
	return hex.EncodeToString(sum[:])
}

// join is the bytes and the ETag of an object of parts.
func join(parts []string) (data, etag string) {
	whole := md5.New()
	for _, p := range parts {
		sum := md5.Sum([]byte(p))
		whole.Write(sum[:])
	}
	return strings.Join(parts, ""), fmt.Sprintf("%x-%d", whole.Sum(nil), len(parts))
}
