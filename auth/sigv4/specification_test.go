package sigv4_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/sigv4"
)

// The key pair, time and region of all examples of the Amazon S3 API Reference.
const (
	exampleKey    = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleScope  = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
)

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func exampleVerifier() *sigv4.Verifier {
	return &sigv4.Verifier{
		Keys: auth.Root{AccessKey: exampleKey, SecretKey: exampleSecret},
		Now:  func() time.Time { return exampleTime.Add(time.Minute) },
	}
}

// exampleRequest makes a request of "Header" lines.
func exampleRequest(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	r.Header.Set("X-Amz-Date", "20130524T000000Z")
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func authorization(signedHeaders, signature string) string {
	return "Authorization: AWS4-HMAC-SHA256 Credential=" + exampleScope + ",SignedHeaders=" + signedHeaders + ",Signature=" + signature
}

// Examples of "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk" and of
// "Authenticating Requests: Using Query Parameters".
func TestTheExamplesOfTheS3ReferenceVerify(t *testing.T) {
	const empty = "x-amz-content-sha256: " + sigv4.EmptySHA256
	const base = "http://examplebucket.s3.amazonaws.com"
	presigned := exampleRequest("GET", base+"/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"+
		"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"+
		"&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"+
		"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", "")
	presigned.Header.Del("X-Amz-Date")
	for name, r := range map[string]*http.Request{
		"GET Object": exampleRequest("GET", base+"/test.txt", "", "Range: bytes=0-9", empty,
			authorization("host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")),
		"PUT Object": exampleRequest("PUT", base+"/test$file.text", "Welcome to Amazon S3.",
			"Date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class: REDUCED_REDUNDANCY",
			"x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			authorization("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")),
		"GET Bucket Lifecycle": exampleRequest("GET", base+"/?lifecycle", "", empty,
			authorization("host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")),
		"List Objects": exampleRequest("GET", base+"/?max-keys=2&prefix=J", "", empty,
			authorization("host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")),
		"presigned GET Object": presigned,
	} {
		t.Run(name, func(t *testing.T) {
			result, err := exampleVerifier().Verify(r)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, result.Body); err != nil {
				t.Error("body:", err)
			}
		})
	}
}

// Examples of "Transferring Payload in Multiple Chunks (Chunked Upload)" and "Including Trailing Headers".
func TestTheChunkedExamplesOfTheS3ReferenceVerify(t *testing.T) {
	const (
		end     = "\r\n"
		seed    = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
		chunk1  = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
		chunk2  = "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
		last    = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
		seedT   = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
		chunk1T = "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"
		chunk2T = "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"
		lastT   = "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"
		trailer = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
	)
	framed := func(signatures ...string) string {
		return "10000;chunk-signature=" + signatures[0] + end + strings.Repeat("a", 65536) + end +
			"400;chunk-signature=" + signatures[1] + end + strings.Repeat("a", 1024) + end +
			"0;chunk-signature=" + signatures[2] + end
	}
	body := framed(chunk1, chunk2, last) + end
	chunked := exampleRequest("PUT", "http://s3.amazonaws.com/examplebucket/chunkObject.txt", body,
		"Content-Encoding: aws-chunked", "x-amz-storage-class: REDUCED_REDUNDANCY", "x-amz-decoded-content-length: 66560",
		"x-amz-content-sha256: "+sigv4.StreamingSigned,
		authorization("content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class", seed))
	if got := strconv.Itoa(len(body)); got != "66824" {
		t.Fatalf("the example has 66824 bytes, this has %s", got)
	}
	trailing := exampleRequest("PUT", "http://s3.amazonaws.com/examplebucket/chunkObject.txt",
		framed(chunk1T, chunk2T, lastT)+"x-amz-checksum-crc32c:sOO8/Q=="+end+"x-amz-trailer-signature:"+trailer+end+end,
		"Content-Encoding: aws-chunked", "x-amz-storage-class: REDUCED_REDUNDANCY", "x-amz-decoded-content-length: 66560",
		"x-amz-content-sha256: "+sigv4.StreamingSignedTrailer, "x-amz-trailer: x-amz-checksum-crc32c",
		authorization("content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer", seedT))
	for name, r := range map[string]*http.Request{"without trailer": chunked, "with trailer": trailing} {
		t.Run(name, func(t *testing.T) {
			result, err := exampleVerifier().Verify(r)
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(result.Body)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(data, bytes.Repeat([]byte("a"), 66560)) {
				t.Errorf("%d bytes are not the 66560 of the example", len(data))
			}
			if want := r.Header.Get("x-amz-trailer"); want != "" && result.Body.Trailer().Get(want) != "sOO8/Q==" {
				t.Errorf("the trailer is %v", result.Body.Trailer())
			}
		})
	}
}
