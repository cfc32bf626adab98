package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/artifact"
	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/digest"
)

// client speaks as much S3 and OCI as the demonstration needs.
type client struct {
	base string // http://host:port
	root auth.Root
}

// file is a file with what there is to know of it.
type file struct {
	path   string
	name   string
	size   int64
	digest digest.Digest
}

func openFile(path, name string) (file, error) {
	f, err := os.Open(path)
	if err != nil {
		return file{}, err
	}
	defer f.Close()
	d, size, err := digest.Compute(f)
	return file{path: path, name: name, size: size, digest: d}, err
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	digest digest.Digest // of the body
	size   int64
	body   []byte // its first 64 KiB
}

// send sends request and reads the answer; any status but want is an error.
func (c client) send(request *http.Request, want int) (answer, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	var head bytes.Buffer
	d, size, err := digest.Compute(io.TeeReader(response.Body, &limited{&head}))
	if err != nil {
		return answer{}, err
	}
	if response.StatusCode != want {
		return answer{}, fmt.Errorf("%s %s: %s, want %d\n%s", request.Method, request.URL.Path, response.Status, want, head.Bytes())
	}
	return answer{status: response.StatusCode, header: response.Header, digest: d, size: size, body: head.Bytes()}, nil
}

// limited keeps the first 64 KiB of what is written.
type limited struct{ *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	l.Buffer.Write(p[:min(len(p), 64<<10-l.Len())])
	return len(p), nil
}

// s3 sends a signed request; body may be nil.
func (c client) s3(ctx context.Context, method, path string, body *file) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		return answer{}, err
	}
	payload := ""
	if body != nil {
		f, err := os.Open(body.path)
		if err != nil {
			return answer{}, err
		}
		defer f.Close()
		request.Body, request.ContentLength, payload = f, body.size, body.digest.Hex()
	}
	sigv4.Sign(request, sigv4.Credentials{AccessKey: c.root.AccessKey, SecretKey: c.root.SecretKey}, sigv4.DefaultRegion, time.Now(), payload)
	return c.send(request, http.StatusOK)
}

// oci sends a request with Basic credentials. path may be a whole URL.
func (c client) oci(ctx context.Context, method, path string, body io.Reader, want int) (answer, error) {
	if strings.HasPrefix(path, "/") {
		path = c.base + path
	}
	request, err := http.NewRequestWithContext(ctx, method, path, body)
	if err != nil {
		return answer{}, err
	}
	request.SetBasicAuth(c.root.AccessKey, c.root.SecretKey)
	request.Header.Set("Content-Type", "application/octet-stream")
	if strings.Contains(path, "/manifests/") {
		request.Header.Set("Content-Type", artifact.MediaType)
		request.Header.Set("Accept", artifact.MediaType)
	}
	return c.send(request, want)
}

// push uploads a blob as registry clients do: a session, one chunk, and the digest that ends it.
func (c client) push(ctx context.Context, repository string, f file) error {
	session, err := c.oci(ctx, http.MethodPost, "/v2/"+repository+"/blobs/uploads/", nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	content, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer content.Close()
	chunk, err := c.oci(ctx, http.MethodPatch, session.header.Get("Location"), content, http.StatusAccepted)
	if err != nil {
		return err
	}
	next := chunk.header.Get("Location")
	mark := "?"
	if strings.Contains(next, "?") {
		mark = "&"
	}
	_, err = c.oci(ctx, http.MethodPut, next+mark+"digest="+f.digest.String(), nil, http.StatusCreated)
	return err
}

// pushManifest tags an artifact that has f as its only layer.
func (c client) pushManifest(ctx context.Context, repository, tag string, f file) (digest.Digest, error) {
	text := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"artifactType":"application/vnd.example.tool",`+
		`"config":{"mediaType":%q,"digest":%q,"size":2},"layers":[{"mediaType":"application/octet-stream","digest":%q,"size":%d,`+
		`"annotations":{"org.opencontainers.image.title":%q}}]}`,
		artifact.MediaType, artifact.EmptyMediaType, artifact.EmptyDigest, f.digest, f.size, f.name)
	_, err := c.oci(ctx, http.MethodPut, "/v2/"+repository+"/manifests/"+tag, strings.NewReader(text), http.StatusCreated)
	return digest.Of([]byte(text)), err
}
