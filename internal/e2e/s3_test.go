package e2e

import (
	"path/filepath"
	"testing"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// TestS3Clients runs the cases in s3/: boto3, the AWS CLI and other clients of PyPI with their defaults.
func TestS3Clients(t *testing.T) {
	python := tool(t, "venv/bin/python")
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		s3Command(t, i).cases(`(?m)^\d+ passed, 0 failed$`, python, script(t, "run.py"), i.URL)
	})
}

func script(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("s3", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// s3Command runs programs that find i's credentials in the environment, and nothing else.
func s3Command(t testing.TB, i *instance.Instance) command {
	c := newCommand(t,
		"AWS_ACCESS_KEY_ID="+instance.AccessKey, "AWS_SECRET_ACCESS_KEY="+instance.SecretKey, "AWS_REGION=us-east-1",
		"AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "PYTHONDONTWRITEBYTECODE=1",
	)
	if i.CertFile != "" {
		c.env = append(c.env, "AWS_CA_BUNDLE="+i.CertFile)
	}
	return c
}
