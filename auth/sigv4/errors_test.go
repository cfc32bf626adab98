package sigv4_test

import (
	"net/http"
	"testing"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
)

// Clients look for S3's own words, and support pages quote them.
func TestTheWordsOfErrorsAreThoseOfS3(t *testing.T) {
	for _, c := range []struct {
		change      func(r *http.Request)
		text        string
		fact, value string
	}{
		{setHeader("Authorization", "nonsense"), "Authorization header is invalid -- one and only one ' ' (space) required.", "ArgumentValue", "nonsense"},
		{replaceHeader("Authorization", "AWS4-HMAC-SHA256", "AWS2-HMAC-SHA1"), "Unsupported Authorization Type", "ArgumentValue", "AWS2-HMAC-SHA1"},
		{addTo("Authorization", ",x=y"),
			"The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature.", "", ""},
		{replaceHeader("Authorization", "SignedHeaders=", "SignedHeaders-"),
			`The authorization header is malformed; the authorization component "SignedHeaders-host;x-amz-content-sha256;x-amz-date" is malformed.`, "", ""},
		{replaceHeader("Authorization", "SignedHeaders=", "Headers="), "The authorization header is malformed; missing SignedHeaders.", "", ""},
		{replaceHeader("Authorization", "/s3/aws4_request", ""),
			`The authorization header is malformed; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`, "", ""},
		{replaceHeader("Authorization", "aws4_request", "aws5_request"),
			`The authorization header is malformed; incorrect terminal "aws5_request". This endpoint uses "aws4_request".`, "", ""},
		{replaceHeader("Authorization", "20130524/us-east-1/s3", "2013/us-east-1/ec2"),
			`The authorization header is malformed; incorrect service "ec2". This endpoint belongs to "s3".`, "", ""},
		{replaceHeader("Authorization", "20130524", "2013"),
			`The authorization header is malformed; incorrect date format "2013". This date in the credential must be in the format "yyyyMMdd".`, "", ""},
		{replaceHeader("Authorization", "us-east-1", "mars-1"),
			`The authorization header is malformed; the region "mars-1" is wrong; expecting "us-east-1"`, "Region", "us-east-1"},
		{replaceHeader("Authorization", exampleKey, "AKIANOBODY"), "the access key is not known", "AWSAccessKeyId", "AKIANOBODY"},
		{replaceHeader("Authorization", "Signature=", "Signature=0"), "the signature does not match the request", "AWSAccessKeyId", exampleKey},
		{setHeader("X-Amz-Copy-Source", "/a/b"), "There were headers present in the request which were not signed", "HeadersNotSigned", "x-amz-copy-source"},
	} {
		r := newRequest(http.MethodGet, exampleURL, nil)
		sigv4.Sign(r, exampleCredentials, "us-east-1", exampleTime, sigv4.EmptySHA256)
		c.change(r)
		v := exampleVerifier()
		v.Strict = true
		_, err := v.Verify(r)
		got := fault.Of(err)
		if got == nil || got.Text() != c.text {
			t.Errorf("got %v, want %s", err, c.text)
			continue
		}
		found := c.fact == ""
		for _, f := range got.Facts {
			found = found || f == fault.Fact{Name: c.fact, Value: c.value}
		}
		if !found {
			t.Errorf("%s: the facts are %q, want %s %s", c.text, got.Facts, c.fact, c.value)
		}
	}
}
