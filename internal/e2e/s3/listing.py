"""Listing, version 1 and 2, with every parameter."""

KEYS = ["a", "a-b", "a.b", "a/1", "a/2", "a/b/1", "a/b/2", "b/1", "b/c/1", "c d/x", "ä/1", "z<&>", "zz"]


def filled(t):
    bucket = t.bucket()
    for key in KEYS:
        t.put(bucket, key, key.encode())
    return bucket


def expected(prefix="", delimiter="", after=""):
    """What a listing must hold, by the definition: sorted by bytes, keys rolled up at the delimiter behind the prefix."""
    found = []
    for key in sorted(KEYS, key=str.encode):
        if not key.startswith(prefix):
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        entry = ("prefix", key[: cut + len(delimiter)]) if cut >= 0 else ("key", key)
        if entry[1].encode() <= after.encode() or entry in found:
            continue
        found.append(entry)
    return found


def entries(answer):
    found = [("key", o["Key"]) for o in answer.get("Contents", [])]
    found += [("prefix", p["Prefix"]) for p in answer.get("CommonPrefixes", [])]
    return sorted(found, key=lambda e: e[1].encode())


COMBINATIONS = [(p, d) for p in ["", "a", "a/", "a/b/", "nothing"] for d in ["", "/", "b", "/1"]]


def test_version_2_in_one_page(t):
    bucket = filled(t)
    for prefix, delimiter in COMBINATIONS:
        for after in ["", "a", "a/", "a/1", "b/zzz"]:
            answer = t.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter=delimiter, StartAfter=after)
            assert entries(answer) == expected(prefix, delimiter, after), (prefix, delimiter, after)
            assert answer["KeyCount"] == len(entries(answer)) and not answer["IsTruncated"]


def test_version_2_page_by_page(t):
    bucket = filled(t)
    for prefix, delimiter in COMBINATIONS:
        for size in [1, 2, 5]:
            found, more = [], {}
            while True:
                answer = t.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter=delimiter, MaxKeys=size, **more)
                assert answer["KeyCount"] <= size
                found += entries(answer)
                if not answer["IsTruncated"]:
                    break
                more = {"ContinuationToken": answer["NextContinuationToken"]}
            assert found == expected(prefix, delimiter), (prefix, delimiter, size)


def test_version_1_page_by_page(t):
    bucket = filled(t)
    for prefix, delimiter in COMBINATIONS:
        found, marker = [], ""
        while True:
            answer = t.s3.list_objects(Bucket=bucket, Prefix=prefix, Delimiter=delimiter, MaxKeys=2, Marker=marker)
            page = entries(answer)
            found += page
            if not answer["IsTruncated"]:
                break
            assert ("NextMarker" in answer) == bool(delimiter)
            marker = answer.get("NextMarker") or page[-1][1]
        assert found == expected(prefix, delimiter), (prefix, delimiter)


def test_the_parameters_are_echoed(t):
    bucket = filled(t)
    answer = t.s3.list_objects_v2(Bucket=bucket, Prefix="a", Delimiter="/", StartAfter="a-", MaxKeys=7, FetchOwner=True)
    assert (answer["Name"], answer["Prefix"], answer["Delimiter"], answer["StartAfter"], answer["MaxKeys"]) == (bucket, "a", "/", "a-", 7)
    assert answer["EncodingType"] == "url"
    one = answer["Contents"][0]
    assert one["Owner"]["ID"] and one["Size"] == len(one["Key"]) and one["ETag"].startswith('"') and one["StorageClass"] == "STANDARD"
    assert "Owner" not in t.s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    answer = t.s3.list_objects(Bucket=bucket, Marker="a")
    assert answer["Marker"] == "a" and answer["Prefix"] == "" and answer["Contents"][0]["Owner"]["ID"]


def test_max_keys(t):
    bucket = filled(t)
    for call in [t.s3.list_objects, t.s3.list_objects_v2]:
        answer = call(Bucket=bucket, MaxKeys=0)
        assert "Contents" not in answer and not answer["IsTruncated"]
        assert call(Bucket=bucket, MaxKeys=5000)["MaxKeys"] == 1000
        t.refused("InvalidArgument", lambda: call(Bucket=bucket, MaxKeys=-1))


def test_a_page_has_a_thousand_keys_at_most(t):
    bucket = t.bucket()
    for n in range(1003):
        t.put(bucket, f"{n:05}", b"")
    answer = t.s3.list_objects_v2(Bucket=bucket)
    assert len(answer["Contents"]) == 1000 and answer["IsTruncated"]
    pages = t.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    assert [o["Key"] for page in pages for o in page["Contents"]] == [f"{n:05}" for n in range(1003)]


def test_a_token_that_was_not_given_is_refused(t):
    bucket = filled(t)
    t.refused("InvalidArgument", lambda: t.s3.list_objects_v2(Bucket=bucket, ContinuationToken="made up"))
