package s3

import "net/http"

// Operation is one operation of the S3 API, and whether it exists here.
type Operation struct {
	Name   string
	Method string
	// Target is the form of its request: {Bucket} and {Key} stand for names, and parameters that end with `=` for any value.
	Target string
	// Headers are those by which it is told from another of the same form, and others that it cannot do without.
	Headers []string
	// Twin is another operation whose requests look the same: it is the one that answers.
	Twin string
	// Missing is why it is not implemented; empty when it is.
	Missing string
}

// Reasons for what is not implemented.
const (
	directoryBuckets = "directory buckets are not implemented"
	noABAC           = "rights do not depend on tags of buckets"
	noAnnotations    = "annotations are not implemented"
	noLambda         = "there are no functions that transform objects"
	noReports        = "no inventories, metrics, metadata tables or other reports are made"
	noSelect         = "objects are not queried; AWS closed the operation to new customers"
	noTorrent        = "BitTorrent is not served"
	noWebsite        = "static websites are not served"
	nobodyPays       = "nobody pays for requests"
	notYet           = "planned"
	oneClass         = "there is one storage class, STANDARD"
	oneEndpoint      = "there is one endpoint, and nothing accelerates it"
	operatorLogs     = "the server logs requests for its operator, not into buckets"
	unencrypted      = "nothing is encrypted at rest"
)

// Operations is every operation of the S3 API, by name.
func Operations() []Operation { return append([]Operation(nil), operations...) }

// operations is an immutable table, in the order of names.
var operations = []Operation{
	{Name: "AbortMultipartUpload", Method: http.MethodDelete, Target: "/{Bucket}/{Key}?uploadId="},
	{Name: "CompleteMultipartUpload", Method: http.MethodPost, Target: "/{Bucket}/{Key}?uploadId="},
	{Name: "CopyObject", Method: http.MethodPut, Target: "/{Bucket}/{Key}", Headers: []string{"x-amz-copy-source"}},
	{Name: "CreateBucket", Method: http.MethodPut, Target: "/{Bucket}"},
	{Name: "CreateBucketMetadataConfiguration", Method: http.MethodPost, Target: "/{Bucket}?metadataConfiguration", Missing: noReports},
	{Name: "CreateBucketMetadataTableConfiguration", Method: http.MethodPost, Target: "/{Bucket}?metadataTable", Missing: noReports},
	{Name: "CreateMultipartUpload", Method: http.MethodPost, Target: "/{Bucket}/{Key}?uploads"},
	{Name: "CreateSession", Method: http.MethodGet, Target: "/{Bucket}?session", Missing: directoryBuckets},
	{Name: "DeleteBucket", Method: http.MethodDelete, Target: "/{Bucket}"},
	{Name: "DeleteBucketAnalyticsConfiguration", Method: http.MethodDelete, Target: "/{Bucket}?analytics&id=", Missing: noReports},
	{Name: "DeleteBucketCors", Method: http.MethodDelete, Target: "/{Bucket}?cors"},
	{Name: "DeleteBucketEncryption", Method: http.MethodDelete, Target: "/{Bucket}?encryption"},
	{Name: "DeleteBucketIntelligentTieringConfiguration", Method: http.MethodDelete, Target: "/{Bucket}?intelligent-tiering&id=", Missing: oneClass},
	{Name: "DeleteBucketInventoryConfiguration", Method: http.MethodDelete, Target: "/{Bucket}?inventory&id=", Missing: noReports},
	{Name: "DeleteBucketLifecycle", Method: http.MethodDelete, Target: "/{Bucket}?lifecycle"},
	{Name: "DeleteBucketMetadataConfiguration", Method: http.MethodDelete, Target: "/{Bucket}?metadataConfiguration", Missing: noReports},
	{Name: "DeleteBucketMetadataTableConfiguration", Method: http.MethodDelete, Target: "/{Bucket}?metadataTable", Missing: noReports},
	{Name: "DeleteBucketMetricsConfiguration", Method: http.MethodDelete, Target: "/{Bucket}?metrics&id=", Missing: noReports},
	{Name: "DeleteBucketOwnershipControls", Method: http.MethodDelete, Target: "/{Bucket}?ownershipControls"},
	{Name: "DeleteBucketPolicy", Method: http.MethodDelete, Target: "/{Bucket}?policy"},
	{Name: "DeleteBucketReplication", Method: http.MethodDelete, Target: "/{Bucket}?replication", Missing: notYet},
	{Name: "DeleteBucketTagging", Method: http.MethodDelete, Target: "/{Bucket}?tagging"},
	{Name: "DeleteBucketWebsite", Method: http.MethodDelete, Target: "/{Bucket}?website"},
	{Name: "DeleteObject", Method: http.MethodDelete, Target: "/{Bucket}/{Key}"},
	{Name: "DeleteObjectAnnotation", Method: http.MethodDelete, Target: "/{Bucket}/{Key}?annotation&annotationName=", Missing: noAnnotations},
	{Name: "DeleteObjectTagging", Method: http.MethodDelete, Target: "/{Bucket}/{Key}?tagging"},
	{Name: "DeleteObjects", Method: http.MethodPost, Target: "/{Bucket}?delete"},
	{Name: "DeletePublicAccessBlock", Method: http.MethodDelete, Target: "/{Bucket}?publicAccessBlock"},
	{Name: "GetBucketAbac", Method: http.MethodGet, Target: "/{Bucket}?abac", Missing: noABAC},
	{Name: "GetBucketAccelerateConfiguration", Method: http.MethodGet, Target: "/{Bucket}?accelerate", Missing: oneEndpoint},
	{Name: "GetBucketAcl", Method: http.MethodGet, Target: "/{Bucket}?acl"},
	{Name: "GetBucketAnalyticsConfiguration", Method: http.MethodGet, Target: "/{Bucket}?analytics&id=", Missing: noReports},
	{Name: "GetBucketCors", Method: http.MethodGet, Target: "/{Bucket}?cors"},
	{Name: "GetBucketEncryption", Method: http.MethodGet, Target: "/{Bucket}?encryption"},
	{Name: "GetBucketIntelligentTieringConfiguration", Method: http.MethodGet, Target: "/{Bucket}?intelligent-tiering&id=", Missing: oneClass},
	{Name: "GetBucketInventoryConfiguration", Method: http.MethodGet, Target: "/{Bucket}?inventory&id=", Missing: noReports},
	{Name: "GetBucketLifecycle", Method: http.MethodGet, Target: "/{Bucket}?lifecycle", Twin: "GetBucketLifecycleConfiguration"},
	{Name: "GetBucketLifecycleConfiguration", Method: http.MethodGet, Target: "/{Bucket}?lifecycle"},
	{Name: "GetBucketLocation", Method: http.MethodGet, Target: "/{Bucket}?location"},
	{Name: "GetBucketLogging", Method: http.MethodGet, Target: "/{Bucket}?logging", Missing: operatorLogs},
	{Name: "GetBucketMetadataConfiguration", Method: http.MethodGet, Target: "/{Bucket}?metadataConfiguration", Missing: noReports},
	{Name: "GetBucketMetadataTableConfiguration", Method: http.MethodGet, Target: "/{Bucket}?metadataTable", Missing: noReports},
	{Name: "GetBucketMetricsConfiguration", Method: http.MethodGet, Target: "/{Bucket}?metrics&id=", Missing: noReports},
	{Name: "GetBucketNotification", Method: http.MethodGet, Target: "/{Bucket}?notification", Twin: "GetBucketNotificationConfiguration", Missing: notYet},
	{Name: "GetBucketNotificationConfiguration", Method: http.MethodGet, Target: "/{Bucket}?notification", Missing: notYet},
	{Name: "GetBucketOwnershipControls", Method: http.MethodGet, Target: "/{Bucket}?ownershipControls"},
	{Name: "GetBucketPolicy", Method: http.MethodGet, Target: "/{Bucket}?policy"},
	{Name: "GetBucketPolicyStatus", Method: http.MethodGet, Target: "/{Bucket}?policyStatus"},
	{Name: "GetBucketReplication", Method: http.MethodGet, Target: "/{Bucket}?replication", Missing: notYet},
	{Name: "GetBucketRequestPayment", Method: http.MethodGet, Target: "/{Bucket}?requestPayment", Missing: nobodyPays},
	{Name: "GetBucketTagging", Method: http.MethodGet, Target: "/{Bucket}?tagging"},
	{Name: "GetBucketVersioning", Method: http.MethodGet, Target: "/{Bucket}?versioning"},
	{Name: "GetBucketWebsite", Method: http.MethodGet, Target: "/{Bucket}?website"},
	{Name: "GetObject", Method: http.MethodGet, Target: "/{Bucket}/{Key}"},
	{Name: "GetObjectAcl", Method: http.MethodGet, Target: "/{Bucket}/{Key}?acl"},
	{Name: "GetObjectAnnotation", Method: http.MethodGet, Target: "/{Bucket}/{Key}?annotation&annotationName=", Missing: noAnnotations},
	{Name: "GetObjectAttributes", Method: http.MethodGet, Target: "/{Bucket}/{Key}?attributes", Headers: []string{"x-amz-object-attributes"}},
	{Name: "GetObjectLegalHold", Method: http.MethodGet, Target: "/{Bucket}/{Key}?legal-hold"},
	{Name: "GetObjectLockConfiguration", Method: http.MethodGet, Target: "/{Bucket}?object-lock"},
	{Name: "GetObjectRetention", Method: http.MethodGet, Target: "/{Bucket}/{Key}?retention"},
	{Name: "GetObjectTagging", Method: http.MethodGet, Target: "/{Bucket}/{Key}?tagging"},
	{Name: "GetObjectTorrent", Method: http.MethodGet, Target: "/{Bucket}/{Key}?torrent", Missing: noTorrent},
	{Name: "GetPublicAccessBlock", Method: http.MethodGet, Target: "/{Bucket}?publicAccessBlock"},
	{Name: "HeadBucket", Method: http.MethodHead, Target: "/{Bucket}"},
	{Name: "HeadObject", Method: http.MethodHead, Target: "/{Bucket}/{Key}"},
	{Name: "ListBucketAnalyticsConfigurations", Method: http.MethodGet, Target: "/{Bucket}?analytics", Missing: noReports},
	{Name: "ListBucketIntelligentTieringConfigurations", Method: http.MethodGet, Target: "/{Bucket}?intelligent-tiering", Missing: oneClass},
	{Name: "ListBucketInventoryConfigurations", Method: http.MethodGet, Target: "/{Bucket}?inventory", Missing: noReports},
	{Name: "ListBucketMetricsConfigurations", Method: http.MethodGet, Target: "/{Bucket}?metrics", Missing: noReports},
	{Name: "ListBuckets", Method: http.MethodGet, Target: "/"},
	{Name: "ListDirectoryBuckets", Method: http.MethodGet, Target: "/", Twin: "ListBuckets"},
	{Name: "ListMultipartUploads", Method: http.MethodGet, Target: "/{Bucket}?uploads"},
	{Name: "ListObjectAnnotations", Method: http.MethodGet, Target: "/{Bucket}/{Key}?annotation", Missing: noAnnotations},
	{Name: "ListObjectVersions", Method: http.MethodGet, Target: "/{Bucket}?versions"},
	{Name: "ListObjects", Method: http.MethodGet, Target: "/{Bucket}"},
	{Name: "ListObjectsV2", Method: http.MethodGet, Target: "/{Bucket}?list-type=2"},
	{Name: "ListParts", Method: http.MethodGet, Target: "/{Bucket}/{Key}?uploadId="},
	{Name: "PostObject", Method: http.MethodPost, Target: "/{Bucket}"}, // of browsers: SDKs do not have it
	{Name: "PutBucketAbac", Method: http.MethodPut, Target: "/{Bucket}?abac", Missing: noABAC},
	{Name: "PutBucketAccelerateConfiguration", Method: http.MethodPut, Target: "/{Bucket}?accelerate", Missing: oneEndpoint},
	{Name: "PutBucketAcl", Method: http.MethodPut, Target: "/{Bucket}?acl"},
	{Name: "PutBucketAnalyticsConfiguration", Method: http.MethodPut, Target: "/{Bucket}?analytics&id=", Missing: noReports},
	{Name: "PutBucketCors", Method: http.MethodPut, Target: "/{Bucket}?cors"},
	{Name: "PutBucketEncryption", Method: http.MethodPut, Target: "/{Bucket}?encryption", Missing: unencrypted},
	{Name: "PutBucketIntelligentTieringConfiguration", Method: http.MethodPut, Target: "/{Bucket}?intelligent-tiering&id=", Missing: oneClass},
	{Name: "PutBucketInventoryConfiguration", Method: http.MethodPut, Target: "/{Bucket}?inventory&id=", Missing: noReports},
	{Name: "PutBucketLifecycle", Method: http.MethodPut, Target: "/{Bucket}?lifecycle", Twin: "PutBucketLifecycleConfiguration"},
	{Name: "PutBucketLifecycleConfiguration", Method: http.MethodPut, Target: "/{Bucket}?lifecycle"},
	{Name: "PutBucketLogging", Method: http.MethodPut, Target: "/{Bucket}?logging", Missing: operatorLogs},
	{Name: "PutBucketMetricsConfiguration", Method: http.MethodPut, Target: "/{Bucket}?metrics&id=", Missing: noReports},
	{Name: "PutBucketNotification", Method: http.MethodPut, Target: "/{Bucket}?notification", Twin: "PutBucketNotificationConfiguration", Missing: notYet},
	{Name: "PutBucketNotificationConfiguration", Method: http.MethodPut, Target: "/{Bucket}?notification", Missing: notYet},
	{Name: "PutBucketOwnershipControls", Method: http.MethodPut, Target: "/{Bucket}?ownershipControls"},
	{Name: "PutBucketPolicy", Method: http.MethodPut, Target: "/{Bucket}?policy"},
	{Name: "PutBucketReplication", Method: http.MethodPut, Target: "/{Bucket}?replication", Missing: notYet},
	{Name: "PutBucketRequestPayment", Method: http.MethodPut, Target: "/{Bucket}?requestPayment", Missing: nobodyPays},
	{Name: "PutBucketTagging", Method: http.MethodPut, Target: "/{Bucket}?tagging"},
	{Name: "PutBucketVersioning", Method: http.MethodPut, Target: "/{Bucket}?versioning"},
	{Name: "PutBucketWebsite", Method: http.MethodPut, Target: "/{Bucket}?website", Missing: noWebsite},
	{Name: "PutObject", Method: http.MethodPut, Target: "/{Bucket}/{Key}"},
	{Name: "PutObjectAcl", Method: http.MethodPut, Target: "/{Bucket}/{Key}?acl"},
	{Name: "PutObjectAnnotation", Method: http.MethodPut, Target: "/{Bucket}/{Key}?annotation&annotationName=", Missing: noAnnotations},
	{Name: "PutObjectLegalHold", Method: http.MethodPut, Target: "/{Bucket}/{Key}?legal-hold"},
	{Name: "PutObjectLockConfiguration", Method: http.MethodPut, Target: "/{Bucket}?object-lock"},
	{Name: "PutObjectRetention", Method: http.MethodPut, Target: "/{Bucket}/{Key}?retention"},
	{Name: "PutObjectTagging", Method: http.MethodPut, Target: "/{Bucket}/{Key}?tagging"},
	{Name: "PutPublicAccessBlock", Method: http.MethodPut, Target: "/{Bucket}?publicAccessBlock"},
	{Name: "RenameObject", Method: http.MethodPut, Target: "/{Bucket}/{Key}?renameObject", Headers: []string{"x-amz-rename-source"}, Missing: directoryBuckets},
	{Name: "RestoreObject", Method: http.MethodPost, Target: "/{Bucket}/{Key}?restore", Missing: oneClass},
	{Name: "SelectObjectContent", Method: http.MethodPost, Target: "/{Bucket}/{Key}?select&select-type=2", Missing: noSelect},
	{Name: "UpdateBucketMetadataAnnotationTableConfiguration", Method: http.MethodPut, Target: "/{Bucket}?metadataAnnotationTable", Missing: noAnnotations},
	{Name: "UpdateBucketMetadataInventoryTableConfiguration", Method: http.MethodPut, Target: "/{Bucket}?metadataInventoryTable", Missing: noReports},
	{Name: "UpdateBucketMetadataJournalTableConfiguration", Method: http.MethodPut, Target: "/{Bucket}?metadataJournalTable", Missing: noReports},
	{Name: "UpdateObjectEncryption", Method: http.MethodPut, Target: "/{Bucket}/{Key}?encryption", Missing: unencrypted},
	{Name: "UploadPart", Method: http.MethodPut, Target: "/{Bucket}/{Key}?partNumber=&uploadId="},
	{Name: "UploadPartCopy", Method: http.MethodPut, Target: "/{Bucket}/{Key}?partNumber=&uploadId=", Headers: []string{"x-amz-copy-source"}},
	{Name: "WriteGetObjectResponse", Method: http.MethodPost, Target: "/WriteGetObjectResponse", Headers: []string{"x-amz-request-route", "x-amz-request-token"}, Missing: noLambda},
}
