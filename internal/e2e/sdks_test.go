package e2e

import (
	"io"
	"os"
	"path/filepath"
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

// TestAWSSDKForJavaScript runs the cases of s3js.
func TestAWSSDKForJavaScript(t *testing.T) {
	node, modules := tool(t, "node"), tool(t, "s3js/node_modules")
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		c := sdkCommand(t, i)
		c.env = append(c.env, "NODE_EXTRA_CA_CERTS="+i.CertFile, "NODE_NO_WARNINGS=1")
		if err := os.CopyFS(c.dir, os.DirFS("s3js")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(modules, filepath.Join(c.dir, "node_modules")); err != nil {
			t.Fatal(err)
		}
		c.cases(`(?m)^# pass [1-9]`, node, "--test", "--test-reporter=tap")
	})
}

// TestAWSSDKForJava runs the cases of s3java: the sync client, the transfer manager over both of its clients, and s3a of Hadoop.
func TestAWSSDKForJava(t *testing.T) {
	java, classes, libraries := tool(t, "java"), tool(t, "s3java/classes"), tool(t, "s3java/lib")
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		c := sdkCommand(t, i)
		args := []string{"-cp", classes + ":" + libraries + "/*"}
		if i.CertFile != "" {
			c.run("keytool", "-importcert", "-noprompt", "-file", i.CertFile, "-keystore", "trusted.p12", "-storepass", "changeit")
			args = append(args, "-Djavax.net.ssl.trustStore=trusted.p12", "-Djavax.net.ssl.trustStorePassword=changeit")
		}
		c.cases(`(?m)^\[ +[1-9]\d* tests successful`, java, append(args, "org.junit.platform.console.ConsoleLauncher", "execute",
			"--scan-classpath", classes, "--include-classname", ".*", "--disable-banner", "--disable-ansi-colors")...)
	})
}

// TestThanosObjstore runs the acceptance test of the library with which Thanos, Loki and Mimir store their data.
func TestThanosObjstore(t *testing.T) {
	suite := nightlyTool(t, "bin/objstore")
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
