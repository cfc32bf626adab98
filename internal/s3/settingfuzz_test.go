package s3

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// FuzzSettingXML reads documents of settings, writes what was understood as GET does, and reads that again: it must be the same.
func FuzzSettingXML(f *testing.F) {
	for _, seed := range []string{
		`<Tagging><TagSet><Tag><Value>v</Value><Key>k</Key></Tag></TagSet></Tagging>`,
		`<x:Tagging xmlns:x="http://s3.amazonaws.com/doc/2006-03-01/"><x:TagSet/></x:Tagging>`,
		`<CORSConfiguration><CORSRule><ID>&#x9;</ID><AllowedOrigin>http://*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>-1</MaxAgeSeconds></CORSRule></CORSConfiguration>`,
		`<LifecycleConfiguration><Rule><Filter><And><Prefix>a</Prefix><Tag><Key>k</Key><Value/></Tag><ObjectSizeLessThan>5</ObjectSizeLessThan></And></Filter><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>`,
		`<LifecycleConfiguration><Rule><ID>i</ID><Prefix/><Status>Disabled</Status><Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration></Rule></LifecycleConfiguration>`,
		`<LifecycleConfiguration><Rule><Filter/><Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker></Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>`,
		`<!DOCTYPE Tagging [<!ENTITY e "a">]><Tagging><TagSet><Tag><Key>&e;</Key><Value/></Tag></TagSet></Tagging>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		set, err := understand(raw)
		if err != nil {
			if !isFault(err) {
				t.Fatal(err)
			}
			return
		}
		if bytes.Contains(raw, []byte("\r")) || bytes.ContainsRune(raw, '\uFFFD') || bytes.Contains(raw, []byte("&#")) {
			return // XML itself changes line ends and what it cannot hold
		}
		back, err := understand(tell(t, set))
		if err != nil || cmp.Diff(set, back, cmpopts.EquateEmpty()) != "" {
			t.Fatalf("%q came back changed: %v\n%s", raw, err, cmp.Diff(set, back))
		}
	})
}

// understand is the settings that one document of any kind makes.
func understand(raw []byte) (set object.Settings, err error) {
	var tags taggingDocument
	var cors corsDocument
	var lifecycle lifecycleDocument
	switch {
	case decodeXML(raw, "Tagging", &tags) == nil:
		if set.Tags, err = tags.tags(); err == nil {
			err = object.CheckTags(set.Tags, object.MaxBucketTags)
		}
	case decodeXML(raw, "CORSConfiguration", &cors) == nil:
		set.CORS = cors.rules()
		err = object.CheckCORS(set.CORS)
	case decodeXML(raw, "LifecycleConfiguration", &lifecycle) == nil:
		set.Lifecycle, err = lifecycle.lifecycle("")
	default:
		err = fault.MalformedXML
	}
	return set, err
}

// tell is the document of GET.
func tell(t *testing.T, set object.Settings) []byte {
	c := &call{rq: &request{bucket: "bucket"}, w: httptest.NewRecorder()}
	for _, sub := range []string{"tagging", "cors", "lifecycle"} {
		if x, err := bucketSettings[sub].tell(c, &set); err == nil {
			x.close(x.root)
			return x.b
		} else if !strings.Contains(err.Error(), "not-found") {
			t.Fatal(err)
		}
	}
	return []byte(`<Tagging><TagSet/></Tagging>`)
}
