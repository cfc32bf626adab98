"""What every case gets: a client with its defaults, buckets of its own, and a way to say what must be refused."""

import itertools
import os
import ssl

import boto3
import botocore.exceptions
import botocore.session

MIB = 1 << 20


class Harness:
    """One server, seen through boto3 with its defaults."""

    numbers = itertools.count(1)

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.secure = endpoint.startswith("https://")
        self.s3 = self.client()

    def client(self, endpoint=None, **settings):
        return boto3.client("s3", endpoint_url=endpoint or self.endpoint, **settings)

    def context(self):
        """What requests without boto3 trust: the certificate in AWS_CA_BUNDLE, as boto3 does."""
        return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE")) if self.secure else None

    def name(self):
        return f"case-{os.getpid()}-{next(self.numbers)}"

    def bucket(self):
        """A new bucket."""
        name = self.name()
        self.s3.create_bucket(Bucket=name)
        return name

    def put(self, bucket, key, body=b"content", **more):
        return self.s3.put_object(Bucket=bucket, Key=key, Body=body, **more)

    def get(self, bucket, key, **more):
        return self.s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()

    def keys(self, bucket):
        return [o["Key"] for o in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def absent(self, bucket, key):
        """Nothing of key is visible: not by name, not in a list, not as an upload."""
        self.refused("404", lambda: self.s3.head_object(Bucket=bucket, Key=key))
        assert key not in self.keys(bucket)


    @staticmethod
    def refused(code, call):
        """call must be refused with this code of S3 (for HEAD: with this status). Returns the error."""
        try:
            call()
        except botocore.exceptions.ClientError as error:
            got = error.response["Error"]["Code"]
            assert got == code, f"refused with {got}, not {code}: {error}"
            return error.response
        raise AssertionError(f"was not refused with {code}")


def pattern(size, seed=0):
    """size bytes that no two seeds share and that do not repeat at part boundaries."""
    block = bytes((i * 131 + (i >> 8) * 17 + seed * 29) & 0xFF for i in range(65521))
    return (block * (size // len(block) + 1))[:size]
