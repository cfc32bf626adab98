package e2e

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// fewest is how many cases of the suite have to run and to pass.
const (
	fewestRun  = 765
	fewestPass = 620
)

// exceptionReasons is every reason for which a case of versitygw's suite may fail. What S3 documents is above what the suite expects.
func exceptionReasons() map[string]string {
	return map[string]string{
		// What is not there, or not yet.
		"identities": "principals other than root are not there yet",
		"policies":   "policies of buckets have neither conditions nor principals but everybody and root yet",
		"acl":        "grants of access control lists are not implemented: buckets are BucketOwnerEnforced, as S3's are",
		"website":    "static websites are not implemented",
		"admin":      "it is about versitygw's own admin API",
		// Where S3 differs from what the suite expects.
		"copy-412":    "S3 answers 412 where a condition on the source of a copy fails, never 304 (CopyObject)",
		"empty":       "S3 has empty elements for an empty prefix and marker, and clients miss them (ListObjects)",
		"next-marker": "S3 tells NextMarker with a delimiter only (ListObjects)",
		"token":       "a continuation token is opaque (ListObjectsV2)",
		"markers":     "an upload-id-marker belongs to its key-marker, and a page goes on where an upload ended meanwhile (ListMultipartUploads)",
		"null":        "`null` is no checksum algorithm (ListParts)",
		"own-bucket":  "in us-east-1 S3 answers 200 to who creates his own bucket again (CreateBucket)",
		"location":    "S3 has IllegalLocationConstraintException for another region, and clients name us-east-1 (CreateBucket)",
		"nothing":     "a DeleteObjects that lists no keys is MalformedXML (DeleteObjects)",
		"sizes":       "the suite has the two sizes of the message in the wrong order (CompleteMultipartUpload)",
		"form-date":   "a form is good until its policy expires (POST Object)",
		"keys":        "keys are not paths of files: `.`, `..` and a trailing slash mean nothing in them (Naming Amazon S3 objects)",
		"expose":      "S3 exposes the headers that the rule names, and no others (CORS)",
		// Where this server differs from S3 on purpose.
		"integrity": "a checksum of the object is compared also where the upload began without naming an algorithm",
		"strangers": "who is not known learns neither what is wrong with a request nor which buckets there are",
		"leftovers": "buckets of cases that failed are still there",
	}
}

// TestVersitygw runs the suite that versitygw has for its own S3 API, over one new server. Cases that fail are listed in
// versitygw/exceptions.txt, each with its reason; one that is listed and passes has to leave the list.
func TestVersitygw(t *testing.T) {
	suite := tool(t, "bin/versitygw")
	// The suite takes the access key for the id of the owner. It creates users with the program's own admin commands, which it
	// finds in its working directory: here they succeed and do nothing.
	env := []string{"ZAS_ROOT_ACCESS_KEY=root", "ZAS_EXTENSIONS_S3_STRICTREGION=true"}
	i := start(t, instance.Options{Binary: binary(t), Data: t.TempDir(), Env: env})
	c := newCommand(t, "AWS_CA_BUNDLE=")
	if err := os.Chmod(c.file("versitygw", []byte("#!/bin/sh\nexit 0\n")), 0o700); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	text, _ := c.try(&out, suite, "test", "-a", "root", "-s", instance.SecretKey, "-e", i.URL, "--allow-insecure", "full-flow", "-vs", "--parallel") // it mostly waits for locks to end
	passed, failed := suiteResults(text)
	t.Logf("%d cases passed, %d failed", passed, len(failed))
	if ran := passed + len(failed); ran < fewestRun || passed < fewestPass {
		t.Errorf("%d cases ran, %d passed: is this the whole suite?\n%s%s", ran, passed, last(text, 20), out.String())
	}
	compareWithExceptions(t, failed)
}

// suiteResults reads the suite's output, in which cases are mixed: how many runs of cases passed, and the messages of those that did not, by
// name. A case that tells nothing could not remove its bucket.
func suiteResults(text string) (passed int, failed map[string]string) {
	events := regexp.MustCompile("\x1b\\[[0-9]+m(RUN |PASS|FAIL) \x1b\\[0m([A-Za-z0-9_]+)(: [^\x1b\n]*)?")
	failed = map[string]string{}
	untold := map[string]int{}
	for _, m := range events.FindAllStringSubmatch(text, -1) {
		name := m[2]
		switch m[1] {
		case "RUN ":
			untold[name]++
			continue
		case "PASS":
			passed++
		case "FAIL":
			failed[name] = m[3]
		}
		untold[name]--
	}
	for name, n := range untold {
		if n > 0 && failed[name] == "" {
			failed[name] = ": it told nothing"
		}
	}
	return passed, failed
}

func compareWithExceptions(t *testing.T, failed map[string]string) {
	listed := readExceptions(t)
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		if listed[name] == "" {
			t.Errorf("%s failed%s", name, failed[name])
		}
	}
	count := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		if _, still := failed[name]; !still {
			t.Errorf("%s passes: remove it from versitygw/exceptions.txt", name)
		}
		count[listed[name]]++
	}
	for _, reason := range slices.Sorted(maps.Keys(count)) {
		t.Logf("%3d %s: %s", count[reason], reason, exceptionReasons()[reason])
	}
}

// readExceptions is the reason of each case that may fail.
func readExceptions(t *testing.T) map[string]string {
	raw, err := os.ReadFile("versitygw/exceptions.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed, reasons := map[string]string{}, exceptionReasons()
	for line := range strings.Lines(string(raw)) {
		name, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		if reasons[reason] == "" || listed[name] != "" {
			t.Errorf("%s is listed twice or for no reason of the list: %q", name, reason)
		}
		listed[name] = reason
	}
	return listed
}
