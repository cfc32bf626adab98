"""Multipart uploads."""

import hashlib
import io

from boto3.s3.transfer import TransferConfig
from checksums import ALGORITHMS
from harness import MIB, pattern

PART = 5 * MIB


def start(t, bucket, key, **more):
    return t.s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]


def part(t, bucket, key, ident, number, body, **more):
    return t.s3.upload_part(Bucket=bucket, Key=key, UploadId=ident, PartNumber=number, Body=body, **more)


def complete(t, bucket, key, ident, parts, **more):
    chosen = [{k: v for k, v in p.items() if k in ("PartNumber", "ETag") or k.startswith("Checksum") and k != "ChecksumType"} for p in parts]
    return t.s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=ident, MultipartUpload={"Parts": chosen}, **more)


def etag_of(bodies):
    return f'"{hashlib.md5(b"".join(hashlib.md5(b).digest() for b in bodies)).hexdigest()}-{len(bodies)}"'


def test_parts_become_an_object(t):
    bucket, bodies = t.bucket(), [pattern(PART, 1), pattern(PART + 1, 2), pattern(17, 3)]
    ident = start(t, bucket, "key", Metadata={"m": "v"}, ContentType="text/plain")
    parts = []
    for number in [3, 1, 2]:
        answer = part(t, bucket, "key", ident, number, bodies[number - 1])
        assert answer["ETag"] == f'"{hashlib.md5(bodies[number - 1]).hexdigest()}"'
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    t.refused("404", lambda: t.s3.head_object(Bucket=bucket, Key="key"))
    parts.sort(key=lambda p: p["PartNumber"])
    done = complete(t, bucket, "key", ident, parts)
    assert done["ETag"] == etag_of(bodies) and done["Key"] == "key" and done["Bucket"] == bucket and done["Location"]
    assert t.get(bucket, "key") == b"".join(bodies)
    head = t.s3.head_object(Bucket=bucket, Key="key")
    assert head["ETag"] == etag_of(bodies) and head["Metadata"] == {"m": "v"} and head["ContentType"] == "text/plain"
    digest = "sha256:" + hashlib.sha256(b"".join(bodies)).hexdigest()
    assert head["ResponseMetadata"]["HTTPHeaders"].get("x-zas-content-digest") == digest
    again = complete(t, bucket, "key", ident, parts)
    assert again["ETag"] == done["ETag"]


def test_parts_can_be_read_by_number(t):
    bucket, bodies = t.bucket(), [pattern(PART, 1), pattern(PART, 2), pattern(9, 3)]
    ident = start(t, bucket, "key")
    parts = [{"PartNumber": n, **part(t, bucket, "key", ident, n, b)} for n, b in enumerate(bodies, 1)]
    complete(t, bucket, "key", ident, parts)
    for n, body in enumerate(bodies, 1):
        answer = t.s3.get_object(Bucket=bucket, Key="key", PartNumber=n)
        assert answer["Body"].read() == body and answer["PartsCount"] == 3
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert t.s3.head_object(Bucket=bucket, Key="key", PartNumber=n)["ContentLength"] == len(body)
    assert t.refused("InvalidPartNumber", lambda: t.get(bucket, "key", PartNumber=4))["ResponseMetadata"]["HTTPStatusCode"] == 416
    middle = t.s3.get_object(Bucket=bucket, Key="key", Range=f"bytes={PART - 5}-{PART + 4}")["Body"].read()
    assert middle == bodies[0][-5:] + bodies[1][:5]


def test_a_part_sent_again_replaces_the_first(t):
    bucket = t.bucket()
    ident = start(t, bucket, "key")
    old = part(t, bucket, "key", ident, 1, b"old")
    new = part(t, bucket, "key", ident, 1, b"new one")
    t.refused("InvalidPart", lambda: complete(t, bucket, "key", ident, [{"PartNumber": 1, **old}]))
    complete(t, bucket, "key", ident, [{"PartNumber": 1, **new}])
    assert t.get(bucket, "key") == b"new one"


def test_parts_are_listed(t):
    bucket = t.bucket()
    ident = start(t, bucket, "key")
    etags = {n: part(t, bucket, "key", ident, n, b"%d" % n)["ETag"] for n in [1, 2, 3, 10, 7]}
    answer = t.s3.list_parts(Bucket=bucket, Key="key", UploadId=ident)
    assert {p["PartNumber"]: p["ETag"] for p in answer["Parts"]} == etags and not answer["IsTruncated"]
    assert [p["PartNumber"] for p in answer["Parts"]] == [1, 2, 3, 7, 10] and answer["Parts"][0]["Size"] == 1
    seen, marker = [], 0
    while True:
        page = t.s3.list_parts(Bucket=bucket, Key="key", UploadId=ident, MaxParts=2, PartNumberMarker=marker)
        seen += [p["PartNumber"] for p in page["Parts"]]
        if not page["IsTruncated"]:
            break
        marker = page["NextPartNumberMarker"]
    assert seen == [1, 2, 3, 7, 10]


def test_uploads_are_listed(t):
    bucket = t.bucket()
    idents = [(key, start(t, bucket, key)) for key in ["a/1", "a/2", "b", "b", "c/1"]]
    answer = t.s3.list_multipart_uploads(Bucket=bucket)
    assert sorted((u["Key"], u["UploadId"]) for u in answer["Uploads"]) == sorted(idents)
    assert [u["Key"] for u in answer["Uploads"]] == ["a/1", "a/2", "b", "b", "c/1"]
    answer = t.s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in answer["CommonPrefixes"]] == ["a/", "c/"] and [u["Key"] for u in answer["Uploads"]] == ["b", "b"]
    answer = t.s3.list_multipart_uploads(Bucket=bucket, Prefix="a/")
    assert [u["Key"] for u in answer["Uploads"]] == ["a/1", "a/2"]
    seen, more = [], {}
    while True:
        page = t.s3.list_multipart_uploads(Bucket=bucket, MaxUploads=2, **more)
        seen += [(u["Key"], u["UploadId"]) for u in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert sorted(seen) == sorted(idents) and len(seen) == len(idents)


def test_an_aborted_upload_is_gone(t):
    bucket = t.bucket()
    ident = start(t, bucket, "key")
    etag = part(t, bucket, "key", ident, 1, b"part")
    t.s3.abort_multipart_upload(Bucket=bucket, Key="key", UploadId=ident)
    t.refused("NoSuchUpload", lambda: t.s3.list_parts(Bucket=bucket, Key="key", UploadId=ident))
    t.refused("NoSuchUpload", lambda: part(t, bucket, "key", ident, 2, b"part"))
    t.refused("NoSuchUpload", lambda: complete(t, bucket, "key", ident, [{"PartNumber": 1, **etag}]))
    t.refused("NoSuchUpload", lambda: t.s3.abort_multipart_upload(Bucket=bucket, Key="key", UploadId="made-up"))
    t.absent(bucket, "key")


def test_what_cannot_be_completed(t):
    bucket = t.bucket()
    ident = start(t, bucket, "key")
    one, two = ({"PartNumber": n, **part(t, bucket, "key", ident, n, b"small %d" % n)} for n in [1, 2])
    t.refused("InvalidPartOrder", lambda: complete(t, bucket, "key", ident, [two, one]))
    t.refused("EntityTooSmall", lambda: complete(t, bucket, "key", ident, [one, two]))
    t.refused("InvalidPart", lambda: complete(t, bucket, "key", ident, [one, {"PartNumber": 3, "ETag": one["ETag"]}]))
    t.refused("MalformedXML", lambda: complete(t, bucket, "key", ident, []))
    t.refused("InvalidArgument", lambda: part(t, bucket, "key", ident, 10001, b"x"))
    t.absent(bucket, "key")
    complete(t, bucket, "key", ident, [two])
    assert t.get(bucket, "key") == b"small 2"


def test_checksums_of_the_whole(t):
    bucket, bodies = t.bucket(), [pattern(PART, 1), pattern(100, 2)]
    for name in ["CRC32", "CRC32C", "CRC64NVME"]:
        ident = start(t, bucket, name, ChecksumAlgorithm=name, ChecksumType="FULL_OBJECT")
        parts = [{"PartNumber": n, **part(t, bucket, name, ident, n, b, ChecksumAlgorithm=name)} for n, b in enumerate(bodies, 1)]
        whole = ALGORITHMS[name](b"".join(bodies))
        t.refused("BadDigest", lambda: complete(t, bucket, name, ident, parts, **{"Checksum" + name: ALGORITHMS[name](b"other")}, ChecksumType="FULL_OBJECT"))
        t.absent(bucket, name)
        done = complete(t, bucket, name, ident, parts, ChecksumType="FULL_OBJECT", **{"Checksum" + name: whole})
        assert done["Checksum" + name] == whole and done["ChecksumType"] == "FULL_OBJECT"
        head = t.s3.head_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
        assert head["Checksum" + name] == whole and t.get(bucket, name) == b"".join(bodies)


def test_composite_checksums(t):
    import base64

    bucket, bodies = t.bucket(), [pattern(PART, 1), pattern(100, 2)]
    for name in ["CRC32", "CRC32C", "SHA1", "SHA256"]:
        ident = start(t, bucket, name, ChecksumAlgorithm=name)
        parts = [{"PartNumber": n, **part(t, bucket, name, ident, n, b, ChecksumAlgorithm=name)} for n, b in enumerate(bodies, 1)]
        want = ALGORITHMS[name](b"".join(base64.b64decode(ALGORITHMS[name](b)) for b in bodies)) + "-2"
        done = complete(t, bucket, name, ident, parts)
        assert done["Checksum" + name] == want and done["ChecksumType"] == "COMPOSITE"
        listed = t.s3.head_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
        assert listed["Checksum" + name] == want


def test_a_corrupted_part_is_refused(t):
    bucket = t.bucket()
    ident = start(t, bucket, "key")
    for name, compute in ALGORITHMS.items():
        t.refused("BadDigest", lambda: part(t, bucket, "key", ident, 1, b"part", **{"Checksum" + name: compute(b"other")}))
    assert "Parts" not in t.s3.list_parts(Bucket=bucket, Key="key", UploadId=ident)


def test_the_transfer_manager(t):
    bucket, body = t.bucket(), pattern(23 * MIB + 5)
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4)
    t.s3.upload_fileobj(io.BytesIO(body), bucket, "key", Config=config)
    back = io.BytesIO()
    t.s3.download_fileobj(bucket, "key", back, Config=config)
    assert back.getvalue() == body


def test_a_part_is_a_range_of_another_object(t):
    bucket, source = t.bucket(), pattern(12 * MIB + 1)
    t.put(bucket, "dir/source +1", source)
    where = {"Bucket": bucket, "Key": "dir/source +1"}
    ident = start(t, bucket, "key")
    parts = []
    for number, (begin, end) in enumerate([(0, PART), (PART, 2 * PART), (2 * PART, len(source))], 1):
        answer = t.s3.upload_part_copy(
            Bucket=bucket, Key="key", UploadId=ident, PartNumber=number, CopySource=where, CopySourceRange=f"bytes={begin}-{end - 1}"
        )
        assert answer["CopyPartResult"]["ETag"] == f'"{hashlib.md5(source[begin:end]).hexdigest()}"'
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    complete(t, bucket, "key", ident, parts)
    assert t.get(bucket, "key") == source
    ident = start(t, bucket, "whole")
    answer = t.s3.upload_part_copy(Bucket=bucket, Key="whole", UploadId=ident, PartNumber=1, CopySource=where)
    complete(t, bucket, "whole", ident, [{"PartNumber": 1, "ETag": answer["CopyPartResult"]["ETag"]}])
    assert t.get(bucket, "whole") == source
