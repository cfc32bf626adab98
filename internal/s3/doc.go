// Package s3 is the S3 protocol on net/http, over the domain of package object (Amazon S3 API Reference, 2006-03-01).
//
// A request goes one way: authenticate it; parse it into a typed operation, which touches nothing; authorize what the operation says that
// it needs; do it; render. Errors are written in one place. Paths are never cleaned: the decoded key that was signed is the key that is
// authorized and stored.
//
// # Decisions
//
//   - What is not implemented is refused with 501, never ignored: sub-resources, known or not, and headers that ask for encryption or other
//     storage classes. A parameter with a value that nobody knows is ignored, as S3 does. Operations tells of each operation.
//   - Access control lists are off; requests that would set one are refused as S3 refuses them in such buckets. Settings of buckets tell
//     what is so, see decision 0012.
//   - Addressing is path style, or virtual-host style below the configured domains. Nothing but the host of the request decides which.
//   - A request without a signature is anonymous. Whoever may not list a bucket is denied what is not there, as on AWS; here that
//     goes for the bucket, too.
//   - A body needs a declared length (411 otherwise), in Content-Length or x-amz-decoded-content-length.
//   - PUT takes If-None-Match: * and If-Match. Of writers that race one gets 200, the others 412; S3 may answer 409 to some of them.
//   - An upload that names no checksum algorithm gets CRC64NVME, and takes parts with a checksum of any algorithm, which is verified and not kept.
//   - A copy has the ETag, the parts and the checksum of its source, also where that was uploaded in parts: no byte is read.
//     S3 gives a copy made in one request the MD5 of the whole as its ETag, for which it reads up to 5 GB.
//   - In listings, a marker that lies inside of a common prefix leaves that prefix behind: items are those greater than the marker.
//   - Several ranges, and ranges that are none, give the whole object. HEAD honours Range and If-Range as GET does.
//   - x-amz-storage-class is told for STANDARD too, where S3 leaves it out: there is no other class, and the header says what its absence says.
//   - In x-amz-copy-source an encoded `?versionId=` is what it is without encoding: clients encode the whole.
//   - Checksums are told with whole objects only, and only where x-amz-checksum-mode asks for them.
//   - GET of an object carries Content-Security-Policy: sandbox and X-Content-Type-Options: nosniff.
//   - A form (POST Object) is PutObject with fields for headers: each field of those headers that PutObject has, but no copy source, no
//     trailer, no condition. Its file needs no declared length, and is held against the policy's content-length-range while it is read.
//   - A form is good until its policy expires, and seven days after it was signed at the latest. Until then whoever has it may send it again:
//     a policy cannot say "once". A key that is fixed, a short time and a versioned bucket bound what that can do.
//   - x-zas-content-digest and x-zas-artifact-digest, or x-zas-artifact-state: pending, tell what the bytes are called.
package s3
