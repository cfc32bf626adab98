package sigv4

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/fault"
)

// place is where a claim stands. S3 words its errors by it.
type place uint8

const (
	inHeader place = iota
	inQuery
	inForm
)

const (
	malformedCredential = `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`
	missingParameters   = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, " +
		"X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)

// malformed is the error of a claim that cannot be understood.
func (c *claim) malformed(format string, args ...any) error {
	switch c.place {
	case inQuery:
		return fault.QueryAuthInvalid.Detail(format, args...)
	case inForm:
		return fault.ArgumentInvalid.Detail(format, args...)
	}
	return fault.CredentialsMalformed.Detail("The authorization header is malformed; "+format, args...)
}

// badCredential is malformed for the credential.
func (c *claim) badCredential(credential, format string, args ...any) error {
	switch c.place {
	case inQuery:
		return c.malformed("Error parsing the X-Amz-Credential parameter; "+format, args...)
	case inForm:
		return badArgument("x-amz-credential", credential, fmt.Sprintf(format, args...))
	}
	return c.malformed(format, args...)
}

func badArgument(name, value, message string) error {
	return fault.Tell(fault.ArgumentInvalid.Detail("%s", message), fault.Fact{Name: "ArgumentName", Value: name}, fault.Fact{Name: "ArgumentValue", Value: value})
}

func errVersion2() error {
	return fault.BadRequest.Detail("The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
}

func notSigned(headers ...string) error {
	return fault.Tell(fault.AccessDenied.Detail("There were headers present in the request which were not signed"),
		fault.Fact{Name: "HeadersNotSigned", Value: strings.Join(headers, ", ")})
}

// wrongDay is the error of a scope whose day is not that of the request. S3 has these words for it, also where it says them twice.
func (c *claim) wrongDay() error {
	if c.place == inHeader {
		return c.malformed("The authorization header is malformed; Invalid credential date. Date is not the same as X-Amz-Date.")
	}
	return c.malformed("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", c.scope.day, c.time.Format(basicDay))
}

func (c *claim) wrongRegion(want string) error {
	const format = "the region %q is wrong; expecting %q"
	if c.place != inHeader {
		return c.badCredential(c.credential, format, c.scope.region, want)
	}
	return fault.Tell(fault.RegionMismatch.Detail("The authorization header is malformed; "+format, c.scope.region, want),
		fault.Fact{Name: "Region", Value: want})
}

func (c *claim) expired(now time.Time) error {
	return fault.Tell(fault.Expired.Detail("Request has expired."),
		fault.Fact{Name: "X-Amz-Expires", Value: strconv.FormatInt(c.lifetime, 10)},
		fault.Fact{Name: "Expires", Value: c.expires.UTC().Format(time.RFC3339)},
		fault.Fact{Name: "ServerTime", Value: now.UTC().Format(time.RFC3339)})
}

func (c *claim) skewed(now time.Time) error {
	return fault.Tell(fault.ClockSkewed,
		fault.Fact{Name: "RequestTime", Value: c.time.Format(basicTime)},
		fault.Fact{Name: "ServerTime", Value: now.UTC().Format(time.RFC3339)},
		fault.Fact{Name: "MaxAllowedSkewMilliseconds", Value: strconv.FormatInt(maxSkew.Milliseconds(), 10)})
}

// mismatch tells what should have been signed, which is the request itself and no secret.
func (c *claim) mismatch(message []byte) error {
	return fault.Tell(fault.SignatureMismatch, c.keyFact(),
		fault.Fact{Name: "StringToSign", Value: string(message)}, fault.Fact{Name: "SignatureProvided", Value: c.signature})
}

func (c *claim) keyFact() fault.Fact { return fault.Fact{Name: "AWSAccessKeyId", Value: c.accessKey} }

func payloadMismatch(want, got []byte) error {
	return fault.Tell(fault.PayloadHashMismatch, fault.Fact{Name: "ClientComputedContentSHA256", Value: hex.EncodeToString(want)},
		fault.Fact{Name: "S3ComputedContentSHA256", Value: hex.EncodeToString(got)})
}

func badPayload(value string) error {
	return badArgument("x-amz-content-sha256", value, "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "+
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, "+
		"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.")
}
