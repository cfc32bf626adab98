package e2e

import (
	"io"
	"regexp"
	"testing"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// TestAWSSDKForGo runs the cases of tools/awssdk.
func TestAWSSDKForGo(t *testing.T) {
	suite := tool(t, "bin/awssdk")
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		sdkCommand(t, i).cases(`(?m)^--- PASS: `, suite, "-test.v")
	})
}

// sdkCommand runs programs that find the server, too, in the environment.
func sdkCommand(t testing.TB, i *instance.Instance) command {
	c := s3Command(t, i)
	c.env = append(c.env, "AWS_ENDPOINT_URL="+i.URL)
	return c
}

// cases runs a program of many cases, which must all pass; passed is what it prints only when some ran.
func (c command) cases(passed, name string, args ...string) {
	c.t.Helper()
	out, err := c.try(io.Discard, name, args...)
	if err != nil {
		c.t.Fatalf("cases failed: %v", err)
	}
	c.t.Log(out)
	if !regexp.MustCompile(passed).MatchString(out) {
		c.t.Error("no case ran")
	}
}
