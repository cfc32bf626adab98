// Package oci is the OCI distribution protocol, version 1.1, over the domain of package repository: it parses a request
// into a typed operation, says who asks and whether they may, does it and renders the answer. Errors are written in one place. Beside it are
// plain downloads of what manifests name, which are the same in all but the name.
package oci

import (
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/token"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/internal/repository"
)

// Options are what a Handler works with. Repositories, Passwords and Authorizer are needed.
type Options struct {
	Repositories *repository.Service
	Objects      *object.Service // whose keys are titles of downloads; nil: none are
	Passwords    auth.Passwords
	Authorizer   auth.Authorizer
	Tokens       *token.Service // the tokens of TokenPath; nil: there are none
	Bearer       bool           // tell clients to get a token; else to send Basic credentials
	ExternalURL  string         // the server's URL without a slash at its end, for clients that need one; empty: the one that they used
	Realm        string         // of the challenges; empty: zas
	Version      string         // of the program, as zot's clients show it
	Logger       *slog.Logger   // for errors whose response writer does not log them itself; may be nil
}

// Handler answers everything under /v2/ and /a/, and TokenPath.
type Handler struct{ o Options }

var _ http.Handler = (*Handler)(nil)

// New makes a Handler. It finds the id of a request in the header X-Request-Id of its response.
func New(o Options) *Handler {
	if o.Realm == "" {
		o.Realm = "zas"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{o}
}

// observer is a response writer that tells its log and metrics about the request.
type observer interface {
	SetOperation(name string)
	SetPrincipal(id string)
	SetError(err error)
}

// unobserved is for response writers that tell nobody.
type unobserved struct{}

func (unobserved) SetOperation(string) {}
func (unobserved) SetPrincipal(string) {}
func (unobserved) SetError(error)      {}

// exchange is one request under way.
type exchange struct {
	*Handler
	w   *answer
	r   *http.Request
	who auth.Principal
	by  repository.Actor
	// grant is what the caller's token says; nil: the caller has sent credentials, or nothing.
	grant *token.Grant
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	told, ok := w.(observer)
	if !ok {
		told = unobserved{}
	}
	a := &answer{ResponseWriter: w}
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	err := h.serve(told, a, r)
	switch {
	case err == nil && !a.begun:
		a.begin()
	case err == nil:
	case a.begun:
		told.SetError(err)
		panic(http.ErrAbortHandler) // the client must not take what it got for the whole
	default:
		if !ok {
			h.log(r, err)
		}
		told.SetError(err)
		h.Fail(w, r, err)
	}
}

func (h *Handler) serve(told observer, w *answer, r *http.Request) error {
	op, err := parse(r)
	if err != nil {
		return err
	}
	told.SetOperation(op.name())
	x := &exchange{Handler: h, w: w, r: r}
	if err := x.authenticate(); err != nil {
		return err
	}
	told.SetPrincipal(x.who.ID)
	if action, resource := op.needs(); action != "" {
		if err := h.o.Authorizer.Authorize(r.Context(), x.who, action, resource); err != nil {
			return err
		}
		if !x.covered(action, resource) {
			return fault.BearerScope
		}
	}
	x.by = repository.Actor{Principal: x.who.ID, Request: w.Header().Get("X-Request-Id")}
	return op.serve(x)
}

// authenticate finds out who makes the request: nobody without an Authorization header, which then must be Basic (RFC 7617) or
// Bearer (RFC 6750) with a token from TokenPath. Errors: fault.CredentialsMalformed, fault.PasswordMismatch, fault.BearerInvalid.
func (x *exchange) authenticate() error {
	lines := x.r.Header["Authorization"]
	if len(lines) == 0 {
		return nil
	}
	if len(lines) > 1 {
		return fault.CredentialsMalformed.Detail("there is more than one Authorization header")
	}
	scheme, rest, _ := strings.Cut(lines[0], " ")
	if strings.EqualFold(scheme, "bearer") && x.o.Tokens != nil && x.r.URL.Path != TokenPath {
		grant, err := x.o.Tokens.Verify(strings.TrimSpace(rest))
		if err != nil {
			return err
		}
		x.who, x.grant = grant.Principal, &grant
		return nil
	}
	user, password, ok := x.r.BasicAuth()
	if !ok {
		return fault.CredentialsMalformed.Detail("only Basic credentials and tokens from %s are understood here", TokenPath)
	}
	var err error
	x.who, err = x.o.Passwords.Check(x.r.Context(), user, password)
	return err
}

// allowed says whether the caller may do a to repo, whatever the token was issued for.
func (x *exchange) allowed(a auth.Action, repo string) bool {
	return x.o.Authorizer.Authorize(x.r.Context(), x.who, a, on{repo}.resource()) == nil
}

// may says whether the caller may do a to repo with this request.
func (x *exchange) may(a auth.Action, repo string) bool {
	return x.allowed(a, repo) && x.covered(a, on{repo}.resource())
}

// sight is what the caller sees of repo: of objects, those that S3 would send to the same caller.
func (x *exchange) sight(repo string) *repository.Sight {
	may := func(a auth.Action, on auth.Resource) bool {
		return x.o.Authorizer.Authorize(x.r.Context(), x.who, a, on) == nil
	}
	return &repository.Sight{Objects: object.Readable(may)}
}

// log is for response writers that do not log errors: those that the operator must see.
func (h *Handler) log(r *http.Request, err error) {
	if fault.Of(err).Code.Kind() == fault.Internal {
		h.o.Logger.ErrorContext(r.Context(), "oci request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
}

// answer is a response whose status is sent with its first byte, so that an error before it is still answered as one. It does
// not stand in the way of sendfile.
type answer struct {
	http.ResponseWriter
	status int // 0: 200
	begun  bool
}

func (a *answer) begin() {
	if a.begun {
		return
	}
	a.begun = true
	if a.status == 0 {
		a.status = http.StatusOK
	}
	a.ResponseWriter.WriteHeader(a.status)
}

// Write implements io.Writer.
func (a *answer) Write(p []byte) (int, error) {
	a.begin()
	return a.ResponseWriter.Write(p)
}

// ReadFrom implements io.ReaderFrom: a file reaches the connection as it is.
func (a *answer) ReadFrom(src io.Reader) (int64, error) {
	a.begin()
	return io.Copy(a.ResponseWriter, src)
}

// reply sends a status without a body, unless the operation has sent one.
func (x *exchange) reply(status int) error {
	x.w.status = status
	if status != http.StatusNoContent && status != http.StatusNotModified {
		x.w.Header().Set("Content-Length", "0")
	}
	x.w.begin()
	return nil
}

// set sets headers, given as name and value in turn.
func (x *exchange) set(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		x.w.Header().Set(pairs[i], pairs[i+1])
	}
}

// stored marks a response that carries bytes which somebody has stored: a browser must neither guess their type nor run them.
func (x *exchange) stored() {
	x.set("Content-Security-Policy", "default-src 'none'; sandbox", "X-Content-Type-Options", "nosniff")
}

// fresh answers a conditional request about something whose state etag names: true if the answer has been given
// (RFC 9110, sections 13.1.1 and 13.1.2).
func (x *exchange) fresh(etag string) (bool, error) {
	if match := x.r.Header.Get("If-Match"); match != "" && !lists(match, etag) {
		return false, fault.PreconditionFailed
	}
	if none := x.r.Header.Get("If-None-Match"); none == "" || !lists(none, etag) {
		return false, nil
	}
	return true, x.reply(http.StatusNotModified)
}

// lists says whether a list of entity tags has this one.
func lists(header, etag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == "*" || one == etag {
			return true
		}
	}
	return false
}

// ping says that the protocol is spoken here and that the credentials are good (OCI distribution specification 1.1, "Determining Support").
type ping struct{}

func (ping) name() string                        { return "ping" }
func (ping) needs() (auth.Action, auth.Resource) { return Ping, auth.Resource{Type: auth.Server} }
func (ping) serve(x *exchange) error             { return x.json(struct{}{}) }
