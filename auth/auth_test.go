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
