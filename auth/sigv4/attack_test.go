package sigv4_test

import (
	"context"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
)

const exampleExpiry = time.Hour

func replaceHeader(name, old, replacement string) func(r *http.Request) {
	return func(r *http.Request) {
		value := r.Header.Get(name)
		if !strings.Contains(value, old) {
			panic(name + " does not contain " + old)
		}
		r.Header.Set(name, strings.Replace(value, old, replacement, 1))
	}
}

func setHeader(name, value string) func(r *http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func addHeader(name, value string) func(r *http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func replaceTarget(old, replacement string) func(r *http.Request) {
	return func(r *http.Request) {
		if !strings.Contains(r.RequestURI, old) {
			panic(r.RequestURI + " does not contain " + old)
		}
		r.RequestURI = strings.Replace(r.RequestURI, old, replacement, 1)
	}
}

// Each case changes one thing of a request that is signed as it should be.
func TestAttacksOnAHeaderSignature(t *testing.T) {
	const credential = "Credential=" + exampleScope
	for name, attack := range map[string]struct {
		change func(r *http.Request)
		want   *fault.Code
	}{
		"no signature at all":                 {func(r *http.Request) { r.Header.Del("Authorization") }, fault.CredentialsMissing},
		"credentials of another scheme":       {setHeader("Authorization", "Basic YTpi"), fault.CredentialsMissing},
		"Signature Version 2":                 {setHeader("Authorization", "AWS AKIAIOSFODNN7EXAMPLE:c2ln"), fault.BadRequest},
		"Signature Version 4A":                {replaceHeader("Authorization", "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), fault.ArgumentInvalid},
		"an algorithm that does not exist":    {replaceHeader("Authorization", "AWS4-HMAC-SHA256", "AWS4-NONE"), fault.ArgumentInvalid},
		"two Authorization headers":           {addHeader("Authorization", "Basic YTpi"), fault.CredentialsMalformed},
		"header and query both signed":        {func(r *http.Request) { r.RequestURI += "&X-Amz-Signature=00" }, fault.BadRequest},
		"a huge Authorization header":         {addTo("Authorization", strings.Repeat("x", 1<<20)), fault.CredentialsMalformed},
		"ten thousand signed headers":         {replaceHeader("Authorization", "SignedHeaders=", "SignedHeaders="+strings.Repeat("a;", 2000)), fault.CredentialsMalformed},
		"a field twice":                       {addTo("Authorization", ", Signature=00"), fault.CredentialsMalformed},
		"a field that does not exist":         {addTo("Authorization", ", Extra=00"), fault.CredentialsMalformed},
		"a field without a value":             {setHeader("Authorization", "AWS4-HMAC-SHA256 "+credential+", SignedHeaders=host, Signature="), fault.CredentialsMalformed},
		"no fields":                           {setHeader("Authorization", "AWS4-HMAC-SHA256"), fault.ArgumentInvalid},
		"an empty access key":                 {replaceHeader("Authorization", "Credential="+exampleKey, "Credential="), fault.CredentialsMalformed},
		"an access key that is not printable": {replaceHeader("Authorization", exampleKey, "AK\x00"), fault.CredentialsMalformed},
		"an unknown access key":               {replaceHeader("Authorization", exampleKey, "AKIANOBODY"), fault.KeyUnknown},
		"an access key with more slashes":     {replaceHeader("Authorization", exampleKey, "x/"+exampleKey), fault.KeyUnknown},
		"a scope of three parts":              {replaceHeader("Authorization", "/us-east-1/s3/", "/s3/"), fault.CredentialsMalformed},
		"a scope without region":              {replaceHeader("Authorization", "/us-east-1/s3/", "//s3/"), fault.CredentialsMalformed},
		"a scope of another service":          {replaceHeader("Authorization", "/s3/", "/sts/"), fault.CredentialsMalformed},
		"a scope of another terminator":       {replaceHeader("Authorization", "aws4_request", "aws5_request"), fault.CredentialsMalformed},
		"a scope of another day":              {replaceHeader("Authorization", "20130524", "20130523"), fault.CredentialsMalformed},
		"a scope of another region":           {replaceHeader("Authorization", "us-east-1", "us-east-2"), fault.SignatureMismatch},
		"another signature":                   {replaceHeader("Authorization", "Signature=", "Signature=0"), fault.SignatureMismatch},
		"host not among SignedHeaders":        {replaceHeader("Authorization", "host;", ""), fault.AccessDenied},
		"a signed header taken off the list":  {replaceHeader("Authorization", ";x-amz-date", ""), fault.AccessDenied},
		"SignedHeaders out of order":          {replaceHeader("Authorization", "host;x-amz-acl", "x-amz-acl;host"), fault.CredentialsMalformed},
		"SignedHeaders with a repetition":     {replaceHeader("Authorization", "host;", "host;host;"), fault.CredentialsMalformed},
		"SignedHeaders in upper case":         {replaceHeader("Authorization", "host;", "Host;"), fault.CredentialsMalformed},
		"a header name that is none":          {replaceHeader("Authorization", "host;", "host;i:j;"), fault.CredentialsMalformed},
		"one more signed header":              {replaceHeader("Authorization", "host;", "host;range;"), fault.SignatureMismatch},
		"an x-amz header that is not signed":  {setHeader("X-Amz-Copy-Source", "/other/secret"), fault.AccessDenied},
		"a session token that is not signed":  {setHeader("X-Amz-Security-Token", "token"), fault.AccessDenied},
		"metadata that is not signed":         {setHeader("X-Amz-Meta-Owner", "me"), fault.AccessDenied},
		"a signed header changed":             {setHeader("X-Amz-Acl", "public-read"), fault.SignatureMismatch},
		"a signed header removed":             {func(r *http.Request) { r.Header.Del("X-Amz-Acl") }, fault.SignatureMismatch},
		"a signed header twice":               {addHeader("X-Amz-Acl", "private"), fault.SignatureMismatch},
		"another host":                        {func(r *http.Request) { r.Host = "other.s3.amazonaws.com" }, fault.SignatureMismatch},
		"another port":                        {func(r *http.Request) { r.Host += ":8080" }, fault.SignatureMismatch},
		"another method":                      {func(r *http.Request) { r.Method = http.MethodDelete }, fault.SignatureMismatch},
		"another path":                        {replaceTarget("/a/key", "/a/kex"), fault.SignatureMismatch},
		"a path with another slash":           {replaceTarget("/a/key", "/a//key"), fault.SignatureMismatch},
		"a path that goes up":                 {replaceTarget("/a/key", "/a/b/../key"), fault.SignatureMismatch},
		"a path that goes up, encoded":        {replaceTarget("/a/key", "/a/b/%2e%2e/key"), fault.SignatureMismatch},
		"a path with a backslash":             {replaceTarget("/a/key", "/a%5ckey"), fault.SignatureMismatch},
		"a path with a NUL":                   {replaceTarget("/a/key", "/a/key%00"), fault.SignatureMismatch},
		"a path encoded twice":                {replaceTarget("/a/key", "/a%252Fkey"), fault.SignatureMismatch},
		"a path that cannot be decoded":       {replaceTarget("/a/key", "/a/%zz"), fault.PathInvalid},
		"a parameter added":                   {func(r *http.Request) { r.RequestURI += "&acl" }, fault.SignatureMismatch},
		"a parameter removed":                 {replaceTarget("?prefix=a+b", ""), fault.SignatureMismatch},
		"a parameter repeated":                {func(r *http.Request) { r.RequestURI += "&prefix=c" }, fault.BadRequest},
		"a parameter in another case":         {func(r *http.Request) { r.RequestURI += "&Prefix=c" }, fault.BadRequest},
		"a parameter behind a semicolon":      {func(r *http.Request) { r.RequestURI += ";acl" }, fault.SignatureMismatch},
		"a query that cannot be decoded":      {func(r *http.Request) { r.RequestURI += "%" }, fault.BadRequest},
		"a name that cannot be decoded":       {func(r *http.Request) { r.RequestURI += "&%zz=1" }, fault.BadRequest},
		"a hundred thousand parameters":       {func(r *http.Request) { r.RequestURI += strings.Repeat("&a", 100_000) }, fault.BadRequest},
		"a query of a megabyte":               {func(r *http.Request) { r.RequestURI += strings.Repeat("a", 1<<20) }, fault.BadRequest},
		"a hash of another body":              {setHeader("X-Amz-Content-Sha256", hexSHA256([]byte("x"))), fault.SignatureMismatch},
		"the body no longer signed":           {setHeader("X-Amz-Content-Sha256", sigv4.UnsignedPayload), fault.SignatureMismatch},
		"two hashes":                          {addHeader("X-Amz-Content-Sha256", sigv4.EmptySHA256), fault.CredentialsMalformed},
		"no hash":                             {func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, fault.SignatureMismatch},
		"no hash, and a body":                 {func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256"); r.ContentLength = 1 }, fault.BadRequest},
		"a hash that is none":                 {setHeader("X-Amz-Content-Sha256", "e3b0"), fault.ArgumentInvalid},
		"a hash in upper case":                {setHeader("X-Amz-Content-Sha256", strings.ToUpper(sigv4.EmptySHA256)), fault.ArgumentInvalid},
		"a kind of body that does not exist":  {setHeader("X-Amz-Content-Sha256", "STREAMING-NONSENSE"), fault.ArgumentInvalid},
		"a body with ECDSA chunks":            {setHeader("X-Amz-Content-Sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), fault.BadRequest},
		"another time of the same day":        {setHeader("X-Amz-Date", "20130524T000100Z"), fault.SignatureMismatch},
		"two dates":                           {addHeader("X-Amz-Date", "20130524T000000Z"), fault.CredentialsMalformed},
		"a date that is none":                 {setHeader("X-Amz-Date", "yesterday"), fault.AccessDenied},
		"a date with a fraction":              {setHeader("X-Amz-Date", "20130524T000000.5Z"), fault.AccessDenied},
		"another Date beside X-Amz-Date, signed": {func(r *http.Request) {
			r.Header.Set("Date", "Fri, 24 May 2013 23:00:00 GMT")
			replaceHeader("Authorization", "SignedHeaders=", "SignedHeaders=date;")(r)
		}, fault.SignatureMismatch},
		"no date":                  {func(r *http.Request) { r.Header.Del("X-Amz-Date") }, fault.AccessDenied},
		"the date in Date instead": {moveDate, fault.SignatureMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			r := signed(http.MethodGet, exampleURL+"?prefix=a+b", nil, "X-Amz-Acl: private")
			if _, _, err := receive(r); err != nil {
				t.Fatal("before the attack:", err)
			}
			attack.change(r)
			_, _, err := receive(r)
			mustFail(t, err, attack.want)
		})
	}
}

func addTo(name, more string) func(r *http.Request) {
	return func(r *http.Request) { r.Header.Set(name, r.Header.Get(name)+more) }
}

func moveDate(r *http.Request) {
	r.Header.Set("Date", exampleTime.Format(http.TimeFormat))
	r.Header.Del("X-Amz-Date")
}

func TestAttacksOnAPresignedURL(t *testing.T) {
	in := func(old, replacement string) func(string) string {
		return func(url string) string {
			if !strings.Contains(url, old) {
				panic(url + " does not contain " + old)
			}
			return strings.Replace(url, old, replacement, 1)
		}
	}
	expires := func(value string) func(string) string { return in("X-Amz-Expires=3600", "X-Amz-Expires="+value) }
	add := func(more string) func(string) string { return func(url string) string { return url + more } }
	for name, attack := range map[string]struct {
		edit func(url string) string
		want *fault.Code
	}{
		"it expires after no time":            {expires("0"), fault.QueryAuthInvalid},
		"it expires after more than a week":   {expires("604801"), fault.QueryAuthInvalid},
		"it expires before it begins":         {expires("-1"), fault.QueryAuthInvalid},
		"its expiry has an exponent":          {expires("1e99"), fault.QueryAuthInvalid},
		"its expiry overflows":                {expires("18446744073709551617"), fault.QueryAuthInvalid},
		"its expiry is not a number":          {expires("NaN"), fault.QueryAuthInvalid},
		"its expiry has a sign":               {expires("%2B60"), fault.QueryAuthInvalid},
		"its expiry is empty":                 {expires(""), fault.QueryAuthInvalid},
		"its expiry is extended":              {expires("3601"), fault.SignatureMismatch},
		"its expiry is missing":               {in("&X-Amz-Expires=3600", ""), fault.QueryAuthInvalid},
		"its expiry is given twice":           {add("&X-Amz-Expires=604800"), fault.QueryAuthInvalid},
		"its signature is given twice":        {add("&X-Amz-Signature=00"), fault.QueryAuthInvalid},
		"its signature is missing":            {in("&X-Amz-Signature=", "&Signature="), fault.QueryAuthInvalid},
		"its signature is in upper case":      {func(u string) string { i := strings.LastIndex(u, "=") + 1; return u[:i] + strings.ToUpper(u[i:]) }, fault.SignatureMismatch},
		"its signature is short":              {func(u string) string { return u[:len(u)-1] }, fault.SignatureMismatch},
		"its algorithm is missing":            {in("X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""), fault.QueryAuthInvalid},
		"its algorithm is SigV4A":             {in("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), fault.QueryAuthInvalid},
		"its credential is missing":           {in("X-Amz-Credential=", "x="), fault.QueryAuthInvalid},
		"its access key is empty":             {in("X-Amz-Credential="+exampleKey, "X-Amz-Credential="), fault.QueryAuthInvalid},
		"its access key is unknown":           {in("X-Amz-Credential=AKIA", "X-Amz-Credential=AKIB"), fault.KeyUnknown},
		"its scope has a line break":          {in("us-east-1", "us%0Aeast"), fault.QueryAuthInvalid},
		"its date is missing":                 {in("&X-Amz-Date=20130524T000000Z", ""), fault.QueryAuthInvalid},
		"its date is not one":                 {in("X-Amz-Date=20130524T000000Z", "X-Amz-Date=20130524"), fault.QueryAuthInvalid},
		"its date is another":                 {in("X-Amz-Date=20130524T000000Z", "X-Amz-Date=20130524T000030Z"), fault.SignatureMismatch},
		"its date is of another day":          {in("X-Amz-Date=20130524T000000Z", "X-Amz-Date=20130525T000000Z"), fault.QueryAuthInvalid},
		"its signed headers are none":         {in("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders="), fault.QueryAuthInvalid},
		"its signed headers lack the host":    {in("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=range"), fault.AccessDenied},
		"its host is another":                 {in("examplebucket.", "otherbucket."), fault.SignatureMismatch},
		"its path is another":                 {in("/a/key", "/a/kez"), fault.SignatureMismatch},
		"it says that the body is signed":     {add("&X-Amz-Content-Sha256=" + sigv4.EmptySHA256), fault.SignatureMismatch},
		"it brings a token":                   {add("&X-Amz-Security-Token=t"), fault.TokenInvalid},
		"it brings two tokens":                {add("&X-Amz-Security-Token=t&X-Amz-Security-Token=u"), fault.QueryAuthInvalid},
		"it has one more parameter":           {add("&versionId=1"), fault.SignatureMismatch},
		"it has a header as a parameter":      {add("&x-amz-acl=public-read"), fault.SignatureMismatch},
		"it has a parameter twice":            {add("&x-id=PutObject"), fault.BadRequest},
		"it is of Signature Version 2":        {func(string) string { return exampleURL + "?AWSAccessKeyId=a&Expires=1&Signature=c" }, fault.BadRequest},
		"it is signed in lower-case names":    {func(u string) string { return strings.ReplaceAll(u, "X-Amz-", "x-amz-") }, fault.CredentialsMissing},
		"it has nothing left of a signature":  {func(string) string { return exampleURL }, fault.CredentialsMissing},
		"its parameters are reordered (fine)": {reverseQuery, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := receive(presigned(http.MethodGet, exampleURL+"?x-id=GetObject", attack.edit))
			if attack.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			mustFail(t, err, attack.want)
		})
	}
}

func reverseQuery(url string) string {
	base, query, _ := strings.Cut(url, "?")
	parts := strings.Split(query, "&")
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return base + "?" + strings.Join(parts, "&")
}

func TestAPresignedURLIsForOneMethodAndItsSignedHeaders(t *testing.T) {
	t.Run("another method is refused", func(t *testing.T) {
		r := presigned(http.MethodGet, exampleURL, nil)
		r.Method = http.MethodDelete
		_, _, err := receive(r)
		mustFail(t, err, fault.SignatureMismatch)
	})
	t.Run("a URL whose key has been removed or rotated is refused", func(t *testing.T) {
		v := exampleVerifier()
		v.Keys = auth.Root{AccessKey: exampleKey, SecretKey: "the next secret"}
		_, err := v.Verify(presigned(http.MethodGet, exampleURL, nil))
		mustFail(t, err, fault.SignatureMismatch)
		v.Keys = auth.Root{AccessKey: "AKIAANOTHER", SecretKey: exampleSecret}
		_, err = v.Verify(presigned(http.MethodGet, exampleURL, nil))
		mustFail(t, err, fault.KeyUnknown)
	})
	t.Run("an x-amz header that it does not sign is refused", func(t *testing.T) {
		r := presigned(http.MethodPut, exampleURL, nil)
		r.Header.Set("X-Amz-Tagging", "a=b")
		_, _, err := receive(r)
		mustFail(t, err, fault.AccessDenied)
	})
	t.Run("CloudFront's own header passes", func(t *testing.T) {
		r := presigned(http.MethodPut, exampleURL, nil)
		r.Header.Set("X-Amz-Cf-Id", "abc==")
		if _, _, err := receive(r); err != nil {
			t.Error(err)
		}
	})
	t.Run("a header that it signs has to come with its value", func(t *testing.T) {
		r := presigned(http.MethodPut, exampleURL, nil, "Content-Type: text/plain")
		if _, _, err := receive(r); err != nil {
			t.Error(err)
		}
		r.Header.Set("Content-Type", "text/html")
		_, _, err := receive(r)
		mustFail(t, err, fault.SignatureMismatch)
	})
	t.Run("a stated hash that it does not sign is refused", func(t *testing.T) {
		r := presigned(http.MethodPut, exampleURL, nil)
		r.Header.Set("X-Amz-Content-Sha256", hexSHA256([]byte("x")))
		_, _, err := receive(r)
		mustFail(t, err, fault.SignatureMismatch)
	})
}

func TestTime(t *testing.T) {
	verify := func(r *http.Request, now time.Time) error {
		v := exampleVerifier()
		v.Now = func() time.Time { return now }
		_, err := v.Verify(r)
		return err
	}
	for name, c := range map[string]struct {
		presigned bool
		after     time.Duration
		want      *fault.Code
	}{
		"a header is good for 15 minutes":               {false, 15 * time.Minute, nil},
		"a header is skewed after 15 minutes":           {false, 15*time.Minute + time.Second, fault.ClockSkewed},
		"a header may be 15 minutes ahead":              {false, -15 * time.Minute, nil},
		"a header is skewed more than 15 minutes ahead": {false, -15*time.Minute - time.Second, fault.ClockSkewed},
		"a header is skewed after ten thousand years":   {false, 1 << 62, fault.ClockSkewed},
		"a URL is good until it expires":                {true, exampleExpiry, nil},
		"a URL is not good after it expired":            {true, exampleExpiry + time.Second, fault.Expired},
		"a URL may be 15 minutes ahead":                 {true, -15 * time.Minute, nil},
		"a URL from the future is not good yet":         {true, -15*time.Minute - time.Second, fault.Expired},
	} {
		t.Run(name, func(t *testing.T) {
			r := signed(http.MethodGet, exampleURL, nil)
			if c.presigned {
				r = presigned(http.MethodGet, exampleURL, nil)
			}
			err := verify(r, exampleTime.Add(c.after))
			if c.want != nil {
				mustFail(t, err, c.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("the years 0 and 9999 are skewed", func(t *testing.T) {
		for _, year := range []string{"0000", "9999"} {
			r := signed(http.MethodGet, exampleURL, nil)
			r.Header.Set("X-Amz-Date", year+"0524T000000Z")
			replaceHeader("Authorization", "20130524", year+"0524")(r)
			mustFail(t, verify(r, exampleTime), fault.ClockSkewed)
		}
	})
}

func TestRegions(t *testing.T) {
	r := newRequest(http.MethodGet, exampleURL, nil)
	sigv4.Sign(r, exampleCredentials, "mars-north-1", exampleTime, "")
	t.Run("any region is accepted", func(t *testing.T) {
		result, err := exampleVerifier().Verify(r)
		if err != nil || result.Region != "mars-north-1" {
			t.Error(result.Region, err)
		}
	})
	t.Run("a strict verifier names the region that it wants", func(t *testing.T) {
		v := exampleVerifier()
		v.Strict, v.Region = true, "moon-1"
		_, err := v.Verify(r)
		mustFail(t, err, fault.RegionMismatch)
		if !strings.Contains(fault.Of(err).Text(), "moon-1") {
			t.Error(err)
		}
	})
	t.Run("a strict verifier without a region wants us-east-1", func(t *testing.T) {
		v := exampleVerifier()
		v.Strict = true
		_, err := v.Verify(r)
		mustFail(t, err, fault.RegionMismatch)
		if _, err := v.Verify(signed(http.MethodGet, exampleURL, nil)); err != nil {
			t.Error(err)
		}
	})
}

// keysFunc makes Keys of a function.
type keysFunc func(accessKey string) (string, auth.Principal, error)

func (f keysFunc) Secret(_ context.Context, accessKey string) (string, auth.Principal, error) {
	return f(accessKey)
}

func TestKeys(t *testing.T) {
	v := exampleVerifier()
	secret, failure := exampleSecret, error(nil)
	v.Keys = keysFunc(func(string) (string, auth.Principal, error) { return secret, auth.Principal{ID: "u1"}, failure })
	verify := func() (sigv4.Result, error) { return v.Verify(signed(http.MethodGet, exampleURL, nil)) }

	t.Run("the owner of the key is the principal", func(t *testing.T) {
		result, err := verify()
		if err != nil || result.Principal.ID != "u1" || result.AccessKey != exampleKey {
			t.Error(result, err)
		}
	})
	t.Run("a changed secret counts at once, though its derived key was cached", func(t *testing.T) {
		secret = "another"
		_, err := verify()
		mustFail(t, err, fault.SignatureMismatch)
	})
	t.Run("an empty secret lets nobody in", func(t *testing.T) {
		secret = ""
		r := newRequest(http.MethodGet, exampleURL, nil)
		sigv4.Sign(r, sigv4.Credentials{AccessKey: exampleKey}, "us-east-1", exampleTime, "")
		result, err := v.Verify(r)
		mustFail(t, err, fault.KeyUnknown)
		if !result.Principal.Anonymous() {
			t.Error("a failure names a principal")
		}
	})
	t.Run("a failing store of keys is not a wrong signature", func(t *testing.T) {
		secret, failure = exampleSecret, io.ErrClosedPipe
		_, err := verify()
		if err == nil || fault.Of(err).Code != fault.Unexpected {
			t.Error(err)
		}
	})
}

// Attack 11. Allocations count the hashes and MACs that a refusal computes, without the noise of clocks.
func TestAnUnknownKeyCostsAsMuchAsAWrongSignature(t *testing.T) {
	v := exampleVerifier()
	cost := func(r *http.Request, want *fault.Code) float64 {
		return testing.AllocsPerRun(100, func() {
			_, err := v.Verify(r)
			mustFail(t, err, want)
		})
	}
	wrong, unknown := signed(http.MethodGet, exampleURL, nil), signed(http.MethodGet, exampleURL, nil)
	replaceHeader("Authorization", "Signature=", "Signature=0")(wrong)
	replaceHeader("Authorization", exampleKey, "AKIAIOSFODNN7EXAMPLF")(unknown)
	fresh := cost(wrong, fault.SignatureMismatch)
	if _, err := v.Verify(signed(http.MethodGet, exampleURL, nil)); err != nil {
		t.Fatal(err) // from now on the derived key is in the cache
	}
	cached, nobody := cost(wrong, fault.SignatureMismatch), cost(unknown, fault.KeyUnknown)
	const answers = 2 // what the two answers themselves differ by; a key is derived with 28
	if fresh != cached || math.Abs(cached-nobody) > answers {
		t.Errorf("a wrong signature allocates %v, with a cached key %v; an unknown key %v", fresh, cached, nobody)
	}
}
