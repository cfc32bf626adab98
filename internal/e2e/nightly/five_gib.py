"""Uploads 5 GiB from a stream that is made as it is read, by boto3 with its defaults, and reads it back."""

import hashlib
import sys
import time

import boto3

SIZE = 5 << 30
BLOCK = bytes(range(256)) * 4096  # 1 MiB


class Stream:
    """5 GiB of which no two MiB are alike."""

    def __init__(self):
        self.at, self.hash, self.rest = 0, hashlib.sha256(), b""

    def read(self, n=-1):
        out = []
        while n and (self.rest or self.at < SIZE):
            if not self.rest:
                self.rest = (self.at.to_bytes(8, "big") + BLOCK)[: 1 << 20]
                self.hash.update(self.rest)
                self.at += len(self.rest)
            take = self.rest if n < 0 else self.rest[:n]
            out.append(take)
            self.rest = self.rest[len(take):]
            n = -1 if n < 0 else n - len(take)
        return b"".join(out)


def main(endpoint):
    s3 = boto3.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket="large")
    stream, began = Stream(), time.monotonic()
    s3.upload_fileobj(stream, "large", "object")
    print(f"uploaded in {time.monotonic() - began:.0f} s")
    digest, began = "sha256:" + stream.hash.hexdigest(), time.monotonic()
    while True:
        head = s3.head_object(Bucket="large", Key="object")
        headers = head["ResponseMetadata"]["HTTPHeaders"]
        if headers.get("x-zas-artifact-state") != "pending":
            break
        assert time.monotonic() - began < 300, "the digest does not come"
        time.sleep(0.2)
    print(f"its digest was there {time.monotonic() - began:.0f} s later")
    assert head["ContentLength"] == SIZE, head
    assert headers["x-zas-content-digest"] == digest, (headers, digest)
    got, began, n = hashlib.sha256(), time.monotonic(), 0
    for chunk in s3.get_object(Bucket="large", Key="object")["Body"].iter_chunks(1 << 20):
        got.update(chunk)
        n += len(chunk)
    assert n == SIZE and "sha256:" + got.hexdigest() == digest, n
    print(f"read back in {time.monotonic() - began:.0f} s")


main(sys.argv[1])
