"""Forms, signed by boto3 and sent by a client that has no keys, as a browser would."""

import base64
import json
import os
import time
import urllib.parse

import urllib3
from botocore.config import Config

from harness import MIB, pattern

HTTP = urllib3.PoolManager(ca_certs=os.environ.get("AWS_CA_BUNDLE"), retries=False)


def form(t, bucket, key, fields=None, conditions=None, **more):
    signed = t.client(config=Config(signature_version="s3v4")).generate_presigned_post(
        bucket, key, Fields=fields, Conditions=[{name: value} for name, value in (fields or {}).items()] + (conditions or []), **more
    )
    return signed["url"], signed["fields"]


def post(signed, body, name="file.bin", **more):
    url, fields = signed
    return HTTP.request("POST", url, fields=[*{**fields, **more}.items(), ("file", (name, body))], redirect=False)


def refused(answer, status, code, text=""):
    got = answer.data.decode()
    assert answer.status == status and f"<Code>{code}</Code>" in got and text in got, (answer.status, got)


def test_a_file_is_stored_with_what_the_fields_say(t):
    bucket, body = t.bucket(), pattern(MIB + 3)
    fields = {"acl": "private", "Content-Type": "image/png", "Cache-Control": "no-cache", "x-amz-meta-from": "a form",
              "tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"}
    answer = post(form(t, bucket, "user/${filename}", fields), body, name="ä photo.png")
    assert answer.status == 204, answer.data
    head = t.s3.head_object(Bucket=bucket, Key="user/ä photo.png")
    assert head["ETag"] == answer.headers["ETag"] and head["ContentType"] == "image/png" and head["Metadata"] == {"from": "a form"}
    assert answer.headers["Location"].endswith(f"/{bucket}/user/{urllib.parse.quote('ä photo.png')}")
    assert t.get(bucket, "user/ä photo.png") == body
    assert t.s3.get_object_tagging(Bucket=bucket, Key="user/ä photo.png")["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_the_answer_is_what_the_form_asks_for(t):
    bucket = t.bucket()
    answer = post(form(t, bucket, "a&b", {"success_action_status": "201"}), b"content")
    assert answer.status == 201 and b"<Key>a&amp;b</Key>" in answer.data and answer.headers["Content-Type"] == "application/xml"
    answer = post(form(t, bucket, "key", {"success_action_status": "200"}), b"content")
    assert answer.status == 200 and answer.data == b""
    answer = post(form(t, bucket, "key", {"success_action_redirect": "http://example.com/"}), b"content")
    tag = urllib.parse.quote(answer.headers["ETag"], safe="")
    assert answer.status == 303 and answer.headers["Location"] == f"http://example.com/?bucket={bucket}&key=key&etag={tag}"


def test_each_violation_of_a_policy_is_refused(t):
    bucket, other = t.bucket(), t.bucket()
    signed = form(t, bucket, "user/${filename}", {"Content-Type": "image/png"}, [["content-length-range", 2, 10]])
    violated = "Invalid according to Policy: "
    refused(post(signed, b"content", key="other"), 403, "AccessDenied", violated + "Policy Condition failed: [&#34;starts-with&#34;, &#34;$key&#34;")
    refused(post(signed, b"content", **{"Content-Type": "text/html"}), 403, "AccessDenied", violated + "Policy Condition failed")
    refused(post(signed, b"content", **{"x-amz-meta-more": "1"}), 403, "AccessDenied", violated + "Extra input fields: x-amz-meta-more")
    refused(post((signed[0].replace(bucket, other), signed[1]), b"content"), 403, "AccessDenied", violated + "Policy Condition failed")
    refused(post(signed, b"far too much content"), 400, "EntityTooLarge", "<MaxSizeAllowed>10</MaxSizeAllowed>")
    refused(post(signed, b"1"), 400, "EntityTooSmall", "<MinSizeAllowed>2</MinSizeAllowed>")
    assert t.keys(bucket) == t.keys(other) == []
    assert post(signed, b"content", **{"x-ignore-this": "1"}).status == 204


def test_a_policy_that_somebody_changed_is_refused(t):
    bucket = t.bucket()
    url, fields = form(t, bucket, "key")
    policy = json.loads(base64.b64decode(fields["policy"]))
    policy["expiration"] = "2037-01-01T00:00:00Z"
    changed = base64.b64encode(json.dumps(policy).encode()).decode()
    refused(post((url, fields), b"content", policy=changed), 403, "SignatureDoesNotMatch")
    refused(post((url, {**fields, "x-amz-credential": "nobody" + fields["x-amz-credential"]}), b"content"), 403, "InvalidAccessKeyId")
    del fields["policy"]
    refused(post((url, fields), b"content"), 400, "InvalidArgument", "Bucket POST must contain a field named &#39;policy&#39;")
    refused(post((url, {"key": "key"}), b"content"), 403, "AccessDenied")
    t.absent(bucket, "key")


def test_a_form_expires(t):
    signed = form(t, t.bucket(), "key", ExpiresIn=1)
    time.sleep(2.1)
    refused(post(signed, b"content"), 403, "AccessDenied", "Invalid according to Policy: Policy expired.")


def test_a_large_file_is_streamed(t):
    bucket, body = t.bucket(), pattern(64 * MIB + 1)
    assert post(form(t, bucket, "key"), body).status == 204
    assert t.get(bucket, "key") == body


def test_a_checksum_field_is_verified(t):
    bucket = t.bucket()
    assert post(form(t, bucket, "key", {"x-amz-checksum-crc32": "DUoRhQ=="}), b"hello world").status == 204
    refused(post(form(t, bucket, "key", {"x-amz-checksum-crc32": "AAAAAA=="}), b"hello world"), 400, "BadDigest")
    assert t.get(bucket, "key") == b"hello world"
