package sigv4_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
)

// Whichever of the two forms of the path a client signs, it is accepted when both mean the same key.
func TestPaths(t *testing.T) {
	for name, c := range map[string]struct{ sent, signed string }{
		"an ordinary key":                           {"/bucket/a/key", "/bucket/a/key"},
		"a key with a blank":                        {"/bucket/a%20key", "/bucket/a%20key"},
		"two slashes":                               {"/bucket//a//key", "/bucket//a//key"},
		"dots":                                      {"/bucket/./a/../key", "/bucket/./a/../key"},
		"a plus, sent as it is":                     {"/bucket/a+key", "/bucket/a%2Bkey"},
		"a plus, sent and signed as it is":          {"/bucket/a+key", "/bucket/a+key"},
		"an encoded slash, signed as sent":          {"/bucket/a%2Fkey", "/bucket/a%2Fkey"},
		"an encoded slash, signed as a slash":       {"/bucket/a%2Fkey", "/bucket/a/key"},
		"an encoded tilde":                          {"/bucket/%7Ekey", "/bucket/~key"},
		"lower-case hexadecimal, signed as sent":    {"/bucket/%c3%a4", "/bucket/%c3%a4"},
		"lower-case hexadecimal, signed encoded":    {"/bucket/%c3%a4", "/bucket/%C3%A4"},
		"brackets, sent as they are":                {"/bucket/(1)", "/bucket/%281%29"},
		"bytes that are not UTF-8":                  {"/bucket/%ff", "/bucket/%FF"},
		"the absolute form of a target":             {"http://examplebucket.s3.amazonaws.com/bucket/key", "/bucket/key"},
		"the absolute form of a target, no path":    {"http://examplebucket.s3.amazonaws.com", "/"},
		"an encoded question mark, signed as such":  {"/bucket/what%3F", "/bucket/what%3F"},
		"a percent sign, encoded once and not more": {"/bucket/100%25", "/bucket/100%25"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRequest(http.MethodGet, "http://examplebucket.s3.amazonaws.com/", nil)
			r.RequestURI = c.sent
			signByHand(r, c.signed)
			if _, err := exampleVerifier().Verify(r); err != nil {
				t.Error(err)
			}
			signByHand(r, c.signed+"x")
			_, err := exampleVerifier().Verify(r)
			mustFail(t, err, fault.SignatureMismatch)
		})
	}
}

// signByHand signs a request without query over the given canonical path, without help of the package.
func signByHand(r *http.Request, path string) {
	const names = "host;x-amz-content-sha256;x-amz-date"
	r.Header.Set("X-Amz-Date", "20130524T000000Z")
	r.Header.Set("X-Amz-Content-Sha256", sigv4.EmptySHA256)
	request := r.Method + "\n" + path + "\n\nhost:" + r.Host + "\nx-amz-content-sha256:" + sigv4.EmptySHA256 +
		"\nx-amz-date:20130524T000000Z\n\n" + names + "\n" + sigv4.EmptySHA256
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+exampleScope+",SignedHeaders="+names+",Signature="+
		signText("AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"+hexSHA256([]byte(request))))
}

func signText(text string) string {
	key := []byte("AWS4" + exampleSecret)
	for _, part := range []string{"20130524", "us-east-1", "s3", "aws4_request"} {
		key = hmacSHA256(key, part)
	}
	return hex.EncodeToString(hmacSHA256(key, text))
}

func TestTheHeadersSayWhatWasSigned(t *testing.T) {
	t.Run("lines of one name become one", func(t *testing.T) {
		r := signed(http.MethodPut, exampleURL, nil, "X-Amz-Copy-Source: /b/one,two")
		r.Header["X-Amz-Copy-Source"] = []string{"/b/one", "two"}
		if _, err := exampleVerifier().Verify(r); err != nil {
			t.Fatal(err)
		}
		if got := r.Header.Get("X-Amz-Copy-Source"); got != "/b/one,two" {
			t.Errorf("a handler would copy %q", got)
		}
	})
	t.Run("parameters of a presigned URL become headers", func(t *testing.T) {
		r := presigned(http.MethodPut, exampleURL+"?x-amz-acl=private&x-amz-meta-a=1&x-amz-tagging=k%3Dv"+
			"&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32&x-amz-server-side-encryption=AES256"+
			"&x-amz-trailer=x-amz-checksum-crc32&x-amz-decoded-content-length=7&x-amz-content-sha256=x&x-id=PutObject", nil)
		result, err := exampleVerifier().Verify(r)
		if err != nil {
			t.Fatal(err)
		}
		want := http.Header{"X-Amz-Acl": {"private"}, "X-Amz-Meta-A": {"1"}, "X-Amz-Tagging": {"k=v"}}
		if diff := cmp.Diff(want, r.Header); diff != "" {
			t.Error(diff)
		}
		if result.Query.Get("x-id") != "PutObject" || result.Query.Has("X-Amz-Signature") {
			t.Error(result.Query)
		}
	})
	t.Run("a header beside such a parameter stands", func(t *testing.T) {
		r := presigned(http.MethodPut, exampleURL+"?x-amz-acl=public-read", nil, "X-Amz-Acl: private")
		if _, err := exampleVerifier().Verify(r); err != nil {
			t.Fatal(err)
		}
		if got := r.Header.Get("X-Amz-Acl"); got != "private" {
			t.Error(got)
		}
	})
	t.Run("parameters beside a signed header do not count", func(t *testing.T) {
		r := signed(http.MethodPut, exampleURL+"?x-amz-acl=public-read", nil)
		if _, err := exampleVerifier().Verify(r); err != nil {
			t.Fatal(err)
		}
		if got := r.Header.Get("X-Amz-Acl"); got != "" {
			t.Error(got)
		}
	})
	t.Run("nothing changes when the signature is wrong", func(t *testing.T) {
		r := presigned(http.MethodPut, exampleURL, func(url string) string { return url + "&x-amz-acl=public-read" })
		_, err := exampleVerifier().Verify(r)
		mustFail(t, err, fault.SignatureMismatch)
		if len(r.Header) != 0 {
			t.Error(r.Header)
		}
	})
}

func TestSignedHeaderValues(t *testing.T) {
	t.Run("blanks are folded, as SDKs sign them", func(t *testing.T) {
		r := signed(http.MethodPut, exampleURL, nil, "X-Amz-Meta-Report: annual report")
		r.Header.Set("X-Amz-Meta-Report", "  annual \t  report ")
		if _, err := exampleVerifier().Verify(r); err != nil {
			t.Error(err)
		}
	})
	t.Run("the date may be in Date", func(t *testing.T) {
		for _, date := range []string{"Fri, 24 May 2013 00:00:00 GMT", "20130524T000000Z"} {
			r := signed(http.MethodGet, exampleURL, nil)
			r.Header.Set("Date", date)
			request := "GET\n/a/key\n\ndate:" + date + "\nhost:" + r.Host + "\n\ndate;host\n" + sigv4.EmptySHA256
			r.Header.Del("X-Amz-Date")
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+exampleScope+",SignedHeaders=date;host,Signature="+
				signText("AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"+hexSHA256([]byte(request))))
			if _, err := exampleVerifier().Verify(r); err != nil {
				t.Error(date, err)
			}
		}
	})
}

// sessions knows one token.
type sessions struct{ token string }

func (s sessions) SessionSecret(_ context.Context, accessKey, token string) (string, auth.Principal, error) {
	if accessKey != exampleKey || token != s.token {
		return "", auth.Principal{}, fault.KeyUnknown
	}
	return exampleSecret, auth.Principal{ID: "session"}, nil
}

func TestTemporaryCredentials(t *testing.T) {
	credentials := exampleCredentials
	credentials.Token = "the token"
	header := newRequest(http.MethodGet, exampleURL, nil)
	sigv4.Sign(header, credentials, "us-east-1", exampleTime, "")
	query := newRequest(http.MethodGet, sigv4.Presign(newRequest(http.MethodGet, exampleURL, nil), credentials, "us-east-1", exampleTime, exampleExpiry), nil)
	for name, r := range map[string]*http.Request{"in a header": header, "in a query": query} {
		t.Run("a token is looked up, "+name, func(t *testing.T) {
			v := exampleVerifier()
			v.Sessions = sessions{"the token"}
			result, err := v.Verify(r)
			if err != nil || result.Principal.ID != "session" || result.Token != "the token" {
				t.Error(result, err)
			}
		})
		t.Run("another token is refused, "+name, func(t *testing.T) {
			v := exampleVerifier()
			v.Sessions = sessions{"another token"}
			_, err := v.Verify(r)
			mustFail(t, err, fault.KeyUnknown)
		})
		t.Run("no token is accepted without sessions, "+name, func(t *testing.T) {
			_, err := exampleVerifier().Verify(r)
			mustFail(t, err, fault.TokenInvalid)
		})
	}
}

// onDay is a form that says to have been signed on another day.
func onDay(day string) func(f *sigv4.PolicyForm) {
	return func(f *sigv4.PolicyForm) {
		f.Date, f.Credential = day+f.Date[8:], strings.Replace(f.Credential, "20130524", day, 1)
	}
}

func TestPolicyForms(t *testing.T) {
	policy := base64.StdEncoding.EncodeToString([]byte(`{"expiration":"2013-05-25T00:00:00Z","conditions":[]}`))
	form := sigv4.PolicyForm{
		Policy: policy, Algorithm: "AWS4-HMAC-SHA256", Credential: exampleScope, Date: "20130524T000000Z", Signature: signText(policy),
	}
	t.Run("a signed form is accepted", func(t *testing.T) {
		result, err := exampleVerifier().VerifyPolicy(t.Context(), form)
		if err != nil || result.Principal.ID != auth.RootID || result.AccessKey != exampleKey {
			t.Error(result, err)
		}
	})
	for name, attack := range map[string]struct {
		change func(f *sigv4.PolicyForm)
		want   *fault.Code
	}{
		"another policy":            {func(f *sigv4.PolicyForm) { f.Policy += "IA==" }, fault.SignatureMismatch},
		"no policy":                 {func(f *sigv4.PolicyForm) { f.Policy = "" }, fault.SignatureMismatch},
		"no signature":              {func(f *sigv4.PolicyForm) { f.Signature = "" }, fault.SignatureMismatch},
		"another signature":         {func(f *sigv4.PolicyForm) { f.Signature = signText("x") }, fault.SignatureMismatch},
		"another algorithm":         {func(f *sigv4.PolicyForm) { f.Algorithm = "AWS4-HMAC-SHA1" }, fault.ArgumentInvalid},
		"another day":               {func(f *sigv4.PolicyForm) { f.Date = "20130525T000000Z" }, fault.ArgumentInvalid},
		"another service":           {func(f *sigv4.PolicyForm) { f.Credential = strings.Replace(f.Credential, "/s3/", "/sts/", 1) }, fault.ArgumentInvalid},
		"no date":                   {func(f *sigv4.PolicyForm) { f.Date = "" }, fault.ArgumentInvalid},
		"no credential":             {func(f *sigv4.PolicyForm) { f.Credential = "" }, fault.ArgumentInvalid},
		"an unknown key":            {func(f *sigv4.PolicyForm) { f.Credential = "x" + f.Credential }, fault.KeyUnknown},
		"a token of nowhere":        {func(f *sigv4.PolicyForm) { f.Token = "t" }, fault.TokenInvalid},
		"a signature of last week":  {onDay("20130516"), fault.PolicyViolated},
		"a signature of next month": {onDay("20130624"), fault.PolicyViolated},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			changed := form
			attack.change(&changed)
			_, err := exampleVerifier().VerifyPolicy(t.Context(), changed)
			mustFail(t, err, attack.want)
		})
	}
}

func TestQuery(t *testing.T) {
	t.Run("values are decoded", func(t *testing.T) {
		values, err := sigv4.Query(newRequest(http.MethodGet, exampleURL+"?acl&prefix=a+b%2Bc;d&&x=", nil))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]string{"acl": {""}, "prefix": {"a b+c;d"}, "x": {""}}
		if diff := cmp.Diff(want, map[string][]string(values)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a repeated name is refused", func(t *testing.T) {
		_, err := sigv4.Query(newRequest(http.MethodGet, exampleURL+"?acl&acl=", nil))
		mustFail(t, err, fault.BadRequest)
	})
}

func TestServicesOtherThanS3HashTheirBody(t *testing.T) {
	const body = "Action=AssumeRole"
	request := func(sent string) *http.Request {
		r := newRequest(http.MethodPost, "http://sts.example.com/", []byte(sent))
		r.Header.Set("X-Amz-Date", "20130524T000000Z")
		canonical := "POST\n/\n\nhost:sts.example.com\nx-amz-date:20130524T000000Z\n\nhost;x-amz-date\n" + hexSHA256([]byte(body))
		scope := "20130524/us-east-1/sts/aws4_request"
		key := []byte("AWS4" + exampleSecret)
		for _, part := range []string{"20130524", "us-east-1", "sts", "aws4_request"} {
			key = hmacSHA256(key, part)
		}
		signature := hmacSHA256(key, "AWS4-HMAC-SHA256\n20130524T000000Z\n"+scope+"\n"+hexSHA256([]byte(canonical)))
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+exampleKey+"/"+scope+",SignedHeaders=host;x-amz-date,Signature="+hex.EncodeToString(signature))
		return r
	}
	v := exampleVerifier()
	v.Services = []string{"s3", "sts"}
	t.Run("the body is part of the signature", func(t *testing.T) {
		result, err := v.Verify(request(body))
		if err != nil || result.Service != "sts" {
			t.Error(result, err)
		}
		_, err = v.Verify(request("Action=AssumeRoot"))
		mustFail(t, err, fault.SignatureMismatch)
	})
	t.Run("a body of more than 64 KiB is refused", func(t *testing.T) {
		_, err := v.Verify(request(string(make([]byte, 64<<10+1))))
		mustFail(t, err, fault.EntityTooLarge)
	})
	t.Run("a verifier of s3 alone refuses the service", func(t *testing.T) {
		_, err := exampleVerifier().Verify(request(body))
		if !errors.Is(err, fault.CredentialsMalformed) {
			t.Error(err)
		}
	})
}
