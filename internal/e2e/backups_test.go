package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// tree writes a folder of files of many kinds of names and sizes.
func (c command) tree(name string) string {
	c.t.Helper()
	for file, content := range map[string][]byte{
		"a": []byte("a"), "empty": nil, "sub/b ä+&": []byte("b"), "sub/deep/large": pattern(12<<20 + 1), "sub/other": pattern(70000),
	} {
		path := filepath.Join(c.dir, name, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			c.t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	return filepath.Join(c.dir, name)
}

// with is c with more of an environment.
func (c command) with(env ...string) command {
	c.env = append(c.env, env...)
	return c
}

func TestRclone(t *testing.T) {
	rclone := nightlyTool(t, "bin/rclone")
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		c := s3Command(t, i).with("RCLONE_CONFIG=/dev/null", "RCLONE_CONFIG_ZAS_TYPE=s3", "RCLONE_CONFIG_ZAS_PROVIDER=Other",
			"RCLONE_CONFIG_ZAS_ENV_AUTH=true", "RCLONE_CONFIG_ZAS_REGION=us-east-1", "RCLONE_CONFIG_ZAS_ENDPOINT="+i.URL,
			"RCLONE_CA_CERT="+i.CertFile, "RCLONE_S3_UPLOAD_CUTOFF=5Mi", "RCLONE_S3_CHUNK_SIZE=5Mi")
		c.tree("tree")
		c.run(rclone, "mkdir", "zas:rclone")
		c.run(rclone, "sync", "--metadata", "tree", "zas:rclone/dir")
		c.run(rclone, "check", "tree", "zas:rclone/dir")
		c.run(rclone, "check", "--download", "tree", "zas:rclone/dir")
		c.run(rclone, "copy", "zas:rclone/dir", "back")
		c.run("diff", "-r", "tree", "back")

		t.Run("what has not changed is not sent again", func(t *testing.T) {
			var moved struct{ Stats struct{ Transfers int } }
			c := c
			c.t = t
			var log strings.Builder
			if _, err := c.try(&log, rclone, "sync", "tree", "zas:rclone/dir", "--use-json-log", "--stats-log-level", "NOTICE"); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(log.String()), "\n")
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &moved); err != nil || moved.Stats.Transfers != 0 {
				t.Errorf("%d files were sent again (%v)", moved.Stats.Transfers, err)
			}
		})
		t.Run("copies and moves are made by the server", func(t *testing.T) {
			c := c
			c.t = t
			c.run(rclone, "copyto", "zas:rclone/dir/sub/deep/large", "zas:rclone/copy")
			c.run(rclone, "moveto", "zas:rclone/copy", "zas:rclone/moved")
			if names := c.run(rclone, "lsf", "--files-only", "zas:rclone"); names != "moved\n" {
				t.Errorf("it holds %q", names)
			}
			if hash := c.run(rclone, "hashsum", "md5", "zas:rclone/dir/a"); !strings.HasPrefix(hash, "0cc175b9c0f1b6a831c399e269772661") {
				t.Errorf("a has the hash %s", hash)
			}
		})
		c.run(rclone, "cleanup", "zas:rclone")
		c.run(rclone, "purge", "zas:rclone")
		c.fails(rclone, "lsf", "zas:rclone")
	})
}

func TestRestic(t *testing.T) {
	restic := nightlyTool(t, "bin/restic")
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		c := s3Command(t, i).with("RESTIC_PASSWORD=secret", "RESTIC_REPOSITORY=s3:"+i.URL+"/restic/repo", "RESTIC_CACERT="+i.CertFile)
		c.tree("tree")
		c.run(restic, "init")
		c.run(restic, "backup", "tree")
		c.file("tree/a", []byte("changed"))
		c.run(restic, "backup", "tree")
		c.run(restic, "check", "--read-data")
		c.run(restic, "restore", "latest", "--target", "back")
		c.run("diff", "-r", "tree", "back/tree")
		c.run(restic, "forget", "--keep-last", "1", "--prune")
		c.run(restic, "check", "--read-data")
		var snapshots []struct{}
		if err := json.Unmarshal([]byte(c.run(restic, "snapshots", "--json")), &snapshots); err != nil || len(snapshots) != 1 {
			t.Errorf("%d snapshots are left (%v)", len(snapshots), err)
		}
	})
}

func TestKopia(t *testing.T) {
	kopia := nightlyTool(t, "bin/kopia")
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		c := s3Command(t, i).with("KOPIA_PASSWORD=secret", "KOPIA_CHECK_FOR_UPDATES=false", "USER=user")
		tree := c.tree("tree")
		c.run(tool(t, "venv/bin/s5cmd"), "--endpoint-url", i.URL, "mb", "s3://kopia")
		create := []string{"repository", "create", "s3", "--bucket", "kopia", "--region", "us-east-1", "--endpoint", i.Host,
			"--access-key", instance.AccessKey, "--secret-access-key", instance.SecretKey}
		if i.CertFile == "" {
			create = append(create, "--disable-tls")
		} else {
			create = append(create, "--root-ca-pem-path", i.CertFile)
		}
		c.run(kopia, create...)
		c.run(kopia, "snapshot", "create", tree)
		c.run(kopia, "snapshot", "verify", "--verify-files-percent=100")
		c.run(kopia, "restore", tree, "back")
		c.run("diff", "-r", tree, "back")
		c.run(kopia, "maintenance", "run", "--full")
		c.run(kopia, "repository", "validate-provider", "--num-storage-connections=2", "--concurrency-test-duration=3s")
	})
}

func TestMC(t *testing.T) {
	mc := nightlyTool(t, "bin/mc")
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		c := s3Command(t, i).with("SSL_CERT_FILE="+i.CertFile, "MC_QUIET=true")
		c.tree("tree")
		c.run(mc, "alias", "set", "zas", i.URL, instance.AccessKey, instance.SecretKey)
		c.run(mc, "mb", "zas/bucket")
		c.run(mc, "mirror", "tree", "zas/bucket/dir")
		if different := c.run(mc, "diff", "tree", "zas/bucket/dir"); different != "" {
			t.Errorf("the mirror differs: %s", different)
		}
		c.run(mc, "cp", "--recursive", "zas/bucket/dir/", "back")
		c.run("diff", "-r", "tree", "back")
		c.run(mc, "cp", "--attr", "colour=blue", "tree/a", "zas/bucket/attributes")
		if stat := strings.ToLower(c.run(mc, "stat", "--json", "zas/bucket/attributes")); !strings.Contains(stat, `"x-amz-meta-colour":"blue"`) {
			t.Errorf("it has %s", stat)
		}
		c.run(mc, "mv", "zas/bucket/attributes", "zas/bucket/moved")
		if found := c.run(mc, "find", "zas/bucket", "--name", "moved"); found != "zas/bucket/moved\n" {
			t.Errorf("found %q", found)
		}
		c.run(mc, "rb", "--force", "zas/bucket")
	})
}
