"""Lists a bucket of a million keys by delimiter, and all of it."""

import sys
import time

import boto3


def timed(what, count):
    began = time.monotonic()
    n = count()
    print(f"{what}: {n} in {time.monotonic() - began:.2f} s")
    return n


def main(endpoint):
    s3 = boto3.client("s3", endpoint_url=endpoint)
    pages = s3.get_paginator("list_objects_v2")

    def prefixes():
        return sum(len(page.get("CommonPrefixes", [])) for page in pages.paginate(Bucket="million", Delimiter="/"))

    def one():
        return sum(page["KeyCount"] for page in pages.paginate(Bucket="million", Prefix="p0500/", Delimiter="/"))

    def everything():
        return sum(page["KeyCount"] for page in pages.paginate(Bucket="million"))

    assert timed("prefixes by delimiter", prefixes) == 1000
    assert timed("keys of one prefix", one) == 1000
    assert timed("all keys", everything) == 1_000_000


main(sys.argv[1])
