"""Uploads 5 GiB in parts from a stream that is made on the way, and downloads them: five_gib.py ENDPOINT [MIB]."""

import hashlib
import sys
import time

from boto3.s3.transfer import TransferConfig
from harness import MIB, Harness, pattern


class Stream:
    """size bytes, hashed as they are handed out; no two MiB are alike."""

    def __init__(self, size):
        self.left, self.number, self.hash = size, 0, hashlib.sha256()
        self.base = pattern(MIB)

    def read(self, amount=-1):
        pieces = []
        while self.left > 0 and amount != 0:
            n = min(self.left, MIB, amount if amount > 0 else MIB)
            piece = self.number.to_bytes(8, "big") + self.base[8:n]
            self.number += 1
            self.left -= n
            amount -= n if amount > 0 else 0
            self.hash.update(piece)
            pieces.append(piece)
        return b"".join(pieces)


class Sink:
    def __init__(self):
        self.hash, self.size = hashlib.sha256(), 0

    def write(self, piece):
        self.hash.update(piece)
        self.size += len(piece)


def digest_of(t, bucket, seconds):
    """The digest of the whole, which may come a little after the upload is complete."""
    deadline = time.monotonic() + seconds
    while True:
        headers = t.s3.head_object(Bucket=bucket, Key="key")["ResponseMetadata"]["HTTPHeaders"]
        if "x-zas-content-digest" in headers or time.monotonic() > deadline:
            return headers.get("x-zas-content-digest")
        time.sleep(0.1)


def main():
    t = Harness(sys.argv[1])
    size = int(sys.argv[2]) * MIB if len(sys.argv) > 2 else 5 << 30
    bucket, stream = t.bucket(), Stream(size)
    begin = time.monotonic()
    t.s3.upload_fileobj(stream, bucket, "key", Config=TransferConfig(multipart_chunksize=16 * MIB, max_concurrency=4))
    up = time.monotonic() - begin
    want = "sha256:" + stream.hash.hexdigest()
    head = t.s3.head_object(Bucket=bucket, Key="key")
    assert head["ContentLength"] == size, head
    begin = time.monotonic()
    assert digest_of(t, bucket, 120) == want
    pending = time.monotonic() - begin
    sink = Sink()
    begin = time.monotonic()
    for piece in t.s3.get_object(Bucket=bucket, Key="key")["Body"].iter_chunks(MIB):
        sink.write(piece)
    down = time.monotonic() - begin
    assert (sink.size, "sha256:" + sink.hash.hexdigest()) == (size, want)
    mib = size / MIB
    print(f"{mib:.0f} MiB: up {up:.1f} s ({mib / up:.0f} MiB/s), digest {pending:.1f} s later, down {down:.1f} s ({mib / down:.0f} MiB/s)")
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
