"""CopyObject."""

import datetime

from harness import MIB, pattern


def test_a_copy_takes_bytes_and_metadata_along(t):
    bucket, other = t.bucket(), t.bucket()
    for size in [10, MIB]:
        body = pattern(size)
        put = t.put(bucket, "from ä+&", body, Metadata={"m": "v"}, ContentType="text/plain")
        done = t.s3.copy_object(Bucket=other, Key="to", CopySource={"Bucket": bucket, "Key": "from ä+&"})
        assert done["CopyObjectResult"]["ETag"] == put["ETag"] and done["CopyObjectResult"]["LastModified"]
        head = t.s3.head_object(Bucket=other, Key="to")
        assert head["Metadata"] == {"m": "v"} and head["ContentType"] == "text/plain" and t.get(other, "to") == body
        t.s3.delete_object(Bucket=bucket, Key="from ä+&")
        assert t.get(other, "to") == body


def test_metadata_is_replaced_on_demand(t):
    bucket = t.bucket()
    t.put(bucket, "key", b"body", Metadata={"m": "v"}, ContentType="text/plain")
    here = {"Bucket": bucket, "Key": "key"}
    t.refused("InvalidRequest", lambda: t.s3.copy_object(Bucket=bucket, Key="key", CopySource=here))
    t.s3.copy_object(Bucket=bucket, Key="key", CopySource=here, MetadataDirective="REPLACE", Metadata={"n": "w"}, ContentType="a/b")
    head = t.s3.head_object(Bucket=bucket, Key="key")
    assert head["Metadata"] == {"n": "w"} and head["ContentType"] == "a/b" and t.get(bucket, "key") == b"body"


def test_a_multipart_object_is_copied(t):
    bucket, body = t.bucket(), pattern(6 * MIB)
    ident = t.s3.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
    parts = []
    for number, piece in enumerate([body[: 5 * MIB], body[5 * MIB :]], 1):
        etag = t.s3.upload_part(Bucket=bucket, Key="key", UploadId=ident, PartNumber=number, Body=piece)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    t.s3.complete_multipart_upload(Bucket=bucket, Key="key", UploadId=ident, MultipartUpload={"Parts": parts})
    t.s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "key"})
    t.s3.delete_object(Bucket=bucket, Key="key")
    assert t.get(bucket, "copy") == body


def test_a_copy_is_conditional(t):
    bucket = t.bucket()
    etag = t.put(bucket, "key")["ETag"]
    modified = t.s3.head_object(Bucket=bucket, Key="key")["LastModified"]
    hour = datetime.timedelta(hours=1)
    source = {"Bucket": bucket, "Key": "key"}
    for accepted in [{"CopySourceIfMatch": etag}, {"CopySourceIfNoneMatch": '"x"'}, {"CopySourceIfModifiedSince": modified - hour}]:
        t.s3.copy_object(Bucket=bucket, Key="to", CopySource=source, **accepted)
    for refused in [
        {"CopySourceIfMatch": '"x"'}, {"CopySourceIfNoneMatch": etag}, {"CopySourceIfUnmodifiedSince": modified - hour},
        {"CopySourceIfModifiedSince": modified},
    ]:
        t.refused("PreconditionFailed", lambda: t.s3.copy_object(Bucket=bucket, Key="never", CopySource=source, **refused))
    t.absent(bucket, "never")


def test_a_copy_of_nothing_is_refused(t):
    bucket = t.bucket()
    t.refused("NoSuchKey", lambda: t.s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "absent"}))
    t.refused("NoSuchBucket", lambda: t.s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": t.name(), "Key": "absent"}))
    t.absent(bucket, "to")
