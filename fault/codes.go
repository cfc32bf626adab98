package fault

// All lists every code, in the order of the reference page.
func All() []*Code { return append([]*Code(nil), all...) }

// all is an immutable table, filled by the declarations below before any code runs.
var all []*Code

func define(name string, kind Kind, retry Retry, text, resolution string) *Code {
	c := &Code{name: name, kind: kind, retry: retry, text: text, resolution: resolution}
	all = append(all, c)
	return c
}

// The server and its parts.
var (
	Unexpected = define("internal-error", Internal, Backoff,
		"the server met an unexpected condition", "try again; if it stays, give the request id to the operator, whose log has the cause")
	Damaged = define("content-damaged", Internal, Never,
		"the stored bytes do not match their checksum", "upload the same bytes again in one request, which repairs them; the operator finds the location in the log")
	Busy = define("busy", Overload, Backoff,
		"the server is busy or stopping", "try again after a short, growing delay")
	StorageFull = define("storage-full", Full, Backoff,
		"the store has no free space left for writes", "delete what is not needed or enlarge the volume; reads and deletes go on")
	NotImplemented = define("not-implemented", Unsupported, Never,
		"this operation or option is not implemented", "see the reference for what is supported")
	Timeout = define("request-timeout", Invalid, Backoff,
		"the client sent nothing for too long", "send the request again on a better connection")
	Incomplete = define("incomplete-body", Invalid, Backoff,
		"the body ended before its declared length", "send the whole body again")
)

// Who and whether.
var (
	CredentialsMissing = define("credentials-missing", Unauthenticated, Never,
		"this request needs credentials", "sign the request or send Basic credentials")
	CredentialsMalformed = define("credentials-malformed", Invalid, Never,
		"the credentials cannot be parsed", "check the Authorization header or the signed query parameters")
	KeyUnknown = define("access-key-unknown", Unauthenticated, Never,
		"the access key is not known", "check the access key and that it has not been removed")
	TokenInvalid = define("token-invalid", Invalid, Never,
		"the session token is malformed or does not belong to this access key", "leave X-Amz-Security-Token out, or get new temporary credentials")
	SignatureMismatch = define("signature-mismatch", Unauthenticated, Never,
		"the signature does not match the request", "check the secret key, and that no proxy changed the path, query or signed headers")
	PasswordMismatch = define("password-mismatch", Unauthenticated, Never,
		"the user name or password is wrong", "check user name and password")
	BearerInvalid = define("bearer-token-invalid", Unauthenticated, Never,
		"the bearer token is not valid here, or has expired", "get a new token from the realm that the challenge names")
	BearerScope = define("bearer-token-scope", Unauthenticated, Never,
		"the bearer token was not issued for this", "get a token for the scope that the challenge names")
	ClockSkewed = define("clock-skewed", Unauthenticated, Never,
		"the request's time differs from the server's by more than 15 minutes", "set the client's clock")
	Expired = define("signature-expired", Denied, Never,
		"the signed request has expired", "make a new signed URL")
	QueryAuthInvalid = define("query-authorization-invalid", Invalid, Never,
		"the signed query parameters are wrong", "make the signed URL again")
	RegionMismatch = define("region-mismatch", Invalid, Never,
		"the request is signed for another region", "use the region that the message names")
	PolicyInvalid = define("form-policy-invalid", Invalid, Never,
		"the policy of the form is not valid", "compare the policy with the S3 API reference, page POST Policy, and sign it anew")
	PolicyViolated = define("form-policy-violated", Denied, Never,
		"the form does not satisfy its policy", "send what the policy allows, or get a form with another policy")
	AccessDenied = define("access-denied", Denied, Never,
		"access denied", "ask the owner for the right to do this")
)

// The request.
var (
	BadRequest = define("invalid-request", Invalid, Never,
		"the request is not valid", "correct what the message names")
	ArgumentInvalid = define("invalid-argument", Invalid, Never,
		"an argument is not valid", "correct the argument that the message names")
	BodyMissing = define("body-missing", Invalid, Never,
		"the request has no body", "send the document that the operation needs")
	HeaderTooLarge = define("header-too-large", Invalid, Never,
		"the headers of the request are larger than 8 KiB", "send less metadata, or shorter values")
	MalformedXML = define("malformed-xml", Invalid, Never,
		"the XML of the body is malformed or not of the expected form", "compare the body with the S3 API reference")
	MalformedJSON = define("malformed-json", Invalid, Never,
		"the JSON of the body is malformed or not of the expected form", "compare the body with the specification")
	FormMalformed = define("malformed-form", Invalid, Never,
		"the body is not well-formed multipart/form-data", "send a form of the enclosure type multipart/form-data, the file last")
	FormTooLarge = define("form-too-large", Invalid, Never,
		"the fields before the file are larger than 20 KiB", "send fewer or shorter fields")
	PathInvalid = define("invalid-path", Invalid, Never,
		"the path cannot be decoded", "percent-encode the path as UTF-8")
	MethodNotAllowed = define("method-not-allowed", Method, Never,
		"this method is not allowed on this resource", "see the reference for the methods of this resource")
	LengthRequired = define("length-required", Length, Never,
		"the length of the body must be declared", "send Content-Length, or x-amz-decoded-content-length with a chunked signature")
	RangeNotSatisfiable = define("range-not-satisfiable", Range, Never,
		"the range lies outside of the content", "ask for the size first")
	PartNumberNotSatisfiable = define("part-number-not-satisfiable", Range, Never,
		"the object has no part with this number", "ask for the number of parts first: HEAD with partNumber=1 tells it")
	EntityTooLarge = define("entity-too-large", TooLarge, Never,
		"the body is larger than allowed", "send large objects in parts")
	EntityTooSmall = define("entity-too-small", Invalid, Never,
		"a part other than the last is smaller than allowed", "send parts of at least 5 MiB")
	MetadataTooLarge = define("metadata-too-large", Invalid, Never,
		"the user metadata is larger than 2 KiB", "send less metadata")
	RedirectInvalid = define("redirect-invalid", Invalid, Never,
		"the website redirect location is no address", "send at most 2048 bytes that begin with '/', 'http://' or 'https://'")
	KeyTooLong = define("key-too-long", Invalid, Never,
		"the key is longer than 1024 bytes", "use a shorter key")
	PreconditionFailed = define("precondition-failed", Precondition, Once,
		"a condition of the request does not hold", "read the current state, then decide again")
	ConditionalConflict = define("conditional-conflict", Conflict, Once,
		"another request won the race for this key", "read the current state, then decide again")
)

// Integrity of what was sent.
var (
	DigestInvalid = define("digest-invalid", Invalid, Never,
		"the digest is malformed or of an unknown algorithm", "send sha256: or sha512: and the hexadecimal hash")
	DigestMismatch = define("digest-mismatch", Invalid, Backoff,
		"the bytes received do not have the stated digest", "send the body again; if it fails again, compute the digest anew")
	ContentMD5Invalid = define("content-md5-invalid", Invalid, Never,
		"Content-MD5 is not a base64 MD5", "send the base64 of the 16 MD5 bytes")
	ChecksumMismatch = define("checksum-mismatch", Invalid, Backoff,
		"the bytes received do not have the stated checksum", "send the body again; if it fails again, compute the checksum anew")
	PayloadHashMismatch = define("payload-hash-mismatch", Invalid, Backoff,
		"the bytes received do not have the signed x-amz-content-sha256", "send the body again; if it fails again, check what changes the body on the way")
	ChunkSignatureMismatch = define("chunk-signature-mismatch", Unauthenticated, Backoff,
		"the signature of a chunk does not match", "send the body again")
	ChunkSizeInvalid = define("chunk-size-invalid", Invalid, Never,
		"a chunk other than the last has less than 8192 bytes", "send larger chunks")
	TrailerMalformed = define("trailer-malformed", Invalid, Never,
		"the trailers of an aws-chunked body are not those that x-amz-trailer announces", "send just what is announced, each once, after the last chunk")
	ChunkMalformed = define("chunk-malformed", Invalid, Never,
		"the aws-chunked body is malformed", "check the chunk sizes, the trailer and x-amz-decoded-content-length")
)

// Buckets, objects and multipart uploads.
var (
	BucketNameInvalid = define("bucket-name-invalid", Invalid, Never,
		"the bucket name is not valid", "use 3 to 63 characters a-z, 0-9, '.' and '-', beginning and ending with a letter or digit, and no reserved name")
	BucketNotFound = define("bucket-not-found", NotFound, Never,
		"the bucket does not exist", "create the bucket first, or check its name")
	BucketExists = define("bucket-exists", Conflict, Never,
		"the name belongs to somebody else", "choose another name")
	BucketOwned = define("bucket-owned", Conflict, Never,
		"you own a bucket of this name already", "use the bucket")
	BucketNotEmpty = define("bucket-not-empty", Conflict, Once,
		"the bucket is not empty", "remove what the message names first: objects, uploads, tags or manifests")
	LocationInvalid = define("location-invalid", Invalid, Never,
		"the location constraint is not this server's region", "leave it out or use the configured region")
	KeyNotFound = define("key-not-found", NotFound, Never,
		"the key does not exist", "check the key")
	VersionNotFound = define("version-not-found", NotFound, Never,
		"the version does not exist", "list the versions of the key")
	UploadNotFound = define("upload-not-found", NotFound, Never,
		"the multipart upload does not exist: it was completed, aborted or never begun", "begin a new upload")
	PartInvalid = define("part-invalid", Invalid, Never,
		"a part was not found, or its ETag or checksum differs", "list the parts, then complete with what is there")
	PartOrderInvalid = define("part-order-invalid", Invalid, Never,
		"the parts are not in ascending order", "list the parts by ascending number")
	TagsInvalid = define("tags-invalid", Invalid, Never,
		"the tags are not valid", "correct the tag that the message names: keys of 1 to 128 characters, each once, values of up to 256")
	TagsTooMany = define("tags-too-many", Invalid, Never,
		"there are more tags than allowed", "set fewer: 10 of an object, 50 of a bucket")
	TagsNotFound = define("tags-not-found", NotFound, Never,
		"there are no tags", "set tags first")
	ObjectLocked = define("object-locked", Denied, Never,
		"the version is protected by object lock", "wait until its retention ends; a legal hold has to be lifted, governance can be bypassed by who may")
	LockMissing = define("object-lock-missing", Invalid, Never,
		"the bucket has no object lock", "enable object lock on the bucket first, which needs versioning")
	LockNotFound = define("object-lock-configuration-not-found", NotFound, Never,
		"the bucket has no object lock configuration", "enable object lock on the bucket first, which needs versioning")
	RetentionNotFound = define("retention-not-found", NotFound, Never,
		"the version has no retention or legal hold of its own", "set it first")
	BucketStateInvalid = define("bucket-state-invalid", Conflict, Never,
		"the bucket's versioning does not allow this", "enable versioning before object lock, and leave it enabled")
	CopyOntoItself = define("copy-onto-itself", Invalid, Never,
		"an object cannot be copied onto itself without a change", "change metadata or destination")
)

// Settings of buckets.
var (
	CORSNotFound = define("cors-not-found", NotFound, Never,
		"the bucket has no CORS configuration", "set one first")
	CORSRequestInvalid = define("cors-request-invalid", Invalid, Never,
		"the preflight request is not valid", "send Origin and Access-Control-Request-Method")
	CORSForbidden = define("cors-forbidden", Denied, Never,
		"the bucket does not allow this cross-origin request", "add origin, method and headers to the CORS configuration of the bucket")
	PublicAccessBlockNotFound = define("public-access-block-not-found", NotFound, Never,
		"the bucket has no public access block", "set one first")
	OwnershipNotFound = define("ownership-controls-not-found", NotFound, Never,
		"the bucket has no ownership controls", "set BucketOwnerEnforced")
	ACLUnsupported = define("acl-unsupported", Invalid, Never,
		"the bucket does not allow access control lists", "leave the list out; rights are given by the server's authorization")
	BucketACLInvalid = define("bucket-acl-invalid", Invalid, Never,
		"a bucket cannot be created with access control lists", "leave the list out, or send private")
	EncryptionNotFound = define("encryption-not-found", NotFound, Never,
		"the bucket has no encryption configuration: what is stored is not encrypted", "encrypt the volume, or the content before it is sent")
	WebsiteNotFound = define("website-not-found", NotFound, Never,
		"the bucket has no website configuration", "static websites are not served here")
	BucketPolicyMalformed = define("bucket-policy-malformed", Invalid, Never,
		"the policy of the bucket is not valid", "correct what the message names; the guide to reading without credentials has examples")
	PolicyNotFound = define("policy-not-found", NotFound, Never,
		"the bucket has no policy", "set one, or see the server's configuration: rights come from both")
	LifecycleNotFound = define("lifecycle-not-found", NotFound, Never,
		"the bucket has no lifecycle configuration", "set one first")
)

// Repositories, manifests, blobs and upload sessions.
var (
	RepositoryNameInvalid = define("repository-name-invalid", Invalid, Never,
		"the repository name is not valid", "use lower-case path components of the OCI grammar, 255 characters at most, and no reserved name")
	RepositoryNotFound = define("repository-not-found", NotFound, Never,
		"the repository does not exist", "push to it first, or check its name")
	TagInvalid = define("tag-invalid", Invalid, Never,
		"the tag is not valid", "use 1 to 128 characters of A-Z, a-z, 0-9, '_', '.' and '-', not beginning with '.' or '-'")
	TagImmutable = define("tag-immutable", Denied, Never,
		"the tag is immutable: it stays where it is", "use another tag, or have the server's pattern for immutable tags changed")
	ManifestNotFound = define("manifest-not-found", NotFound, Never,
		"the manifest does not exist in this repository", "check the tag or digest")
	ManifestInvalid = define("manifest-invalid", Invalid, Never,
		"the manifest is not valid", "compare it with the OCI image specification")
	ManifestBlobUnknown = define("manifest-blob-unknown", NotFound, Once,
		"the manifest names a blob or manifest that is not in this repository", "push what it names first")
	ManifestTooLarge = define("manifest-too-large", TooLarge, Never,
		"the manifest is larger than 4 MiB", "split it into an index of smaller manifests")
	ObjectArtifact = define("object-artifact", Denied, Never,
		"this manifest or blob belongs to an object of the bucket", "delete the object by S3; it obeys the bucket's rules only")
	BlobNotFound = define("blob-not-found", NotFound, Never,
		"the blob does not exist in this repository", "push the blob first, or check its digest")
	LayerAmbiguous = define("layer-ambiguous", Conflict, Never,
		"the name is that of several different layers", "ask for the manifest that has the wanted one, by digest")
	SessionNotFound = define("upload-session-not-found", NotFound, Never,
		"the upload session does not exist: it was finished, cancelled, expired or never begun", "begin a new upload")
	SessionRange = define("upload-range-invalid", Range, Once,
		"the chunk does not begin where the upload session ends", "ask the session for its offset and go on from there")
	SizeInvalid = define("size-invalid", Invalid, Never,
		"the length of the body does not match what was declared", "send the declared number of bytes")
)
