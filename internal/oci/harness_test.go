package oci_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/token"
	"github.com/zot-artifact-store/zas/digest"
	"github.com/zot-artifact-store/zas/extent/fileextent"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/internal/oci"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/meta"
	"github.com/zot-artifact-store/zas/meta/pebblemeta"
	"github.com/zot-artifact-store/zas/pattern"
)

const inlineMax = 1 << 10

// server is the protocol over the real domain, answering on a socket. Its users are root, who may do everything, reader, who may only pull, and
// from repositories beneath public alone, bob, who may pull and push beneath bob, and anybody, who may pull beneath open. In repositories beneath
// frozen, tags that begin with v are immutable; manifests of repositories beneath mirror may be sparse.
type server struct {
	*httptest.Server
	t       testing.TB
	fs      *vfs.MemFS
	dir     string
	meta    *pebblemeta.Store
	content *content.Store
	now     time.Time
	wrap    func(http.ResponseWriter) http.ResponseWriter // of each response; may be nil

	bearer   bool   // tell clients to get tokens
	external string // URL
}

func newServer(t testing.TB) *server { return newServerWith(t, &server{}) }

func newServerWith(t testing.TB, s *server) *server {
	s.t, s.fs, s.dir, s.now = t, vfs.NewMem(), t.TempDir(), time.Unix(1_800_000_000, 0)
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *server) start() {
	s.t.Helper()
	m, err := pebblemeta.Open("meta", pebblemeta.Options{FS: s.fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
	must(s.t, err)
	e, err := fileextent.Open(s.dir, fileextent.Options{Floor: -1})
	must(s.t, err)
	c, err := content.Open(s.t.Context(), m, e, content.Options{InlineMax: inlineMax, SealSize: 64 << 10, Now: func() time.Time { return s.now }})
	must(s.t, err)
	s.meta, s.content = m, c
	h := oci.New(oci.Options{
		Repositories: repository.New(c, rules(s.t)), Passwords: passwords{}, Authorizer: policy{}, Realm: `the "realm"`,
		Tokens: token.New(make([]byte, 32), func() time.Time { return s.now }), Bearer: s.bearer, ExternalURL: s.external, Version: "v1.2.3",
	})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.wrap != nil {
			w = s.wrap(w)
		}
		h.ServeHTTP(w, r)
	}))
}

func rules(t testing.TB) repository.Options {
	t.Helper()
	glob := func(text string) []pattern.Glob {
		g, err := pattern.ParseGlob(text)
		must(t, err)
		return []pattern.Glob{g}
	}
	v, err := pattern.ParseWhole("v.*")
	must(t, err)
	return repository.Options{
		Immutable: []repository.ImmutableTags{{Repositories: glob("frozen/**"), Patterns: []pattern.Whole{v}}}, Sparse: glob("mirror/**"),
	}
}

func (s *server) stop() {
	s.Server.Close()
	_ = s.meta.Close()
}

// restart ends the process, as far as the stores can tell, and starts it again.
func (s *server) restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type passwords struct{}

func (passwords) Check(_ context.Context, user, password string) (auth.Principal, error) {
	if password != "secret" {
		return auth.Principal{}, fault.PasswordMismatch
	}
	return auth.Principal{ID: user, Name: user}, nil
}

type policy struct{}

func (policy) Authorize(_ context.Context, p auth.Principal, a auth.Action, r auth.Resource) error {
	allowed := false
	switch p.ID {
	case "":
		if a == oci.Catalog || a == oci.Pull && strings.HasPrefix(r.Name, "open/") {
			return nil
		}
		return fault.CredentialsMissing
	case "root":
		allowed = true
	case "reader":
		allowed = a == oci.Ping || a == oci.Catalog || a == oci.Pull && strings.HasPrefix(r.Name, "public/")
	case "puller": // may do everything in repositories, and nothing with objects
		allowed = a == oci.Ping || r.Type == auth.Repository
	case "bob":
		allowed = a == oci.Ping || (a == oci.Pull || a == oci.Push) && strings.HasPrefix(r.Name, "bob/")
	}
	if !allowed {
		return fault.AccessDenied.With(string(a), nil)
	}
	return nil
}

// object keeps data as an inline object of a new bucket.
func (s *server) object(bucket, data string) {
	s.t.Helper()
	ctx := s.t.Context()
	staged, err := s.content.Ingest(ctx, content.IngestRequest{Body: strings.NewReader(data), Size: int64(len(data)), Hashes: content.SHA256})
	must(s.t, err)
	defer staged.Discard(ctx)
	location, keep := s.content.KeepInline(staged)
	name := repository.Names.Key(bucket)
	must(s.t, s.content.Commit(ctx, staged, func(meta.Reader) (meta.Step, error) {
		in := repository.Inline{Content: staged.Digest().String(), Size: staged.Size(), Location: location}
		make := meta.Step{Locks: meta.LockSet{}.Write(name), Do: func(_ context.Context, tx meta.Tx) error {
			return repository.Names.PutKey(tx, name, repository.Name{Owner: "root", Bucket: true})
		}}
		return meta.Join(make, keep, repository.IndexInline(bucket, strings.Repeat("A", 26)+"/key", in)), nil
	}))
}

// request is one by a user; "" sends no credentials. Headers are written as in HTTP.
func (s *server) request(user, method, target string, body io.Reader, headers ...string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+target, body)
	must(s.t, err)
	if user != "" {
		r.SetBasicAuth(user, "secret")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// answer is a response read to its end.
type answer struct {
	*http.Response
	body string
}

func (s *server) send(r *http.Request) answer {
	s.t.Helper()
	response, err := s.Client().Do(r)
	must(s.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(s.t, err)
	return answer{response, string(body)}
}

// do sends a request of root's.
func (s *server) do(method, target, body string, headers ...string) answer {
	s.t.Helper()
	return s.send(s.request("root", method, target, strings.NewReader(body), headers...))
}

// want is do that must be answered with a status.
func (s *server) want(status int, method, target, body string, headers ...string) answer {
	s.t.Helper()
	a := s.do(method, target, body, headers...)
	if a.StatusCode != status {
		s.t.Fatalf("%s %s: %d %s, want %d", method, target, a.StatusCode, a.body, status)
	}
	return a
}

func digestOf(data string) string { return digest.Of([]byte(data)).String() }

// push pushes a blob in one request.
func (s *server) push(repo, data string) string {
	s.t.Helper()
	s.want(http.StatusCreated, "POST", "/v2/"+repo+"/blobs/uploads/?digest="+digestOf(data), data)
	return digestOf(data)
}
