"""Buckets as host names: BUCKET.s3.localhost. This process takes all names below that domain for the server's address."""

import contextlib
import socket
from urllib.parse import urlsplit

import botocore
from botocore.config import Config

from harness import MIB, pattern
from presigned import HTTP

DOMAIN = "s3.localhost"


@contextlib.contextmanager
def resolved(seen):
    """Names below DOMAIN are 127.0.0.1. Those that are asked for are added to seen."""
    real = socket.getaddrinfo

    def resolve(host, *args, **more):
        name = host.decode() if isinstance(host, bytes) else host
        if name == DOMAIN or name.endswith("." + DOMAIN):
            seen.add(name)
            host = "127.0.0.1"
        return real(host, *args, **more)

    socket.getaddrinfo = resolve
    try:
        yield
    finally:
        socket.getaddrinfo = real


def virtual(t, style="virtual", **more):
    here = urlsplit(t.endpoint)
    return t.client(config=Config(s3={"addressing_style": style}, **more), endpoint=f"{here.scheme}://{DOMAIN}:{here.port}")


def test_the_life_of_an_object(t):
    seen = set()
    with resolved(seen):
        s3, bucket, body = virtual(t), t.name(), pattern(MIB)
        s3.create_bucket(Bucket=bucket)
        for key in "key", "dir/a key+ä&", "v2/", "livez", "//a/../b", "a%2Fb", bucket + "/key":
            s3.put_object(Bucket=bucket, Key=key, Body=body)
            assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body, key
            assert t.get(bucket, key) == body, key  # in path style
        assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 7
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "dir/a key+ä&"})
        assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == body
        s3.delete_object(Bucket=bucket, Key="copy")
        assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert seen == {DOMAIN, f"{bucket}.{DOMAIN}"}, seen


def test_in_parts(t):
    with resolved(set()):
        s3, bucket = virtual(t), t.bucket()
        body = pattern(11 * MIB)
        ident = s3.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
        parts = []
        for number, at in enumerate((0, 6 * MIB), 1):
            part = s3.upload_part(Bucket=bucket, Key="key", UploadId=ident, PartNumber=number, Body=body[at : at + 6 * MIB])
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        done = s3.complete_multipart_upload(Bucket=bucket, Key="key", UploadId=ident, MultipartUpload={"Parts": parts})
        assert urlsplit(done["Location"]).hostname == f"{bucket}.{DOMAIN}" and urlsplit(done["Location"]).path == "/key", done["Location"]
        assert t.get(bucket, "key") == body


def test_presigned(t):
    with resolved(set()):
        bucket = t.bucket()
        t.put(bucket, "a key")
        url = virtual(t, signature_version="s3v4").generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a key"})
        assert urlsplit(url).hostname == f"{bucket}.{DOMAIN}", url
        assert HTTP.request("GET", url).data == b"content"
        other = t.bucket()
        assert HTTP.request("GET", url.replace(bucket, other, 1)).status == 403


def test_the_default_style(t):
    with resolved(set()):
        s3, bucket = virtual(t, "auto"), t.bucket()
        s3.put_object(Bucket=bucket, Key="key", Body=b"content")
        assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


def test_without_credentials(t):
    with resolved(set()):
        s3 = virtual(t, signature_version=botocore.UNSIGNED)
        assert s3.get_object(Bucket="anonymous", Key="public/key")["Body"].read() == b"public content"
        t.refused("AccessDenied", lambda: s3.get_object(Bucket="anonymous", Key="private"))
        t.refused("AccessDenied", lambda: s3.list_objects_v2(Bucket="anonymous"))


def test_a_bucket_that_is_not_there(t):
    with resolved(set()):
        s3 = virtual(t)
        t.refused("NoSuchBucket", lambda: s3.list_objects_v2(Bucket=t.name()))


def test_through_a_proxy_that_sends_targets_in_absolute_form(t):
    if t.secure:
        return  # https goes through proxies untouched
    with resolved(set()):
        s3, bucket = virtual(t, proxies={"http": t.endpoint}), t.bucket()
        s3.put_object(Bucket=bucket, Key="a/key", Body=b"content")
        assert t.get(bucket, "a/key") == b"content"
