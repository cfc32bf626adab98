"""Objects: put, get, head, delete, metadata, ranges."""

import hashlib

from harness import MIB, pattern

SIZES = [0, 1, 4096, 65535, 65536, 65537, MIB - 1, MIB, MIB + 1, 9 * MIB + 7]


def test_objects_of_every_kind_of_size_come_back(t):
    bucket = t.bucket()
    for size in SIZES:
        body, key = pattern(size), f"size/{size}"
        answer = t.put(bucket, key, body)
        assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        assert t.get(bucket, key) == body, size
        head = t.s3.head_object(Bucket=bucket, Key=key)
        assert head["ContentLength"] == size and head["ETag"] == answer["ETag"]
        assert head["ContentType"] == "binary/octet-stream"


def test_the_digests_are_in_the_answers(t):
    bucket, body = t.bucket(), b"hello\n"
    answers = [t.put(bucket, "key", body), t.s3.head_object(Bucket=bucket, Key="key"), t.s3.get_object(Bucket=bucket, Key="key")]
    for answer in answers:
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert headers["x-zas-content-digest"] == "sha256:" + hashlib.sha256(body).hexdigest()
        assert headers["x-zas-artifact-digest"] == "sha256:4feb923c86debbd610d705fec215b153f0686467ba15166433760eddd10389da"


def test_an_object_is_replaced_and_deleted(t):
    bucket = t.bucket()
    t.put(bucket, "key", b"first")
    t.put(bucket, "key", b"second, and longer")
    assert t.get(bucket, "key") == b"second, and longer"
    t.s3.delete_object(Bucket=bucket, Key="key")
    t.refused("NoSuchKey", lambda: t.get(bucket, "key"))
    t.s3.delete_object(Bucket=bucket, Key="key")


def test_many_are_deleted_at_once(t):
    bucket = t.bucket()
    keys = [f"key {n:03}<&>" for n in range(120)]
    for key in keys:
        t.put(bucket, key)
    answer = t.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys[:100] + ["never there"]]})
    assert sorted(d["Key"] for d in answer["Deleted"]) == sorted(keys[:100] + ["never there"])
    assert "Errors" not in answer
    answer = t.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys[100:]], "Quiet": True})
    assert "Deleted" not in answer and t.keys(bucket) == []


def test_more_than_a_thousand_deletions_are_refused(t):
    bucket = t.bucket()
    many = {"Objects": [{"Key": str(n)} for n in range(1001)]}
    t.refused("MalformedXML", lambda: t.s3.delete_objects(Bucket=bucket, Delete=many))


def test_every_key_is_just_itself(t):
    bucket = t.bucket()
    keys = ["a/../b", "a//b", "/leading", "trailing/", "./a", "%2F", "a+b", "a b", "ä/ö", "日本", "a?b=c&d", "a#b", "'\"<>&", "~-_.!*()", "a/b", "a"]
    for key in keys:
        t.put(bucket, key, key.encode())
    for key in keys:
        assert t.get(bucket, key) == key.encode(), key
    assert t.keys(bucket) == sorted(keys, key=str.encode)


def test_a_key_may_be_1024_bytes_long(t):
    bucket = t.bucket()
    t.put(bucket, "k" * 1024)
    assert t.get(bucket, "k" * 1024) == b"content"
    t.refused("KeyTooLongError", lambda: t.put(bucket, "k" * 1025))


def test_metadata_comes_back(t):
    bucket = t.bucket()
    t.put(
        bucket, "key", Metadata={"plain": "value", "UPPER": "Kept As It Is"}, ContentType="text/plain; charset=utf-8",
        CacheControl="max-age=60", ContentDisposition='attachment; filename="f"', ContentEncoding="gzip", ContentLanguage="de, en",
        Expires="Wed, 21 Oct 2037 07:28:00 GMT",
    )
    head = t.s3.head_object(Bucket=bucket, Key="key")
    assert head["Metadata"] == {"plain": "value", "upper": "Kept As It Is"}
    assert head["ContentType"] == "text/plain; charset=utf-8" and head["CacheControl"] == "max-age=60"
    assert head["ContentDisposition"] == 'attachment; filename="f"' and head["ContentEncoding"] == "gzip"
    assert head["ContentLanguage"] == "de, en" and head["ExpiresString"] == "Wed, 21 Oct 2037 07:28:00 GMT"
    t.put(bucket, "key")
    assert t.s3.head_object(Bucket=bucket, Key="key")["Metadata"] == {}


def test_too_much_metadata_is_refused(t):
    bucket = t.bucket()
    t.refused("MetadataTooLarge", lambda: t.put(bucket, "key", Metadata={"m": "x" * 2048}))
    t.absent(bucket, "key")


def test_the_answer_can_be_told_its_headers(t):
    bucket = t.bucket()
    t.put(bucket, "key", ContentType="text/plain")
    answer = t.s3.get_object(Bucket=bucket, Key="key", ResponseContentType="text/html", ResponseContentDisposition="inline")
    assert answer["ContentType"] == "text/html" and answer["ContentDisposition"] == "inline"


def test_ranges(t):
    bucket = t.bucket()
    for size in [100, 3 * MIB + 11]:
        body = pattern(size)
        t.put(bucket, "key", body)
        for text, begin, end in [
            ("bytes=0-0", 0, 1), ("bytes=0-", 0, size), ("bytes=10-19", 10, 20), ("bytes=-5", size - 5, size),
            (f"bytes=90-{size + 50}", 90, size), (f"bytes={size - 1}-", size - 1, size), (f"bytes=-{size + 1}", 0, size),
        ]:
            answer = t.s3.get_object(Bucket=bucket, Key="key", Range=text)
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
            assert answer["ContentRange"] == f"bytes {begin}-{end - 1}/{size}", text
            assert answer["Body"].read() == body[begin:end], text
        error = t.refused("InvalidRange", lambda: t.get(bucket, "key", Range=f"bytes={size}-"))
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 416
        answer = t.s3.get_object(Bucket=bucket, Key="key", Range="bytes=1-2,5-6")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200 and answer["Body"].read() == body
    t.put(bucket, "empty", b"")
    t.refused("InvalidRange", lambda: t.get(bucket, "empty", Range="bytes=0-"))
    head = t.s3.head_object(Bucket=bucket, Key="key", Range="bytes=5-9")
    assert head["ResponseMetadata"]["HTTPStatusCode"] == 206 and head["ContentLength"] == 5
