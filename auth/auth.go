// Package auth is who asks (Principal), for what (Action on a Resource), and the port of the decision.
// Everything is denied unless an Authorizer allows it.
package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/zot-artifact-store/zas/fault"
)

// Principal is who makes a request. The zero value is anonymous.
type Principal struct {
	ID   string // stable, unique; owners are recorded by it
	Name string // for people
}

// Anonymous says that nobody has been identified.
func (p Principal) Anonymous() bool { return p.ID == "" }

// RootID is the principal of the server's own key pair.
const RootID = "root"

// Action is what a request wants to do, in the words of its protocol: `s3:GetObject`, `oci:pull`.
type Action string

// ResourceType keeps the faces of one name apart: a right on a bucket is none on the repository of the same name.
type ResourceType string

// The types of resources.
const (
	Server     ResourceType = "server"
	Bucket     ResourceType = "bucket"
	Object     ResourceType = "object"
	Repository ResourceType = "repository"
)

// Resource is what an action is on. Key is set for objects only.
type Resource struct {
	Type ResourceType
	Name string
	Key  string
}

// Authorizer decides. It reports nil, or fault.AccessDenied (fault.CredentialsMissing for an anonymous principal).
type Authorizer interface {
	Authorize(ctx context.Context, p Principal, a Action, r Resource) error
}

// Keys finds the secret of an access key. It reports fault.KeyUnknown.
type Keys interface {
	Secret(ctx context.Context, accessKey string) (secret string, owner Principal, err error)
}

// Passwords checks a user name and a password in constant time. It reports fault.PasswordMismatch.
type Passwords interface {
	Check(ctx context.Context, user, password string) (Principal, error)
}

// Root is the server's own key pair: access key and secret, which are also user name and password.
type Root struct {
	AccessKey string
	SecretKey string
}

var (
	_ Keys      = Root{}
	_ Passwords = Root{}
)

// Secret implements Keys.
func (r Root) Secret(_ context.Context, accessKey string) (string, Principal, error) {
	if !equal(accessKey, r.AccessKey) {
		return "", Principal{}, fault.KeyUnknown
	}
	return r.SecretKey, Principal{ID: RootID, Name: RootID}, nil
}

// Check implements Passwords.
func (r Root) Check(_ context.Context, user, password string) (Principal, error) {
	userOK, passwordOK := equal(user, r.AccessKey), equal(password, r.SecretKey)
	if !userOK || !passwordOK {
		return Principal{}, fault.PasswordMismatch
	}
	return Principal{ID: RootID, Name: RootID}, nil
}

// equal compares in a time that depends on neither content nor length of the secret side.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
