package policy_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/policy"
	"github.com/zot-artifact-store/zas/fault"
)

// document is a policy of one statement about the bucket `photos`.
func document(effect, principal, action, resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Principal":` + principal + `,"Action":` + action + `,"Resource":` + resource + `}]}`
}

const (
	theBucket = `"arn:aws:s3:::photos"`
	allKeys   = `"arn:aws:s3:::photos/*"`
)

func TestAPolicyIsReadStrictly(t *testing.T) {
	const (
		badAction    = "Policy has invalid action"
		badPrincipal = "Invalid principal in policy"
		badResource  = "Policy has invalid resource"
		noFit        = "Action does not apply to any resource(s) in statement"
	)
	for name, c := range map[string]struct{ text, want string }{
		"public reading":               {document("Allow", `"*"`, `"s3:GetObject"`, allKeys), ""},
		"everybody as an AWS account":  {document("Allow", `{"AWS":["*"]}`, `["s3:GetObject","s3:ListBucket"]`, `[`+theBucket+`,`+allKeys+`]`), ""},
		"root":                         {document("Deny", `"root"`, `"s3:DeleteBucket"`, theBucket), ""},
		"one statement, not in a list": {`{"Statement":{"Sid":"a","Effect":"Allow","Principal":"*","Action":"*","Resource":` + allKeys + `}}`, ""},
		"nothing":                      {``, "Policies must be valid JSON and the first byte must be '{'"},
		"no object":                    {`[]`, "Policies must be valid JSON and the first byte must be '{'"},
		"broken JSON":                  {`{"Statement"`, "This policy contains invalid Json"},
		"two documents":                {`{} {}`, "This policy contains invalid Json"},
		"no statement":                 {`{}`, "Missing required field Statement"},
		"no statements":                {`{"Statement":[]}`, "Could not parse the policy: Statement is empty!"},
		"an old version":               {`{"Version":"2000-01-01","Statement":[]}`, "The policy must contain a valid version string"},
		"an element in other letters":  {strings.Replace(document("Allow", `"*"`, `"s3:GetObject"`, allKeys), "Effect", "effect", 1), "Unknown field effect"},
		"an element twice":             {strings.Replace(document("Allow", `"*"`, `"s3:GetObject"`, allKeys), `"Effect"`, `"Effect":"Deny","Effect"`, 1), "Policy has duplicate element: Effect"},
		"another effect":               {document("allow", `"*"`, `"s3:GetObject"`, allKeys), "Invalid effect: allow"},
		"no action":                    {document("Allow", `"*"`, `[]`, allKeys), badAction},
		"an action of another service": {document("Allow", `"*"`, `"ec2:Run*"`, allKeys), badAction},
		"an action that is none":       {document("Allow", `"*"`, `"s3:GetObjects"`, allKeys), badAction},
		"a pattern of no action":       {document("Allow", `"*"`, `"s3:????"`, allKeys), badAction},
		"nobody":                       {document("Allow", `""`, `"s3:GetObject"`, allKeys), badPrincipal},
		"somebody unknown":             {document("Allow", `"alice"`, `"s3:GetObject"`, allKeys), badPrincipal},
		"everybody and root":           {document("Allow", `["*","root"]`, `"s3:GetObject"`, allKeys), badPrincipal},
		"a service":                    {document("Allow", `{"Service":"*"}`, `"s3:GetObject"`, allKeys), badPrincipal},
		"another bucket":               {document("Allow", `"*"`, `"s3:GetObject"`, `"arn:aws:s3:::photos-2/*"`), badResource},
		"every bucket":                 {document("Allow", `"*"`, `"s3:GetObject"`, `"arn:aws:s3:::*"`), badResource},
		"no ARN":                       {document("Allow", `"*"`, `"s3:GetObject"`, `"photos/*"`), badResource},
		"an empty key":                 {document("Allow", `"*"`, `"s3:GetObject"`, `"arn:aws:s3:::photos/"`), badResource},
		"a key's action on a bucket":   {document("Allow", `"*"`, `"s3:GetObject"`, theBucket), noFit},
		"a bucket's action on keys":    {document("Allow", `"*"`, `"s3:ListBucket"`, allKeys), noFit},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := policy.ParseBucket([]byte(c.text), "photos")
			got := ""
			if err != nil {
				got = fault.Of(err).Text()
			}
			if got != c.want || err != nil && !errors.Is(err, fault.BucketPolicyMalformed) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatWouldBeIgnoredIsRefused(t *testing.T) {
	for _, element := range []string{"Condition", "NotPrincipal", "NotAction", "NotResource"} {
		text := strings.Replace(document("Deny", `"*"`, `"s3:GetObject"`, allKeys), `"Effect"`, `"`+element+`":{},"Effect"`, 1)
		if _, err := policy.ParseBucket([]byte(text), "photos"); !errors.Is(err, fault.NotImplemented) {
			t.Errorf("%s: %v", element, err)
		}
	}
	long := document("Allow", `"*"`, `"s3:GetObject"`, `"arn:aws:s3:::photos/`+strings.Repeat("k", policy.MaxBucket)+`"`)
	if _, err := policy.ParseBucket([]byte(long), "photos"); !errors.Is(err, fault.EntityTooLarge) {
		t.Errorf("a long policy: %v", err)
	}
}

// owner is an owner with one policy.
type owner struct {
	blocked bool
	text    string
	err     error
}

func (o owner) Anonymous(context.Context, string) (bool, []byte, error) {
	return o.blocked, []byte(o.text), o.err
}

func TestOwnersOpenAndCloseTheirBuckets(t *testing.T) {
	var open policy.Policy
	open.Objects("photos", "*")
	open.Repositories(glob(t, "photos"), true)
	key := func(k string) auth.Resource { return auth.Resource{Type: auth.Object, Name: "photos", Key: k} }
	bucket, repository := auth.Resource{Type: auth.Bucket, Name: "photos"}, auth.Resource{Type: auth.Repository, Name: "photos"}
	public := document("Allow", `"*"`, `["s3:GetObject","s3:List*"]`, `[`+theBucket+`,"arn:aws:s3:::photos/pub/*"]`)
	deny := document("Deny", `"*"`, `"s3:*"`, `"arn:aws:s3:::photos/secret*"`)
	denied, anybody, failing := fault.CredentialsMissing, auth.Principal{}, errors.New("disk")
	for name, c := range map[string]struct {
		rules policy.Policy
		owner owner
		who   auth.Principal
		does  auth.Action
		to    auth.Resource
		want  error
	}{
		"a policy opens keys":                     {policy.Policy{}, owner{text: public}, anybody, "s3:GetObject", key("pub/a"), nil},
		"and no others":                           {policy.Policy{}, owner{text: public}, anybody, "s3:GetObject", key("public"), denied},
		"and no other action":                     {policy.Policy{}, owner{text: public}, anybody, "s3:GetObjectVersion", key("pub/a"), denied},
		"a pattern opens actions":                 {policy.Policy{}, owner{text: public}, anybody, "s3:ListBucketVersions", bucket, nil},
		"but not on other resources":              {policy.Policy{}, owner{text: public}, anybody, "s3:ListBucket", key("pub/a"), nil},
		"a bucket is not its repository":          {policy.Policy{}, owner{text: document("Allow", `"*"`, `"*"`, `[`+theBucket+`,`+allKeys+`]`)}, anybody, "oci:pull", repository, denied},
		"what is denied is closed":                {open, owner{text: deny}, anybody, "s3:GetObject", key("secret.txt"), denied},
		"the rest stays as configured":            {open, owner{text: deny}, anybody, "s3:GetObject", key("open.txt"), nil},
		"a block closes all":                      {open, owner{blocked: true, text: public}, anybody, "s3:GetObject", key("pub/a"), denied},
		"its repository, too":                     {open, owner{blocked: true}, anybody, "oci:pull", repository, denied},
		"a policy that cannot be read closes all": {open, owner{text: "{"}, anybody, "s3:GetObject", key("pub/a"), denied},
		"one that cannot be found closes all":     {open, owner{err: failing}, anybody, "s3:GetObject", key("pub/a"), failing},
		"root is above it":                        {open, owner{text: deny, err: failing}, auth.Principal{ID: auth.RootID}, "s3:GetObject", key("secret.txt"), nil},
		"a statement about root is not for all":   {policy.Policy{}, owner{text: document("Allow", `"root"`, `"s3:GetObject"`, allKeys)}, anybody, "s3:GetObject", key("a"), denied},
	} {
		t.Run(name, func(t *testing.T) {
			g := policy.Guarded{Authorizer: &c.rules, Owners: c.owner}
			if err := g.Authorize(t.Context(), c.who, c.does, c.to); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestAPolicyIsPublicThatAllowsEverybodySomething(t *testing.T) {
	for text, want := range map[string]bool{
		document("Allow", `"*"`, `"s3:GetObject"`, allKeys):    true,
		document("Deny", `"*"`, `"s3:GetObject"`, allKeys):     false,
		document("Allow", `"root"`, `"s3:GetObject"`, allKeys): false,
	} {
		b, err := policy.ParseBucket([]byte(text), "photos")
		if err != nil || b.Public() != want {
			t.Errorf("%s: %v, %v", text, b.Public(), err)
		}
	}
}

// FuzzBucket looks for documents that break the parser, and for keys that a statement about another prefix is about.
func FuzzBucket(f *testing.F) {
	f.Add([]byte(document("Allow", `"*"`, `"s3:GetObject"`, `"arn:aws:s3:::photos/a*"`)), "a")
	f.Add([]byte(document("Deny", `{"AWS":"*"}`, `["s3:*"]`, `[`+theBucket+`,`+allKeys+`]`)), "b/c")
	f.Add([]byte(`{"Statement":{"Effect":"Allow"}}`), "")
	f.Fuzz(func(t *testing.T, text []byte, key string) {
		b, err := policy.ParseBucket(text, "photos")
		if err != nil {
			return
		}
		verdict := b.Anonymous("s3:GetObject", auth.Resource{Type: auth.Object, Name: "photos", Key: key})
		if verdict == policy.Allow && !b.Public() {
			t.Errorf("%s allows %q, but is not public", text, key)
		}
		if v := b.Anonymous("oci:pull", auth.Resource{Type: auth.Repository, Name: "photos"}); v != policy.Silent {
			t.Errorf("%s speaks of a repository", text)
		}
	})
}
