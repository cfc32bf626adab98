package crash

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// upload is a multipart upload under way, as far as it was acknowledged.
type upload struct {
	id    string
	into  *register
	as    object // what completing it writes
	parts []string
	next  int // parts sent, acknowledged or not

	completing, aborting bool // was begun
}

// Parts of an upload: the first as small as S3 allows.
func (o *objects) randomParts() body {
	b := body{{byte(o.random.IntN(2)), 5 << 20}}
	for range o.random.IntN(2) {
		b = append(b, piece{byte(o.random.IntN(seeds)), 100_000})
	}
	return b
}

// stepUpload takes an upload one request further.
func (o *objects) stepUpload(c client) error {
	u := o.upload
	switch {
	case u == nil:
		return o.startUpload(c)
	case u.next < len(u.as.body):
		return o.sendPart(c)
	case o.random.IntN(4) == 0:
		return o.abort(c)
	}
	return o.complete(c)
}

func (o *objects) startUpload(c client) error {
	u := &upload{into: o.pick(), as: o.next(o.randomParts())}
	a, err := c.s3(http.MethodPost, u.into.path()+"?uploads=", describe(u.as), nil)
	if err := want("starting an upload", a, err, 200); err != nil {
		return err
	}
	var started struct{ UploadId string }
	if err := xml.Unmarshal(a.Body, &started); err != nil {
		return err
	}
	u.id = started.UploadId
	o.upload = u
	return nil
}

func (u *upload) path() string { return u.into.path() + "?uploadId=" + url.QueryEscape(u.id) }

func (o *objects) sendPart(c client) error {
	u := o.upload
	u.next++
	a, err := c.s3(http.MethodPut, fmt.Sprintf("%s&partNumber=%d", u.path(), u.next), nil, u.as.body[u.next-1].bytes())
	if err := want("sending a part", a, err, 200); err != nil {
		return err
	}
	u.parts = append(u.parts, a.Header.Get("Etag"))
	return nil
}

func (o *objects) complete(c client) error {
	u := o.upload
	var list strings.Builder
	list.WriteString("<CompleteMultipartUpload>")
	for i, etag := range u.parts {
		fmt.Fprintf(&list, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, etag)
	}
	list.WriteString("</CompleteMultipartUpload>")
	u.completing = true
	u.into.begin(u.as)
	a, err := c.s3(http.MethodPost, u.path(), nil, []byte(list.String()))
	if err := want("completing "+u.into.path(), a, err, 200); err != nil {
		return err
	}
	u.into.settle(u.as)
	o.upload = nil
	return nil
}

func (o *objects) abort(c client) error {
	o.upload.aborting = true
	a, err := c.s3(http.MethodDelete, o.upload.path(), nil, nil)
	if err := want("aborting "+o.upload.into.path(), a, err, 204); err != nil {
		return err
	}
	o.upload = nil
	return nil
}

// resume looks for the upload that was under way, holds what is there against what was acknowledged, and brings it to its end.
func (o *objects) resume(c client) error {
	u := o.upload
	if u == nil {
		return nil
	}
	a, err := c.s3(http.MethodGet, u.path(), nil, nil)
	if err != nil {
		return err
	}
	written := u.into.known().seq == u.as.seq
	switch {
	case a.Status == http.StatusNotFound && (u.aborting || u.completing && written):
		o.upload = nil
		return nil
	case written:
		return fmt.Errorf("%s was completed, and its upload is still there", u.into.path())
	}
	if err := want("listing the parts of "+u.into.path(), a, nil, 200); err != nil {
		return err
	}
	var listed struct {
		Part []struct {
			PartNumber, Size int
			ETag             string
		}
	}
	if err := xml.Unmarshal(a.Body, &listed); err != nil {
		return err
	}
	if n := len(listed.Part); n < len(u.parts) || n > u.next {
		return fmt.Errorf("%s has %d parts, %d of %d were acknowledged", u.into.path(), n, len(u.parts), u.next)
	}
	for i, p := range listed.Part {
		if p.PartNumber != i+1 || i < len(u.parts) && p.ETag != u.parts[i] || p.Size != u.as.body[i].size {
			return fmt.Errorf("part %d of %s is %v", i+1, u.into.path(), p)
		}
	}
	u.next, u.completing, u.aborting = len(u.parts), false, false
	for u.next < len(u.as.body) {
		if err := o.sendPart(c); err != nil {
			return err
		}
	}
	return o.complete(c)
}
