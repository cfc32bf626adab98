package s3

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// answer is how a fault looks in S3 (S3 API, "Error responses").
type answer struct {
	code   string
	status int
	text   string // S3's own sentence; empty: the fault's
}

// answers has every fault.Code; a test sees to it. It is an immutable table.
var answers = map[*fault.Code]answer{
	fault.Unexpected:     {"InternalError", 500, "We encountered an internal error. Please try again."},
	fault.Damaged:        {"InternalError", 500, ""},
	fault.Busy:           {"SlowDown", 503, "Please reduce your request rate."},
	fault.StorageFull:    {"InsufficientStorage", 507, ""},
	fault.NotImplemented: {"NotImplemented", 501, "A header you provided implies functionality that is not implemented."},
	fault.Timeout:        {"RequestTimeout", 400, "Your socket connection to the server was not read from or written to within the timeout period."},
	fault.Incomplete:     {"IncompleteBody", 400, "You did not provide the number of bytes specified by the Content-Length HTTP header"},

	fault.CredentialsMissing:   {"AccessDenied", 403, "Access Denied."},
	fault.CredentialsMalformed: {"AuthorizationHeaderMalformed", 400, ""},
	fault.KeyUnknown:           {"InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."},
	fault.TokenInvalid:         {"InvalidToken", 400, "The provided token is malformed or otherwise invalid."},
	fault.SignatureMismatch: {"SignatureDoesNotMatch", 403,
		"The request signature we calculated does not match the signature you provided. Check your key and signing method."},
	fault.PasswordMismatch: {"AccessDenied", 403, "Access Denied."},
	fault.BearerInvalid:    {"AccessDenied", 403, "Access Denied."},
	fault.BearerScope:      {"AccessDenied", 403, "Access Denied."},
	fault.ClockSkewed:      {"RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."},
	fault.Expired:          {"AccessDenied", 403, "Request has expired."},
	fault.QueryAuthInvalid: {"AuthorizationQueryParametersError", 400, ""},
	fault.RegionMismatch:   {"AuthorizationHeaderMalformed", 400, ""},
	fault.PolicyInvalid:    {"InvalidPolicyDocument", 400, ""},
	fault.PolicyViolated:   {"AccessDenied", 403, ""},
	fault.AccessDenied:     {"AccessDenied", 403, "Access Denied."},

	fault.BadRequest:               {"InvalidRequest", 400, ""},
	fault.ArgumentInvalid:          {"InvalidArgument", 400, ""},
	fault.BodyMissing:              {"MissingRequestBodyError", 400, "Request Body is empty"},
	fault.HeaderTooLarge:           {"RequestHeaderSectionTooLarge", 400, "Your request header section exceeds the maximum allowed size."},
	fault.MalformedXML:             {"MalformedXML", 400, "The XML you provided was not well-formed or did not validate against our published schema."},
	fault.MalformedJSON:            {"InvalidRequest", 400, ""},
	fault.FormMalformed:            {"MalformedPOSTRequest", 400, "The body of your POST request is not well-formed multipart/form-data."},
	fault.FormTooLarge:             {"MaxPostPreDataLengthExceeded", 400, "Your POST request fields preceding the upload file were too large."},
	fault.PathInvalid:              {"InvalidURI", 400, "The specified URI couldn't be parsed."},
	fault.MethodNotAllowed:         {"MethodNotAllowed", 405, "The specified method is not allowed against this resource."},
	fault.LengthRequired:           {"MissingContentLength", 411, "You must provide the Content-Length HTTP header."},
	fault.RangeNotSatisfiable:      {"InvalidRange", 416, "The requested range is not satisfiable"},
	fault.PartNumberNotSatisfiable: {"InvalidPartNumber", 416, "The requested partnumber is not satisfiable."},
	fault.EntityTooLarge:           {"EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed object size."},
	fault.EntityTooSmall:           {"EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size"},
	fault.MetadataTooLarge:         {"MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size"},
	fault.RedirectInvalid:          {"InvalidRedirectLocation", 400, "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."},
	fault.KeyTooLong:               {"KeyTooLongError", 400, "Your key is too long."},
	fault.PreconditionFailed:       {"PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold."},
	fault.ConditionalConflict:      {"ConditionalRequestConflict", 409, ""},

	fault.DigestInvalid:          {"InvalidDigest", 400, ""},
	fault.DigestMismatch:         {"BadDigest", 400, ""},
	fault.ContentMD5Invalid:      {"InvalidDigest", 400, "The Content-Md5 you specified is not valid."},
	fault.ChecksumMismatch:       {"BadDigest", 400, ""},
	fault.PayloadHashMismatch:    {"XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed."},
	fault.ChunkSignatureMismatch: {"SignatureDoesNotMatch", 403, ""},
	fault.ChunkMalformed:         {"IncompleteBody", 400, "The request body terminated unexpectedly"},
	fault.ChunkSizeInvalid:       {"InvalidChunkSizeError", 400, "Only the last chunk is allowed to have a size less than 8192 bytes"},
	fault.TrailerMalformed: {"MalformedTrailerError", 400,
		"The request contained trailing data that was not well-formed or did not conform to our published schema."},

	fault.BucketNameInvalid: {"InvalidBucketName", 400, "The specified bucket is not valid."},
	fault.BucketNotFound:    {"NoSuchBucket", 404, "The specified bucket does not exist."},
	fault.BucketExists: {"BucketAlreadyExists", 409, "The requested bucket name is not available. " +
		"The bucket namespace is shared by all users of the system. Please select a different name and try again."},
	fault.BucketOwned:     {"BucketAlreadyOwnedByYou", 409, "Your previous request to create the named bucket succeeded and you already own it."},
	fault.BucketNotEmpty:  {"BucketNotEmpty", 409, "The bucket you tried to delete is not empty."},
	fault.LocationInvalid: {"IllegalLocationConstraintException", 400, ""},
	fault.KeyNotFound:     {"NoSuchKey", 404, "The specified key does not exist."},
	fault.VersionNotFound: {"NoSuchVersion", 404, "The specified version does not exist."},
	fault.UploadNotFound: {"NoSuchUpload", 404, "The specified multipart upload does not exist. " +
		"The upload ID may be invalid, or the upload may have been aborted or completed."},
	fault.PartInvalid: {"InvalidPart", 400, "One or more of the specified parts could not be found.  " +
		"The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."},
	fault.PartOrderInvalid:   {"InvalidPartOrder", 400, "The list of parts was not in ascending order. Parts must be ordered by part number."},
	fault.TagsInvalid:        {"InvalidTag", 400, ""},
	fault.TagsTooMany:        {"BadRequest", 400, ""},
	fault.TagsNotFound:       {"NoSuchTagSet", 404, "The TagSet does not exist."},
	fault.ObjectLocked:       {"AccessDenied", 403, "Access Denied because object protected by object lock."},
	fault.LockMissing:        {"InvalidRequest", 400, "Bucket is missing Object Lock Configuration"},
	fault.LockNotFound:       {"ObjectLockConfigurationNotFoundError", 404, "Object Lock configuration does not exist for this bucket."},
	fault.RetentionNotFound:  {"NoSuchObjectLockConfiguration", 404, "The specified object does not have a ObjectLock configuration."},
	fault.BucketStateInvalid: {"InvalidBucketState", 409, "The request is not valid with the current state of the bucket."},
	fault.CopyOntoItself: {"InvalidRequest", 400, "This copy request is illegal because it is trying to copy an object to itself without changing " +
		"the object's metadata, storage class, website redirect location or encryption attributes."},

	fault.CORSNotFound:       {"NoSuchCORSConfiguration", 404, "The CORS configuration does not exist"},
	fault.CORSRequestInvalid: {"BadRequest", 400, ""},
	fault.CORSForbidden: {"AccessForbidden", 403, "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, " +
		"request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."},
	fault.PublicAccessBlockNotFound: {"NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found"},
	fault.OwnershipNotFound:         {"OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found."},
	fault.ACLUnsupported:            {"AccessControlListNotSupported", 400, "The bucket does not allow ACLs."},
	fault.BucketACLInvalid: {"InvalidBucketAclWithObjectOwnership", 400,
		"Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"},
	fault.EncryptionNotFound:    {"ServerSideEncryptionConfigurationNotFoundError", 404, "The server side encryption configuration was not found"},
	fault.WebsiteNotFound:       {"NoSuchWebsiteConfiguration", 404, "The specified bucket does not have a website configuration"},
	fault.PolicyNotFound:        {"NoSuchBucketPolicy", 404, "The bucket policy does not exist."},
	fault.LifecycleNotFound:     {"NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist"},
	fault.BucketPolicyMalformed: {"MalformedPolicy", 400, ""},

	fault.RepositoryNameInvalid: {"InvalidArgument", 400, ""},
	fault.RepositoryNotFound:    {"NoSuchBucket", 404, ""},
	fault.TagInvalid:            {"InvalidArgument", 400, ""},
	fault.ManifestNotFound:      {"NoSuchKey", 404, ""},
	fault.ManifestInvalid:       {"InvalidRequest", 400, ""},
	fault.ManifestBlobUnknown:   {"InvalidRequest", 400, ""},
	fault.ManifestTooLarge:      {"EntityTooLarge", 400, ""},
	fault.ObjectArtifact:        {"AccessDenied", 403, ""},
	fault.LayerAmbiguous:        {"InvalidRequest", 409, ""},
	fault.TagImmutable:          {"AccessDenied", 403, ""},
	fault.BlobNotFound:          {"NoSuchKey", 404, ""},
	fault.SessionNotFound:       {"NoSuchUpload", 404, ""},
	fault.SessionRange:          {"InvalidRange", 416, ""},
	fault.SizeInvalid:           {"IncompleteBody", 400, "You did not provide the number of bytes specified by the Content-Length HTTP header"},
}

// fixed are the codes for which S3 has one sentence only, which clients compare: what else there is to say is an element of its own.
var fixed = map[*fault.Code]bool{
	fault.NotImplemented: true, fault.MalformedXML: true, fault.EntityTooSmall: true, fault.EntityTooLarge: true, fault.KeyTooLong: true,
	fault.MetadataTooLarge: true, fault.PartInvalid: true, fault.PreconditionFailed: true,
	fault.ChunkMalformed: true, fault.TrailerMalformed: true, fault.LengthRequired: true,
}

// describe is how f looks in S3, and its sentence: the one made where it happened, else S3's, else the fault's.
func describe(f *fault.Error) (answer, string) {
	a, ok := answers[f.Code]
	if !ok {
		a = answers[fault.Unexpected]
	}
	if a.text != "" && (f.Message == "" || fixed[f.Code]) {
		return a, a.text
	}
	return a, f.Text()
}

// headerError names the fault, which S3's codes do not tell apart, and answers to HEAD not at all.
const headerError = "X-Zas-Error"

// Fail answers r with err. It is the one place that writes errors: XML with the request's id, without a body for HEAD.
// Nothing may have been written before.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	a, message := describe(f)
	h := w.Header()
	h[headerError] = []string{f.Code.Name()}
	if size, isRange := unsatisfied(err); isRange {
		h["Content-Range"] = []string{"bytes */" + size}
	}
	setMarker(h, err)
	var allow allowError
	if errors.As(err, &allow) {
		h["Allow"] = []string{allow.methods}
	}
	if a.status == http.StatusServiceUnavailable {
		h["Retry-After"] = []string{"1"}
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(a.status)
		return
	}
	path, _ := splitURI(r.RequestURI)
	x := newXML("Error", "")
	x.text("Code", a.code)
	x.text("Message", message)
	x.subject(f)
	x.facts(f)
	x.text("Resource", path)
	x.text("RequestId", requestID(w))
	x.text("HostId", hostID)
	x.send(w, a.status)
}

// badArgument is fault.ArgumentInvalid about an argument.
func badArgument(name, value, format string, args ...any) error {
	return fault.Tell(fault.ArgumentInvalid.Detail(format, args...), fault.Fact{Name: "ArgumentName", Value: name}, fault.Fact{Name: "ArgumentValue", Value: value})
}

// subject writes what f is about, under the name that S3 has for it.
func (d *document) subject(f *fault.Error) {
	name := "Subject"
	switch f.Code {
	case fault.BucketNotFound, fault.BucketNameInvalid, fault.BucketExists, fault.BucketOwned, fault.BucketNotEmpty,
		fault.TagsNotFound, fault.CORSNotFound, fault.PublicAccessBlockNotFound, fault.OwnershipNotFound, fault.EncryptionNotFound,
		fault.PolicyNotFound, fault.LifecycleNotFound, fault.WebsiteNotFound:
		name = "BucketName"
	case fault.KeyNotFound, fault.VersionNotFound:
		name = "Key"
	case fault.UploadNotFound:
		name = "UploadId"
	}
	d.optional(name, f.Subject)
}

// facts writes what else is known, each under its own name.
func (d *document) facts(f *fault.Error) {
	if fixed[f.Code] {
		d.optional("Detail", f.Message)
	}
	for _, one := range f.Facts {
		d.text(one.Name, one.Value)
		if one.Name == "StringToSign" {
			d.text("StringToSignBytes", fmt.Sprintf("% x", one.Value))
		}
	}
}

// setMarker tells of the delete marker that err is about.
func setMarker(h http.Header, err error) {
	var m *object.MarkerError
	if !errors.As(err, &m) {
		return
	}
	h["X-Amz-Delete-Marker"] = []string{"true"}
	setVersion(h, m.ID)
	if errors.Is(err, fault.MethodNotAllowed) {
		h["Allow"] = []string{http.MethodDelete}
		h["Last-Modified"] = []string{time.Unix(0, m.Modified).UTC().Format(http.TimeFormat)}
	}
}

// sizedError is fault.RangeNotSatisfiable with the size of what was asked for, which RFC 9110 section 15.5.17 wants in the answer.
type sizedError struct {
	error
	size string
}

func (e sizedError) Unwrap() error { return e.error }

func unsatisfied(err error) (size string, ok bool) {
	var e sizedError
	if errors.As(err, &e) {
		return e.size, true
	}
	return "", false
}
