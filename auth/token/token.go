// Package token is the short-lived bearer tokens that registry clients get for their credentials, or for none (distribution
// "Token Authentication Specification"). A token says who it is for and what it may be used for at most; what its bearer may do is decided
// when it is used, as for everybody else.
//
// Clients take tokens for opaque. Here one is `zas1.CLAIMS.MAC`: the claims as JSON and their HMAC-SHA256, both in base64url. There is
// one algorithm, so a token cannot choose another.
package token

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
)

// Life is how long a token is good for. Clients ask for a new one in time, or when they are told to.
const Life = 5 * time.Minute

const (
	form = "zas1."
	// maxToken bounds what is looked at before anything is proven, in bytes; Issue stays below it with maxAccess names of 255.
	maxToken  = 24 << 10
	maxAccess = 50
)

// Access is a resource of the registry and actions on it, in the words of the specification.
type Access struct {
	Type    string   `json:"type"` // repository, registry
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// Grant is what a token says.
type Grant struct {
	Principal auth.Principal // anonymous, too
	Access    []Access
	Issued    time.Time // to the second
	Expires   time.Time
}

// Allows says whether the token may be used for action on a resource.
func (g Grant) Allows(kind, name, action string) bool {
	return slices.ContainsFunc(g.Access, func(a Access) bool {
		return a.Type == kind && a.Name == name && slices.Contains(a.Actions, action)
	})
}

// claims is a Grant in a token.
type claims struct {
	ID      string   `json:"sub"`
	Name    string   `json:"name,omitempty"`
	Access  []Access `json:"access,omitempty"`
	Issued  int64    `json:"iat"` // Unix seconds
	Expires int64    `json:"exp"`
}

// Service issues and verifies the tokens of one key. It is safe for concurrent use.
type Service struct {
	key []byte
	now func() time.Time
}

// New is a Service. The key is 32 secret bytes for this purpose alone; all servers over one store share it.
func New(key []byte, now func() time.Time) *Service { return &Service{slices.Clone(key), now} }

// Issue makes a token for p that may be used for access. Errors: fault.ArgumentInvalid for more than 50 entries.
func (s *Service) Issue(p auth.Principal, access []Access) (string, Grant, error) {
	if len(access) > maxAccess {
		return "", Grant{}, fault.ArgumentInvalid.Detail("a token is for %d scopes at most", maxAccess)
	}
	issued := s.now().Truncate(time.Second)
	g := Grant{Principal: p, Access: access, Issued: issued, Expires: issued.Add(Life)}
	text, err := json.Marshal(claims{p.ID, p.Name, access, g.Issued.Unix(), g.Expires.Unix()})
	if err != nil {
		return "", Grant{}, err
	}
	signed := form + base64.RawURLEncoding.EncodeToString(text)
	return signed + "." + string(s.mac(signed)), g, nil
}

// mac is the last part of a token, as it is written: so there is one spelling of it.
func (s *Service) mac(signed string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(signed))
	return base64.RawURLEncoding.AppendEncode(nil, h.Sum(nil))
}

// Verify reads a token, in a time that tells nothing about the right MAC. Errors: fault.BearerInvalid, also when it has expired.
func (s *Service) Verify(text string) (Grant, error) {
	if len(text) > maxToken || !strings.HasPrefix(text, form) {
		return Grant{}, fault.BearerInvalid
	}
	end := strings.LastIndexByte(text, '.')
	if end < len(form) || !hmac.Equal([]byte(text[end+1:]), s.mac(text[:end])) {
		return Grant{}, fault.BearerInvalid
	}
	c, err := parseClaims(text[len(form):end])
	if err != nil {
		return Grant{}, fault.BearerInvalid.With("", err)
	}
	g := Grant{
		Principal: auth.Principal{ID: c.ID, Name: c.Name}, Access: c.Access,
		Issued: time.Unix(c.Issued, 0), Expires: time.Unix(c.Expires, 0),
	}
	if !s.now().Before(g.Expires) {
		return Grant{}, fault.BearerInvalid.Detail("the token has expired")
	}
	return g, nil
}

func parseClaims(encoded string) (claims, error) {
	var c claims
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return c, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return c, d.Decode(&c)
}
