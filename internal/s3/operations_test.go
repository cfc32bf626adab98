package s3

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/fault"
)

// sample is a request of o's form, as an SDK sends it.
func (o Operation) sample(t *testing.T, more string) *request {
	t.Helper()
	target := strings.NewReplacer("{Bucket}", "bucket", "{Key}", "key").Replace(o.Target)
	target = strings.NewReplacer("partNumber=", "partNumber=1", "uploadId=", "uploadId=u", "id=", "id=i", "annotationName=", "annotationName=a").Replace(target)
	if more != "" && strings.Contains(target, "?") {
		target += "&" + more
	} else if more != "" {
		target += "?" + more
	}
	text := fmt.Sprintf("%s %s HTTP/1.1\r\n", o.Method, target)
	for _, h := range o.Headers {
		text += h + ": other/key\r\n"
	}
	text = strings.Replace(text, "x-amz-object-attributes: other/key", "x-amz-object-attributes: ETag", 1)
	if o.Name == "DeleteObjects" {
		text += "Content-MD5: XUFAKrxLKna5cZ2REBfFkg==\r\n"
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text + "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	rq, err := newRequest(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rq
}

func TestEveryOperationOfTheAPIIsAnsweredAsItself(t *testing.T) {
	for _, o := range Operations() {
		for _, more := range []string{"", "x-id=" + o.Name} {
			op, err := parse(o.sample(t, more))
			want := o.Name
			if o.Twin != "" {
				want = o.Twin
			}
			refused := errors.Is(err, fault.NotImplemented) || errors.Is(err, fault.MethodNotAllowed)
			if set, ok := op.(*settingOperation); ok && set.method == http.MethodPut && set.read == nil {
				refused = op.name() == want
			}
			switch {
			case o.Missing != "" && refused:
			case o.Missing != "" && err == nil:
				t.Errorf("%s is answered as %s: remove its reason from the table, or refuse it", o.Name, op.name())
			case err != nil:
				t.Errorf("%s is refused: %v", o.Name, err)
			case op.name() != want:
				t.Errorf("%s is answered as %s", o.Name, op.name())
			}
		}
	}
}

func TestTheTableHasEveryOperationOfTheAPI(t *testing.T) {
	raw, err := os.ReadFile("testdata/operations.txt") // the names of the newest model that was looked at, and PostObject
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range Operations() {
		names = append(names, o.Name)
	}
	if d := cmp.Diff(strings.Fields(string(raw)), names); d != "" {
		t.Errorf("-API +table:\n%s", d)
	}
}

func TestEveryRouteIsAnOperationOfTheTable(t *testing.T) {
	known := map[string]bool{}
	for _, o := range Operations() {
		known[o.Name] = o.Missing == ""
	}
	for at, p := range routes {
		if op, err := p(&request{method: at.method, bucket: "bucket", key: strings.Repeat("key", int(at.level/atObject)), header: http.Header{}}); err == nil && !known[op.name()] {
			t.Errorf("%v leads to %s, which the table does not have", at, op.name())
		}
	}
	for sub, s := range bucketSettings {
		for _, v := range []verb{s.get, s.put, s.remove} {
			if refused := v == s.put && s.read == nil; v.name != "" && !known[v.name] && !refused {
				t.Errorf("?%s leads to %s, which the table does not have", sub, v.name)
			}
		}
	}
}
