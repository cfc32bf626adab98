"""A client without credentials: it gets what is open, in the bucket `anonymous` what lies beneath public/, and lists the bucket `listed`."""

import botocore
from botocore.config import Config


def nobody(t):
    return t.client(config=Config(signature_version=botocore.UNSIGNED))


def test_what_is_open_is_downloaded_and_no_more(t):
    t.s3.create_bucket(Bucket="anonymous")
    t.put("anonymous", "public/key", b"public content")
    t.put("anonymous", "private", b"private content")
    s3 = nobody(t)
    assert s3.get_object(Bucket="anonymous", Key="public/key")["Body"].read() == b"public content"
    assert s3.get_object(Bucket="anonymous", Key="public/key", Range="bytes=7-9")["Body"].read() == b"con"
    assert s3.head_object(Bucket="anonymous", Key="public/key")["ContentLength"] == 14
    t.refused("AccessDenied", lambda: s3.get_object(Bucket="anonymous", Key="private"))
    t.refused("AccessDenied", lambda: s3.get_object(Bucket="anonymous", Key="public/none"))
    t.refused("403", lambda: s3.head_object(Bucket="anonymous", Key="public/none"))
    t.refused("AccessDenied", lambda: s3.list_objects_v2(Bucket="anonymous"))
    t.refused("403", lambda: s3.head_bucket(Bucket="anonymous"))
    t.refused("AccessDenied", lambda: s3.list_object_versions(Bucket="anonymous"))
    t.refused("AccessDenied", lambda: s3.get_object(Bucket="anonymous", Key="public/key", VersionId="null"))
    t.refused("AccessDenied", lambda: s3.get_bucket_policy(Bucket="anonymous"))
    t.refused("AccessDenied", lambda: s3.get_object_tagging(Bucket="anonymous", Key="public/key"))
    t.refused("AccessDenied", lambda: s3.put_object(Bucket="anonymous", Key="public/key", Body=b"x"))
    t.refused("AccessDenied", lambda: s3.delete_object(Bucket="anonymous", Key="public/key"))
    t.refused("AccessDenied", lambda: s3.list_buckets())


def test_a_listed_bucket_is_listed(t):
    t.s3.create_bucket(Bucket="listed")
    t.put("listed", "key")
    s3 = nobody(t)
    assert [o["Key"] for o in s3.list_objects_v2(Bucket="listed")["Contents"]] == ["key"]
    s3.head_bucket(Bucket="listed")
    t.refused("NoSuchKey", lambda: s3.get_object(Bucket="listed", Key="none"))
    t.refused("AccessDenied", lambda: s3.list_multipart_uploads(Bucket="listed"))


def test_a_closed_bucket_is_as_one_that_is_not_there(t):
    bucket, s3 = t.bucket(), nobody(t)
    t.put(bucket, "key")
    for name in bucket, t.name():
        t.refused("AccessDenied", lambda: s3.get_object(Bucket=name, Key="key"))
        t.refused("AccessDenied", lambda: s3.list_objects_v2(Bucket=name))
        t.refused("403", lambda: s3.head_bucket(Bucket=name))
