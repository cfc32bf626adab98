"""Bodies that change or break on the way: refused, and nothing of them is visible."""

import os
import socket
import ssl
import urllib.parse

from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config

from harness import MIB, pattern
from presigned import presign

SIZES = [100, 64 * 1024 + 1, 3 * MIB]


def bent(t, bend, **settings):
    """A client whose signed bodies pass through bend on their way out."""
    client = t.client(config=Config(retries={"total_max_attempts": 1}, **settings))

    def send(request: AWSPreparedRequest, **_):
        body = request.body
        if hasattr(body, "read"):
            body = body.read()
        request.body = bytes(bend(bytearray(body)))

    client.meta.events.register("before-send.s3.PutObject", send)
    client.meta.events.register("before-send.s3.UploadPart", send)
    return client


def flip(position):
    def bend(body):
        body[position(len(body))] ^= 0x40
        return body

    return bend


# Where the SDK sends a trailer, the middle is still the content; over http the whole body is.
MIDDLE = flip(lambda n: n // 2)


def test_a_flipped_bit(t):
    bucket = t.bucket()
    client = bent(t, MIDDLE)
    for size in SIZES:
        code = "BadDigest" if t.secure else "XAmzContentSHA256Mismatch"
        t.refused(code, lambda: client.put_object(Bucket=bucket, Key="key", Body=pattern(size)))
        t.absent(bucket, "key")


def test_a_flipped_bit_of_every_algorithm(t):
    bucket = t.bucket()
    client = bent(t, MIDDLE)
    for name in ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]:
        code = "BadDigest" if t.secure else "XAmzContentSHA256Mismatch"
        t.refused(code, lambda: client.put_object(Bucket=bucket, Key="key", Body=pattern(MIB), ChecksumAlgorithm=name))
        t.absent(bucket, "key")


def test_an_old_object_survives_a_corrupted_new_one(t):
    bucket = t.bucket()
    t.put(bucket, "key", b"old")
    client = bent(t, MIDDLE)
    for size in SIZES:
        try:
            client.put_object(Bucket=bucket, Key="key", Body=pattern(size))
            raise AssertionError("was accepted")
        except client.exceptions.ClientError:
            pass
        assert t.get(bucket, "key") == b"old"


def test_a_corrupted_part(t):
    bucket = t.bucket()
    ident = t.s3.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
    client = bent(t, MIDDLE)
    code = "BadDigest" if t.secure else "XAmzContentSHA256Mismatch"
    for size in SIZES:
        t.refused(code, lambda: client.upload_part(Bucket=bucket, Key="key", UploadId=ident, PartNumber=1, Body=pattern(size)))
    assert "Parts" not in t.s3.list_parts(Bucket=bucket, Key="key", UploadId=ident)


def test_a_connection_that_breaks(t):
    bucket = t.bucket()
    for size in SIZES:
        url = urllib.parse.urlsplit(presign(t, "put_object", {"Bucket": bucket, "Key": "key"}))
        connection = socket.create_connection((url.hostname, url.port))
        if t.secure:
            context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
            connection = context.wrap_socket(connection, server_hostname=url.hostname)
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {size}\r\n\r\n"
        connection.sendall(head.encode() + pattern(size)[: size // 2])
        connection.shutdown(socket.SHUT_WR)  # of TCP: TLS, too, sees its stream cut off
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        connection.close()
        assert t.secure or b"<Code>IncompleteBody</Code>" in answer, answer
        t.absent(bucket, "key")


def chunked(t, bucket, trailer, chunks):
    """A hand-made aws-chunked upload, unsigned with a trailer, as SDKs send it over https. Returns status and code."""
    import re

    import botocore.auth
    import botocore.awsrequest
    import urllib3

    body = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n" + trailer + b"\r\n"
    size = sum(len(c) for c in chunks)
    request = botocore.awsrequest.AWSRequest("PUT", f"{t.endpoint}/{bucket}/key", headers={
        "Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(size), "x-amz-trailer": "x-amz-checksum-crc32",
        "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Length": str(len(body)),
    })
    request.context["payload_signing_enabled"] = False
    credentials = t.s3._request_signer._credentials
    signer = botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1")
    signer.payload = lambda _: "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    signer.add_auth(request)
    pool = urllib3.PoolManager(ca_certs=os.environ.get("AWS_CA_BUNDLE"), retries=False)
    answer = pool.request("PUT", request.url, body=body, headers=dict(request.headers.items()))
    code = re.search(rb"<Code>(.*)</Code>", answer.data)
    return answer.status, code and code[1].decode()


def test_trailers(t):
    from checksums import ALGORITHMS

    bucket, chunks = t.bucket(), [pattern(MIB, 1), pattern(MIB, 2), pattern(3, 3)]
    right = ALGORITHMS["CRC32"](b"".join(chunks)).encode()
    for trailer in [b"", b"x-amz-checksum-crc32:AAAAAA==\r\n", b"x-amz-checksum-crc32:\r\n", b"x-amz-checksum-crc32c:" + right + b"\r\n"]:
        status, code = chunked(t, bucket, trailer, chunks)
        assert 400 <= status < 500, (trailer, status, code)
        t.absent(bucket, "key")
    assert chunked(t, bucket, b"x-amz-checksum-crc32:" + right + b"\r\n", chunks) == (200, None)
    assert t.get(bucket, "key") == b"".join(chunks)
