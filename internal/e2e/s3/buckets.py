"""Buckets: create, head, list, location, delete."""


def test_a_bucket_is_created_listed_and_deleted(t):
    name = t.bucket()
    assert t.s3.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert name in [b["Name"] for b in t.s3.list_buckets()["Buckets"]]
    assert t.s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    t.s3.delete_bucket(Bucket=name)
    assert name not in [b["Name"] for b in t.s3.list_buckets()["Buckets"]]
    t.refused("404", lambda: t.s3.head_bucket(Bucket=name))


def test_buckets_are_listed_in_order(t):
    for _ in range(3):
        t.bucket()
    answer = t.s3.list_buckets()
    names = [b["Name"] for b in answer["Buckets"]]
    assert names == sorted(names)
    assert answer["Owner"]["ID"]


def test_creating_ones_own_bucket_again_is_no_error(t):
    name = t.bucket()
    t.put(name, "kept")
    t.s3.create_bucket(Bucket=name)
    assert t.keys(name) == ["kept"]


def test_a_bucket_with_objects_is_not_deleted(t):
    name = t.bucket()
    t.put(name, "key")
    t.refused("BucketNotEmpty", lambda: t.s3.delete_bucket(Bucket=name))
    t.s3.delete_object(Bucket=name, Key="key")
    t.s3.delete_bucket(Bucket=name)


def test_what_is_not_there_is_said_so(t):
    name = t.name()
    t.refused("NoSuchBucket", lambda: t.s3.list_objects_v2(Bucket=name))
    t.refused("NoSuchBucket", lambda: t.put(name, "key"))
    t.refused("NoSuchBucket", lambda: t.get(name, "key"))
    t.refused("NoSuchBucket", lambda: t.s3.delete_object(Bucket=name, Key="key"))
    t.refused("NoSuchBucket", lambda: t.s3.delete_bucket(Bucket=name))
    t.refused("NoSuchBucket", lambda: t.s3.create_multipart_upload(Bucket=name, Key="key"))


def test_a_bad_name_is_refused(t):
    raw = t.client()
    raw.meta.events.unregister("before-parameter-build.s3", __import__("botocore.handlers", fromlist=["x"]).validate_bucket_name)
    for name in ["ab", "Upper", "a" * 64, "under_score"]:
        t.refused("InvalidBucketName", lambda: raw.create_bucket(Bucket=name))
