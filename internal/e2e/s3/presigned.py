"""Presigned URLs, used by a client that has no keys.

In some regions boto3 still presigns with Signature Version 2 unless it is told otherwise, so these cases tell it.
"""

import os
import time

import urllib3
from botocore.config import Config

from harness import MIB, pattern

HTTP = urllib3.PoolManager(ca_certs=os.environ.get("AWS_CA_BUNDLE"), retries=False)


def presign(t, method, parameters, **more):
    return t.client(config=Config(signature_version="s3v4")).generate_presigned_url(method, parameters, **more)


def test_get_put_head_and_delete(t):
    bucket, body = t.bucket(), pattern(MIB + 3)
    where = {"Bucket": bucket, "Key": "dir/a key+ä&"}
    assert HTTP.request("PUT", presign(t, "put_object", where), body=body).status == 200
    answer = HTTP.request("GET", presign(t, "get_object", where))
    assert answer.status == 200 and answer.data == body
    url = presign(t, "get_object", {**where, "ResponseContentType": "a/b"})
    assert HTTP.request("GET", url).headers["Content-Type"] == "a/b"
    assert HTTP.request("HEAD", presign(t, "head_object", where)).status == 200
    assert HTTP.request("DELETE", presign(t, "delete_object", where)).status == 204
    t.absent(bucket, where["Key"])


def test_a_part(t):
    bucket = t.bucket()
    ident = t.s3.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
    url = presign(t, "upload_part", {"Bucket": bucket, "Key": "key", "UploadId": ident, "PartNumber": 1})
    etag = HTTP.request("PUT", url, body=b"part").headers["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    t.s3.complete_multipart_upload(Bucket=bucket, Key="key", UploadId=ident, MultipartUpload=parts)
    assert t.get(bucket, "key") == b"part"


def test_a_url_for_one_thing_does_not_do_another(t):
    bucket = t.bucket()
    t.put(bucket, "key")
    url = presign(t, "get_object", {"Bucket": bucket, "Key": "key"})
    assert HTTP.request("PUT", url, body=b"x").status == 403
    assert HTTP.request("DELETE", url).status == 403
    assert HTTP.request("GET", url.replace("/key?", "/other?")).status == 403
    assert HTTP.request("GET", url + "&versionId=null").status == 403
    assert HTTP.request("GET", url[:-1] + ("0" if url[-1] != "0" else "1")).status == 403
    assert t.get(bucket, "key") == b"content"


def test_a_url_expires(t):
    bucket = t.bucket()
    t.put(bucket, "key")
    url = presign(t, "get_object", {"Bucket": bucket, "Key": "key"}, ExpiresIn=1)
    assert HTTP.request("GET", url).status == 200
    time.sleep(2.1)
    answer = HTTP.request("GET", url)
    assert answer.status == 403 and b"<Code>AccessDenied</Code>" in answer.data


def test_without_a_signature_nothing_is_allowed(t):
    bucket = t.bucket()
    t.put(bucket, "key")
    for method, path in [("GET", ""), ("GET", f"/{bucket}"), ("GET", f"/{bucket}/key"), ("PUT", f"/{bucket}/key"), ("DELETE", f"/{bucket}/key")]:
        answer = HTTP.request(method, t.endpoint + (path or "/"))
        assert answer.status == 403 and b"<Code>AccessDenied</Code>" in answer.data, (method, path, answer.status)
    assert t.get(bucket, "key") == b"content"


def test_version_2_is_refused_with_advice(t):
    bucket = t.bucket()
    t.put(bucket, "key")
    url = t.s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "key"})
    assert "Signature=" in url and "X-Amz-Signature=" not in url
    answer = HTTP.request("GET", url)
    assert answer.status == 400 and b"AWS4-HMAC-SHA256" in answer.data
