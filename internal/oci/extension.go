package oci

import "github.com/zot-artifact-store/zas/auth"

// extension is a set of routes beyond the specification.
type extension struct {
	Name        string   `json:"name"`
	URL         string   `json:"url"`
	Description string   `json:"description"`
	Endpoints   []string `json:"endpoints"`
}

// listExtensions is GET of the extensions of the server, or of a repository (OCI distribution specification 1.1, "Extensions API":
// extensions/_oci.md, "Module: discover").
type listExtensions struct{ on }

func (listExtensions) name() string { return "list extensions" }
func (o listExtensions) needs() (auth.Action, auth.Resource) {
	if o.repo != "" {
		return Pull, o.resource()
	}
	return Ping, auth.Resource{Type: auth.Server}
}

func (o listExtensions) serve(x *exchange) error {
	oci := extension{
		Name: "_oci", URL: "https://github.com/opencontainers/distribution-spec/pull/606", Description: "the history of a tag, as drafted",
		Endpoints: []string{"/v2/" + o.repo + "/_oci/tag-history/"},
	}
	list := []extension{oci}
	if o.repo == "" {
		list[0].Endpoints = []string{"/v2/_oci/ext/discover", "/v2/<name>/_oci/ext/discover", "/v2/<name>/_oci/tag-history/<tag>"}
		list = append(list, extension{
			Name: "_zot", URL: "https://github.com/project-zot/zot/blob/v2.1.20/pkg/extensions/_zot.md",
			Description: "zot registry extensions", Endpoints: []string{"/v2/_zot/ext/mgmt"},
		})
	}
	return x.json(struct {
		Extensions []extension `json:"extensions"`
	}{list})
}

// distSpecVersion is the version of the distribution specification that is spoken here.
const distSpecVersion = "1.1.1"

// tellConfig is GET of what zot's clients ask before they log in: which server this is and how to authenticate (zot v2.1.20,
// pkg/extensions/README_mgmt.md). As in zot it needs no credentials.
type tellConfig struct{}

func (tellConfig) name() string                        { return "tell configuration" }
func (tellConfig) needs() (auth.Action, auth.Resource) { return "", auth.Resource{Type: auth.Server} }

func (tellConfig) serve(x *exchange) error {
	type (
		passwords struct{} // there are some; zot does not say where either
		tokens    struct {
			Realm   string `json:"realm"`
			Service string `json:"service"`
		}
		methods struct {
			HTPasswd passwords `json:"htpasswd"`
			Bearer   *tokens   `json:"bearer,omitempty"`
		}
		http struct {
			Auth methods `json:"auth"`
		}
	)
	var how http
	if x.o.Bearer {
		how.Auth.Bearer = &tokens{x.tokenURL(x.r), x.o.Realm}
	}
	return x.json(struct {
		DistSpecVersion string `json:"distSpecVersion"`
		Commit          string `json:"commit"`
		ReleaseTag      string `json:"releaseTag"`
		BinaryType      string `json:"binaryType"`
		HTTP            http   `json:"http"`
	}{DistSpecVersion: distSpecVersion, ReleaseTag: x.o.Version, BinaryType: "zas", HTTP: how})
}
