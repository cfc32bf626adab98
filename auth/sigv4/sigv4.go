// Package sigv4 is AWS Signature Version 4 as S3 uses it: it verifies signed requests and their bodies, and signs the
// project's own requests.
//
// A request is signed in its Authorization header or in its query (a presigned URL). Its body is one of six kinds,
// named by x-amz-content-sha256, and is verified while it is read: see Body. Specifications: "Authenticating Requests
// (AWS Signature Version 4)" of the Amazon S3 API Reference, with its pages "Authorization Header", "Query Parameters",
// "Transferring Payload in Multiple Chunks" and "Including Trailing Headers".
//
// # Decisions
//
//   - The path is taken as it was sent, decoded once and encoded again, and never cleaned: `//` and `..` are parts of
//     keys. A signature over the path exactly as sent is accepted too, because some clients sign `%2F`, `%7E` or
//     lower-case hexadecimal as they send it. Both forms decode to the same key, so nothing is gained by choosing.
//   - A query name that occurs twice is refused: the signature covers its values in sorted order only, so which of them
//     counts is not covered. Header lines of one name are joined into one, for the same reason.
//   - Every x-amz-* header has to be signed, as AWS has it, in header and query form. Two may be left out:
//     x-amz-content-sha256, whose value the canonical request contains in any case, and CloudFront's x-amz-cf-id.
//   - The x-amz-* parameters to which SDKs move headers when they presign count as headers. Checksums and encryption do
//     not, as on AWS: JavaScript clients presign the checksum of an empty body.
//   - Chunks of less than 8 KiB before the last one are refused, as AWS does, unless Verifier.SmallChunks is set.
//   - x-amz-content-sha256 is required, as AWS has it, but for requests without a body: curl before version 8 signs the
//     hash of nothing without sending it.
//   - A region other than the configured one is accepted unless Verifier.Strict is set.
//   - An unknown access key costs the same work as a known one. It is reported as such, as AWS does.
//   - The ECDSA forms (SigV4A) and Signature Version 2 are refused, with a message that says so.
package sigv4

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
)

// The values of x-amz-content-sha256 that are not the hash of the body ("Authorization Header" page, section
// "Overview"), and the hash of an empty body.
const (
	UnsignedPayload          = "UNSIGNED-PAYLOAD"
	StreamingSigned          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingSignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	EmptySHA256              = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	serviceS3  = "s3"
	basicTime  = "20060102T150405Z"
	basicDay   = "20060102"

	maxSkew    = 15 * time.Minute
	maxExpires = 7 * 24 * time.Hour
	// maxSmallBody bounds what is read before Verify returns; only services other than s3, whose requests carry no
	// payload hash, need it.
	maxSmallBody = 64 << 10
)

// DefaultRegion is the region of a Verifier that names none.
const DefaultRegion = "us-east-1"

// Sessions finds the secret of temporary credentials. It reports fault.KeyUnknown when access key and token do not
// belong together or are no longer valid.
type Sessions interface {
	SessionSecret(ctx context.Context, accessKey, token string) (secret string, owner auth.Principal, err error)
}

// Verifier verifies requests. Keys is required; everything else has a default. It is safe for concurrent use and must
// not be copied after its first use.
type Verifier struct {
	Keys     auth.Keys
	Sessions Sessions         // for X-Amz-Security-Token; nil refuses requests that carry one
	Region   string           // DefaultRegion when empty
	Strict   bool             // refuse every region but Region
	Services []string         // services in the scope; "s3" alone when empty
	Now      func() time.Time // time.Now when nil

	// SmallChunks accepts chunks of less than 8 KiB before the last one, which AWS refuses (InvalidChunkSizeError).
	SmallChunks bool

	keys keyCache
}

// Result is what a verified signature proves.
type Result struct {
	Principal auth.Principal
	AccessKey string
	Region    string    // of the scope, as signed
	Service   string    // of the scope
	Time      time.Time // when the request was signed
	Presigned bool
	Expires   time.Time // when a presigned request expires; zero otherwise
	Token     string    // X-Amz-Security-Token, signed

	// Query holds the decoded query parameters as they were signed, without those of the signature itself.
	Query url.Values
	// Body replaces the body of the request; nil after VerifyPolicy.
	Body *Body
}

// Verify checks the signature of r, over r.Host and the request line as it was received (r.RequestURI, whatever
// middleware has done to r.URL). It prepares the body, of which it reads nothing (for services other than s3: at most
// 64 KiB). When the signature is right, Verify makes r.Header say what was signed: lines of one name are joined by
// commas, and x-amz-* parameters of a presigned URL are set as headers. It reports
//
//   - fault.CredentialsMissing: r is not signed at all (it may carry credentials of another scheme)
//   - fault.CredentialsMalformed, fault.QueryAuthInvalid, fault.ArgumentInvalid: the header or the query parameters cannot be understood
//   - fault.ClockSkewed: signed more than 15 minutes ago or ahead; for presigned URLs fault.Expired
//   - fault.RegionMismatch: Strict only
//   - fault.KeyUnknown, fault.TokenInvalid, fault.SignatureMismatch, and what Keys reports
//   - fault.AccessDenied: a header that has to be signed is not, or there is no date
//   - fault.BadRequest, fault.PathInvalid, fault.LengthRequired: the request contradicts itself
//
// Errors of the body come from reading Result.Body.
func (v *Verifier) Verify(r *http.Request) (Result, error) {
	params, err := parseQuery(rawQuery(r))
	if err != nil {
		return Result{}, err
	}
	c, err := parseClaim(r, params)
	if err != nil {
		return Result{}, err
	}
	if err := v.checkScope(c); err != nil {
		return Result{}, err
	}
	if err := v.checkTime(c); err != nil {
		return Result{}, err
	}
	if err := c.checkHeaders(r.Header); err != nil {
		return Result{}, err
	}
	if err := params.checkUnique(); err != nil {
		return Result{}, err
	}
	payload, err := c.payload(r)
	if err != nil {
		return Result{}, err
	}
	messages, err := c.messages(r, params, payload)
	if err != nil {
		return Result{}, err
	}
	owner, key, err := v.prove(r.Context(), c, messages)
	if err != nil {
		return Result{}, err
	}
	c.rewrite(r.Header, params)
	body, err := newBody(r, payload, seed{key: key, time: c.time, scope: c.scope, signature: c.signature}, v.SmallChunks)
	if err != nil {
		return Result{}, err
	}
	result := c.result(owner)
	result.Query, result.Body = params.values(), body
	return result, nil
}

// Unsigned prepares the body of a request that is not signed (anonymous, or authenticated in another way), so that
// handlers deal with one kind of body. It reports fault.BadRequest for kinds that only a signature can prove.
func (v *Verifier) Unsigned(r *http.Request) (*Body, error) {
	payload := r.Header.Get(headerContentSHA256)
	switch payload {
	case "":
		payload = UnsignedPayload
	case StreamingSigned, StreamingSignedTrailer:
		return nil, fault.BadRequest.Detail("a body with signed chunks needs a signed request")
	}
	if err := checkPayload(payload); err != nil {
		return nil, err
	}
	return newBody(r, payload, seed{}, v.SmallChunks)
}

// Query reads the query of a request as Verify does, for requests that are not signed. It reports fault.BadRequest for
// one that cannot be decoded or has a name twice.
func Query(r *http.Request) (url.Values, error) {
	params, err := parseQuery(rawQuery(r))
	if err != nil {
		return nil, err
	}
	if err := params.checkUnique(); err != nil {
		return nil, err
	}
	return params.values(), nil
}

// checkScope compares day, region and service of the claim with what this verifier accepts.
func (v *Verifier) checkScope(c *claim) error {
	services := v.Services
	if len(services) == 0 {
		services = []string{serviceS3}
	}
	if !slices.Contains(services, c.scope.service) {
		return c.badCredential(c.credential, "incorrect service %q. This endpoint belongs to %q.", c.scope.service, services[0])
	}
	if _, err := time.Parse(basicDay, c.scope.day); err != nil {
		return c.badCredential(c.credential, "incorrect date format %q. This date in the credential must be in the format \"yyyyMMdd\".", c.scope.day)
	}
	if region := v.region(); v.Strict && c.scope.region != region {
		return c.wrongRegion(region)
	}
	if c.scope.day != c.time.Format(basicDay) {
		return c.wrongDay()
	}
	return nil
}

func (v *Verifier) checkTime(c *claim) error {
	now := v.now()
	switch {
	case c.place == inQuery && now.Add(maxSkew).Before(c.time):
		return fault.Expired.Detail("Request is not valid yet.")
	case c.place == inQuery && now.After(c.expires):
		return c.expired(now)
	case c.place != inQuery && now.Sub(c.time).Abs() > maxSkew:
		return c.skewed(now)
	}
	return nil
}

func (v *Verifier) now() time.Time {
	if v.Now == nil {
		return time.Now()
	}
	return v.Now()
}

func (v *Verifier) region() string {
	if v.Region == "" {
		return DefaultRegion
	}
	return v.Region
}

// secret looks the key up, and stands in for one that is not known, so that it costs the same work.
func (v *Verifier) secret(ctx context.Context, c *claim) (string, auth.Principal, error) {
	var secret string
	var owner auth.Principal
	var err error
	switch {
	case c.token == "":
		secret, owner, err = v.Keys.Secret(ctx, c.accessKey)
	case v.Sessions != nil:
		secret, owner, err = v.Sessions.SessionSecret(ctx, c.accessKey, c.token)
	default:
		err = fault.TokenInvalid
	}
	if err == nil && secret == "" {
		err = fault.KeyUnknown // an empty secret would let everybody sign
	}
	if err != nil {
		return "no key has this secret", auth.Principal{}, err
	}
	return secret, owner, nil
}

// prove compares the signature of the claim with those of the messages, of which one has to match.
func (v *Verifier) prove(ctx context.Context, c *claim, messages [][]byte) (auth.Principal, signingKey, error) {
	secret, owner, keyErr := v.secret(ctx, c)
	if keyErr != nil && !errors.Is(keyErr, fault.KeyUnknown) {
		return owner, signingKey{}, keyErr
	}
	key, cached := v.keys.get(secret, c.scope)
	matched := 0
	for _, message := range messages {
		matched |= subtle.ConstantTimeCompare(hexMAC(key[:], message), []byte(c.signature))
	}
	if cached && matched != 1 {
		deriveKey(secret, c.scope) // so that a refusal costs the same whether or not the key is known
	}
	if keyErr != nil {
		return owner, signingKey{}, fault.Tell(keyErr, c.keyFact())
	}
	if matched != 1 {
		return auth.Principal{}, signingKey{}, c.mismatch(messages[0])
	}
	if !cached { // only what has been proven may displace other keys
		v.keys.put(secret, c.scope, key)
	}
	return owner, key, nil
}

// checkPayload refuses values of x-amz-content-sha256 that are not known.
func checkPayload(payload string) error {
	switch payload {
	case UnsignedPayload, StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrailer:
		return nil
	}
	if strings.HasPrefix(payload, "STREAMING-AWS4-ECDSA-") {
		return fault.BadRequest.Detail("%s is not supported; sign with %s", payload, algorithm)
	}
	if _, ok := parseSHA256(payload); !ok {
		return badPayload(payload)
	}
	return nil
}

// parseSHA256 reads 64 lower-case hexadecimal digits.
func parseSHA256(s string) (sum [sha256.Size]byte, ok bool) {
	if len(s) != hex.EncodedLen(len(sum)) || strings.ToLower(s) != s {
		return sum, false
	}
	_, err := hex.Decode(sum[:], []byte(s))
	return sum, err == nil
}

// parseLength reads a decimal length without sign.
func parseLength(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err == nil
}
