"""Versions, object lock and tags of objects."""

import datetime

from harness import MIB, pattern
from multipart import complete, part, start


def versioned(t, **more):
    name = t.name()
    t.s3.create_bucket(Bucket=name, **more)
    t.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def history(t, bucket, **more):
    """Key, version and whether it is the newest, of versions and markers as they are listed."""
    page = t.s3.list_object_versions(Bucket=bucket, **more)
    return [[(v["Key"], v["VersionId"], v["IsLatest"]) for v in page.get(kind, [])] for kind in ["Versions", "DeleteMarkers"]]


def test_every_version_can_be_read(t):
    bucket = t.bucket()
    assert "Status" not in t.s3.get_bucket_versioning(Bucket=bucket)
    t.put(bucket, "key", b"before")
    t.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert t.s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    bodies = {"null": b"before"}
    for n in range(3):
        bodies[t.put(bucket, "key", b"version %d" % n, Metadata={"n": str(n)})["VersionId"]] = b"version %d" % n
    assert len(bodies) == 4 and t.get(bucket, "key") == b"version 2"
    for version, body in bodies.items():
        assert t.get(bucket, "key", VersionId=version) == body
    assert t.s3.head_object(Bucket=bucket, Key="key", VersionId=list(bodies)[1])["Metadata"] == {"n": "0"}
    assert history(t, bucket)[0] == [("key", version, n == 0) for n, version in enumerate(reversed(bodies))]
    t.refused("NoSuchVersion", lambda: t.get(bucket, "other", VersionId=list(bodies)[1]))


def test_what_is_deleted_comes_back(t):
    bucket = versioned(t)
    version = t.put(bucket, "key", b"content")["VersionId"]
    deleted = t.s3.delete_object(Bucket=bucket, Key="key")
    assert deleted["DeleteMarker"] and t.keys(bucket) == []
    headers = t.refused("NoSuchKey", lambda: t.get(bucket, "key"))["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-delete-marker"] == "true" and headers["x-amz-version-id"] == deleted["VersionId"]
    t.refused("MethodNotAllowed", lambda: t.get(bucket, "key", VersionId=deleted["VersionId"]))
    assert history(t, bucket) == [[("key", version, False)], [("key", deleted["VersionId"], True)]]
    undone = t.s3.delete_object(Bucket=bucket, Key="key", VersionId=deleted["VersionId"])
    assert undone["DeleteMarker"] and undone["VersionId"] == deleted["VersionId"]
    assert t.get(bucket, "key") == b"content"
    t.s3.delete_object(Bucket=bucket, Key="key", VersionId=version)
    assert history(t, bucket) == [[], []]
    t.s3.delete_bucket(Bucket=bucket)


def test_a_suspended_bucket_has_one_null_version(t):
    bucket = versioned(t)
    kept = t.put(bucket, "key", b"kept")["VersionId"]
    t.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    for body in [b"one", b"two"]:
        assert t.put(bucket, "key", body).get("VersionId", "null") == "null"
    assert history(t, bucket)[0] == [("key", "null", True), ("key", kept, False)] and t.get(bucket, "key", VersionId="null") == b"two"
    assert t.s3.delete_object(Bucket=bucket, Key="key")["VersionId"] == "null"
    assert history(t, bucket) == [[("key", kept, False)], [("key", "null", True)]]


def test_versions_page_by_page(t):
    bucket = versioned(t)
    want = []
    for key in ["a/1", "a/2", "b"]:
        want += reversed([(key, t.put(bucket, key, b"%d" % n)["VersionId"], n == 3) for n in range(4)])
    for size in [1, 3, 5]:
        seen = []
        for page in t.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": size}):
            seen += [(v["Key"], v["VersionId"], v["IsLatest"]) for v in page.get("Versions", [])]
        assert seen == want, size
    page = t.s3.list_object_versions(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["a/"] and {v["Key"] for v in page["Versions"]} == {"b"}


def test_many_versions_are_deleted_at_once(t):
    bucket = versioned(t)
    versions = [t.put(bucket, "key", b"%d" % n)["VersionId"] for n in range(3)]
    answer = t.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "key", "VersionId": v} for v in versions[1:]] + [{"Key": "other"}]})
    assert sorted(d.get("VersionId", "") for d in answer["Deleted"]) == sorted([*versions[1:], ""]) and "Errors" not in answer
    assert [d["DeleteMarker"] for d in answer["Deleted"] if d["Key"] == "other"] == [True]
    assert t.get(bucket, "key") == b"0"


def test_copies_parts_and_conditions_know_versions(t):
    bucket = versioned(t)
    old = t.put(bucket, "key", b"old")
    t.put(bucket, "key", b"new")
    copied = t.s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "key", "VersionId": old["VersionId"]})
    assert copied["CopySourceVersionId"] == old["VersionId"] and t.get(bucket, "copy", VersionId=copied["VersionId"]) == b"old"
    t.refused("PreconditionFailed", lambda: t.put(bucket, "key", b"x", IfMatch=old["ETag"]))
    t.refused("PreconditionFailed", lambda: t.put(bucket, "key", b"x", IfNoneMatch="*"))
    t.s3.delete_object(Bucket=bucket, Key="key")
    t.put(bucket, "key", b"again", IfNoneMatch="*")
    ident = start(t, bucket, "key")
    done = complete(t, bucket, "key", ident, [{"PartNumber": 1, **part(t, bucket, "key", ident, 1, pattern(5 * MIB))}])
    assert t.get(bucket, "key", VersionId=done["VersionId"]) == pattern(5 * MIB)


def in_days(n):
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=n)


def test_governance_yields_to_those_who_say_so(t):
    bucket = versioned(t, ObjectLockEnabledForBucket=True)
    until = in_days(1)
    version = t.put(bucket, "key", b"kept", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)["VersionId"]
    assert t.s3.get_object_retention(Bucket=bucket, Key="key")["Retention"] == {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    where = {"Bucket": bucket, "Key": "key", "VersionId": version}
    t.refused("AccessDenied", lambda: t.s3.delete_object(**where))
    t.refused("AccessDenied", lambda: t.s3.put_object_retention(**where, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": in_days(0.5)}))
    assert t.s3.delete_object(Bucket=bucket, Key="key")["DeleteMarker"] and t.get(bucket, "key", VersionId=version) == b"kept"
    t.s3.put_object_retention(**where, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": in_days(2)})
    answer = t.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "key", "VersionId": version}]})
    assert answer["Errors"][0]["Code"] == "AccessDenied"
    t.s3.delete_object(**where, BypassGovernanceRetention=True)
    t.refused("NoSuchVersion", lambda: t.get(bucket, "key", VersionId=version))


def test_compliance_yields_to_nobody(t):
    bucket = versioned(t, ObjectLockEnabledForBucket=True)
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}
    t.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=rule)
    assert t.s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == rule
    version = t.put(bucket, "key", b"kept")["VersionId"]
    head = t.s3.head_object(Bucket=bucket, Key="key")
    assert head["ObjectLockMode"] == "COMPLIANCE" and head["ObjectLockRetainUntilDate"] > in_days(0)
    where = {"Bucket": bucket, "Key": "key", "VersionId": version}
    for more in [{}, {"BypassGovernanceRetention": True}]:
        t.refused("AccessDenied", lambda: t.s3.delete_object(**where, **more))
        shorter = {"Mode": "COMPLIANCE", "RetainUntilDate": datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)}
        t.refused("AccessDenied", lambda: t.s3.put_object_retention(**where, Retention=shorter, **more))
    t.refused("InvalidBucketState", lambda: t.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}))
    t.refused("BucketNotEmpty", lambda: t.s3.delete_bucket(Bucket=bucket))
    assert t.get(bucket, "key") == b"kept"


def test_a_legal_hold_stays_until_it_is_lifted(t):
    bucket = versioned(t, ObjectLockEnabledForBucket=True)
    version = t.put(bucket, "key", b"kept", ObjectLockLegalHoldStatus="ON")["VersionId"]
    where = {"Bucket": bucket, "Key": "key", "VersionId": version}
    assert t.s3.get_object_legal_hold(**where)["LegalHold"] == {"Status": "ON"}
    t.refused("AccessDenied", lambda: t.s3.delete_object(**where, BypassGovernanceRetention=True))
    t.s3.put_object_legal_hold(**where, LegalHold={"Status": "OFF"})
    t.s3.delete_object(**where)


def test_a_bucket_without_lock_takes_no_retention(t):
    bucket = versioned(t)
    t.refused("InvalidRequest", lambda: t.put(bucket, "key", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=in_days(1)))
    t.refused("ObjectLockConfigurationNotFoundError", lambda: t.s3.get_object_lock_configuration(Bucket=bucket))
    t.absent(bucket, "key")


def test_each_version_has_its_tags(t):
    bucket = versioned(t)
    first = t.put(bucket, "key", b"one", Tagging="colour=blue&size=a%20b")["VersionId"]
    t.put(bucket, "key", b"two")
    tags = [{"Key": "colour", "Value": "blue"}, {"Key": "size", "Value": "a b"}]
    assert t.s3.get_object_tagging(Bucket=bucket, Key="key", VersionId=first)["TagSet"] == tags
    assert t.s3.get_object_tagging(Bucket=bucket, Key="key")["TagSet"] == []
    assert t.s3.get_object(Bucket=bucket, Key="key", VersionId=first)["TagCount"] == 2
    t.s3.put_object_tagging(Bucket=bucket, Key="key", Tagging={"TagSet": tags[:1]})
    t.s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "key"})
    assert t.s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == tags[:1]
    t.s3.delete_object_tagging(Bucket=bucket, Key="key", VersionId=first)
    assert t.s3.get_object_tagging(Bucket=bucket, Key="key", VersionId=first)["TagSet"] == []
    many = [{"Key": f"k{n}", "Value": "v"} for n in range(11)]
    t.refused("BadRequest", lambda: t.s3.put_object_tagging(Bucket=bucket, Key="key", Tagging={"TagSet": many}))
    t.refused("NoSuchKey", lambda: t.s3.get_object_tagging(Bucket=bucket, Key="absent"))
