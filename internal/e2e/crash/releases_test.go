package crash

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// lockedBucket has versioning and object lock.
const lockedBucket = "releases"

// releases writes versions of one key in the locked bucket, some under a legal hold, hides and removes them, and knows which must be there.
type releases struct {
	random   *rand.Rand
	key      string
	seq      int
	versions map[string]release // by version id: acknowledged, and not removed since
	doubtful map[string]bool    // their removal was not answered
	unknown  int                // writes that were not answered: each may have made a version
}

type release struct {
	body body // nil: a delete marker
	held bool
}

func newReleases(name string, seed uint64) *releases {
	return &releases{
		random: rand.New(rand.NewPCG(seed, 2)), key: name, versions: map[string]release{}, doubtful: map[string]bool{},
	}
}

func (o *releases) path() string { return "/" + lockedBucket + "/" + o.key }

func (o *releases) step(c client) error {
	switch n := o.random.IntN(100); {
	case n < 55:
		return o.put(c)
	case n < 70:
		return o.hide(c)
	default:
		return o.remove(c)
	}
}

func (o *releases) put(c client) error {
	o.seq++
	r := release{body{randomPiece(o.random)}, o.random.IntN(5) == 0}
	h := http.Header{seqHeader: {strconv.Itoa(o.seq)}, bodyHeader: {r.body.String()}}
	if r.held {
		h["X-Amz-Object-Lock-Legal-Hold"] = []string{"ON"}
	}
	return o.write(c, http.MethodPut, h, r, 200)
}

func (o *releases) hide(c client) error {
	return o.write(c, http.MethodDelete, nil, release{}, 204)
}

// write makes a version or a delete marker.
func (o *releases) write(c client, method string, h http.Header, r release, status int) error {
	a, err := c.s3(method, o.path(), h, r.body.bytes())
	if gone(err) {
		o.unknown++
	}
	if err := want(method+" "+o.path(), a, err, status); err != nil {
		return err
	}
	id := a.Header.Get("X-Amz-Version-Id")
	if _, twice := o.versions[id]; twice || id == "" {
		return fmt.Errorf("%s %s: the version id %q is not new", method, o.path(), id)
	}
	o.versions[id] = r
	return nil
}

// remove removes a version for good, or is refused for one under a legal hold.
func (o *releases) remove(c client) error {
	ids := slices.Sorted(maps.Keys(o.versions))
	if len(ids) == 0 {
		return nil
	}
	id := ids[o.random.IntN(len(ids))]
	status := http.StatusNoContent
	if o.versions[id].held {
		status = http.StatusForbidden
	}
	a, err := c.s3(http.MethodDelete, o.path()+"?versionId="+id, nil, nil)
	if gone(err) && !o.versions[id].held {
		o.doubtful[id] = true
	}
	if err := want("removing "+o.path()+" "+id, a, err, status); err != nil {
		return err
	}
	if !o.versions[id].held {
		delete(o.versions, id)
	}
	return nil
}

// verify compares what is listed, and every byte of it, with what was acknowledged.
func (o *releases) verify(c client) error {
	there, err := o.list(c)
	if err != nil {
		return err
	}
	for id, r := range o.versions {
		_, found := there[id]
		switch {
		case !found && !o.doubtful[id]:
			return fmt.Errorf("%s %s (%s) is lost", o.path(), id, r.body)
		case !found:
			delete(o.versions, id)
		case there[id] != (r.body == nil):
			return fmt.Errorf("%s %s is a delete marker: %v", o.path(), id, there[id])
		}
	}
	for id, marker := range there {
		if err := o.check(c, id, marker); err != nil {
			return err
		}
	}
	clear(o.doubtful)
	if o.unknown < 0 {
		return fmt.Errorf("%s has %d versions that nobody wrote", o.path(), -o.unknown)
	}
	o.unknown = 0
	return nil
}

// check reads a version; one that was not acknowledged is taken up as if it had been.
func (o *releases) check(c client, id string, marker bool) error {
	r, known := o.versions[id]
	if !known {
		o.unknown--
	}
	if !marker {
		a, err := c.s3(http.MethodGet, o.path()+"?versionId="+id, nil, nil)
		if err := want("reading "+o.path()+" "+id, a, err, 200); err != nil {
			return err
		}
		b, err := parseBody(a.Header.Get(bodyHeader))
		switch {
		case err != nil:
			return err
		case !bytes.Equal(b.bytes(), a.Body) || known && b.String() != r.body.String():
			return fmt.Errorf("%s %s has other bytes than were written: %s, not %s", o.path(), id, b, r.body)
		case known && r.held != (a.Header.Get("X-Amz-Object-Lock-Legal-Hold") == "ON"):
			return fmt.Errorf("%s %s: legal hold %v is lost", o.path(), id, r.held)
		}
		r = release{b, a.Header.Get("X-Amz-Object-Lock-Legal-Hold") == "ON"}
	}
	o.versions[id] = r
	return nil
}

// list is the versions of the key, in pages: whether each is a delete marker. Exactly one must be the latest.
func (o *releases) list(c client) (map[string]bool, error) {
	there := map[string]bool{}
	latest, marker := 0, ""
	for {
		a, err := c.s3(http.MethodGet, "/"+lockedBucket+"?versions=&max-keys=5&prefix="+url.QueryEscape(o.key)+marker, nil, nil)
		if err := want("listing versions of "+o.path(), a, err, 200); err != nil {
			return nil, err
		}
		type entry struct {
			VersionId string //nolint:revive // the element's name
			IsLatest  bool
		}
		var page struct {
			IsTruncated         bool
			NextKeyMarker       string
			NextVersionIdMarker string //nolint:revive // the element's name
			Version             []entry
			DeleteMarker        []entry
		}
		if err := xml.Unmarshal(a.Body, &page); err != nil {
			return nil, err
		}
		for isMarker, list := range map[bool][]entry{false: page.Version, true: page.DeleteMarker} {
			for _, e := range list {
				there[e.VersionId] = isMarker
				if e.IsLatest {
					latest++
				}
			}
		}
		if !page.IsTruncated {
			break
		}
		marker = "&key-marker=" + url.QueryEscape(page.NextKeyMarker) + "&version-id-marker=" + page.NextVersionIdMarker
	}
	if len(there) > 0 && latest != 1 {
		return nil, fmt.Errorf("%s has %d latest versions", o.path(), latest)
	}
	return there, nil
}

// clear lifts the holds and removes every version.
func (o *releases) clear(c client) error {
	off := []byte("<LegalHold><Status>OFF</Status></LegalHold>")
	for id, r := range o.versions {
		var lifted error
		if r.held {
			a, err := c.s3(http.MethodPut, o.path()+"?legal-hold=&versionId="+id, nil, off)
			lifted = want("lifting the hold of "+id, a, err, 200)
		}
		a, err := c.s3(http.MethodDelete, o.path()+"?versionId="+id, nil, nil)
		if err := errors.Join(lifted, want("removing "+id, a, err, 204)); err != nil {
			return err
		}
	}
	return nil
}
