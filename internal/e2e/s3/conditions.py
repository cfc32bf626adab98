"""Conditional reads and writes."""

import datetime


def stamped(t):
    bucket = t.bucket()
    t.put(bucket, "key", b"one")
    head = t.s3.head_object(Bucket=bucket, Key="key")
    return bucket, head["ETag"], head["LastModified"]


def test_conditional_reads(t):
    bucket, etag, modified = stamped(t)
    past, future = modified - datetime.timedelta(hours=1), modified + datetime.timedelta(hours=1)
    for accepted in [
        {"IfMatch": etag}, {"IfNoneMatch": '"other"'}, {"IfModifiedSince": past}, {"IfUnmodifiedSince": future},
        {"IfMatch": etag.strip('"')}, {"IfMatch": etag, "IfUnmodifiedSince": past}, {"IfNoneMatch": '"other"', "IfModifiedSince": future},
    ]:
        assert t.get(bucket, "key", **accepted) == b"one", accepted
        t.s3.head_object(Bucket=bucket, Key="key", **accepted)
    for condition in [{"IfMatch": '"other"'}, {"IfUnmodifiedSince": past}]:
        t.refused("PreconditionFailed", lambda: t.get(bucket, "key", **condition))
        t.refused("412", lambda: t.s3.head_object(Bucket=bucket, Key="key", **condition))
    for condition in [{"IfNoneMatch": etag}, {"IfModifiedSince": modified}, {"IfNoneMatch": etag, "IfModifiedSince": past}]:
        answer = t.refused("304", lambda: t.get(bucket, "key", **condition))
        assert answer["ResponseMetadata"]["HTTPHeaders"]["etag"] == etag
        t.refused("304", lambda: t.s3.head_object(Bucket=bucket, Key="key", **condition))


def test_a_write_if_nothing_is_there(t):
    bucket = t.bucket()
    t.put(bucket, "key", b"one", IfNoneMatch="*")
    t.refused("PreconditionFailed", lambda: t.put(bucket, "key", b"two", IfNoneMatch="*"))
    assert t.get(bucket, "key") == b"one"
    t.s3.delete_object(Bucket=bucket, Key="key")
    t.put(bucket, "key", b"three", IfNoneMatch="*")
    assert t.get(bucket, "key") == b"three"


def test_a_write_if_nothing_has_changed(t):
    bucket, etag, _ = stamped(t)
    second = t.put(bucket, "key", b"two", IfMatch=etag)["ETag"]
    t.refused("PreconditionFailed", lambda: t.put(bucket, "key", b"three", IfMatch=etag))
    assert t.get(bucket, "key") == b"two"
    t.put(bucket, "key", b"three", IfMatch=second)
    t.refused("NoSuchKey", lambda: t.put(bucket, "absent", b"x", IfMatch=etag))
    t.absent(bucket, "absent")


def test_completing_is_conditional_too(t):
    bucket = t.bucket()

    def upload(key):
        ident = t.s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        part = t.s3.upload_part(Bucket=bucket, Key=key, UploadId=ident, PartNumber=1, Body=b"part")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        return lambda **more: t.s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=ident, MultipartUpload=parts, **more)

    first, second = upload("key"), upload("key")
    etag = first(IfNoneMatch="*")["ETag"]
    t.refused("PreconditionFailed", lambda: second(IfNoneMatch="*"))
    t.refused("PreconditionFailed", lambda: second(IfMatch='"other"'))
    second(IfMatch=etag)
    assert t.get(bucket, "key") == b"part"
