package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/internal/config"
	"github.com/zot-artifact-store/zas/module"
)

// running is a server under test.
type running struct {
	*Server
	url  string
	stop context.CancelFunc // what SIGTERM does
	cut  context.CancelFunc // what the second signal does
	done chan error
}

// echo is a protocol that takes /v2/, waits on /v2/wait until released, and panics on /v2/panic.
type echo struct{ waiting, release chan struct{} }

func (e echo) module(module.Host[Given], struct{}) (Protocol, error) {
	return Protocol{
		Name:    "echo",
		Matches: func(r *http.Request) bool { return strings.HasPrefix(r.URL.EscapedPath(), "/v2/") },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/v2/wait":
				close(e.waiting)
				<-e.release
			case "/v2/panic":
				panic("boom")
			}
			_, _ = io.WriteString(w, "echo "+r.RequestURI)
		}),
		Fail: func(w http.ResponseWriter, _ *http.Request, err error) { http.Error(w, "failed: "+err.Error(), 500) },
	}, nil
}

func start(t *testing.T, change func(*Options)) running {
	t.Helper()
	c := config.Default()
	c.Storage.RootDirectory, c.Storage.FreeSpaceFloor = filepath.Join(t.TempDir(), "data"), 0
	c.HTTP.Port = "0"
	o := Options{Config: c, Modules: &module.Registry{}, Logger: slog.New(slog.DiscardHandler), Version: "test",
		Root: auth.Root{AccessKey: "root", SecretKey: "root-secret"}}
	if change != nil {
		change(&o)
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r := running{Server: s, url: "http://" + s.Address().String(), done: make(chan error, 1)}
	var ctx, cut context.Context
	ctx, r.stop = context.WithCancel(t.Context())
	cut, r.cut = context.WithCancel(t.Context())
	go func() { r.done <- s.Run(ctx, cut) }()
	t.Cleanup(func() {
		r.stop()
		r.cut()
		if err, open := <-r.done; open && err != nil {
			t.Error(err)
		}
	})
	return r
}

// get is the status and body of a GET.
func (r running) get(t *testing.T, path string) (int, string) {
	t.Helper()
	response, err := http.Get(r.url + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func withEcho(e echo) func(*Options) {
	return func(o *Options) { module.Provide(o.Modules, Protocols, "echo", e.module) }
}

func TestProbes(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, path := range []string{"/livez", "/startupz", "/readyz"} {
		if code, body := r.get(t, path); code != 200 || !strings.Contains(body, `"status":"ok"`) {
			t.Errorf("%s answers %d %s", path, code, body)
		}
	}
	t.Run("readiness names the parts", func(t *testing.T) {
		_, body := r.get(t, "/readyz")
		var got status
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Components) != 2 || got.Components[0].Name != "metadata" || got.Components[1].Name != "extents" {
			t.Errorf("components: %+v", got.Components)
		}
	})
	t.Run("metrics tell of requests, stores and the build", func(t *testing.T) {
		_, body := r.get(t, "/metrics")
		for _, want := range []string{`zas_build_info{go="go1.`, `zas_http_requests_total{operation="GET",protocol="server",status="200"}`,
			"zas_extents_free_bytes", "zas_metadata_commits_total", `zas_store_operations_total{operation="update",result="ok",store="metadata"}`} {
			if !strings.Contains(body, want) {
				t.Errorf("metrics lack %s", want)
			}
		}
	})
	t.Run("a probe is read only", func(t *testing.T) {
		response, err := http.Post(r.url+"/livez", "text/plain", nil)
		if err != nil || response.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST answers %v, %v", response, err)
		}
	})
	t.Run("readiness falls and returns with a part", func(t *testing.T) {
		broken := errors.New("down")
		now := time.Unix(0, 0)
		cache := &healthCache{now: func() time.Time { return now }, check: func(context.Context) []module.Health {
			return []module.Health{{Name: "x", Err: broken}}
		}}
		w := httptest.NewRecorder()
		r.answerReady(w, httptest.NewRequest(http.MethodGet, "/readyz", nil), cache)
		if w.Code != 503 || strings.Contains(w.Body.String(), "down") {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
		broken = nil
		now = now.Add(2 * time.Second)
		w = httptest.NewRecorder()
		r.answerReady(w, httptest.NewRequest(http.MethodGet, "/readyz", nil), cache)
		if w.Code != 200 {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
	})
}

func TestDispatch(t *testing.T) {
	t.Parallel()
	r := start(t, withEcho(echo{}))
	t.Run("a path is handed on as it was sent", func(t *testing.T) {
		request, _ := http.NewRequest(http.MethodGet, r.url, nil)
		request.URL.Opaque = "/v2//a/../b%2Fc/./"
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if body, _ := io.ReadAll(response.Body); string(body) != "echo /v2//a/../b%2Fc/./" {
			t.Errorf("answered %d %s", response.StatusCode, body)
		}
	})
	t.Run("what nobody takes is not found", func(t *testing.T) {
		if code, _ := r.get(t, "/bucket/key"); code != 404 {
			t.Errorf("answered %d", code)
		}
	})
	t.Run("a panic is answered in the protocol's form", func(t *testing.T) {
		if code, body := r.get(t, "/v2/panic"); code != 500 || !strings.HasPrefix(body, "failed: internal-error") {
			t.Errorf("answered %d %s", code, body)
		}
	})
	t.Run("an extension that is not linked is refused", func(t *testing.T) {
		wantOpenError(t, func(o *Options) { o.Config.Extensions = map[string]map[string]any{"nope": {}} },
			"extensions.nope: this program has no such extension")
	})
	t.Run("a protocol can be turned off", func(t *testing.T) {
		off := start(t, func(o *Options) {
			withEcho(echo{})(o)
			o.Config.Extensions = map[string]map[string]any{"echo": {"enable": false}}
		})
		if code, _ := off.get(t, "/v2/"); code != 404 {
			t.Errorf("answered %d", code)
		}
	})
}

func TestStopping(t *testing.T) {
	t.Parallel()
	t.Run("requests under way end", func(t *testing.T) {
		e := echo{waiting: make(chan struct{}), release: make(chan struct{})}
		r := start(t, withEcho(e))
		answered := make(chan string, 1)
		go func() {
			_, body := r.get(t, "/v2/wait")
			answered <- body
		}()
		<-e.waiting
		r.stop()
		for { // the listener is closed at some time after the signal
			before := r.phase.Load()
			if code, body := r.get(t, "/readyz"); code == 0 {
				break
			} else if code == 200 && before == draining {
				t.Errorf("a stopping server says it is ready: %s", body)
			}
		}
		close(e.release)
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		close(r.done)
		if body := <-answered; body != "echo /v2/wait" {
			t.Errorf("the request got %q", body)
		}
	})
	t.Run("the second signal cuts them off", func(t *testing.T) {
		e := echo{waiting: make(chan struct{}), release: make(chan struct{})}
		r := start(t, withEcho(e))
		answered := make(chan int, 1)
		go func() {
			code, _ := r.get(t, "/v2/wait")
			answered <- code
		}()
		<-e.waiting
		r.stop()
		r.cut()
		if code := <-answered; code != 0 {
			t.Errorf("the request got %d", code)
		}
		close(e.release)
	})
	t.Run("the data directory is free afterwards", func(t *testing.T) {
		r := start(t, nil)
		r.stop()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		close(r.done)
		start(t, func(o *Options) { o.Config.Storage.RootDirectory = r.options.Config.Storage.RootDirectory })
	})
}

// wantOpenError opens a server that must not open.
func wantOpenError(t *testing.T, change func(*Options), want string) {
	t.Helper()
	c := config.Default()
	c.Storage.RootDirectory, c.HTTP.Port = filepath.Join(t.TempDir(), "data"), "0"
	o := Options{Config: c, Modules: &module.Registry{}, Logger: slog.New(slog.DiscardHandler)}
	change(&o)
	s, err := Open(t.Context(), o)
	if err == nil {
		_ = s.close(t.Context())
		t.Fatal("it opened")
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

func TestADataDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	t.Run("while another server uses it", func(t *testing.T) {
		r := start(t, nil)
		wantOpenError(t, func(o *Options) { o.Config.Storage.RootDirectory = r.options.Config.Storage.RootDirectory },
			"is in use by another zas (process ")
	})
	for _, test := range []struct{ file, product string }{
		{"cache.db", "zot"},
		{"alpine/oci-layout", "zot"},
		{"library/alpine/oci-layout", "zot"},
		{".minio.sys/format.json", "MinIO"},
		{"docker/registry/v2/x", "distribution"},
	} {
		t.Run("of "+test.product+" with "+test.file, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, test.file)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
			wantOpenError(t, func(o *Options) { o.Config.Storage.RootDirectory = dir }, "belongs to "+test.product)
			if exists(filepath.Join(dir, "meta")) || exists(filepath.Join(dir, "lock")) {
				t.Error("something was written into it")
			}
		})
	}
}

func TestRootCredentials(t *testing.T) {
	t.Parallel()
	t.Run("are made once and kept for the owner only", func(t *testing.T) {
		dir := t.TempDir()
		first, err := rootCredentials(dir, auth.Root{})
		if err != nil || !first.Fresh || len(first.Root.AccessKey) != 20 || len(first.Root.SecretKey) != 40 {
			t.Fatalf("first: %+v, %v", first, err)
		}
		info, err := os.Stat(first.File)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("the file: %v, %v", info, err)
		}
		second, err := rootCredentials(dir, auth.Root{})
		if err != nil || second.Fresh || second.Root != first.Root {
			t.Errorf("second: %+v, %v", second, err)
		}
	})
	t.Run("come from the environment first", func(t *testing.T) {
		dir := t.TempDir()
		given := auth.Root{AccessKey: "admin", SecretKey: "long enough"}
		got, err := rootCredentials(dir, given)
		if err != nil || got.Root != given || got.File != "" || exists(filepath.Join(dir, credentialsFile)) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("that are half given or short are refused", func(t *testing.T) {
		for _, given := range []auth.Root{{AccessKey: "admin"}, {SecretKey: "long enough"}, {AccessKey: "admin", SecretKey: "short"}} {
			if _, err := rootCredentials(t.TempDir(), given); err == nil {
				t.Errorf("%+v is accepted", given)
			}
		}
	})
	t.Run("that are damaged are not replaced", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, credentialsFile), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := rootCredentials(dir, auth.Root{}); err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := selfSigned(t)
	r := start(t, func(o *Options) { o.Config.HTTP.TLS = config.TLS{Cert: cert, Key: key} })
	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com"}}}
	defer client.CloseIdleConnections()
	response, err := client.Get("https://" + r.Address().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 200 || response.ProtoMajor != 2 {
		t.Errorf("answered %d over %s", response.StatusCode, response.Proto)
	}
	t.Run("plain HTTP/2 is off", func(t *testing.T) {
		var p http.Protocols
		p.SetUnencryptedHTTP2(true)
		plain := start(t, nil)
		if response, err := (&http.Client{Transport: &http.Transport{Protocols: &p}}).Get(plain.url + "/livez"); err == nil {
			t.Errorf("answered over %s", response.Proto)
		}
	})
	t.Run("a key that is missing is told", func(t *testing.T) {
		wantOpenError(t, func(o *Options) { o.Config.HTTP.TLS = config.TLS{Cert: cert, Key: cert + ".no"} }, "http.tls: open")
	})
	t.Run("a new pair is taken without a restart", func(t *testing.T) {
		now := time.Now()
		pair := &keyPair{files: config.TLS{Cert: cert, Key: key}, now: func() time.Time { return now }}
		first, err := pair.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(cert, now, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if again, _ := pair.get(nil); again != first {
			t.Error("the files are looked at each time")
		}
		now = now.Add(time.Minute)
		if again, err := pair.get(nil); again == first || err != nil {
			t.Errorf("the new pair is not taken: %v", err)
		}
	})
}

func TestTheServersOwnTroubleIsLoggedAndItsClientsIsNot(t *testing.T) {
	var log bytes.Buffer
	logger := slog.NewLogLogger(connectionLog{slog.NewTextHandler(&log, nil)}, slog.LevelDebug)
	logger.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	logger.Print("http: Accept error: too many open files; retrying in 5ms")
	if text := log.String(); strings.Contains(text, "handshake") || !strings.Contains(text, "level=WARN msg=\"http: Accept error") {
		t.Errorf("logged %q", text)
	}
}

// selfSigned writes the certificate of net/http/httptest and its key as PEM files.
func selfSigned(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	donor := httptest.NewTLSServer(nil)
	defer donor.Close()
	pair := donor.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	err = errors.Join(
		os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(donor.Certificate())
	return cert, key, pool
}
