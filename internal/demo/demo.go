// Package demo is the demonstration: it starts a server in a process of its own on an empty directory, uses it by S3 and
// OCI, kills it, and shows that everything is still there. It needs no other program and no network.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/digest"
)

// Options say how to demonstrate.
type Options struct {
	Program string    // the zas binary; it is also the real file that is stored
	Out     io.Writer // where the story goes
	Stay    bool      // keep serving at the end, until the context ends
	// Greet prints what a user needs to go on with the server at address, whose data lie in dir.
	Greet func(address, dir string, root auth.Root)
}

// Run runs the demonstration in a temporary directory, which it removes at the end. Any step that does not
// give what it should is an error.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := os.MkdirTemp("", "zas-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	d := &demo{o: o, dir: dir, address: address}
	if d.file, err = openFile(o.Program, "zas"); err != nil {
		return err
	}
	defer func() {
		if d.server != nil {
			err = errors.Join(err, d.server.stop())
		}
	}()
	for _, step := range []func(context.Context) error{d.begin, d.upload, d.push, d.pull, d.crash, d.again} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	o.Greet(address, d.data(), d.client.root)
	if !o.Stay {
		d.say("(standard input is no terminal: the server stops now)")
		return nil
	}
	d.say("Serving until Ctrl-C; then the demonstration's data are removed.")
	<-ctx.Done()
	return nil
}

// demo is a demonstration under way.
type demo struct {
	o       Options
	dir     string
	address string
	file    file
	server  *process
	client  client
	used    int64         // bytes in extents after the upload by S3
	tool    digest.Digest // of the manifest pushed by OCI
}

func (d *demo) data() string { return filepath.Join(d.dir, "data") }

// artifact is the digest of the file's artifact, computed from the file alone.
func (d *demo) artifact() digest.Digest { return artifact.Digest(d.file.digest, d.file.size) }

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.o.Out, format+"\n", args...) }

func (d *demo) begin(ctx context.Context) (err error) {
	d.say("1. An empty directory and one process: the server starts.")
	if d.server, err = d.start(ctx); err != nil {
		return err
	}
	root, err := keptRoot(d.data())
	d.client = client{base: "http://" + d.address, root: root}
	d.say("   listening on %s, process %d\n", d.address, d.server.command.Process.Pid)
	return err
}

func (d *demo) upload(ctx context.Context) error {
	d.say("2. S3: a bucket, and a real file in it (this program, %d bytes).", d.file.size)
	if _, err := d.client.s3(ctx, http.MethodPut, "/demo", nil); err != nil {
		return err
	}
	stored, err := d.client.s3(ctx, http.MethodPut, "/demo/tools/zas", &d.file)
	if err != nil {
		return err
	}
	if d.used, err = diskUse(d.data()); err != nil {
		return err
	}
	d.say("   PUT /demo/tools/zas         ETag %s", stored.header.Get("ETag"))
	d.say("   x-zas-content-digest        %s", stored.header.Get("x-zas-content-digest"))
	d.say("   content on disk             %d bytes\n", d.used)
	return nil
}

func (d *demo) push(ctx context.Context) (err error) {
	d.say("3. OCI: an artifact whose layer has the same bytes, pushed in full as registry clients do.")
	if err := d.client.push(ctx, "team/tools", d.file); err != nil {
		return err
	}
	if d.tool, err = d.client.pushManifest(ctx, "team/tools", "v1", d.file); err != nil {
		return err
	}
	d.say("   pushed team/tools:v1        %s", d.tool)
	used, err := settledUse(ctx, d.data(), d.used)
	d.say("   content on disk             %d bytes: the common bytes are stored once\n", used)
	return err
}

func (d *demo) pull(ctx context.Context) error {
	d.say("4. The S3 object is an OCI artifact too. Its digest follows from the bytes alone: no server is asked by")
	var told bytes.Buffer
	command := exec.CommandContext(ctx, d.o.Program, "digest", d.file.path)
	command.Stdout, command.Stderr = &told, os.Stderr
	if err := command.Run(); err != nil {
		return err
	}
	d.say("   $ zas digest zas\n%s", indent(told.Bytes()))
	if !bytes.Contains(told.Bytes(), []byte("artifact "+d.artifact())) {
		return fmt.Errorf("zas digest does not print %s", d.artifact())
	}
	if err := d.checkPull(ctx); err != nil {
		return err
	}
	d.say("   GET /v2/demo/manifests/%s", d.artifact())
	d.say("                               the manifest, with the same digest; and the layer, all %d bytes of it\n", d.file.size)
	return nil
}

// checkPull pulls the object as an artifact, by OCI alone.
func (d *demo) checkPull(ctx context.Context) error {
	manifest, err := d.client.oci(ctx, http.MethodGet, "/v2/demo/manifests/"+d.artifact().String(), nil, http.StatusOK)
	if err != nil {
		return err
	}
	layer, err := d.client.oci(ctx, http.MethodGet, "/v2/demo/blobs/"+d.file.digest.String(), nil, http.StatusOK)
	if err != nil {
		return err
	}
	if manifest.digest != d.artifact() || layer.digest != d.file.digest {
		return fmt.Errorf("pulled manifest %s and layer %s, want %s and %s", manifest.digest, layer.digest, d.artifact(), d.file.digest)
	}
	return nil
}

func (d *demo) crash(ctx context.Context) error {
	d.say("5. kill -9 %d", d.server.command.Process.Pid)
	if err := d.server.kill(); err != nil {
		return err
	}
	d.server = nil
	var told bytes.Buffer
	command := exec.CommandContext(ctx, d.o.Program, "fsck", "--data", d.data())
	command.Env = withoutSettings(os.Environ())
	command.Stdout, command.Stderr = &told, &told
	err := command.Run()
	d.say("   $ zas fsck\n%s\n", indent(told.Bytes()))
	return err
}

func (d *demo) again(ctx context.Context) (err error) {
	if d.server, err = d.start(ctx); err != nil {
		return err
	}
	d.say("6. Started again, as process %d: everything acknowledged is still there.", d.server.command.Process.Pid)
	object, err := d.client.s3(ctx, http.MethodGet, "/demo/tools/zas", nil)
	if err != nil {
		return err
	}
	if object.digest != d.file.digest {
		return fmt.Errorf("the object has digest %s, want %s", object.digest, d.file.digest)
	}
	tagged, err := d.client.oci(ctx, http.MethodGet, "/v2/team/tools/manifests/v1", nil, http.StatusOK)
	if err != nil {
		return err
	}
	if tagged.digest != d.tool {
		return fmt.Errorf("the tag has digest %s, want %s", tagged.digest, d.tool)
	}
	d.say("   GET /demo/tools/zas         %d bytes, %s", object.size, object.digest)
	d.say("   GET team/tools:v1           %s", tagged.digest)
	return d.checkPull(ctx)
}

func indent(text []byte) string {
	return "   " + string(bytes.ReplaceAll(bytes.TrimSpace(text), []byte("\n"), []byte("\n   ")))
}
