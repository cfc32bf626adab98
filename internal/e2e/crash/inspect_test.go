package crash

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/zot-artifact-store/zas/digest"
)

// verify compares the repository as a whole with what is possible, reads everything in it, and ends an upload under way.
func (o *images) verify(c client) error {
	found, err := o.inspect(c)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(o.possible, func(s content) bool { return s.String() == found.String() })
	if i < 0 {
		return fmt.Errorf("%s holds %v, possible are %v", o.repo, found, o.possible)
	}
	o.possible = o.possible[i : i+1]
	for d, m := range o.known().manifests {
		if err := o.readImage(c, d, m); err != nil {
			return err
		}
	}
	return o.resumeSession(c)
}

// inspect asks for the tags, and for every manifest that may be there.
func (o *images) inspect(c client) (content, error) {
	found := content{tags: map[string]digest.Digest{}, manifests: map[digest.Digest]image{}}
	a, err := c.oci(http.MethodGet, "/v2/"+o.repo+"/tags/list", nil, nil)
	if err := want("listing tags", a, err, 200, 404); err != nil || a.Status == http.StatusNotFound {
		return found, err
	}
	var listed struct{ Tags []string }
	if err := json.Unmarshal(a.Body, &listed); err != nil {
		return found, err
	}
	for _, tag := range listed.Tags {
		a, err := c.oci(http.MethodHead, "/v2/"+o.repo+"/manifests/"+tag, nil, nil)
		if err := want("asking for "+tag, a, err, 200); err != nil {
			return found, err
		}
		found.tags[tag] = digest.Digest(a.Header.Get("Docker-Content-Digest"))
	}
	for _, s := range o.possible {
		for d, m := range s.manifests {
			a, err := c.oci(http.MethodHead, "/v2/"+o.repo+"/manifests/"+d.String(), nil, nil)
			if err := want("asking for "+d.String(), a, err, 200, 404); err != nil {
				return found, err
			}
			if a.Status == http.StatusOK {
				found.manifests[d] = m
			}
		}
	}
	return found, nil
}

func (o *images) readImage(c client, d digest.Digest, m image) error {
	a, err := c.oci(http.MethodGet, "/v2/"+o.repo+"/manifests/"+d.String(), nil, nil)
	if err := want("reading "+d.String(), a, err, 200); err != nil {
		return err
	}
	if string(a.Body) != string(m.raw) {
		return fmt.Errorf("manifest %s of %s has other bytes", d, o.repo)
	}
	for _, p := range m.blobs {
		content := p.bytes()
		if err := o.readBlob(c, digest.Of(content), content); err != nil {
			return err
		}
	}
	a, err = c.oci(http.MethodGet, "/v2/"+o.repo+"/referrers/"+d.String(), nil, nil)
	if err := want("listing referrers", a, err, 200); err != nil {
		return err
	}
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal(a.Body, &index); err != nil {
		return err
	}
	var found []digest.Digest
	for _, one := range index.Manifests {
		found = append(found, one.Digest)
	}
	slices.Sort(found)
	if wanted := o.known().referrers(d); !slices.Equal(found, wanted) {
		return fmt.Errorf("%s of %s has referrers %v, not %v", d, o.repo, found, wanted)
	}
	return nil
}

// listed are the keys of a bucket, page by page.
func listed(c client, bucket string) (keys []string, err error) {
	after := ""
	for {
		a, err := c.s3(http.MethodGet, "/"+bucket+"?list-type=2&max-keys=7&start-after="+url.QueryEscape(after), nil, nil)
		if err := want("listing "+bucket, a, err, 200); err != nil {
			return nil, err
		}
		var page struct {
			IsTruncated bool
			Contents    []struct{ Key string }
		}
		if err := xml.Unmarshal(a.Body, &page); err != nil {
			return nil, err
		}
		for _, one := range page.Contents {
			keys = append(keys, one.Key)
		}
		if !page.IsTruncated {
			return keys, nil
		}
		after = keys[len(keys)-1]
	}
}

// abortUploads ends the uploads of a bucket that nobody knows of, because the answer to their start was lost.
func abortUploads(c client, bucket string, most int) error {
	a, err := c.s3(http.MethodGet, "/"+bucket+"?uploads=", nil, nil)
	if err := want("listing uploads", a, err, 200); err != nil {
		return err
	}
	var list struct {
		Upload []struct{ Key, UploadId string }
	}
	if err := xml.Unmarshal(a.Body, &list); err != nil {
		return err
	}
	if len(list.Upload) > most {
		return fmt.Errorf("%d uploads are open, at most %d can be", len(list.Upload), most)
	}
	for _, u := range list.Upload {
		a, err := c.s3(http.MethodDelete, "/"+bucket+"/"+u.Key+"?uploadId="+url.QueryEscape(u.UploadId), nil, nil)
		if err := want("aborting an upload", a, err, 204); err != nil {
			return err
		}
	}
	return nil
}
