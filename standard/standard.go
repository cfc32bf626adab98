// Package standard is the list of modules of the standard build. A build of your own is a main that calls Modules, and
// module.Provide for what it adds.
package standard

import (
	"net/http"
	"strings"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/policy"
	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/auth/token"
	"github.com/zot-artifact-store/zas/internal/oci"
	"github.com/zot-artifact-store/zas/internal/s3"
	"github.com/zot-artifact-store/zas/internal/server"
	"github.com/zot-artifact-store/zas/module"
)

// Modules adds the standard modules to r.
func Modules(r *module.Registry) {
	module.Provide(r, server.Protocols, "s3", newS3)
	module.Provide(r, server.Protocols, "oci", newOCI)
}

// newS3 is the S3 protocol. It takes every path that no other protocol does.
func newS3(h module.Host[server.Given], c s3Config) (server.Protocol, error) {
	c.grant(h.Given.Policy)
	verifier := &sigv4.Verifier{
		Keys: h.Given.Keys, Region: c.Region, Strict: c.StrictRegion, SmallChunks: c.SmallChunks, Now: h.Given.Now,
	}
	handler := s3.New(s3.Options{Objects: h.Given.Objects, Verifier: verifier, Authorizer: guarded(h.Given), Region: c.Region, Domains: c.Domains})
	return server.Protocol{Name: h.Name, Handler: handler, Claims: s3.Domains(c.Domains).Claim, Grows: growsS3, Fail: s3.Fail}, nil
}

// guarded is the policy under what the owners of buckets rule.
func guarded(given server.Given) auth.Authorizer {
	return policy.Guarded{Authorizer: given.Policy, Owners: given.Objects}
}

// growsS3 says whether a request writes: any PUT, and the begin of a multipart upload. The POSTs that complete an upload or delete
// many objects are let through: they give room back, now or later.
func growsS3(r *http.Request) bool {
	form := strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data")
	return r.Method == http.MethodPut || r.Method == http.MethodPost && (form || r.URL.Query().Has("uploads"))
}

// ociConfig is `extensions.oci`.
type ociConfig struct {
	Realm string `json:"realm"` // of the Basic challenge, and the service of the Bearer challenge
}

// newOCI is the OCI distribution protocol, below /v2, with its tokens, and plain downloads, below /a.
func newOCI(h module.Host[server.Given], c ociConfig) (server.Protocol, error) {
	key, err := h.Given.Key("registry tokens, form 1")
	if err != nil {
		return server.Protocol{}, err
	}
	handler := oci.New(oci.Options{
		Repositories: h.Given.Repositories, Objects: h.Given.Objects, Passwords: h.Given.Passwords, Authorizer: guarded(h.Given), Realm: c.Realm, Logger: h.Logger,
		Tokens: token.New(key, h.Given.Now), Bearer: h.Given.Policy.PullsAnonymously(), ExternalURL: h.Given.ExternalURL,
		Version: h.Given.Version,
	})
	matches := func(r *http.Request) bool {
		path := r.URL.EscapedPath()
		return path == "/v2" || strings.HasPrefix(path, "/v2/") || strings.HasPrefix(path, "/a/") || path == oci.TokenPath
	}
	grows := func(r *http.Request) bool {
		writes := r.Method == http.MethodPut || r.Method == http.MethodPatch || r.Method == http.MethodPost
		return writes && r.URL.Path != oci.TokenPath
	}
	return server.Protocol{Name: h.Name, Handler: handler, Matches: matches, Grows: grows, Fail: handler.Fail}, nil
}
