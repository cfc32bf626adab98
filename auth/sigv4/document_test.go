package sigv4_test

import (
	"encoding/base64"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
)

func encoded(document string) string { return base64.StdEncoding.EncodeToString([]byte(document)) }

// The example of "Example: Browser-Based Upload using HTTP POST (Using AWS Signature Version 4)".
func TestTheExampleOfABrowserBasedUpload(t *testing.T) {
	document := strings.ReplaceAll(`{ "expiration": "2015-12-30T12:00:00.000Z",
  "conditions": [
    {"bucket": "sigv4examplebucket"},
    ["starts-with", "$key", "user/user1/"],
    {"acl": "public-read"},
    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},
    ["starts-with", "$Content-Type", "image/"],
    {"x-amz-meta-uuid": "14365123651274"},
    {"x-amz-server-side-encryption": "AES256"},
    ["starts-with", "$x-amz-meta-tag", ""],

    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},
    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
    {"x-amz-date": "20151229T000000Z" }
  ]
}`, "\n", "\r\n")
	v := exampleVerifier()
	v.Now = func() time.Time { return time.Date(2015, 12, 29, 1, 0, 0, 0, time.UTC) }
	const credential = "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"
	_, err := v.VerifyPolicy(t.Context(), sigv4.PolicyForm{
		Policy: encoded(document), Algorithm: "AWS4-HMAC-SHA256", Credential: credential, Date: "20151229T000000Z",
		Signature: "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
	})
	if err != nil {
		t.Error("the signature of the reference is refused:", err)
	}
	p, err := sigv4.ParsePolicy(encoded(document))
	if err != nil {
		t.Fatal(err)
	}
	form := map[string]string{
		"bucket": "sigv4examplebucket", "key": "user/user1/photo", "acl": "public-read", "content-type": "image/jpeg",
		"success_action_redirect":      "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html",
		"x-amz-server-side-encryption": "AES256", "x-amz-meta-uuid": "14365123651274", "x-amz-meta-tag": "",
		"x-amz-credential": credential, "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-date": "20151229T000000Z",
		"policy": "p", "x-amz-signature": "s", "x-ignore-me": "i",
	}
	if err := p.Check(form, v.Now()); err != nil {
		t.Error(err)
	}
	for name := range form {
		if name == "policy" || name == "x-amz-signature" || name == "x-ignore-me" {
			continue
		}
		value := form[name]
		delete(form, name)
		if err := p.Check(form, v.Now()); err == nil {
			t.Errorf("a form without %s satisfies the policy", name)
		}
		form[name] = "\x00" + value
		if err := p.Check(form, v.Now()); err == nil && name != "x-amz-meta-tag" {
			t.Errorf("another %s satisfies the policy", name)
		}
		form[name] = value
	}
}

func TestPoliciesThatAreNone(t *testing.T) {
	const until = `"expiration":"2013-05-25T00:00:00Z",`
	for name, c := range map[string]struct{ encoded, want string }{
		"nothing":                       {"", "Expecting '{' but found End-of-Input"},
		"other letters than base64's":   {"invalid_base64", "invalid Base64 encoding."},
		"more than 20 KiB":              {encoded(`{` + until + `"conditions":[]` + strings.Repeat(" ", 20<<10) + `}`), "invalid Base64 encoding."},
		"no JSON":                       {encoded("invalid json"), "Invalid JSON."},
		"two documents":                 {encoded(`{` + until + `"conditions":[]}{}`), "Invalid JSON."},
		"a list":                        {encoded(`[]`), "Invalid JSON."},
		"bytes that are not UTF-8":      {encoded(`{` + until + `"conditions":[{"a":"` + "\xff" + `"}]}`), "Invalid JSON."},
		"a comma too many":              {encoded(`{` + until + `"conditions":[{"a":"b"},]}`), "Invalid JSON."},
		"another member":                {encoded(`{` + until + `"conditions":[],"extra":1}`), `Unexpected: "extra"`},
		"two expirations":               {encoded(`{` + until + until + `"conditions":[]}`), `Unexpected: "expiration"`},
		"two lists of conditions":       {encoded(`{` + until + `"conditions":[],"conditions":[]}`), `Unexpected: "conditions"`},
		"members in other letters":      {encoded(`{"Expiration":"2013-05-25T00:00:00Z","conditions":[]}`), `Unexpected: "Expiration"`},
		"no expiration":                 {encoded(`{"conditions":[]}`), "Policy missing expiration."},
		"an expiration that is no text": {encoded(`{"expiration":true,"conditions":[]}`), "Invalid JSON."},
		"an expiration that is none":    {encoded(`{"expiration":"tomorrow","conditions":[]}`), "Invalid 'expiration' value: 'tomorrow'"},
		"a null expiration":             {encoded(`{"expiration":null,"conditions":[]}`), "Invalid JSON."},
		"no conditions":                 {encoded(`{"expiration":"2013-05-25T00:00:00Z"}`), "Policy missing conditions."},
		"conditions that are no list":   {encoded(`{` + until + `"conditions":{}}`), "Invalid 'conditions' value: must be a List."},
		"null conditions":               {encoded(`{` + until + `"conditions":null}`), "Invalid 'conditions' value: must be a List."},
	} {
		mustBeNoPolicy(t, name, c.encoded, c.want)
	}
	for name, c := range map[string]struct{ condition, want string }{
		"that is none":           {`true`, "Invalid condition test: must be a List or Object."},
		"without an operation":   {`[]`, "Invalid Condition: missing operation identifier."},
		"of another operation":   {`["contains","$key","a"]`, "Invalid Condition: unknown operation 'contains'."},
		"in other letters":       {`["EQ","$key","a"]`, "Invalid Condition: unknown operation 'EQ'."},
		"whose operation is one": {`[1,"$key","a"]`, "Invalid JSON."},
		"of two operands":        {`["eq","$key"]`, "Invalid eq: wrong number of arguments."},
		"of four operands":       {`["starts-with","$key","a","b"]`, "Invalid starts-with: wrong number of arguments."},
		"of a field in no text":  {`["eq",false,"a"]`, "Invalid JSON."},
		"of a value in no text":  {`["eq","$key",true]`, "Invalid JSON."},
		"nested":                 {`["eq","$key",["a"]]`, "Invalid JSON."},
		"of no sizes":            {`["content-length-range","a","b"]`, "Invalid JSON."},
		"of a negative size":     {`["content-length-range",-1,5]`, "Invalid JSON."},
		"of a half size":         {`["content-length-range",0,1.5]`, "Invalid JSON."},
		"of one size":            {`["content-length-range",0]`, "Invalid content-length-range: wrong number of arguments."},
		"of no field":            {`{}`, "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."},
		"of two fields":          {`{"a":"b","c":"d"}`, "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."},
		"of one field twice":     {`{"a":"b","a":"d"}`, "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."},
		"of a field's number":    {`{"a":1}`, "Invalid Simple-Condition: value must be a string."},
	} {
		mustBeNoPolicy(t, "a condition "+name, encoded(`{`+until+`"conditions":[`+c.condition+`]}`), c.want)
	}
}

func mustBeNoPolicy(t *testing.T, name, encoded, want string) {
	t.Helper()
	t.Run(name+" is refused", func(t *testing.T) {
		_, err := sigv4.ParsePolicy(encoded)
		mustFail(t, err, fault.PolicyInvalid)
		if got := fault.Of(err).Text(); got != "Invalid Policy: "+want {
			t.Errorf("the answer is %q", got)
		}
	})
}

func TestWhatAPolicyAllows(t *testing.T) {
	const failed, extra = "Policy Condition failed: ", "Extra input fields: "
	for name, c := range map[string]struct {
		conditions string
		form       map[string]string
		want       string // empty: allowed
	}{
		"an equal value":                            {`["eq", "$a", "b"]`, map[string]string{"a": "b"}, ""},
		"another value":                             {`["eq", "$a", "b"]`, map[string]string{"a": "B"}, failed + `["eq", "$a", "b"]`},
		"a name in other letters":                   {`["eq","$Content-TYPE","b"]`, map[string]string{"content-type": "b"}, ""},
		"an object's value":                         {`{"a":"b"}`, map[string]string{"a": "b"}, ""},
		"another value than an object's":            {`{"A":"<b>"}`, map[string]string{"a": "c"}, failed + `["eq", "$A", "<b>"]`},
		"a beginning":                               {`["starts-with","$key","user/"]`, map[string]string{"key": "user/a"}, ""},
		"another beginning":                         {`["starts-with","$key","user/"]`, map[string]string{"key": "use"}, failed + `["starts-with","$key","user/"]`},
		"any value":                                 {`["starts-with","$key",""]`, map[string]string{"key": ""}, ""},
		"a field that is not there":                 {`["starts-with","$key",""]`, nil, failed + `["starts-with","$key",""]`},
		"a field that is not there, and is nothing": {`["eq","$key",""]`, nil, failed + `["eq","$key",""]`},
		"a field without its dollar":                {`["eq","a","b"]`, map[string]string{"a": "b"}, failed + `["eq","a","b"]`},
		"a field without a name":                    {`["eq","$","b"]`, map[string]string{"": "b"}, failed + `["eq","$","b"]`},
		"a list of types":                           {`["starts-with","$content-type","text/"]`, map[string]string{"content-type": "text/a, text/b"}, ""},
		"a list of types of which one differs":      {`["starts-with","$content-type","text/"]`, map[string]string{"content-type": "text/a, image/b"}, failed + `["starts-with","$content-type","text/"]`},
		"two conditions on a field, one broken":     {`{"a":"b"},["starts-with","$a","c"]`, map[string]string{"a": "b"}, failed + `["starts-with","$a","c"]`},
		"a field without condition":                 {`{"a":"b"}`, map[string]string{"a": "b", "c": ""}, extra + "c"},
		"a bucket without condition":                {`{"key":"k"}`, map[string]string{"key": "k", "bucket": "b"}, extra + "bucket"},
		"a file's size is no field":                 {`["content-length-range",1,2]`, nil, ""},
		"fields that need none":                     {``, map[string]string{"policy": "p", "x-amz-signature": "s", "x-ignore-this": "i"}, ""},
		"a credential needs one":                    {``, map[string]string{"x-amz-credential": "c"}, extra + "x-amz-credential"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := sigv4.ParsePolicy(encoded(`{"conditions": [` + c.conditions + `], "expiration": "2013-05-25T00:00:00Z"}`))
			if err != nil {
				t.Fatal(err)
			}
			switch err := p.Check(c.form, exampleTime); {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "":
				mustFail(t, err, fault.PolicyViolated)
				if got := fault.Of(err).Text(); got != "Invalid according to Policy: "+c.want {
					t.Errorf("the answer is %q", got)
				}
			}
		})
	}
}

func TestAPolicyExpires(t *testing.T) {
	for _, expiration := range []string{"2013-05-25T00:00:00Z", "2013-05-25T00:00:00.000Z", "2013-05-25T02:00:00+02:00"} {
		p, err := sigv4.ParsePolicy(encoded(`{"expiration":"` + expiration + `","conditions":[]}`))
		if err != nil {
			t.Fatal(expiration, err)
		}
		end := time.Date(2013, 5, 25, 0, 0, 0, 0, time.UTC)
		if err := p.Check(nil, end.Add(-time.Nanosecond)); err != nil {
			t.Error(expiration, err)
		}
		err = p.Check(nil, end)
		mustFail(t, err, fault.PolicyViolated)
		if got := fault.Of(err).Text(); got != "Invalid according to Policy: Policy expired." {
			t.Errorf("the answer is %q", got)
		}
	}
}

func TestTheSizesThatAPolicyAllows(t *testing.T) {
	for conditions, want := range map[string][2]int64{
		``:                                 {0, math.MaxInt64},
		`["content-length-range",1,10]`:    {1, 10},
		`["content-length-range","1","9"]`: {1, 9},
		`["content-length-range",1,10],["content-length-range",5,20]`: {5, 10},
	} {
		p, err := sigv4.ParsePolicy(strings.TrimRight(encoded(`{"expiration":"2013-05-25T00:00:00Z","conditions":[`+conditions+`]}`), "="))
		if err != nil || p.MinSize != want[0] || p.MaxSize != want[1] {
			t.Errorf("%s: %+v, %v", conditions, p, err)
		}
	}
}
