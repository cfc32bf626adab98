package client

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/zot-artifact-store/zas/fault"
)

// uploadState is UploadOptions.State: which upload it is. Which parts there are the server tells.
type uploadState struct {
	Form     int    `json:"form"` // 1
	Server   string `json:"server"`
	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	ID       string `json:"upload"`
	Once     string `json:"once"`
	Size     int64  `json:"size"`
	PartSize int64  `json:"partSize"`
}

// maxState bounds a state file, in bytes.
const maxState = 64 << 10

// readState reads a state file; nil where there is none that can be read: then an upload begins anew.
func readState(path string) *uploadState {
	info, err := os.Stat(path)
	if err != nil || info.Size() > maxState {
		return nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var s uploadState
	if json.Unmarshal(raw, &s) != nil || s.Form != 1 || s.ID == "" {
		return nil
	}
	return &s
}

// writeFile writes a small file that is whole or not there.
func writeFile(path string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func (u *upload) state() uploadState {
	return uploadState{1, u.c.scheme + "://" + u.c.host, u.to.Bucket, u.to.Key, u.id, u.once, u.size, u.o.PartSize}
}

// open finds the upload that an earlier run has begun, or begins one.
func (u *upload) open(ctx context.Context) error {
	u.once = newOnce()
	if u.o.Continue != "" {
		u.id = u.o.Continue
		return u.goOn(ctx)
	}
	if u.o.State != "" {
		if found, err := u.find(ctx); found || err != nil {
			return err
		}
	}
	if err := u.begin(ctx); err != nil {
		return err
	}
	if u.o.State == "" {
		return nil
	}
	if err := writeFile(u.o.State, u.state()); err != nil {
		u.abandon(ctx)
		return as("CreateMultipartUpload", u.to, fmt.Errorf("the state file: %w", err))
	}
	return nil
}

// find looks for the upload of the state file.
func (u *upload) find(ctx context.Context) (bool, error) {
	s := readState(u.o.State)
	if s == nil {
		return false, nil
	}
	u.id, u.once = s.ID, s.Once
	if *s != u.state() {
		u.id, u.once = "", newOnce()
		return false, nil
	}
	there, err := u.c.parts(ctx, u.ref(), u.id)
	switch {
	case err == nil:
		u.there = there
		return true, nil
	case !errors.Is(err, fault.UploadNotFound):
		return false, err
	}
	info, err := u.c.Stat(ctx, u.ref()) // has it been completed, and the answer was lost?
	if err == nil && info.Once == u.once {
		u.done = &info
		u.forget()
		return true, nil
	}
	u.id, u.once = "", newOnce()
	if err != nil && !errors.Is(err, fault.KeyNotFound) && !errors.Is(err, fault.MethodNotAllowed) {
		return false, err
	}
	return false, nil
}

// goOn continues the upload that the caller names. Its part size is that of its first part.
func (u *upload) goOn(ctx context.Context) (err error) {
	if u.there, err = u.c.parts(ctx, u.ref(), u.id); err != nil {
		return err
	}
	if first, ok := u.there[1]; ok && first.Size >= minPart && u.size <= first.Size*maxParts {
		u.o.PartSize = first.Size
	}
	return nil
}

// forget removes the state file.
func (u *upload) forget() {
	if u.o.State != "" {
		_ = os.Remove(u.o.State) // what it names is gone, so it does no harm
	}
}

// begin is CreateMultipartUpload, unless it can be seen already that there must be no object.
func (u *upload) begin(ctx context.Context) error {
	if u.o.If.Absent {
		if _, err := u.c.Stat(ctx, u.ref()); err == nil {
			return &Error{Op: "CreateMultipartUpload", Ref: u.ref(), Code: fault.PreconditionFailed, Message: "there is an object"}
		}
	}
	q := &request{op: "CreateMultipartUpload", method: http.MethodPost, ref: u.ref()}
	q.ask("uploads", "")
	q.set("X-Amz-Checksum-Algorithm", "CRC32C")
	q.set("X-Amz-Checksum-Type", "FULL_OBJECT")
	u.o.Metadata.set(q)
	setTags(q, u.o.Tags)
	u.o.Lock.set(q)
	var doc struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		UploadID string   `xml:"UploadId"`
	}
	err := u.c.document(ctx, q, func(raw []byte) error {
		err := xml.Unmarshal(raw, &doc)
		if err == nil && doc.UploadID == "" {
			err = errors.New("there is no upload id")
		}
		return err
	})
	u.id, u.began = doc.UploadID, err == nil
	return err
}

// partsPage is a page of ListParts.
type partsPage struct {
	XMLName              xml.Name `xml:"ListPartsResult"`
	IsTruncated          bool
	NextPartNumberMarker int
	Part                 []listed
}

// parts are those that an upload has (S3 API, "ListParts").
func (c *Client) parts(ctx context.Context, ref Ref, id string) (map[int]listed, error) {
	all := map[int]listed{}
	for after := 0; ; {
		q := &request{op: "ListParts", method: http.MethodGet, ref: ref}
		q.ask("uploadId", id)
		q.ask("part-number-marker", strconv.Itoa(after))
		var page partsPage
		if err := c.document(ctx, q, func(raw []byte) error { return xml.Unmarshal(raw, &page) }); err != nil {
			return nil, err
		}
		for _, p := range page.Part {
			all[p.PartNumber] = p
		}
		if !page.IsTruncated || page.NextPartNumberMarker <= after || len(all) > maxParts {
			return all, nil
		}
		after = page.NextPartNumberMarker
	}
}
