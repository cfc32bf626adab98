package s3_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/auth/sigv4"
)

// formField is one part of a form; file is a file's name.
type formField struct{ name, value, file string }

// signedFields are the fields that sign a form, with a policy of these conditions and those of the fields themselves.
func signedFields(now time.Time, conditions string) []formField {
	day := now.Format("20060102")
	fields := []formField{
		{name: "x-amz-algorithm", value: "AWS4-HMAC-SHA256"},
		{name: "x-amz-credential", value: root.AccessKey + "/" + day + "/us-east-1/s3/aws4_request"},
		{name: "x-amz-date", value: now.Format("20060102T150405Z")},
	}
	for _, f := range fields {
		conditions += fmt.Sprintf(`,{%q:%q}`, f.name, f.value)
	}
	policy := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"expiration":%q,"conditions":[%s]}`,
		now.Add(time.Hour).Format(time.RFC3339), strings.TrimPrefix(conditions, ",")))
	key := []byte("AWS4" + root.SecretKey)
	for _, step := range []string{day, "us-east-1", "s3", "aws4_request", policy} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(step))
		key = h.Sum(nil)
	}
	return append(fields, formField{name: "policy", value: policy}, formField{name: "x-amz-signature", value: hex.EncodeToString(key)})
}

// parseFormText is the fields in lines `name=value`, of which the file's is `file=NAME:CONTENT`, signed before the first when there are
// conditions.
func parseFormText(now time.Time, text, conditions string) []formField {
	var fields []formField
	if conditions != "" {
		fields = signedFields(now, conditions)
	}
	for line := range strings.SplitSeq(text, "\n") {
		name, value, _ := strings.Cut(line, "=")
		f := formField{name: name, value: value}
		if name == "file" {
			f.file, f.value, _ = strings.Cut(value, ":")
		}
		fields = append(fields, f)
	}
	return fields
}

func (s *server) formRequest(target string, fields []formField, headers ...string) *http.Request {
	s.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if err := w.SetBoundary("boundary"); err != nil {
		s.t.Fatal(err)
	}
	for _, f := range fields {
		disposition := fmt.Sprintf(`form-data; name="%s"`, f.name)
		if f.file != "" {
			disposition += fmt.Sprintf(`; filename="%s"`, f.file)
		}
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {disposition}})
		if err != nil {
			s.t.Fatal(err)
		}
		_, _ = io.WriteString(part, f.value)
	}
	_ = w.Close()
	return s.request(http.MethodPost, target, body.String(), append(headers, "Content-Type: "+w.FormDataContentType())...)
}

// anywhere are conditions that allow any key of the bucket.
const anywhere = `{"bucket":"bucket"},["starts-with","$key",""]`

// post sends a signed form.
func (s *server) post(conditions string, fields ...formField) answer {
	s.t.Helper()
	return s.send(s.formRequest("/bucket", append(signedFields(s.now, conditions), fields...)))
}

func TestTheNameOfAFileIsNoPath(t *testing.T) {
	s := newServer(t)
	s.must("PUT", "/bucket", "")
	for name, want := range map[string]string{
		"photo.jpg":             "user/photo.jpg",
		"/etc/passwd":           "user/passwd",
		`C:\Users\me\photo.jpg`: "user/photo.jpg",
		"../../other/photo":     "user/photo",
		"a/..":                  "user/..",
		"${filename}":           "user/${filename}",
		"ä b%2F.txt":            "user/ä b%2F.txt",
		"dir/":                  "user/dir", // as package multipart has it
	} {
		a := s.post(`{"bucket":"bucket"},["starts-with","$key","user/"],{"success_action_status":"201"}`,
			formField{name: "key", value: "user/${filename}"}, formField{name: "success_action_status", value: "201"},
			formField{name: "file", value: "x", file: name})
		if a.StatusCode != http.StatusCreated || !strings.Contains(a.body, "<Key>"+want+"</Key>") {
			t.Errorf("%s is stored as %d %s", name, a.StatusCode, a.body)
		}
	}
}

func TestAPolicyIsHeldAgainstTheKeyThatIsUsed(t *testing.T) {
	s := newServer(t)
	s.must("PUT", "/bucket", "")
	a := s.post(`{"bucket":"bucket"},{"key":"${filename}"}`,
		formField{name: "key", value: "${filename}"}, formField{name: "file", value: "x", file: "elsewhere"})
	if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "Policy Condition failed") {
		t.Errorf("a condition on the letters of a variable held: %d %s", a.StatusCode, a.body)
	}
	a = s.post(anywhere, formField{name: "bucket", value: "other"}, formField{name: "key", value: "k"}, formField{name: "file", value: "x", file: "f"})
	if a.StatusCode != http.StatusNoContent {
		t.Errorf("the bucket is that of the path, whatever the form says: %d %s", a.StatusCode, a.body)
	}
	a = s.send(s.formRequest("/another", append(signedFields(s.now, anywhere), formField{name: "bucket", value: "bucket"},
		formField{name: "key", value: "k"}, formField{name: "file", value: "x", file: "f"})))
	if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "Policy Condition failed") {
		t.Errorf("a policy for one bucket was good for another: %d %s", a.StatusCode, a.body)
	}
}

func TestAFormIsNoWayToHeadersThatAreNoFields(t *testing.T) {
	s := newServer(t)
	s.must("PUT", "/bucket", "")
	s.must("PUT", "/bucket/secret", "secret")
	for name, value := range map[string]string{
		"x-amz-copy-source": "/bucket/secret", "If-Match": "nonsense", "x-amz-trailer": "x-amz-checksum-crc32", "x-amz-content-sha256": "0",
		"x-amz-decoded-content-length": "1", "submit": "Upload", "uploadId": "1", "Content-Length": "0",
	} {
		a := s.post(anywhere+`,["starts-with","$`+name+`",""]`,
			formField{name: "key", value: "k"}, formField{name: name, value: value}, formField{name: "file", value: "mine", file: "f"})
		if got := s.do("GET", "/bucket/k", ""); a.StatusCode != http.StatusNoContent || got.body != "mine" {
			t.Errorf("%s: %d %s, stored %q", name, a.StatusCode, a.body, got.body)
		}
	}
	for name, value := range map[string]string{
		"x-amz-meta-a b": "1", "x-amz-meta-a:": "1", "Content-Type": "text/html\r\nSet-Cookie: a=b", "x-amz-meta-a": "1\n2", "acl": "public-read",
		"x-amz-server-side-encryption": "AES256", "x-amz-storage-class": "GLACIER", "x-amz-object-lock-mode": "COMPLIANCE",
	} {
		a := s.post(anywhere+`,["starts-with","$`+name+`",""]`,
			formField{name: "key", value: "refused"}, formField{name: name, value: value}, formField{name: "file", value: "x", file: "f"})
		if a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusNotImplemented {
			t.Errorf("%s: %q is taken: %d %s", name, value, a.StatusCode, a.body)
		}
	}
	if a := s.do("HEAD", "/bucket/refused", ""); a.StatusCode != http.StatusNotFound {
		t.Error("what was refused is there")
	}
}

func TestTheLimitsOfAForm(t *testing.T) {
	s := newServer(t)
	s.must("PUT", "/bucket", "")
	file := formField{name: "file", value: "x", file: "f"}
	ignored := func(size int) formField { return formField{name: "x-ignore-me", value: strings.Repeat("x", size)} }
	many := []formField{}
	for i := range 1000 {
		many = append(many, formField{name: fmt.Sprintf("x-ignore-%d", i)})
	}
	for name, c := range map[string]struct {
		fields []formField
		status int
		code   string
	}{
		"18 KiB of fields pass":           {[]formField{{name: "key", value: "k"}, ignored(18 << 10), file}, 204, ""},
		"20 KiB of fields do not":         {[]formField{{name: "key", value: "k"}, ignored(20 << 10), file}, 400, "MaxPostPreDataLengthExceeded"},
		"a megabyte of fields does not":   {[]formField{{name: "key", value: "k"}, ignored(1 << 20), file}, 400, "MaxPostPreDataLengthExceeded"},
		"too many fields do not":          {append(many, file), 400, "MaxPostPreDataLengthExceeded"},
		"a variable that swells does not": {[]formField{{name: "key", value: strings.Repeat("${filename}", 90)}, {name: "file", file: strings.Repeat("f", 1000)}}, 400, "MaxPostPreDataLengthExceeded"},
		"a long file name does not":       {[]formField{{name: "key", value: "${filename}"}, {name: "file", file: strings.Repeat("f", 1025)}}, 400, "MaxPostPreDataLengthExceeded"},
		"a long key does not":             {[]formField{{name: "key", value: strings.Repeat("k", 1025)}, file}, 400, "KeyTooLongError"},
		"megabytes behind the file fail":  {[]formField{{name: "key", value: "k"}, file, ignored(2 << 20)}, 400, "MalformedPOSTRequest"},
		"a little behind it is ignored":   {[]formField{{name: "key", value: "k"}, file, {name: "key", value: "other"}}, 204, ""},
		"a key behind the file is none":   {[]formField{file, {name: "key", value: "k"}}, 400, "InvalidArgument"},
		"a field twice":                   {[]formField{{name: "key", value: "k"}, {name: "KEY", value: "l"}, file}, 400, "InvalidArgument"},
		"a field without a name":          {[]formField{{name: "key", value: "k"}, {value: "l"}, file}, 400, "MalformedPOSTRequest"},
		"no file":                         {[]formField{{name: "key", value: "k"}}, 400, "InvalidArgument"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := s.post(anywhere, c.fields...); a.StatusCode != c.status || !strings.Contains(a.body, c.code) {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		})
	}
}

func TestAFormThatBreaksOffStoresNothing(t *testing.T) {
	s := newServer(t)
	s.must("PUT", "/bucket", "")
	whole, err := io.ReadAll(s.formRequest("/bucket", append(signedFields(s.now, anywhere), formField{name: "key", value: "k"},
		formField{name: "file", value: strings.Repeat("x", 4000), file: "f"})).Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 10, 60, 500, len(whole) - 3000, len(whole) - 13} {
		a := s.send(s.request(http.MethodPost, "/bucket", string(whole[:n]), "Content-Type: multipart/form-data; boundary=boundary"))
		if a.StatusCode != http.StatusBadRequest {
			t.Errorf("the first %d of %d bytes: %d %s", n, len(whole), a.StatusCode, a.body)
		}
	}
	if a := s.do("HEAD", "/bucket/k", ""); a.StatusCode != http.StatusNotFound {
		t.Error("a part of a form was stored")
	}
}

func TestOneFormMayBeSentAgainUntilItExpires(t *testing.T) {
	s := newServer(t)
	s.must("PUT", "/bucket", "")
	fields := append(signedFields(s.now, anywhere), formField{name: "key", value: "k"}, formField{name: "file", value: "x", file: "f"})
	for range 2 {
		if a := s.send(s.formRequest("/bucket", fields)); a.StatusCode != http.StatusNoContent {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
	s.now = s.now.Add(time.Hour)
	if a := s.send(s.formRequest("/bucket", fields)); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "Policy expired.") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func TestAFormIsSignedInOneWay(t *testing.T) {
	s := newServer(t)
	s.must("PUT", "/bucket", "")
	content := []formField{{name: "key", value: "k"}, {name: "file", value: "x", file: "f"}}
	send := func(sign bool, fields []formField) answer {
		r := s.formRequest("/bucket", fields)
		if sign {
			s.sign(r, sigv4.UnsignedPayload)
		}
		return s.send(r)
	}
	if a := send(false, content); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "<Code>AccessDenied</Code>") {
		t.Errorf("a form of nobody: %d %s", a.StatusCode, a.body)
	}
	if a := send(true, content); a.StatusCode != http.StatusNoContent {
		t.Errorf("a form in a signed request: %d %s", a.StatusCode, a.body)
	}
	if a := send(true, append(signedFields(s.now, anywhere), content...)); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a signed form in a signed request: %d %s", a.StatusCode, a.body)
	}
}

func TestTheOwnerOfABucketIsToldToNobody(t *testing.T) {
	s := newServer(t)
	s.must("PUT", "/bucket", "")
	content := []formField{{name: "key", value: "k"}, {name: "file", value: "x", file: "f"}}
	for _, fields := range [][]formField{content, content[:1]} { // a whole form and a broken one
		var seen []int
		for _, target := range []string{"/bucket", "/nobody-made-this"} {
			for _, owner := range []string{"root", "somebody"} {
				seen = append(seen, s.send(s.formRequest(target, fields, "X-Amz-Expected-Bucket-Owner: "+owner)).StatusCode)
			}
		}
		if slices.Max(seen) != slices.Min(seen) {
			t.Errorf("answers differ: %d", seen)
		}
	}
	signed := append(signedFields(s.now, anywhere), content...)
	for owner, want := range map[string]int{"root": http.StatusNoContent, "somebody": http.StatusForbidden} {
		if a := s.send(s.formRequest("/bucket", signed, "X-Amz-Expected-Bucket-Owner: "+owner)); a.StatusCode != want {
			t.Errorf("a signed form for a bucket of %s: %d %s", owner, a.StatusCode, a.body)
		}
	}
}

func TestTheHashOfASignedRequestCoversWhatFollowsTheFile(t *testing.T) {
	s := newServer(t)
	s.must("PUT", "/bucket", "")
	r := s.formRequest("/bucket", []formField{
		{name: "key", value: "k"}, {name: "file", value: "x", file: "f"}, {name: "behind", value: strings.Repeat("x", 20<<10)},
	})
	s.sign(r, strings.Repeat("0", 64))
	if a := s.send(r); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "XAmzContentSHA256Mismatch") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := s.do("HEAD", "/bucket/k", ""); a.StatusCode != http.StatusNotFound {
		t.Error("a body with another hash was stored")
	}
}

// TestAFileIsStreamed sends 64 MiB whose length nobody declares, and looks at what is allocated for it.
func TestAFileIsStreamed(t *testing.T) {
	const size = 64 << 20
	s := newServer(t)
	s.must("PUT", "/bucket", "")
	head, err := io.ReadAll(s.formRequest("/bucket", append(signedFields(s.now, anywhere), formField{name: "key", value: "k"},
		formField{name: "file", file: "f"})).Body)
	if err != nil {
		t.Fatal(err)
	}
	const end = "\r\n--boundary--\r\n"
	body := io.MultiReader(bytes.NewReader(head[:len(head)-len(end)]), io.LimitReader(endless{}, size), strings.NewReader(end))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/bucket", io.NopCloser(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "multipart/form-data; boundary=boundary")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if a := s.send(r); a.StatusCode != http.StatusNoContent || a.Header.Get("X-Amz-Object-Size") != fmt.Sprint(size) {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > size/4 {
		t.Errorf("%d bytes were allocated for %d", n, size)
	}
}

// endless is a reader of zeros.
type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }
