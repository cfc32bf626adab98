package s3_test

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/auth/sigv4"
)

// The words that monkeys type.
var (
	monkeyMethods = strings.Fields("GET GET HEAD PUT PUT POST DELETE OPTIONS PATCH")
	monkeyPaths   = strings.Fields("/ /bucket /bucket/ /bucket/key /bucket/key /bucket/dir/key /bucket/%00 /bucket/../x /absent /absent/key /locked /locked/key /B /bucket//")
	monkeyParams  = strings.Fields("acl attributes cors delete encryption legal-hold lifecycle list-type location object-lock ownershipControls partNumber " +
		"policy policyStatus publicAccessBlock retention tagging uploadId uploads versioning versionId versions website logging notification " +
		"prefix delimiter marker max-keys max-uploads max-parts max-buckets key-marker upload-id-marker version-id-marker part-number-marker " +
		"continuation-token start-after encoding-type fetch-owner response-content-type x-id append restore select torrent")
	monkeyHeaders = strings.Fields("Range If-Match If-None-Match If-Modified-Since If-Unmodified-Since If-Range Content-Type Content-MD5 Content-Encoding Origin " +
		"Access-Control-Request-Method x-amz-copy-source x-amz-copy-source-range x-amz-copy-source-if-match x-amz-metadata-directive " +
		"x-amz-tagging-directive x-amz-tagging x-amz-acl x-amz-storage-class x-amz-object-lock-mode x-amz-object-lock-retain-until-date " +
		"x-amz-object-lock-legal-hold x-amz-bypass-governance-retention x-amz-checksum-algorithm x-amz-checksum-type x-amz-checksum-crc32 " +
		"x-amz-checksum-sha256 x-amz-checksum-mode x-amz-sdk-checksum-algorithm x-amz-trailer x-amz-decoded-content-length x-amz-mp-object-size " +
		"x-amz-expected-bucket-owner x-amz-source-expected-bucket-owner x-amz-object-attributes x-amz-max-parts x-amz-part-number-marker " +
		"x-amz-meta-a x-amz-mfa x-amz-grant-read x-amz-bucket-object-lock-enabled x-amz-object-ownership x-amz-server-side-encryption " +
		"x-amz-website-redirect-location x-amz-write-offset-bytes x-amz-if-match-size x-amz-if-match-last-modified-time")
	monkeyValues = []string{"", "1", "0", "-1", "2", "99999999999999999999", "null", "true", "*", "a", "/", "key", "bucket/key", "/bucket/key?versionId=null",
		"bytes=0-1", "bytes=-0", "bytes=9-", "ENABLED", "COMPLIANCE", "GOVERNANCE", "ON", "2027-01-01T00:00:00Z", "9999999-01-01T00:00:00Z", "url", "CRC32", "SHA256", "AAAAAA==",
		"COMPOSITE", "FULL_OBJECT", "REPLACE", "COPY", "a=b&c=d", "a=b&a=b", "%zz", "\"x\"", "W/\"x\"", "x-amz-checksum-crc32", "aws-chunked", "ETag,ObjectParts",
		"Mon, 02 Nov 2026 03:04:05 GMT", "root", "ü\xff", "1YS9i", strings.Repeat("x", 1100), "multipart/form-data; boundary=b"}
	monkeyBodies = []string{"", "", "", "body", "<", "<Delete><Object><Key>key</Key><VersionId>null</VersionId></Object><Object/></Delete>",
		"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>",
		"<CompleteMultipartUpload><Part><PartNumber>-1</PartNumber></Part></CompleteMultipartUpload>",
		"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", "<VersioningConfiguration/>",
		"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>", "<Tagging/>",
		"<LegalHold><Status>ON</Status></LegalHold>", "<LegalHold/>", "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2027-01-01T00:00:00Z</RetainUntilDate></Retention>", "<Retention/>",
		"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Years>999999999</Years></DefaultRetention></Rule></ObjectLockConfiguration>",
		"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>", "<CORSConfiguration/>",
		"<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter/><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>", "<LifecycleConfiguration><Rule/></LifecycleConfiguration>",
		"<CreateBucketConfiguration><LocationConstraint>us-east-1</LocationConstraint></CreateBucketConfiguration>",
		"<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>", "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>",
		"4\r\nbody\r\n0\r\n\r\n", "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n"}
	monkeyPayloads = []string{"", "", "", sigv4.UnsignedPayload, sigv4.UnsignedPayload, sigv4.UnsignedPayload, sigv4.StreamingUnsignedTrailer, sigv4.StreamingSigned, "nonsense"}
)

// causes keeps the error that an answer does not tell.
type causes struct {
	http.ResponseWriter
	last *error
}

func (causes) SetOperation(string)  {}
func (causes) SetPrincipal(string)  {}
func (c causes) SetError(err error) { *c.last = err }

// Attack 24: whatever a client with all rights sends, nothing unexpected happens to the server.
func TestNoRequestMeetsAnUnexpectedCondition(t *testing.T) {
	n := 5_000
	if os.Getenv("ZAS_NIGHTLY") != "" {
		n *= 100
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func(words []string) string { return words[random.IntN(len(words))] }
	s := newServer(t)
	var cause error
	handler := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(causes{w, &cause}, r) })
	s.must(http.MethodPut, "/bucket", "")
	s.must(http.MethodPut, "/locked", "", "x-amz-bucket-object-lock-enabled: true")
	uploads, done := []string{"none"}, 0
	for range n {
		query := url.Values{}
		for range max(0, random.IntN(5)-2) {
			query.Set(pick(monkeyParams), pick(monkeyValues))
		}
		if random.IntN(8) == 0 {
			query.Set("uploadId", pick(uploads))
			query.Set("partNumber", "1")
		}
		r := s.request(pick(monkeyMethods), pick(monkeyPaths)+"?"+query.Encode(), pick(monkeyBodies))
		for range max(0, random.IntN(6)-3) {
			r.Header.Set(pick(monkeyHeaders), pick(monkeyValues))
		}
		if random.IntN(10) > 0 {
			s.sign(r, pick(monkeyPayloads))
		}
		sent := r.Clone(t.Context())
		a := s.send(r)
		if a.StatusCode < 300 {
			done++
		}
		if _, id, found := strings.Cut(a.body, "<UploadId>"); found && len(uploads) < 10 {
			id, _, _ = strings.Cut(id, "<")
			uploads = append(uploads, id)
		}
		if a.StatusCode >= 500 && a.StatusCode != http.StatusNotImplemented || strings.Contains(a.body, "<Code>InternalError<") {
			t.Fatalf("%s %s\n%v\n%s: %v", sent.Method, sent.URL, sent.Header, a.Status, cause)
		}
	}
	if done*20 < n {
		t.Errorf("only %d of %d requests did something", done, n)
	}
}
