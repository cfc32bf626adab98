package client_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/client"
	"github.com/zot-artifact-store/zas/fault"
)

// oddKeys are keys that clients lose on the way.
var oddKeys = []string{
	"a//b", "a/../b", "a/./b", "/a", "a/", "a b", "a+b", "a%41", "a?b=c", "a#b", "a&b<c>\"'", "ключ", "a\x01b", "a\nb", "~a", "a:b@c;d", "a\\b", "\u2028",
}

func TestKeysAreTakenAsTheyAre(t *testing.T) {
	s := newSuite(t)
	for _, key := range oddKeys {
		s.put(key, "content of "+key)
	}
	for _, key := range oddKeys {
		s.holds(key, []byte("content of "+key))
	}
	var got []string
	for e, err := range s.List(t.Context(), client.At(bucket, ""), client.ListOptions{Page: 4}) {
		s.ok(err)
		got = append(got, e.Key)
	}
	want := slices.Sorted(slices.Values(oddKeys))
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	get(s.Copy(t.Context(), client.At(bucket, "a%41"), client.At(bucket, "копия+ %"), client.CopyOptions{}))(s)
	s.holds("копия+ %", []byte("content of a%41"))
}

func TestAnObjectComesBackWithWhatWasSaidOfIt(t *testing.T) {
	s := newSuite(t)
	meta := client.Metadata{
		ContentType: "text/plain", CacheControl: "no-store", ContentDisposition: `attachment; filename="x"`, ContentEncoding: "br", ContentLanguage: "de",
		User: map[string]string{"colour": "blue", "name": "Grüße =?x?= ", "spaces": " a ", "long": strings.Repeat("ü", 100)},
	}
	up := get(s.Upload(t.Context(), client.At(bucket, "k"), strings.NewReader("hello\n"), client.UploadOptions{Metadata: meta, Tags: map[string]string{"a b": "c+d", "e": ""}}))(s)
	found := get(s.Stat(t.Context(), client.At(bucket, "k")))(s)
	if d := cmp.Diff(meta, found.Metadata); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"a b": "c+d", "e": ""}, get(s.Tags(t.Context(), client.At(bucket, "k")))(s)); d != "" {
		t.Error(d)
	}
	if found.Tags != 2 || found.Size != 6 || up.Size != 6 || found.ETag != up.ETag || found.Once == "" || found.Modified.IsZero() {
		t.Errorf("%+v", found)
	}
	content, art, err := client.ArtifactOf(strings.NewReader("hello\n"))
	s.ok(err)
	if content != "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03" || art != "sha256:4feb923c86debbd610d705fec215b153f0686467ba15166433760eddd10389da" ||
		found.Content != content || found.Artifact != art || up.Content != content || art != artifact.Digest(content, 6) {
		t.Errorf("%s %s %+v", content, art, found)
	}
	s.ok(s.SetTags(t.Context(), client.At(bucket, "k"), nil))
	if tags := get(s.Tags(t.Context(), client.At(bucket, "k")))(s); len(tags) != 0 {
		t.Error(tags)
	}
}

func TestWhatIsStoredCompressedStaysSo(t *testing.T) {
	s := newSuite(t)
	var zip bytes.Buffer
	w := gzip.NewWriter(&zip)
	_, err := w.Write(bytes.Repeat([]byte("x"), 1000))
	s.ok(errors.Join(err, w.Close()))
	s.config.Transport = http.DefaultTransport // which decodes
	s.Client = s.newClient(s.config)
	get(s.Upload(t.Context(), client.At(bucket, "z"), bytes.NewReader(zip.Bytes()), client.UploadOptions{Metadata: client.Metadata{ContentEncoding: "gzip"}}))(s)
	s.holds("z", zip.Bytes())
}

func TestListingsSumUpPrefixesInOrder(t *testing.T) {
	s := newSuite(t)
	for _, key := range []string{"a", "b/1", "b/2", "b0", "c/d/e", "z"} {
		s.put(key, key)
	}
	list := func(prefix string, o client.ListOptions) (got []string) {
		for e, err := range s.List(t.Context(), client.At(bucket, prefix), o) {
			s.ok(err)
			if e.Common {
				e.Key += " …"
			}
			got = append(got, e.Key)
		}
		return got
	}
	for _, page := range []int{0, 1, 2} {
		if d := cmp.Diff([]string{"a", "b/ …", "b0", "c/ …", "z"}, list("", client.ListOptions{Delimiter: "/", Page: page})); d != "" {
			t.Error(page, d)
		}
		if d := cmp.Diff([]string{"b/2", "b0", "c/d/e", "z"}, list("", client.ListOptions{After: "b/1", Page: page})); d != "" {
			t.Error(page, d)
		}
		if d := cmp.Diff([]string{"b/1", "b/2"}, list("b/", client.ListOptions{Page: page})); d != "" {
			t.Error(page, d)
		}
	}
	s.log.count()
	for _, err := range s.List(t.Context(), client.At(bucket, ""), client.ListOptions{Page: 2}) {
		s.ok(err)
		break
	}
	if n := s.log.count("list-type"); n != 1 {
		t.Errorf("%d pages were asked for, by who wanted one key", n)
	}
}

func TestVersionsAndLocks(t *testing.T) {
	s := newSuite(t)
	ctx, ref := t.Context(), client.At("locked", "k")
	s.ok(s.CreateBucket(ctx, "locked", client.BucketOptions{ObjectLock: true, Versioning: true}))
	first := get(s.Upload(ctx, ref, strings.NewReader("one"), client.UploadOptions{
		Lock: client.Lock{Mode: "GOVERNANCE", Until: time.Now().Add(time.Hour)}}))(s)
	second := get(s.Upload(ctx, ref, strings.NewReader("two!"), client.UploadOptions{}))(s)
	gone := get(s.Delete(ctx, ref, client.DeleteOptions{}))(s)
	if !gone.Marker || gone.Version == "" || first.Version == second.Version || first.Version == "" {
		t.Errorf("%+v %+v %+v", first, second, gone)
	}
	_, err := s.Stat(ctx, ref)
	is(t, err, fault.KeyNotFound)
	_, err = s.Stat(ctx, client.Ref{Bucket: "locked", Key: "k", Version: gone.Version})
	is(t, err, fault.MethodNotAllowed)
	var got []string
	for e, err := range s.Versions(ctx, client.At("locked", ""), client.ListOptions{Page: 1}) {
		s.ok(err)
		got = append(got, e.Version)
		if e.Marker != (len(got) == 1) || e.Latest != (len(got) == 1) || !e.Marker && e.Size != int64(6-len(got)) {
			t.Errorf("%+v", e)
		}
	}
	if d := cmp.Diff([]string{gone.Version, second.Version, first.Version}, got); d != "" {
		t.Error(d)
	}
	locked := get(s.Stat(ctx, first.Ref))(s)
	if locked.Lock.Mode != "GOVERNANCE" || locked.Lock.Until.IsZero() {
		t.Errorf("%+v", locked.Lock)
	}
	_, err = s.Delete(ctx, first.Ref, client.DeleteOptions{})
	is(t, err, fault.ObjectLocked)
	if d := get(s.Delete(ctx, first.Ref, client.DeleteOptions{BypassGovernance: true}))(s); d.Version != first.Version || d.Marker {
		t.Errorf("%+v", d)
	}
	restored := get(s.Copy(ctx, second.Ref, ref, client.CopyOptions{}))(s)
	if restored.Content != second.Content || restored.Version == second.Version {
		t.Errorf("%+v", restored)
	}
}

func TestCopiesKeepWhatTheyAreNotToldToChange(t *testing.T) {
	s := newSuite(t)
	from := get(s.Upload(t.Context(), client.At(bucket, "from"), strings.NewReader("x"), client.UploadOptions{
		Metadata: client.Metadata{ContentType: "text/x"}, Tags: map[string]string{"a": "b"}}))(s)
	same := get(s.Copy(t.Context(), client.At(bucket, "from"), client.At(bucket, "same"), client.CopyOptions{}))(s)
	if same.ETag != from.ETag || same.Content != from.Content {
		t.Errorf("%+v", same)
	}
	get(s.Copy(t.Context(), client.At(bucket, "from"), client.At(bucket, "other"), client.CopyOptions{
		Metadata: &client.Metadata{ContentType: "text/y"}, Tags: &map[string]string{"c": "d"}}))(s)
	for key, want := range map[string]string{"same": "text/x map[a:b]", "other": "text/y map[c:d]"} {
		found, tags := get(s.Stat(t.Context(), client.At(bucket, key)))(s), get(s.Tags(t.Context(), client.At(bucket, key)))(s)
		if got := found.Metadata.ContentType + " " + strings.TrimSpace(strings.Join([]string{"map[" + pairs(tags) + "]"}, "")); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	_, err := s.Copy(t.Context(), client.At(bucket, "from"), client.At(bucket, "same"), client.CopyOptions{If: client.Condition{Absent: true}})
	is(t, err, fault.PreconditionFailed)
}

func pairs(m map[string]string) string {
	var list []string
	for k, v := range m {
		list = append(list, k+":"+v)
	}
	return strings.Join(list, " ")
}

func TestPresignedURLsAreGoodForWhatTheySayAndNoLonger(t *testing.T) {
	s := newSuite(t)
	s.put("a b/../c", "content")
	url := get(s.Presign(t.Context(), client.At(bucket, "a b/../c"), client.PresignOptions{Query: map[string]string{"response-content-type": "text/q +"}}))(s)
	a, err := http.Get(url)
	s.ok(err)
	defer a.Body.Close()
	if text, _ := io.ReadAll(a.Body); string(text) != "content" || a.Header.Get("Content-Type") != "text/q +" {
		t.Errorf("%s %s", a.Status, text)
	}
	put := get(s.Presign(t.Context(), client.At(bucket, "new"), client.PresignOptions{Method: http.MethodPut}))(s)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, put, strings.NewReader("by url"))
	s.ok(err)
	b, err := http.DefaultClient.Do(r)
	s.ok(err)
	b.Body.Close()
	s.holds("new", []byte("by url"))
	_, err = s.Presign(t.Context(), client.At(bucket, "new"), client.PresignOptions{Expires: 8 * 24 * time.Hour})
	is(t, err, fault.ArgumentInvalid)
	nobody := s.config
	nobody.Credentials = nil
	_, err = s.newClient(nobody).Presign(t.Context(), client.At(bucket, "new"), client.PresignOptions{})
	is(t, err, fault.CredentialsMissing)
}

func is(t *testing.T, err error, code *fault.Code) {
	t.Helper()
	var e *client.Error
	if !errors.Is(err, code) || !errors.As(err, &e) {
		t.Errorf("got %v, want %s", err, code.Name())
	}
}

func TestFailuresAreTheServersFaults(t *testing.T) {
	s := newSuite(t)
	ctx := t.Context()
	s.put("k", "x")
	stranger, wrong := s.config, s.config
	stranger.Credentials, wrong.Credentials = nil, client.KeyPair{AccessKey: root.AccessKey, SecretKey: "guessed"}
	first := func(seq func(func(client.Entry, error) bool)) (err error) {
		seq(func(_ client.Entry, e error) bool { err = e; return false })
		return err
	}
	for name, test := range map[string]struct {
		code *fault.Code
		call func() error
	}{
		"no key":            {fault.KeyNotFound, func() error { _, err := s.Stat(ctx, client.At(bucket, "none")); return err }},
		"no bucket":         {fault.BucketNotFound, func() error { _, err := s.Stat(ctx, client.At("nowhere", "k")); return err }},
		"no bucket to list": {fault.BucketNotFound, func() error { return first(s.List(ctx, client.At("nowhere", ""), client.ListOptions{})) }},
		"no version": {fault.VersionNotFound, func() error {
			_, err := s.Stat(ctx, client.Ref{Bucket: bucket, Key: "k", Version: "AAAAAAAAABAAAAAAAAAAAAAAAA"})
			return err
		}},
		"a name that is none": {fault.BucketNameInvalid, func() error { return s.CreateBucket(ctx, "a", client.BucketOptions{}) }},
		"not empty":           {fault.BucketNotEmpty, func() error { return s.DeleteBucket(ctx, bucket) }},
		"a long key": {fault.KeyTooLong, func() error {
			_, err := s.Upload(ctx, client.At(bucket, strings.Repeat("k", 1025)), strings.NewReader(""), client.UploadOptions{})
			return err
		}},
		"much metadata": {fault.MetadataTooLarge, func() error {
			_, err := s.Upload(ctx, client.At(bucket, "m"), strings.NewReader(""), client.UploadOptions{Metadata: client.Metadata{User: map[string]string{"a": strings.Repeat("x", 3000)}}})
			return err
		}},
		"no credentials": {fault.CredentialsMissing, func() error { _, err := s.newClient(stranger).Stat(ctx, client.At(bucket, "k")); return err }},
		"wrong secret":   {fault.SignatureMismatch, func() error { _, err := s.newClient(wrong).Stat(ctx, client.At(bucket, "k")); return err }},
		"there already": {fault.PreconditionFailed, func() error {
			_, err := s.Upload(ctx, client.At(bucket, "k"), strings.NewReader("x"), client.UploadOptions{If: client.Condition{Absent: true}})
			return err
		}},
		"nothing to replace": {fault.KeyNotFound, func() error {
			_, err := s.Upload(ctx, client.At(bucket, "none"), strings.NewReader("x"), client.UploadOptions{If: client.Condition{Match: "*"}})
			return err
		}},
		"small parts": {fault.ArgumentInvalid, func() error {
			_, err := s.Upload(ctx, client.At(bucket, "k"), strings.NewReader("x"), client.UploadOptions{PartSize: 100})
			return err
		}},
		"an upload that is no": {fault.UploadNotFound, func() error {
			_, err := s.Upload(ctx, client.At(bucket, "k"), strings.NewReader("x"), client.UploadOptions{Continue: "none"})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s.log.count()
			is(t, test.call(), test.code)
			if n := s.log.count(); n > 1 {
				t.Errorf("%d requests: what is refused is not sent again", n)
			}
		})
	}
	var e *client.Error
	_, err := s.Stat(ctx, client.At(bucket, "none"))
	if !errors.As(err, &e) || e.Op != "HeadObject" || e.Ref.Key != "none" || e.Status != 404 || e.RequestID == "" || e.Uncertain {
		t.Errorf("%+v", e)
	}
	if text := err.Error(); !strings.Contains(text, "HeadObject s3://bucket/none: key-not-found: the key does not exist (request ") {
		t.Error(text)
	}
	_, err = s.Stat(ctx, client.At(bucket, ""))
	if err == nil || !strings.Contains(err.Error(), "names no object") {
		t.Error(err)
	}
}

func TestOtherServersErrorsHaveFaultsToo(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		code   *fault.Code
	}{
		{404, "<Error><Code>NoSuchBucket</Code><Message>no</Message><RequestId>R</RequestId></Error>", fault.BucketNotFound},
		{403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", fault.ClockSkewed},
		{404, "", fault.KeyNotFound}, {403, "<html>", fault.AccessDenied}, {412, "", fault.PreconditionFailed}, {418, "", fault.BadRequest}, {302, "", fault.BadRequest},
		{500, "", fault.Unexpected}, {502, "", fault.Unexpected}, {503, "", fault.Busy}, {501, "", fault.NotImplemented}, {429, "", fault.Busy},
	} {
		n := 0
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n++
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		}))
		c, err := client.New(client.Config{Server: srv.URL, Retry: client.Retry{First: time.Microsecond}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Tags(t.Context(), client.At("b", "k"))
		is(t, err, test.code)
		if want := map[bool]int{true: 5, false: 1}[test.code.Retry() == fault.Backoff]; n != want {
			t.Errorf("%d %s: %d requests, want %d", test.status, test.body, n, want)
		}
		srv.Close()
	}
}

func TestTheURLOfTheServerIsAHostAndNothingElse(t *testing.T) {
	for _, url := range []string{"", "host", "ftp://host", "http://", "http://host/path", "http://host?x", "http://user:secret@host", "://"} {
		if _, err := client.New(client.Config{Server: url}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", url, err)
		}
	}
	if text := root.String(); strings.Contains(text, root.SecretKey) {
		t.Error(text)
	}
}

func TestReferencesAreVerbatim(t *testing.T) {
	for text, want := range map[string]client.Ref{
		"s3://b": {Bucket: "b"}, "s3://b/": {Bucket: "b"}, "s3://b/k%20?x#y//z/../": {Bucket: "b", Key: "k%20?x#y//z/../"}, "s3://b//k": {Bucket: "b", Key: "/k"},
	} {
		if got, err := client.ParseRef(text); err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "b/k", "s3://", "s3:///k", "S3://b/k", "http://b/k"} {
		if got, err := client.ParseRef(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestBucketsAndUploadsAreListed(t *testing.T) {
	s := newSuite(t)
	s.ok(s.CreateBucket(t.Context(), "another", client.BucketOptions{}))
	s.ok(s.CreateBucket(t.Context(), "another", client.BucketOptions{}))
	var names []string
	for b, err := range s.Buckets(t.Context()) {
		s.ok(err)
		if b.Created.IsZero() {
			t.Error(b)
		}
		names = append(names, b.Name)
	}
	if d := cmp.Diff([]string{"another", bucket}, names); d != "" {
		t.Error(d)
	}
	s.ok(s.DeleteBucket(t.Context(), "another"))
	is(t, s.DeleteBucket(t.Context(), "another"), fault.BucketNotFound)
}
