package sigv4

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
)

const suiteFile = "testdata/aws-sig-v4-test-suite.txtar"

// differing are the cases of the suite that do not apply to S3, with the fault that they meet here instead.
var differing = map[string]struct {
	code *fault.Code
	why  string
}{
	"normalize-path/get-relative":            {fault.SignatureMismatch, "S3 does not normalise the path"},
	"normalize-path/get-relative-relative":   {fault.SignatureMismatch, "S3 does not normalise the path"},
	"normalize-path/get-slash":               {fault.SignatureMismatch, "S3 does not normalise the path"},
	"normalize-path/get-slash-dot-slash":     {fault.SignatureMismatch, "S3 does not normalise the path"},
	"normalize-path/get-slash-pointless-dot": {fault.SignatureMismatch, "S3 does not normalise the path"},
	"normalize-path/get-slashes":             {fault.SignatureMismatch, "S3 does not normalise the path"},
	"get-vanilla-query-order-key":            {fault.BadRequest, "the order of repeated parameters is not covered by the signature"},
	"get-vanilla-query-order-value":          {fault.BadRequest, "the order of repeated parameters is not covered by the signature"},
	"post-sts-token/post-sts-header-after":   {fault.AccessDenied, "a session token has to be signed"},
}

// notHTTP is the case whose request line net/http refuses: it has a blank in the path.
const notHTTP = "normalize-path/get-space"

func TestTheAWSTestSuite(t *testing.T) {
	for name, files := range readSuite(t) {
		t.Run(name, func(t *testing.T) {
			r, err := readRequest(files)
			if name == notHTTP {
				if err == nil {
					t.Fatal("net/http has come to accept this request")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = suiteVerifier().Verify(r)
			if want, ok := differing[name]; ok {
				if !errors.Is(err, want.code) {
					t.Fatalf("%v, want %s, as %s", err, want.code.Name(), want.why)
				}
				return
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// The canonical requests are the same wherever S3 does not differ, also where Verify refuses a repeated parameter.
func TestTheCanonicalRequestsOfTheAWSTestSuite(t *testing.T) {
	for name, files := range readSuite(t) {
		if code := differing[name].code; name == notHTTP || code == fault.SignatureMismatch || code == fault.AccessDenied {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r, err := readRequest(files)
			if err != nil {
				t.Fatal(err)
			}
			params, err := parseQuery(rawQuery(r))
			if err != nil {
				t.Fatal(err)
			}
			c, err := parseClaim(r, params)
			if err != nil {
				t.Fatal(err)
			}
			paths, err := canonicalPaths(rawPath(r))
			if err != nil {
				t.Fatal(err)
			}
			_, payload, _ := cutLast(files["creq"])
			got := canonical{
				method: r.Method, path: paths[0], query: params.canonical(), headers: canonicalHeaders(r, c.signedHeaders),
				signed: c.signedHeaders, payload: payload,
			}.request()
			if diff := cmp.Diff(files["creq"], string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '\n')
	return s[:max(i, 0)], s[i+1:], i >= 0
}

// readSuite maps case and kind to the contents of a file.
func readSuite(t *testing.T) map[string]map[string]string {
	t.Helper()
	archive, err := os.ReadFile(suiteFile)
	if err != nil {
		t.Fatal(err)
	}
	suite := map[string]map[string]string{}
	for i, file := range strings.Split(string(archive), "\n-- ") {
		if i == 0 {
			continue // the comment
		}
		file, data, _ := strings.Cut(file, " --\n")
		kind := path.Ext(file)
		name := strings.TrimSuffix(file, kind)
		if suite[name] == nil {
			suite[name] = map[string]string{}
		}
		suite[name][kind[1:]] = strings.TrimSuffix(data, "\n")
	}
	if len(suite) != 34 {
		t.Fatalf("the suite has %d cases, want 34", len(suite))
	}
	return suite
}

// readRequest reads a request of the suite, whose body has no length and whose head may have no end. The .authz file
// has the last word on its signature: the one in get-vanilla-with-session-token.sreq is that of another case.
func readRequest(files map[string]string) (*http.Request, error) {
	head, body, _ := strings.Cut(files["sreq"], "\n\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + "\n\n")))
	if err != nil {
		return nil, err
	}
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	r.Header.Set("Authorization", files["authz"])
	return r.WithContext(context.Background()), nil
}

func suiteVerifier() *Verifier {
	root := auth.Root{AccessKey: "AKIDEXAMPLE", SecretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	return &Verifier{
		Keys: root, Sessions: anyToken{root}, Services: []string{"service"},
		Now: func() time.Time { return time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC) },
	}
}

type anyToken struct{ auth.Root }

func (a anyToken) SessionSecret(ctx context.Context, accessKey, _ string) (string, auth.Principal, error) {
	return a.Secret(ctx, accessKey)
}
