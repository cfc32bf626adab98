package auth_test

import (
	"errors"
	"testing"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
)

func TestTheRootPairIsKeyAndPassword(t *testing.T) {
	root := auth.Root{AccessKey: "root", SecretKey: "secret"}
	secret, owner, err := root.Secret(t.Context(), "root")
	if err != nil || secret != "secret" || owner.ID != auth.RootID {
		t.Errorf("Secret = %q, %+v, %v", secret, owner, err)
	}
	if secret, _, err := root.Secret(t.Context(), "other"); !errors.Is(err, fault.KeyUnknown) || secret != "" {
		t.Errorf("another key gives %q, %v", secret, err)
	}
	if p, err := root.Check(t.Context(), "root", "secret"); err != nil || p.ID != auth.RootID {
		t.Errorf("Check = %+v, %v", p, err)
	}
	for _, wrong := range [][2]string{{"root", "secre"}, {"roo", "secret"}, {"", ""}, {"secret", "root"}} {
		if p, err := root.Check(t.Context(), wrong[0], wrong[1]); !errors.Is(err, fault.PasswordMismatch) || !p.Anonymous() {
			t.Errorf("%q is accepted as %+v, %v", wrong, p, err)
		}
	}
}

func TestOnlyRootMayDoAnything(t *testing.T) {
	on := auth.Resource{Type: auth.Bucket, Name: "photos"}
	for _, test := range []struct {
		name string
		who  auth.Principal
		want error
	}{
		{"root may", auth.Principal{ID: auth.RootID}, nil},
		{"nobody is asked who they are", auth.Principal{}, fault.CredentialsMissing},
		{"somebody else may not", auth.Principal{ID: "alice"}, fault.AccessDenied},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := (auth.RootOnly{}).Authorize(t.Context(), test.who, "s3:ListBucket", on); !errors.Is(err, test.want) {
				t.Errorf("Authorize = %v, want %v", err, test.want)
			}
		})
	}
}
