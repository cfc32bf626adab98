package s3_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/auth/sigv4"
)

func TestChunksAreForTheBytesOfObjectsAndParts(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	for _, target := range []string{"/bucket?versioning", "/bucket?policy", "/bucket?tagging", "/bucket/key?tagging"} {
		a := s.send(s.chunkedPut(target, 5, "5\r\nhello\r\n0\r\n\r\n", sigv4.StreamingUnsignedTrailer))
		if a.StatusCode != 400 || !strings.Contains(a.body, "The value of x-amz-content-sha256 header is invalid.") {
			t.Errorf("%s: %s %s", target, a.Status, a.body)
		}
	}
}

func TestHeadersOfMoreThan8KiBAreRefused(t *testing.T) {
	s := newServer(t)
	s.must(http.MethodPut, "/bucket", "")
	a := s.do(http.MethodGet, "/bucket", "", "X-Much: "+strings.Repeat("x", 8<<10))
	if a.StatusCode != 400 || !strings.Contains(a.body, "<Code>RequestHeaderSectionTooLarge</Code>") || !strings.Contains(a.body, "<MaxSizeAllowed>8192</MaxSizeAllowed>") {
		t.Error(a.Status, a.body)
	}
	s.must(http.MethodGet, "/bucket", "", "X-Much: "+strings.Repeat("x", 6<<10))
}

// What no operation looks like is told to everybody: it depends on the request alone.
func TestTheOutlineOfARequestIsCheckedFirst(t *testing.T) {
	s := newServer(t)
	for request, want := range map[string]string{
		"POST /bucket/key":             "<Code>MethodNotAllowed</Code>|<Method>POST</Method>",
		"POST /":                       "<Code>MethodNotAllowed</Code>|<ResourceType>SERVICE</ResourceType>",
		"PUT /bucket/key?partNumber=1": "<Code>InvalidArgument</Code>|does not accept partNumber without uploadId",
		"PUT /bucket/key?uploadId=u":   "<Code>MethodNotAllowed</Code>|<ResourceType>UPLOAD</ResourceType>",
		"GET /bucket/key?uploads":      "<Code>InvalidRequest</Code>|Key is not expected",
		"GET /bucket/key?versions":     "<Code>InvalidRequest</Code>|no such thing as the ?versions",
	} {
		method, target, _ := strings.Cut(request, " ")
		for _, a := range []answer{s.anonymous(method, target), s.do(method, target, "")} {
			for one := range strings.SplitSeq(want, "|") {
				if !strings.Contains(a.body, one) {
					t.Errorf("%s: %s %s, want %s", request, a.Status, a.body, one)
				}
			}
		}
	}
	for _, request := range []string{"GET /bucket", "DELETE /bucket/key", "POST /bucket?uploadId=u"} {
		method, target, _ := strings.Cut(request, " ")
		if a := s.anonymous(method, target, "X-Amz-Copy-Source: /other/key"); !strings.Contains(a.body, "You can only specify a copy source header for copy requests.") {
			t.Errorf("%s: %s %s", request, a.Status, a.body)
		}
	}
	if a := s.anonymous(http.MethodPut, "/bucket/key?uploadId=u"); a.Header.Get("Allow") != "DELETE, POST, GET" {
		t.Errorf("allowed is %q", a.Header.Get("Allow"))
	}
}

func TestStrangersAreToldWhatTheyCannotDo(t *testing.T) {
	s := newServer(t)
	for request, want := range map[string]string{
		"PUT /bucket":                           "Anonymous users cannot invoke this API. Please authenticate.",
		"POST /bucket/key?uploads":              "Anonymous users cannot initiate multipart uploads. Please authenticate.",
		"GET /bucket?ownershipControls":         "s3:GetBucketOwnershipControls does not support Anonymous requests!",
		"POST /bucket/key?select&select-type=2": "Anonymous users cannot invoke this API. Please authenticate.",
		"GET /bucket/key":                       "Access Denied.",
	} {
		method, target, _ := strings.Cut(request, " ")
		if a := s.anonymous(method, target); a.StatusCode != 403 || !strings.Contains(a.body, "<Message>"+want+"</Message>") {
			t.Errorf("%s: %s %s", request, a.Status, a.body)
		}
	}
}
