"""Presigned URLs, used by a client that has no keys."""

import os
import time

import urllib3

from harness import MIB, pattern

HTTP = urllib3.PoolManager(ca_certs=os.environ.get("AWS_CA_BUNDLE"), retries=False)


def test_get_put_head_and_delete(t):
    bucket, body = t.bucket(), pattern(MIB + 3)
    where = {"Bucket": bucket, "Key": "dir/a key+ä&"}
    assert HTTP.request("PUT", t.s3.generate_presigned_url("put_object", where), body=body).status == 200
    answer = HTTP.request("GET", t.s3.generate_presigned_url("get_object", where))
    assert answer.status == 200 and answer.data == body
    url = t.s3.generate_presigned_url("get_object", {**where, "ResponseContentType": "a/b"})
    assert HTTP.request("GET", url).headers["Content-Type"] == "a/b"
    assert HTTP.request("HEAD", t.s3.generate_presigned_url("head_object", where)).status == 200
    assert HTTP.request("DELETE", t.s3.generate_presigned_url("delete_object", where)).status == 204
    t.absent(bucket, where["Key"])


def test_a_part(t):
    bucket = t.bucket()
    ident = t.s3.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
    url = t.s3.generate_presigned_url("upload_part", {"Bucket": bucket, "Key": "key", "UploadId": ident, "PartNumber": 1})
    etag = HTTP.request("PUT", url, body=b"part").headers["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    t.s3.complete_multipart_upload(Bucket=bucket, Key="key", UploadId=ident, MultipartUpload=parts)
    assert t.get(bucket, "key") == b"part"


def test_a_url_for_one_thing_does_not_do_another(t):
    bucket = t.bucket()
    t.put(bucket, "key")
    url = t.s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "key"})
    assert HTTP.request("PUT", url, body=b"x").status == 403
    assert HTTP.request("DELETE", url).status == 403
    assert HTTP.request("GET", url.replace("/key?", "/other?")).status == 403
    assert HTTP.request("GET", url + "&versionId=null").status == 403
    assert HTTP.request("GET", url[:-1] + ("0" if url[-1] != "0" else "1")).status == 403
    assert t.get(bucket, "key") == b"content"


def test_a_url_expires(t):
    bucket = t.bucket()
    t.put(bucket, "key")
    url = t.s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "key"}, ExpiresIn=1)
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
