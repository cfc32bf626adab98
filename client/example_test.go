package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/zot-artifact-store/zas/client"
	"github.com/zot-artifact-store/zas/fault"
)

// example is a client of a server of its own, with a bucket, and a directory.
func example(ctx context.Context) (c *client.Client, dir string, end func()) {
	url, stop, err := serve(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if dir, err = os.MkdirTemp("", "example-*"); err != nil {
		log.Fatal(err)
	}
	if c, err = client.New(client.Config{Server: url, Credentials: root}); err != nil {
		log.Fatal(err)
	}
	if err := c.CreateBucket(ctx, "models", client.BucketOptions{}); err != nil {
		log.Fatal(err)
	}
	return c, dir, func() {
		_ = os.RemoveAll(dir)
		stop()
	}
}

func check[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func ExampleNew() {
	_, err := client.New(client.Config{
		Server:      "https://zas.example.com",
		Credentials: client.KeyPair{AccessKey: os.Getenv("ZAS_ACCESS_KEY_ID"), SecretKey: os.Getenv("ZAS_SECRET_ACCESS_KEY")},
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleClient_UploadFile() {
	ctx := context.Background()
	c, dir, end := example(ctx)
	defer end()
	path := filepath.Join(dir, "a.bin")
	if err := os.WriteFile(path, []byte("hello\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	// After a crash, the same call with the same state file goes on where the last one was.
	o, err := c.UploadFile(ctx, client.At("models", "a.bin"), path, client.UploadOptions{State: path + ".upload"})
	fmt.Println(o.Size, o.Content, err)
	fmt.Println(o.Artifact)
	// Output:
	// 6 sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03 <nil>
	// sha256:4feb923c86debbd610d705fec215b153f0686467ba15166433760eddd10389da
}

func ExampleClient_UploadStream() {
	ctx := context.Background()
	c, _, end := example(ctx)
	defer end()
	r, w := io.Pipe()
	go func() {
		_, err := fmt.Fprint(w, "made as it goes")
		w.CloseWithError(err)
	}()
	o, err := c.UploadStream(ctx, client.At("models", "stream"), r, client.UploadOptions{})
	fmt.Println(o.Size, err)
	// Output: 15 <nil>
}

// Of many who try to take a lock one succeeds, also where answers are lost.
func ExampleClient_Upload_condition() {
	ctx := context.Background()
	c, _, end := example(ctx)
	defer end()
	for _, who := range []string{"first", "second"} {
		_, err := c.Upload(ctx, client.At("models", "lock"), strings.NewReader(who), client.UploadOptions{If: client.Condition{Absent: true}})
		fmt.Println(who, errors.Is(err, fault.PreconditionFailed))
	}
	// Output:
	// first false
	// second true
}

func ExampleClient_DownloadFile() {
	ctx := context.Background()
	c, dir, end := example(ctx)
	defer end()
	check(c.Upload(ctx, client.At("models", "a.bin"), strings.NewReader("hello\n"), client.UploadOptions{}))
	o, err := c.DownloadFile(ctx, client.At("models", "a.bin"), filepath.Join(dir, "a.bin"), client.DownloadOptions{})
	fmt.Println(o.Size, err)
	// Output: 6 <nil>
}

func ExampleClient_Open() {
	ctx := context.Background()
	c, _, end := example(ctx)
	defer end()
	check(c.Upload(ctx, client.At("models", "text"), strings.NewReader("one two three"), client.UploadOptions{}))
	r := check(c.Open(ctx, client.At("models", "text")))
	defer r.Close()
	check(r.Seek(-5, io.SeekEnd))
	rest := check(io.ReadAll(r))
	fmt.Printf("%s of %d\n", rest, r.Size())
	// Output: three of 13
}

func ExampleClient_List() {
	ctx := context.Background()
	c, _, end := example(ctx)
	defer end()
	for _, key := range []string{"readme", "v1/a", "v1/b", "v2/a"} {
		check(c.Upload(ctx, client.At("models", key), strings.NewReader(key), client.UploadOptions{}))
	}
	for e, err := range c.List(ctx, client.At("models", ""), client.ListOptions{Delimiter: "/"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Key, e.Common, e.Size)
	}
	// Output:
	// readme false 6
	// v1/ true 0
	// v2/ true 0
}

func ExampleClient_Versions() {
	ctx := context.Background()
	c, _, end := example(ctx)
	defer end()
	if err := c.CreateBucket(ctx, "releases", client.BucketOptions{Versioning: true}); err != nil {
		log.Fatal(err)
	}
	tool := client.At("releases", "tool")
	first := check(c.Upload(ctx, tool, strings.NewReader("v1"), client.UploadOptions{}))
	check(c.Upload(ctx, tool, strings.NewReader("v2!"), client.UploadOptions{}))
	check(c.Delete(ctx, tool, client.DeleteOptions{}))
	for e, err := range c.Versions(ctx, tool, client.ListOptions{}) {
		fmt.Println(e.Marker, e.Size, err)
	}
	restored := check(c.Copy(ctx, first.Ref, tool, client.CopyOptions{}))
	fmt.Println(restored.Content == first.Content)
	// Output:
	// true 0 <nil>
	// false 3 <nil>
	// false 2 <nil>
	// true
}

func ExampleClient_Stat() {
	ctx := context.Background()
	c, _, end := example(ctx)
	defer end()
	_, err := c.Stat(ctx, client.At("models", "none"))
	var e *client.Error
	fmt.Println(errors.Is(err, fault.KeyNotFound), errors.As(err, &e), e.Status, e.Code.Resolution())
	// Output: true true 404 check the key
}

func ExampleClient_SetTags() {
	ctx := context.Background()
	c, _, end := example(ctx)
	defer end()
	ref := check(c.Upload(ctx, client.At("models", "a"), strings.NewReader("x"), client.UploadOptions{})).Ref
	err := c.SetTags(ctx, ref, map[string]string{"stage": "tested"})
	fmt.Println(check(c.Tags(ctx, ref)), err)
	// Output: map[stage:tested] <nil>
}

func ExampleClient_Presign() {
	ctx := context.Background()
	c, _, end := example(ctx)
	defer end()
	url, err := c.Presign(ctx, client.At("models", "a"), client.PresignOptions{Query: map[string]string{"response-content-disposition": "attachment"}})
	fmt.Println(strings.Contains(url, "X-Amz-Signature="), err)
	// Output: true <nil>
}

func ExampleClient_Uploads() {
	ctx := context.Background()
	c, _, end := example(ctx)
	defer end()
	for p, err := range c.Uploads(ctx, client.At("models", "")) { // what crashes have left
		if err == nil {
			err = c.Abort(ctx, p)
		}
		fmt.Println(p.Key, err)
	}
	fmt.Println("none left")
	// Output: none left
}

func ExampleArtifactOf() {
	content, artifact, err := client.ArtifactOf(strings.NewReader("hello\n"))
	fmt.Println(content)
	fmt.Println(artifact, err)
	// Output:
	// sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
	// sha256:4feb923c86debbd610d705fec215b153f0686467ba15166433760eddd10389da <nil>
}

func ExampleParseRef() {
	ref, err := client.ParseRef("s3://models/a/../b?c")
	fmt.Println(ref.Bucket, ref.Key, err)
	// Output: models a/../b?c <nil>
}
