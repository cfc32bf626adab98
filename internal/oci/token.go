package oci

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/token"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// TokenPath is where clients get bearer tokens, as in zot.
const TokenPath = "/zot/auth/token"

// maxForm bounds the body of a request for a token, and maxScopes how much it may ask for.
const (
	maxForm   = 64 << 10
	maxScopes = 50
)

// issueToken is GET of a token, with Basic credentials or none, and POST with a password in a form (distribution "Token Authentication
// Specification", and its "OAuth2 Token Authentication"). A token is for as much of the scopes as the caller may do.
type issueToken struct {
	form   bool
	scopes []string // of the query
}

func parseToken(query url.Values, r *http.Request) (operation, error) {
	return issueToken{form: r.Method == http.MethodPost, scopes: query["scope"]}, nil
}

func (issueToken) name() string { return "issue token" }

// needs: who asks for a token of no use gets one of no use.
func (issueToken) needs() (auth.Action, auth.Resource) {
	return "", auth.Resource{Type: auth.Server}
}

func (o issueToken) serve(x *exchange) error {
	who := x.who
	if o.form {
		var err error
		if who, err = o.password(x); err != nil {
			return err
		}
	}
	scopes := strings.Fields(strings.Join(o.scopes, " "))
	if len(scopes) > maxScopes {
		return fault.ArgumentInvalid.Detail("a token is for %d scopes at most", maxScopes)
	}
	var access []token.Access
	for _, scope := range scopes {
		if granted, ok := x.grantable(who, scope); ok {
			access = append(access, granted)
		}
	}
	if who.Anonymous() && len(access) == 0 {
		return fault.CredentialsMissing // or a login without a password would seem to succeed
	}
	text, grant, err := x.o.Tokens.Issue(who, access)
	if err != nil {
		return err
	}
	return x.json(struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"` // seconds
		IssuedAt    string `json:"issued_at"`
		Scope       string `json:"scope,omitempty"`
	}{text, text, int(token.Life / time.Second), grant.Issued.UTC().Format(time.RFC3339), written(access)})
}

// password reads the form of a POST: grant_type=password with a user's name and password (RFC 6749, section 4.3.2).
// Errors: fault.BadRequest, fault.EntityTooLarge, fault.ArgumentInvalid for another grant, fault.PasswordMismatch.
func (o *issueToken) password(x *exchange) (auth.Principal, error) {
	if kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return auth.Principal{}, fault.BadRequest.Detail("a token is asked for with GET, or with a form")
	}
	x.r.Body = http.MaxBytesReader(x.w, x.r.Body, maxForm)
	var large *http.MaxBytesError
	if err := x.r.ParseForm(); errors.As(err, &large) {
		return auth.Principal{}, fault.EntityTooLarge
	} else if err != nil {
		return auth.Principal{}, fault.BadRequest.With("the form cannot be read", err)
	}
	form := x.r.PostForm
	if form.Get("grant_type") != "password" {
		return auth.Principal{}, fault.ArgumentInvalid.Detail("grant_type must be password: there are no refresh tokens")
	}
	o.scopes = append(o.scopes, form["scope"]...)
	return x.o.Passwords.Check(x.r.Context(), form.Get("username"), form.Get("password"))
}

// grantable is what who may do of a scope, `repository:NAME:ACTION,…` or `registry:catalog:*`; false when it is nothing.
func (x *exchange) grantable(who auth.Principal, scope string) (token.Access, bool) {
	kind, rest, _ := strings.Cut(scope, ":")
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return token.Access{}, false
	}
	a := token.Access{Type: kind, Name: rest[:i]}
	may := func(action auth.Action, on auth.Resource) bool {
		return x.o.Authorizer.Authorize(x.r.Context(), who, action, on) == nil
	}
	switch {
	case kind == "registry" && a.Name == "catalog" && may(Catalog, auth.Resource{Type: auth.Server}):
		a.Actions = []string{"*"}
	case kind == "repository" && repository.CheckRepository(a.Name) == nil:
		asked := strings.Split(rest[i+1:], ",")
		for _, action := range []auth.Action{Pull, Push, Delete} {
			word := scopeAction(action)
			if (slices.Contains(asked, word) || slices.Contains(asked, "*")) && may(action, on{a.Name}.resource()) {
				a.Actions = append(a.Actions, word)
			}
		}
	}
	return a, len(a.Actions) > 0
}

// scopeAction is the word of the specification for an action on a repository.
func scopeAction(a auth.Action) string { return strings.TrimPrefix(string(a), "oci:") }

// covered says whether the caller's token may be used for an action that the caller may do. What anybody may do needs no token, so a
// token does not stand in its way.
func (x *exchange) covered(a auth.Action, r auth.Resource) bool {
	switch {
	case x.grant == nil, a == Ping:
		return true
	case r.Type == auth.Repository && x.grant.Allows("repository", r.Name, scopeAction(a)):
		return true
	case a == Catalog && x.grant.Allows("registry", "catalog", "*"):
		return true
	}
	return x.o.Authorizer.Authorize(x.r.Context(), auth.Principal{}, a, r) == nil
}

// written is access as scopes.
func written(access []token.Access) string {
	var list []string
	for _, a := range access {
		list = append(list, a.Type+":"+a.Name+":"+strings.Join(a.Actions, ","))
	}
	return strings.Join(list, " ")
}

// challenge is what a 401 tells clients to do: to get a token where anybody may get one that is of use, else, and for the
// token itself, to send Basic credentials. It is one challenge: of two, clients without credentials take the wrong one.
func (h *Handler) challenge(r *http.Request, err error) string {
	if !h.o.Bearer || r.Host == "" || r.URL.Path == TokenPath || strings.HasPrefix(r.URL.Path, "/a/") { // a browser gets no tokens
		return "Basic realm=" + strconv.Quote(h.o.Realm) + `, charset="UTF-8"`
	}
	c := "Bearer realm=" + strconv.Quote(h.tokenURL(r)) + ",service=" + strconv.Quote(h.o.Realm)
	if scope := scopeOf(r); scope != "" {
		c += ",scope=" + strconv.Quote(scope)
	}
	switch {
	case errors.Is(err, fault.BearerInvalid):
		c += `,error="invalid_token"`
	case errors.Is(err, fault.BearerScope):
		c += `,error="insufficient_scope"`
	}
	return c
}

// tokenURL is where the client of a request finds TokenPath.
func (h *Handler) tokenURL(r *http.Request) string {
	switch {
	case h.o.ExternalURL != "":
		return h.o.ExternalURL + TokenPath
	case r.TLS != nil:
		return "https://" + r.Host + TokenPath
	}
	return "http://" + r.Host + TokenPath
}

// scopeOf is what a token must be for so that it does for r.
func scopeOf(r *http.Request) string {
	op, err := parse(r)
	if err != nil {
		return ""
	}
	switch action, on := op.needs(); {
	case action == Catalog:
		return "registry:catalog:*"
	case on.Type != auth.Repository || repository.CheckRepository(on.Name) != nil:
		return ""
	case action == Push:
		scope := "repository:" + on.Name + ":pull,push"
		if mount, ok := op.(mountBlob); ok && repository.CheckRepository(mount.from) == nil {
			scope += " repository:" + mount.from + ":pull"
		}
		return scope
	default:
		return "repository:" + on.Name + ":" + scopeAction(action)
	}
}
