package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/fault"
)

// The query parameters of a presigned URL ("Query Parameters" page). Their names are case-sensitive.
const (
	paramAlgorithm     = "X-Amz-Algorithm"
	paramCredential    = "X-Amz-Credential"
	paramDate          = "X-Amz-Date"
	paramExpires       = "X-Amz-Expires"
	paramSignedHeaders = "X-Amz-SignedHeaders"
	paramSignature     = "X-Amz-Signature"
	paramToken         = "X-Amz-Security-Token"
	paramContentSHA256 = "X-Amz-Content-Sha256"

	headerContentSHA256 = "X-Amz-Content-Sha256"
	headerDate          = "X-Amz-Date"
	headerToken         = "X-Amz-Security-Token"
	headerDecodedLength = "X-Amz-Decoded-Content-Length"
	headerTrailer       = "X-Amz-Trailer"
	headerCloudFront    = "X-Amz-Cf-Id" // added by CloudFront on the way; S3 gives it no meaning
)

// Bounds on what a signature may consist of, far above anything that a client sends.
const (
	maxAuthorization = 8 << 10
	maxSignedHeaders = 128
	maxAccessKey     = 256
	maxRegion        = 64
)

// reservedPrefix is that of the headers whose meaning S3 defines.
const reservedPrefix = "X-Amz-"

func authParam(name string) bool {
	switch name {
	case paramAlgorithm, paramCredential, paramDate, paramExpires, paramSignedHeaders, paramSignature, paramToken, paramContentSHA256:
		return true
	}
	return false
}

// claim is what a request says about its signature; nothing of it is proven.
type claim struct {
	credential    string // accessKey and scope, as sent
	accessKey     string
	scope         scope
	signedHeaders []string // lower case, strictly ascending, "host" among them
	signature     string
	time          time.Time
	token         string
	place         place
	lifetime      int64     // inQuery only: X-Amz-Expires
	expires       time.Time // inQuery only
	contentSHA256 string    // inQuery only: the parameter
}

// parseClaim reads the signature out of the header or the query, whichever has one.
func parseClaim(r *http.Request, params query) (*claim, error) {
	presigned := slices.ContainsFunc(params, func(p param) bool {
		return p.name == paramAlgorithm || p.name == paramSignature || p.name == paramCredential
	})
	header := r.Header["Authorization"]
	switch {
	case len(header) > 1:
		return nil, (&claim{}).malformed("there is more than one Authorization header.")
	case presigned && len(header) == 1:
		return nil, fault.BadRequest.Detail("only one authentication is allowed: the query is signed and there is an Authorization header")
	case presigned:
		return parsePresigned(params)
	case len(header) == 1:
		return parseHeader(r, header[0])
	}
	if _, n := params.get("AWSAccessKeyId"); n > 0 {
		return nil, errVersion2()
	}
	return nil, fault.CredentialsMissing
}

func parsePresigned(params query) (*claim, error) {
	c := &claim{place: inQuery}
	var name, credential, signedHeaders, date, expires string
	for _, field := range []struct {
		name     string
		value    *string
		optional bool
	}{
		{paramAlgorithm, &name, false}, {paramCredential, &credential, false}, {paramDate, &date, false},
		{paramExpires, &expires, false}, {paramSignedHeaders, &signedHeaders, false},
		{paramSignature, &c.signature, false}, {paramToken, &c.token, true}, {paramContentSHA256, &c.contentSHA256, true},
	} {
		value, n := params.get(field.name)
		if n > 1 || value == "" && !field.optional {
			return nil, fault.QueryAuthInvalid.Detail("%s", missingParameters)
		}
		*field.value = value
	}
	if err := c.setAlgorithm(name); err != nil {
		return nil, err
	}
	if err := c.set(credential, signedHeaders); err != nil {
		return nil, err
	}
	return c, c.setExpiry(date, expires)
}

func (c *claim) setExpiry(date, expires string) error {
	var ok bool
	if c.time, ok = parseBasic(date); !ok {
		return c.malformed(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	seconds, err := strconv.ParseInt(expires, 10, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange), strings.HasPrefix(expires, "+"):
		return c.malformed("X-Amz-Expires should be a number")
	case seconds < 0:
		return c.malformed("X-Amz-Expires must be non-negative")
	case seconds == 0:
		return c.malformed("X-Amz-Expires must be between 1 and 604800 seconds")
	case seconds > int64(maxExpires/time.Second):
		return c.malformed("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	c.lifetime, c.expires = seconds, c.time.Add(time.Duration(seconds)*time.Second)
	return nil
}

// parseHeader reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`. Another scheme is not an error of
// this one, but a request without a signature.
func parseHeader(r *http.Request, header string) (*claim, error) {
	c := &claim{}
	if len(header) > maxAuthorization {
		return nil, c.malformed("it is longer than %d bytes.", maxAuthorization)
	}
	scheme, rest, found := strings.Cut(strings.TrimSpace(header), " ")
	switch {
	case !found:
		return nil, badArgument("Authorization", header, "Authorization header is invalid -- one and only one ' ' (space) required.")
	case !strings.HasPrefix(strings.ToUpper(scheme), "AWS"):
		return nil, fault.CredentialsMissing
	}
	if err := c.setAlgorithm(scheme); err != nil {
		return nil, err
	}
	credential, signedHeaders, err := c.splitAuthorization(rest)
	if err != nil {
		return nil, err
	}
	if err := c.set(credential, signedHeaders); err != nil {
		return nil, err
	}
	for _, name := range []string{headerDate, headerToken, headerContentSHA256} {
		if len(r.Header[name]) > 1 {
			return nil, c.malformed("there is more than one %s header.", name)
		}
	}
	c.token = r.Header.Get(headerToken)
	var ok bool
	if c.time, ok = requestTime(r.Header); !ok {
		return nil, fault.AccessDenied.Detail("AWS authentication requires a valid Date or x-amz-date header.")
	}
	return c, nil
}

// splitAuthorization accepts blanks or none around the commas, and any order. It sets the signature.
func (c *claim) splitAuthorization(s string) (credential, signedHeaders string, err error) {
	fields := strings.Split(s, ",")
	if len(fields) != 3 {
		return "", "", c.malformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.")
	}
	for _, field := range fields {
		field = strings.TrimSpace(field)
		name, value, found := strings.Cut(field, "=")
		if !found || value == "" {
			return "", "", c.malformed("the authorization component %q is malformed.", field)
		}
		switch name {
		case "Credential":
			credential = value
		case "SignedHeaders":
			signedHeaders = value
		case "Signature":
			c.signature = value
		}
	}
	for _, one := range []struct{ name, value string }{
		{"Credential", credential}, {"SignedHeaders", signedHeaders}, {"Signature", c.signature},
	} {
		if one.value == "" {
			return "", "", c.malformed("missing %s.", one.name)
		}
	}
	return credential, signedHeaders, nil
}

func (c *claim) setAlgorithm(name string) error {
	switch {
	case name == algorithm:
		return nil
	case c.place == inForm:
		return badArgument(paramAlgorithm, name, "Only AWS4-HMAC-SHA256 is supported")
	case name == "AWS":
		return errVersion2()
	case c.place == inHeader:
		return badArgument("Authorization", name, "Unsupported Authorization Type")
	case name == "AWS4-ECDSA-P256-SHA256":
		return c.malformed(`X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`)
	}
	return c.malformed(`X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`)
}

// set reads the two fields that header and query form have in common.
func (c *claim) set(credential, signedHeaders string) error {
	if err := c.setCredential(credential); err != nil {
		return err
	}
	c.signedHeaders = strings.Split(signedHeaders, ";")
	return c.checkSignedHeaders()
}

func (c *claim) setCredential(credential string) error {
	// The access key comes first and may itself hold a slash.
	parts := strings.Split(credential, "/")
	n := len(parts)
	if n < 5 || n > 5 && parts[n-1] != terminator {
		return c.badCredential(credential, malformedCredential)
	}
	c.credential = credential
	c.accessKey = strings.Join(parts[:n-4], "/")
	c.scope = scope{day: parts[n-4], region: parts[n-3], service: parts[n-2]}
	if !printable(c.accessKey, maxAccessKey) || !printable(c.scope.region, maxRegion) {
		return c.badCredential(credential, malformedCredential)
	}
	if parts[n-1] != terminator {
		return c.badCredential(credential, "incorrect terminal %q. This endpoint uses %q.", parts[n-1], terminator)
	}
	return nil
}

// printable says that s consists of 1 to limit visible ASCII characters.
func printable(s string, limit int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= limit
}

func (c *claim) checkSignedHeaders() error {
	names := c.signedHeaders
	if len(names) > maxSignedHeaders {
		return c.malformed("there are more than %d signed headers.", maxSignedHeaders)
	}
	for i, name := range names {
		if !validName(name) || i > 0 && names[i-1] >= name {
			return c.malformed("SignedHeaders must be header names, lower case, sorted and without repetition.")
		}
	}
	if !c.signs("host") {
		return notSigned("host")
	}
	return nil
}

// validName takes the letters of a header name (RFC 9110, section 5.6.2), in lower case.
func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}

func (c *claim) signs(name string) bool {
	_, found := slices.BinarySearch(c.signedHeaders, name)
	return found
}

// checkHeaders refuses x-amz-* headers that are not signed: S3 obeys them, so whoever holds a presigned URL could
// change what it does.
func (c *claim) checkHeaders(h http.Header) error {
	var missing []string
	for name := range h {
		if !strings.HasPrefix(name, reservedPrefix) || name == headerContentSHA256 || name == headerCloudFront {
			continue
		}
		if lower := strings.ToLower(name); !c.signs(lower) {
			missing = append(missing, lower)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return notSigned(missing...)
}

// messages are the strings to sign of which the signature may be: one for each form of the path.
func (c *claim) messages(r *http.Request, params query, payload string) ([][]byte, error) {
	paths, err := canonicalPaths(rawPath(r))
	if err != nil {
		return nil, err
	}
	form := canonical{
		method: r.Method, query: params.canonical(), headers: canonicalHeaders(r, c.signedHeaders),
		signed: c.signedHeaders, payload: payload,
	}
	messages := make([][]byte, len(paths))
	for i, path := range paths {
		form.path = path
		messages[i] = stringToSign(c.time, c.scope, sha256.Sum256(form.request()))
	}
	return messages, nil
}

// rewrite makes h say what was signed, so that nobody reads the first of two lines where their union was signed.
func (c *claim) rewrite(h http.Header, params query) {
	for _, name := range c.signedHeaders {
		name = http.CanonicalHeaderKey(name)
		if values := h[name]; len(values) > 1 {
			h[name] = []string{strings.Join(values, ",")}
		}
	}
	if c.place != inQuery {
		return
	}
	for _, p := range params {
		if name := http.CanonicalHeaderKey(p.name); hoisted(name) && len(h[name]) == 0 {
			h[name] = []string{p.value}
		}
	}
}

// hoisted says which parameters of a presigned URL S3 treats as headers: x-amz-acl, x-amz-tagging, x-amz-meta-* and so
// on, but none that says how the body is made.
func hoisted(name string) bool {
	return strings.HasPrefix(name, reservedPrefix) && !authParam(name) &&
		!strings.HasPrefix(name, "X-Amz-Checksum-") && !strings.HasPrefix(name, "X-Amz-Sdk-") &&
		!strings.HasPrefix(name, "X-Amz-Server-Side-Encryption") &&
		name != headerDecodedLength && name != headerTrailer && !strings.EqualFold(name, paramSignedHeaders)
}

func (c *claim) result(owner auth.Principal) Result {
	return Result{
		Principal: owner, AccessKey: c.accessKey, Region: c.scope.region, Service: c.scope.service, Time: c.time,
		Presigned: c.place == inQuery, Expires: c.expires, Token: c.token,
	}
}

// payload is the last line of the canonical request: the kind of the body, or its hash.
func (c *claim) payload(r *http.Request) (string, error) {
	header := r.Header.Get(headerContentSHA256)
	if len(r.Header[headerContentSHA256]) > 1 || c.contentSHA256 != "" && header != "" && header != c.contentSHA256 {
		return "", fault.BadRequest.Detail("x-amz-content-sha256 is given twice")
	}
	payload := header
	switch {
	case payload != "":
	case c.contentSHA256 != "":
		payload = c.contentSHA256
	case c.place == inQuery:
		return UnsignedPayload, nil
	case c.scope.service != serviceS3:
		return hashSmallBody(r)
	case r.ContentLength == 0: // curl before 8 signs the hash and does not send it
		return EmptySHA256, nil
	default:
		return "", fault.BadRequest.Detail("Missing required header for this request: x-amz-content-sha256")
	}
	return payload, checkPayload(payload)
}

// hashSmallBody reads the body to find its hash, for services whose requests do not state it.
func hashSmallBody(r *http.Request) (string, error) {
	if r.Body == nil {
		return EmptySHA256, nil
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, maxSmallBody+1))
	if err != nil {
		return "", incomplete(err)
	}
	if len(data) > maxSmallBody {
		return "", fault.EntityTooLarge
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// requestTime is X-Amz-Date, or else Date in one of the forms of HTTP or in the basic form of ISO 8601.
func requestTime(h http.Header) (time.Time, bool) {
	if date := h.Get(headerDate); date != "" {
		return parseBasic(date)
	}
	date := h.Get("Date")
	if t, ok := parseBasic(date); ok {
		return t, true
	}
	t, err := http.ParseTime(date)
	return t.UTC(), err == nil
}

func parseBasic(s string) (time.Time, bool) {
	t, err := time.Parse(basicTime, s)
	return t, err == nil && len(s) == len(basicTime) // Parse also takes fractions of a second
}
