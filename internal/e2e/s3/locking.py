"""State locking as Terraform and OpenTofu do it with use_lockfile: the lock is an object that is put only if it is absent."""

import concurrent.futures
import json

STATE, LOCK = "env/terraform.tfstate", "env/terraform.tfstate.tflock"


def lock(t, bucket, who):
    """Takes the lock for who, or raises."""
    body = json.dumps({"ID": who, "Operation": "OperationTypeApply", "Path": f"{bucket}/{STATE}"}).encode()
    t.put(bucket, LOCK, body, ContentType="application/json", IfNoneMatch="*", ChecksumAlgorithm="SHA256")


def test_one_holds_the_lock(t):
    bucket = t.bucket()
    lock(t, bucket, "first")
    t.refused("PreconditionFailed", lambda: lock(t, bucket, "second"))
    assert json.loads(t.get(bucket, LOCK))["ID"] == "first", "the one who lost learns who holds it"
    t.put(bucket, STATE, b'{"serial":1}', ContentType="application/json", ChecksumAlgorithm="SHA256")
    t.s3.delete_object(Bucket=bucket, Key=LOCK)
    lock(t, bucket, "second")
    t.s3.delete_object(Bucket=bucket, Key=LOCK)
    assert t.keys(bucket) == [STATE]


def test_of_many_at_once_one_gets_the_lock(t):
    bucket = t.bucket()

    def attempt(number):
        try:
            lock(t, bucket, f"number {number}")
        except t.s3.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            assert code in ("PreconditionFailed", "ConditionalRequestConflict"), code
            return []
        return [f"number {number}"]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for _ in range(5):
            winners = sum(pool.map(attempt, range(16)), [])
            assert len(winners) == 1, winners
            assert json.loads(t.get(bucket, LOCK))["ID"] == winners[0]
            t.s3.delete_object(Bucket=bucket, Key=LOCK)


def test_the_workspaces_are_listed(t):
    bucket = t.bucket()
    for name in ["blue", "green"]:
        t.put(bucket, f"env:/{name}/terraform.tfstate", b"{}")
    page = t.s3.list_objects_v2(Bucket=bucket, Prefix="env:/", Delimiter="/", MaxKeys=1000)
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["env:/blue/", "env:/green/"]
