package crash

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/digest"
)

// session is a chunked upload of a blob under way.
type session struct {
	location string
	content  []byte
	digest   digest.Digest
	acked    int // bytes
	sent     int // bytes, acknowledged or not
	closing  bool
}

const chunks = 4

func (o *images) stepSession(c client) error {
	s := o.session
	switch {
	case s == nil:
		return o.openSession(c)
	case s.sent < len(s.content):
		return o.sendChunk(c)
	}
	return o.closeSession(c)
}

func (o *images) openSession(c client) error {
	a, err := c.oci(http.MethodPost, "/v2/"+o.repo+"/blobs/uploads/", nil, nil)
	if err := want("opening a session", a, err, 202); err != nil {
		return err
	}
	b := piece{byte(o.random.IntN(seeds)), 400_000}.bytes()
	o.session = &session{location: a.Header.Get("Location"), content: b, digest: digest.Of(b)}
	return nil
}

func (o *images) sendChunk(c client) error {
	s := o.session
	from := s.acked
	s.sent = min(len(s.content), from+len(s.content)/chunks)
	h := http.Header{"Content-Type": {layerType}, "Content-Range": {fmt.Sprintf("%d-%d", from, s.sent-1)}}
	a, err := c.oci(http.MethodPatch, s.location, h, s.content[from:s.sent])
	if err := want("sending a chunk", a, err, 202); err != nil {
		return err
	}
	s.location, s.acked = a.Header.Get("Location"), s.sent
	return nil
}

func (o *images) closeSession(c client) error {
	s := o.session
	s.closing = true
	if err := finish(c, s.location, s.digest, nil); err != nil {
		return err
	}
	o.session = nil
	return o.readBlob(c, s.digest, s.content)
}

// resumeSession goes on with an upload after a crash: every acknowledged chunk must be there.
func (o *images) resumeSession(c client) error {
	s := o.session
	if s == nil {
		return nil
	}
	a, err := c.oci(http.MethodGet, s.location, nil, nil)
	if err != nil {
		return err
	}
	if a.Status == http.StatusNotFound && s.closing {
		o.session = nil
		return o.readBlob(c, s.digest, s.content)
	}
	if err := want("asking for a session", a, nil, 204); err != nil {
		return err
	}
	_, last, _ := strings.Cut(a.Header.Get("Range"), "-")
	end, err := strconv.Atoi(last)
	if err != nil {
		return err
	}
	there := end + 1
	if there == 1 { // a session without bytes says 0-0 too
		there = 0
	}
	if there < s.acked || there > s.sent {
		return fmt.Errorf("a session of %s has %d bytes: %d were acknowledged, %d sent", o.repo, there, s.acked, s.sent)
	}
	s.location, s.acked, s.sent = a.Header.Get("Location"), there, there
	for s.sent < len(s.content) {
		if err := o.sendChunk(c); err != nil {
			return err
		}
	}
	return o.closeSession(c)
}

func (o *images) readBlob(c client, d digest.Digest, content []byte) error {
	a, err := c.oci(http.MethodGet, "/v2/"+o.repo+"/blobs/"+d.String(), nil, nil)
	if err := want("reading "+d.String(), a, err, 200); err != nil {
		return err
	}
	if string(a.Body) != string(content) {
		return fmt.Errorf("blob %s of %s has other bytes", d, o.repo)
	}
	return nil
}
