package e2e

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// optIn is the case, once for each of two digest algorithms, that profile 1.1 of the suite leaves out unless asked for.
const optIn = "/blob-post-cancel"

// TestConformance runs the suite of the OCI distribution specification, as of version 1.1 and with all that is drafted since. Its report marks failures by an attribute of the test
// cases only, which generic readers of JUnit files overlook: they are counted here.
func TestConformance(t *testing.T) {
	suite := tool(t, "bin/conformance")
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		r := conform(t, suite, i)
		if r.left != 2 {
			t.Errorf("%d cases are left out, the suite itself leaves out 2", r.left)
		}
	})
	t.Run("with tokens, in repositories that anybody may read", func(t *testing.T) {
		conform(t, suite, openly(t, false))
	})
	t.Run("with what is optional", func(t *testing.T) {
		r := conform(t, suite, serve(t, false),
			"OCI_API_BLOBS_UPLOAD_CANCEL=true", "OCI_API_BLOBS_DIGEST_HEADER=true", "OCI_API_MANIFESTS_DIGEST_HEADER=true")
		if r.left != 0 {
			t.Errorf("%d cases are left out", r.left)
		}
	})
	for name, secure := range map[string]bool{"drafts over http": false, "drafts over https": true} {
		t.Run(name, func(t *testing.T) {
			r := conform(t, suite, serve(t, secure, `ZAS_STORAGE_SPARSEREPOSITORIES=["conformance/**"]`),
				"OCI_VERSION=dev", "OCI_DATA_SPARSE=true", "OCI_API_BLOBS_DIGEST_HEADER=true", "OCI_API_MANIFESTS_DIGEST_HEADER=true")
			if r.left != 0 || r.passed < 800 {
				t.Errorf("%d cases passed, %d are left out", r.passed, r.left)
			}
		})
	}
}

func conform(t *testing.T, suite string, i *instance.Instance, env ...string) results {
	tls := "disabled"
	if i.CertFile != "" {
		tls = "enabled"
	}
	dir := t.TempDir()
	c := newCommand(t, append([]string{"OCI_VERSION=1.1"}, append(env,
		"OCI_REGISTRY="+i.Host, "OCI_TLS="+tls, "SSL_CERT_FILE="+i.CertFile, "OCI_RESULTS_DIR="+dir,
		"OCI_USERNAME="+instance.AccessKey, "OCI_PASSWORD="+instance.SecretKey,
		"OCI_REPO1=conformance/one", "OCI_REPO2=conformance/two",
	)...)...)
	_, err := c.try(io.Discard, suite)
	r := readResults(t, filepath.Join(dir, "junit.xml"))
	t.Logf("%d passed, %d failed, %d left out", r.passed, len(r.failed), r.left)
	for _, one := range r.failed {
		t.Error(one)
	}
	if len(r.failed) == 0 && err != nil {
		t.Error(err)
	}
	if r.passed < 600 {
		t.Errorf("%d cases passed: is this the whole suite?", r.passed)
	}
	return r
}

// results are what a run of the suite came to.
type results struct {
	passed, left int
	failed       []string // everything that neither passed nor is opt-in: skipped cases too
}

func readResults(t *testing.T, path string) (r results) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Suites []struct {
			Cases []struct {
				Name   string `xml:"name,attr"`
				Status string `xml:"status,attr"`
				Output string `xml:"system-out"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	for _, suite := range report.Suites {
		for _, one := range suite.Cases {
			switch {
			case one.Status == "passed":
				r.passed++
			case one.Status == "skipped" && strings.HasSuffix(one.Name, optIn):
				r.left++
			default:
				r.failed = append(r.failed, one.Status+" "+one.Name+"\n"+last(one.Output, 12))
			}
		}
	}
	return r
}
