package oci_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/auth/token"
)

func bearerServer(t *testing.T) *server {
	s := newServerWith(t, &server{bearer: true})
	for _, repo := range []string{"open/app", "bob/app", "secret/app"} {
		s.push(repo, repo)
	}
	return s
}

// tokenAnswer is what clients read of the answer.
type tokenAnswer struct {
	Token       string
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
	IssuedAt    string `json:"issued_at"`
	Scope       string
}

// token asks for one; "" is nobody.
func (s *server) token(user string, scopes ...string) (answer, tokenAnswer) {
	s.t.Helper()
	query := url.Values{"service": {"any"}, "scope": scopes}
	a := s.send(s.request(user, "GET", "/zot/auth/token?"+query.Encode(), nil))
	return a, readToken(s.t, a)
}

func readToken(t testing.TB, a answer) (got tokenAnswer) {
	t.Helper()
	if a.StatusCode == http.StatusOK {
		must(t, json.Unmarshal([]byte(a.body), &got))
	}
	return got
}

// with sends a request with a token.
func (s *server) with(token, method, target string) answer {
	s.t.Helper()
	return s.send(s.request("", method, target, nil, "Authorization: Bearer "+token))
}

func TestATokenIsForAsMuchAsTheCallerMayDo(t *testing.T) {
	s := bearerServer(t)
	for _, test := range []struct {
		name, user string
		scopes     []string
		status     int
		granted    string
	}{
		{"nobody may pull what is open", "", []string{"repository:open/app:pull"}, 200, "repository:open/app:pull"},
		{"nobody gets no more than that", "", []string{"repository:open/app:pull,push,delete"}, 200, "repository:open/app:pull"},
		{"nobody gets no token for what is closed", "", []string{"repository:secret/app:pull"}, 401, ""},
		{"nobody gets no token for what is not there, either", "", []string{"repository:nothing:pull"}, 401, ""},
		{"nobody gets no token for nothing: a login without a password must not succeed", "", nil, 401, ""},
		{"nobody may see the open part of the catalogue", "", []string{"registry:catalog:*"}, 200, "registry:catalog:*"},
		{"several scopes", "bob", []string{"repository:bob/app:pull,push repository:bob/other:push", "repository:secret/app:pull"}, 200,
			"repository:bob/app:pull,push repository:bob/other:push"},
		{"everything", "root", []string{"repository:secret/app:*"}, 200, "repository:secret/app:pull,push,delete"},
		{"a login asks for no scope", "bob", nil, 200, ""},
		{"who may do nothing of it gets a token for nothing", "reader", []string{"repository:secret/app:pull"}, 200, ""},
		{"what is no scope is left aside", "root", []string{"repository", "a:b", "repository:A b:pull", "repository(plugin):a:pull", "registry:catalog", "repository:../a:pull", "::"}, 200, ""},
		{"too many", "root", []string{strings.Repeat("repository:a:pull ", 51)}, 400, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.t = t
			a, got := s.token(test.user, test.scopes...)
			if a.StatusCode != test.status || got.Scope != test.granted {
				t.Fatalf("%s %s", a.Status, a.body)
			}
			if test.status == 401 && a.Header.Get("Www-Authenticate") != `Basic realm="the \"realm\"", charset="UTF-8"` {
				t.Errorf("the challenge is %s", a.Header.Get("Www-Authenticate"))
			}
			want := tokenAnswer{got.Token, got.Token, 300, s.now.UTC().Format(time.RFC3339), test.granted}
			if diff := cmp.Diff(want, got); test.status == 200 && (diff != "" || got.Token == "" || a.Header.Get("Cache-Control") != "no-store") {
				t.Errorf("%v\n%s", a.Header, diff)
			}
		})
	}
	t.Run("a wrong password", func(t *testing.T) {
		s.t = t
		r := s.request("", "GET", "/zot/auth/token?scope=repository:open/app:pull", nil)
		r.SetBasicAuth("bob", "wrong")
		if a := s.send(r); a.StatusCode != 401 || !strings.Contains(a.body, "the user name or password is wrong") {
			t.Errorf("%s %s", a.Status, a.body)
		}
	})
	t.Run("a token does not get another one", func(t *testing.T) {
		s.t = t
		_, got := s.token("bob")
		if a := s.with(got.Token, "GET", "/zot/auth/token"); a.StatusCode != 401 {
			t.Errorf("%s %s", a.Status, a.body)
		}
	})
}

func TestATokenForAPasswordInAForm(t *testing.T) {
	s := bearerServer(t)
	post := func(form string) answer {
		return s.send(s.request("", "POST", "/zot/auth/token", strings.NewReader(form), "Content-Type: application/x-www-form-urlencoded"))
	}
	a := post("grant_type=password&service=x&client_id=y&username=bob&password=secret&scope=repository:bob/app:push,pull+repository:secret/app:pull")
	got := readToken(t, a)
	if got.Scope != "repository:bob/app:pull,push" || got.AccessToken == "" {
		t.Fatalf("%s %s", a.Status, a.body)
	}
	if a := s.with(got.AccessToken, "POST", "/v2/bob/app/blobs/uploads/"); a.StatusCode != 202 {
		t.Errorf("%s %s", a.Status, a.body)
	}
	for form, status := range map[string]int{
		"grant_type=password&username=bob&password=wrong": 401,
		"grant_type=password":                             401,
		"grant_type=refresh_token&refresh_token=x":        400,
		"":    400,
		"%zz": 400,
		"grant_type=password&username=" + strings.Repeat("a", 64<<10): 413,
	} {
		if a := post(form); a.StatusCode != status {
			t.Errorf("%.80s: %s %s", form, a.Status, a.body)
		}
	}
	if a := s.send(s.request("bob", "POST", "/zot/auth/token", strings.NewReader("{}"), "Content-Type: application/json")); a.StatusCode != 400 {
		t.Errorf("JSON: %s %s", a.Status, a.body)
	}
}

func TestTheChallengeTellsWhereToGetWhichToken(t *testing.T) {
	s := bearerServer(t)
	zero := strings.Repeat("0", 64)
	for target, scope := range map[string]string{
		"GET /v2/":                                 "",
		"GET /v2/secret/app/tags/list":             ",scope=\"repository:secret/app:pull\"",
		"GET /v2/secret/app/manifests/v1":          ",scope=\"repository:secret/app:pull\"",
		"POST /v2/open/app/blobs/uploads/":         ",scope=\"repository:open/app:pull,push\"",
		"DELETE /v2/open/app/manifests/v1":         ",scope=\"repository:open/app:delete\"",
		"HEAD /v2/secret/app/blobs/sha256:" + zero: ",scope=\"repository:secret/app:pull\"",
		"GET /v2/Not%20a%22name/tags/list":         "",
	} {
		method, path, _ := strings.Cut(target, " ")
		a := s.send(s.request("", method, path, nil))
		want := `Bearer realm="` + s.URL + `/zot/auth/token",service="the \"realm\""` + scope
		if a.StatusCode != 401 || len(a.Header.Values("Www-Authenticate")) != 1 || a.Header.Get("Www-Authenticate") != want {
			t.Errorf("%s: %s %q", target, a.Status, a.Header.Values("Www-Authenticate"))
		}
	}
	t.Run("the address for clients is told where it is configured", func(t *testing.T) {
		s := newServerWith(t, &server{bearer: true, external: "https://example.com/store"})
		a := s.send(s.request("", "GET", "/v2/", nil, "X-Forwarded-Host: evil.example.com", "X-Forwarded-Proto: http"))
		if got := a.Header.Get("Www-Authenticate"); !strings.HasPrefix(got, `Bearer realm="https://example.com/store/zot/auth/token"`) {
			t.Error(got)
		}
	})
	t.Run("a browser that downloads is asked for a password", func(t *testing.T) {
		a := s.send(s.request("", "GET", "/a/secret/app:v1/title", nil))
		if got := a.Header.Get("Www-Authenticate"); a.StatusCode != 401 || !strings.HasPrefix(got, "Basic ") {
			t.Error(a.Status, got)
		}
	})
	t.Run("zot's clients are told of both ways", func(t *testing.T) {
		a := s.send(s.request("", "GET", "/v2/_zot/ext/mgmt", nil))
		want := `"auth":{"htpasswd":{},"bearer":{"realm":"` + s.URL + `/zot/auth/token","service":"the \"realm\""}}`
		if a.StatusCode != 200 || !strings.Contains(a.body, want) {
			t.Error(a.Status, a.body)
		}
	})
	t.Run("forwarded hosts are not looked at", func(t *testing.T) {
		a := s.send(s.request("", "GET", "/v2/", nil, "X-Forwarded-Host: evil.example.com", "Forwarded: host=evil.example.com"))
		if got := a.Header.Get("Www-Authenticate"); strings.Contains(got, "evil") {
			t.Error(got)
		}
	})
}

func TestATokenIsUsed(t *testing.T) {
	s := bearerServer(t)
	digest := digestOf("bob/app")
	expect := func(t *testing.T, a answer, status int, challenge string) {
		t.Helper()
		if got := a.Header.Get("Www-Authenticate"); a.StatusCode != status || !strings.HasSuffix(got, challenge) || challenge == "" && got != "" {
			t.Errorf("%s %s: %s %s %s", a.Request.Method, a.Request.URL, a.Status, got, a.body)
		}
	}
	_, pull := s.token("bob", "repository:bob/app:pull")
	_, nobody := s.token("", "repository:open/app:pull,push")
	_, catalog := s.token("reader", "registry:catalog:*")
	t.Run("for what it was issued for", func(t *testing.T) {
		expect(t, s.with(pull.Token, "GET", "/v2/bob/app/blobs/"+digest), 200, "")
		expect(t, s.with(nobody.Token, "GET", "/v2/open/app/blobs/"+digestOf("open/app")), 200, "")
		expect(t, s.with(nobody.Token, "GET", "/v2/open/app/tags/list"), 200, "")
	})
	t.Run("to see that credentials are good", func(t *testing.T) {
		expect(t, s.with(pull.Token, "GET", "/v2/"), 200, "")
		expect(t, s.with(nobody.Token, "GET", "/v2/"), 401, `service="the \"realm\""`)
	})
	t.Run("for more, another one is asked for", func(t *testing.T) {
		expect(t, s.with(pull.Token, "POST", "/v2/bob/app/blobs/uploads/"), 401, `scope="repository:bob/app:pull,push",error="insufficient_scope"`)
		expect(t, s.with(pull.Token, "GET", "/v2/bob/other/tags/list"), 401, `scope="repository:bob/other:pull",error="insufficient_scope"`)
	})
	t.Run("for what anybody may do, any token does", func(t *testing.T) {
		expect(t, s.with(nobody.Token, "GET", "/v2/_catalog"), 200, "")
		expect(t, s.with(pull.Token, "GET", "/v2/open/app/blobs/"+digestOf("open/app")), 403, "") // the test's policy denies it to bob
		expect(t, s.with(nobody.Token, "GET", "/v2/open/other/tags/list"), 404, "")
	})
	t.Run("for what its bearer may not do, none helps", func(t *testing.T) {
		expect(t, s.with(pull.Token, "GET", "/v2/secret/app/tags/list"), 403, "")
		expect(t, s.with(pull.Token, "DELETE", "/v2/bob/app/blobs/"+digest), 403, "")
		expect(t, s.with(nobody.Token, "POST", "/v2/open/app/blobs/uploads/"), 401, `scope="repository:open/app:pull,push"`)
	})
	t.Run("a mount needs the right to pull from its source in the token", func(t *testing.T) {
		s.push("bob/source", "to be mounted")
		_, narrow := s.token("bob", "repository:bob/app:pull,push")
		_, wide := s.token("bob", "repository:bob/app:pull,push", "repository:bob/source:pull")
		target := "/v2/bob/app/blobs/uploads/?from=bob/source&mount=" + digestOf("to be mounted")
		expect(t, s.with(narrow.Token, "POST", target), 401, `scope="repository:bob/app:pull,push repository:bob/source:pull",error="insufficient_scope"`)
		expect(t, s.with(narrow.Token, "POST", strings.Replace(target, "bob/source", "secret/app", 1)), 202, "")
		expect(t, s.with(wide.Token, "POST", target), 201, "")
	})
	t.Run("the catalogue shows what its bearer may pull", func(t *testing.T) {
		if a := s.send(s.request("", "GET", "/v2/_catalog", nil)); a.body != `{"repositories":["open/app"]}` {
			t.Errorf("nobody: %s", a.body)
		}
		s.push("public/app", "public")
		if a := s.with(catalog.Token, "GET", "/v2/_catalog"); a.body != `{"repositories":["public/app"]}` {
			t.Errorf("reader: %s", a.body)
		}
	})
	t.Run("pages of the catalogue leak no names", func(t *testing.T) {
		s.push("open/zoo", "zoo")
		a := s.send(s.request("", "GET", "/v2/_catalog?n=1", nil))
		if a.body != `{"repositories":["open/app"]}` || strings.Contains(a.Header.Get("Link"), "public") {
			t.Errorf("%s %s", a.Header.Get("Link"), a.body)
		}
		if a := s.send(s.request("", "GET", "/v2/_catalog?last=open/zoo", nil)); a.body != `{"repositories":[]}` || a.Header.Get("Link") != "" {
			t.Errorf("%s %s", a.Header.Get("Link"), a.body)
		}
	})
	t.Run("until it ends, or if it is none", func(t *testing.T) {
		expect(t, s.with(pull.Token+"x", "GET", "/v2/bob/app/tags/list"), 401, `error="invalid_token"`)
		expect(t, s.with("", "GET", "/v2/open/app/tags/list"), 401, `error="invalid_token"`)
		s.now = s.now.Add(token.Life)
		expect(t, s.with(pull.Token, "GET", "/v2/bob/app/tags/list"), 401, `scope="repository:bob/app:pull",error="invalid_token"`)
	})
	t.Run("Basic credentials are still good, and two kinds at once are not", func(t *testing.T) {
		expect(t, s.send(s.request("bob", "GET", "/v2/bob/app/tags/list", nil)), 200, "")
		r := s.request("bob", "GET", "/v2/bob/app/tags/list", nil)
		r.Header.Add("Authorization", "Bearer "+pull.Token)
		if a := s.send(r); a.StatusCode != 401 {
			t.Errorf("%s %s", a.Status, a.body)
		}
	})
}

func TestARepositoryThatIsNotOpenAnswersTheSameWhetherItIsThereOrNot(t *testing.T) {
	s := bearerServer(t)
	there, not := "secret/app", "secret/not"
	for _, path := range []string{"/tags/list", "/manifests/v1", "/blobs/" + digestOf("secret/app"), "/referrers/" + digestOf("secret/app")} {
		a, b := s.send(s.request("", "GET", "/v2/"+there+path, nil)), s.send(s.request("", "GET", "/v2/"+not+path, nil))
		if a.StatusCode != 401 || b.StatusCode != 401 || a.body != b.body {
			t.Errorf("%s: %s %s; %s %s", path, a.Status, a.body, b.Status, b.body)
		}
	}
}
