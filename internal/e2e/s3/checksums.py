"""Content-MD5 and the five checksums of the SDKs, by header and (over https, where the SDKs use them) by trailer."""

import base64
import hashlib
import io
import zlib

from awscrt import checksums as crt

from harness import MIB, pattern


def big(value, size):
    return base64.b64encode(value.to_bytes(size, "big")).decode()


ALGORITHMS = {
    "CRC32": lambda b: big(zlib.crc32(b), 4),
    "CRC32C": lambda b: big(crt.crc32c(b), 4),
    "CRC64NVME": lambda b: big(crt.crc64nvme(b), 8),
    "SHA1": lambda b: base64.b64encode(hashlib.sha1(b).digest()).decode(),
    "SHA256": lambda b: base64.b64encode(hashlib.sha256(b).digest()).decode(),
}


def test_every_algorithm_computed_by_the_client(t):
    bucket = t.bucket()
    for name, compute in ALGORITHMS.items():
        for size in [0, 1000, MIB + 1]:
            body = pattern(size)
            answer = t.put(bucket, name, body, ChecksumAlgorithm=name)
            assert answer["Checksum" + name] == compute(body), (name, size)
            head = t.s3.head_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
            assert head["Checksum" + name] == compute(body) and head["ChecksumType"] == "FULL_OBJECT"
            assert t.get(bucket, name) == body


def test_every_algorithm_stated_in_a_header(t):
    bucket, body = t.bucket(), pattern(70000)
    for name, compute in ALGORITHMS.items():
        answer = t.put(bucket, name, body, **{"Checksum" + name: compute(body)})
        assert answer["Checksum" + name] == compute(body)


def test_a_stream_of_unknown_content(t):
    """A file object makes the SDK send chunks with a trailer over https."""
    bucket, body = t.bucket(), pattern(2 * MIB + 3)
    for name, compute in ALGORITHMS.items():
        answer = t.put(bucket, name, io.BytesIO(body), ChecksumAlgorithm=name)
        assert answer["Checksum" + name] == compute(body)
        assert t.get(bucket, name) == body
        assert "ContentEncoding" not in t.s3.head_object(Bucket=bucket, Key=name)


def test_without_a_wish_the_server_keeps_one(t):
    plain = t.client(config=__import__("botocore.config", fromlist=["x"]).Config(request_checksum_calculation="when_required"))
    bucket, body = t.bucket(), pattern(1000)
    plain.put_object(Bucket=bucket, Key="key", Body=body)
    head = t.s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert head["ChecksumCRC64NVME"] == ALGORITHMS["CRC64NVME"](body)
    assert "ChecksumCRC64NVME" not in t.s3.head_object(Bucket=bucket, Key="key")


def test_no_checksum_with_a_range(t):
    bucket, body = t.bucket(), pattern(1000)
    t.put(bucket, "key", body)
    answer = t.s3.get_object(Bucket=bucket, Key="key", Range="bytes=0-9", ChecksumMode="ENABLED")
    assert not [k for k in answer if k.startswith("Checksum") and k != "ChecksumType"]


def test_a_wrong_checksum_is_refused(t):
    bucket, body = t.bucket(), pattern(5000)
    for size in [5000, MIB]:
        body = pattern(size)
        for name, compute in ALGORITHMS.items():
            t.refused("BadDigest", lambda: t.put(bucket, name, body, **{"Checksum" + name: compute(body + b"x")}))
            t.absent(bucket, name)


def test_a_malformed_checksum_is_refused(t):
    bucket = t.bucket()
    t.refused("InvalidRequest", lambda: t.put(bucket, "key", ChecksumSHA256="bm9uZQ=="))
    t.absent(bucket, "key")


def test_content_md5(t):
    bucket, body = t.bucket(), pattern(5000)
    right = base64.b64encode(hashlib.md5(body).digest()).decode()
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    t.put(bucket, "right", body, ContentMD5=right)
    t.refused("BadDigest", lambda: t.put(bucket, "wrong", body, ContentMD5=wrong))
    t.refused("InvalidDigest", lambda: t.put(bucket, "wrong", body, ContentMD5="bm9uZQ=="))
    t.absent(bucket, "wrong")
    assert t.keys(bucket) == ["right"]
