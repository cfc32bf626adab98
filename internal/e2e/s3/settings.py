"""Settings of buckets, requests from other origins, and every operation of the API by the form of its request."""

import json
import pathlib
import re
import urllib.error
import urllib.request

import botocore.session
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config

EVERYBODY = {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]}


def test_tags_keep_their_order(t):
    name = t.bucket()
    tags = [{"Key": f"key-{i * 7 % 50}", "Value": f"ü {i}"} for i in range(50)]
    t.refused("NoSuchTagSet", lambda: t.s3.get_bucket_tagging(Bucket=name))
    t.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    assert t.s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags
    t.refused("BadRequest", lambda: t.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags + [{"Key": "k", "Value": ""}]}))
    t.refused("InvalidTag", lambda: t.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "a!", "Value": ""}]}))
    assert t.s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags
    t.s3.delete_bucket_tagging(Bucket=name)
    t.refused("NoSuchTagSet", lambda: t.s3.get_bucket_tagging(Bucket=name))


def test_a_bucket_is_created_with_tags(t):
    name, tags = t.name(), [{"Key": "z", "Value": "1"}, {"Key": "a", "Value": "2"}]
    t.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": tags}, ObjectOwnership="BucketOwnerEnforced", ACL="private")
    assert t.s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags
    t.s3.delete_bucket(Bucket=name)
    t.refused("InvalidBucketAclWithObjectOwnership", lambda: t.s3.create_bucket(Bucket=name, ACL="public-read"))
    t.refused("NotImplemented", lambda: t.s3.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter"))
    t.s3.create_bucket(Bucket=name)
    t.refused("NoSuchTagSet", lambda: t.s3.get_bucket_tagging(Bucket=name))


def test_cors_rules_come_back_and_work(t):
    name = t.bucket()
    t.put(name, "key")
    rules = [{"ID": "one", "AllowedOrigins": ["http://*.example"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"],
              "ExposeHeaders": ["ETag", "x-zas-content-digest"], "MaxAgeSeconds": 3000}, EVERYBODY]
    t.refused("NoSuchCORSConfiguration", lambda: t.s3.get_bucket_cors(Bucket=name))
    t.s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": rules})
    assert t.s3.get_bucket_cors(Bucket=name)["CORSRules"] == rules
    signer = t.client(config=Config(signature_version="s3v4"))
    url = signer.generate_presigned_url("get_object", {"Bucket": name, "Key": "key"})
    preflight = fetch(t, "OPTIONS", url, {"Origin": "http://a.example", "Access-Control-Request-Method": "GET"})
    assert preflight[0] == 200 and preflight[1]["Access-Control-Allow-Origin"] == "http://a.example"
    for target, status in [(url, 200), (url.replace("/key?", "/none?"), 403)]:
        answer = fetch(t, "GET", target, {"Origin": "http://a.example"})
        assert answer[0] == status, answer
        assert answer[1]["Access-Control-Allow-Origin"] == "http://a.example", answer
        assert answer[1]["Vary"].startswith("Origin"), answer
    assert "Access-Control-Allow-Origin" not in fetch(t, "GET", url, {"Origin": "http://elsewhere"})[1]
    assert "Vary" not in fetch(t, "GET", url, {})[1]
    t.s3.delete_bucket_cors(Bucket=name)
    assert fetch(t, "OPTIONS", url, {"Origin": "http://a.example", "Access-Control-Request-Method": "GET"})[0] == 403


def test_a_lifecycle_configuration_comes_back(t):
    name = t.bucket()
    rules = [
        {"ID": "uploads", "Filter": {}, "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        {"ID": "and", "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "k", "Value": "v"}], "ObjectSizeGreaterThan": 0}}, "Status": "Disabled",
         "Expiration": {"Days": 30}},
        {"ID": "old", "Filter": {"Prefix": "x"}, "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 3}},
        {"ID": "markers", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"ExpiredObjectDeleteMarker": True}},
    ]
    t.refused("NoSuchLifecycleConfiguration", lambda: t.s3.get_bucket_lifecycle_configuration(Bucket=name))
    put = lambda r, **more: t.s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": r}, **more)
    put(rules, TransitionDefaultMinimumObjectSize="varies_by_storage_class")
    answer = t.s3.get_bucket_lifecycle_configuration(Bucket=name)
    assert answer["Rules"] == rules and answer["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class", answer
    t.refused("InvalidArgument", lambda: put([{"Filter": {}, "Status": "Enabled", "Expiration": {"Days": 0}}]))
    t.refused("NotImplemented", lambda: put([{"Filter": {}, "Status": "Enabled", "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}]))
    put([{"Prefix": "tmp/", "Status": "Enabled", "Expiration": {"Days": 1}}])
    rule = t.s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]
    assert rule["Prefix"] == "tmp/" and rule["ID"], rule
    t.s3.delete_bucket_lifecycle(Bucket=name)
    t.refused("NoSuchLifecycleConfiguration", lambda: t.s3.get_bucket_lifecycle_configuration(Bucket=name))


def test_a_thousand_rules_are_kept(t):
    name = t.bucket()
    rules = [{"ID": f"rule-{i}", "Filter": {"Prefix": f"{i:04}/" + "p" * 900}, "Status": "Enabled", "Expiration": {"Days": i + 1}} for i in range(1001)]
    put = lambda r: t.s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": r})
    t.refused("InvalidRequest", lambda: put(rules))
    put(rules[:1000])
    assert t.s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"] == rules[:1000]


def test_what_has_no_effect_is_not_accepted(t):
    name = t.bucket()
    t.put(name, "key")
    t.refused("ServerSideEncryptionConfigurationNotFoundError", lambda: t.s3.get_bucket_encryption(Bucket=name))
    aes = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    t.refused("NotImplemented", lambda: t.s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=aes))
    t.s3.delete_bucket_encryption(Bucket=name)
    t.refused("NoSuchBucketPolicy", lambda: t.s3.get_bucket_policy(Bucket=name))
    t.refused("NoSuchBucketPolicy", lambda: t.s3.get_bucket_policy_status(Bucket=name))
    t.refused("MalformedPolicy", lambda: t.s3.put_bucket_policy(Bucket=name, Policy="{}"))
    t.refused("AccessControlListNotSupported", lambda: t.s3.put_bucket_acl(Bucket=name, ACL="public-read"))
    t.refused("AccessControlListNotSupported", lambda: t.s3.put_object_acl(Bucket=name, Key="key", GrantRead="id=1"))
    t.refused("AccessControlListNotSupported", lambda: t.put(name, "key", ACL="public-read"))
    for acl in [t.s3.get_bucket_acl(Bucket=name), t.s3.get_object_acl(Bucket=name, Key="key")]:
        assert [g["Permission"] for g in acl["Grants"]] == ["FULL_CONTROL"] and acl["Grants"][0]["Grantee"]["ID"] == acl["Owner"]["ID"]
        t.s3.put_bucket_acl(Bucket=name, AccessControlPolicy={"Owner": acl["Owner"], "Grants": acl["Grants"]})


def test_public_access_and_ownership_come_back(t):
    name = t.bucket()
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
    t.refused("NoSuchPublicAccessBlockConfiguration", lambda: t.s3.get_public_access_block(Bucket=name))
    t.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    assert t.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"] == block
    t.s3.delete_public_access_block(Bucket=name)
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert t.s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"] == enforced
    t.s3.delete_bucket_ownership_controls(Bucket=name)
    t.refused("OwnershipControlsNotFoundError", lambda: t.s3.get_bucket_ownership_controls(Bucket=name))
    t.s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=enforced)
    assert t.s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"] == enforced


def test_a_policy_opens_a_bucket(t):
    name = t.bucket()
    t.put(name, "pub/a", b"open")
    t.put(name, "b", b"closed")

    def rule(effect, action, resource, principal="*", **more):
        return {"Effect": effect, "Principal": principal, "Action": action, "Resource": f"arn:aws:s3:::{name}{resource}", **more}

    def read(key):
        status, _, body = fetch(t, "GET", f"{t.endpoint}/{name}/{key}", {})
        return body if status == 200 else status

    policy = json.dumps({"Version": "2012-10-17", "Statement": [rule("Allow", "s3:GetObject", "/pub/*"), rule("Deny", "s3:*", "/pub/not*")]})
    assert read("pub/a") == 403
    t.s3.put_bucket_policy(Bucket=name, Policy=policy)
    assert t.s3.get_bucket_policy(Bucket=name)["Policy"] == policy
    assert t.s3.get_bucket_policy_status(Bucket=name)["PolicyStatus"]["IsPublic"]
    t.put(name, "pub/not-this", b"closed")
    assert read("pub/a") == "open" and read("b") == 403 and read("pub/not-this") == 403 and read("") == 403
    assert fetch(t, "PUT", f"{t.endpoint}/{name}/pub/a", {}, b"x")[0] == 403
    block = {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": True}
    t.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    assert read("pub/a") == 403
    block["BlockPublicPolicy"] = True
    t.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    t.refused("AccessDenied", lambda: t.s3.put_bucket_policy(Bucket=name, Policy=policy))
    t.s3.delete_public_access_block(Bucket=name)
    conditional = {"Statement": [rule("Allow", "s3:GetObject", "/*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})]}
    t.refused("NotImplemented", lambda: t.s3.put_bucket_policy(Bucket=name, Policy=json.dumps(conditional)))
    t.refused("MalformedPolicy", lambda: t.s3.put_bucket_policy(
        Bucket=name, Policy=json.dumps({"Statement": [rule("Allow", "s3:GetObject", "/*", principal="arn:aws:iam::1:user/a")]})))
    upload = json.dumps({"Statement": [rule("Allow", "s3:PutObject", "/drop/*")]})
    t.s3.put_bucket_policy(Bucket=name, Policy=upload)
    assert fetch(t, "PUT", f"{t.endpoint}/{name}/drop/a", {}, b"sent")[0] == 200 and read("drop/a") == 403
    owner = t.s3.list_buckets()["Owner"]["ID"]
    listed = t.s3.list_objects_v2(Bucket=name, Prefix="drop/", FetchOwner=True)["Contents"]
    assert [o["Owner"]["ID"] for o in listed] == [owner]
    t.s3.delete_bucket_policy(Bucket=name)
    t.refused("NoSuchBucketPolicy", lambda: t.s3.get_bucket_policy(Bucket=name))
    assert read("pub/a") == 403


def test_buckets_are_listed_in_pages(t):
    prefix = t.name()
    names = [f"{prefix}-{i}" for i in range(5)]
    for name in names:
        t.s3.create_bucket(Bucket=name)
    pages = list(t.s3.get_paginator("list_buckets").paginate(Prefix=prefix, PaginationConfig={"PageSize": 2}))
    assert [[b["Name"] for b in p["Buckets"]] for p in pages] == [names[:2], names[2:4], names[4:]]
    assert t.s3.list_buckets(Prefix=prefix, BucketRegion="us-east-1")["Prefix"] == prefix
    assert t.s3.list_buckets(Prefix=prefix, BucketRegion="eu-west-1").get("Buckets", []) == []
    t.refused("InvalidArgument", lambda: t.s3.list_buckets(MaxBuckets=10001))


def test_every_operation_of_the_api_is_implemented_or_refused(t):
    """The newest model that this client has, against the reference page."""
    page = pathlib.Path(__file__).parents[3] / "docs" / "reference" / "s3-operations.md"
    state = dict(re.findall(r"^\| (\w+) \| `.*` \| (.*) \|$", page.read_text(), re.M))
    model = botocore.session.Session().get_service_model("s3")  # that of a client which has worked is no longer as it was
    assert not set(model.operation_names) - set(state), set(model.operation_names) - set(state)
    bucket = t.bucket()
    for name in model.operation_names:
        if name == "DeleteBucket":
            continue
        code = probe(t, model.operation_model(name), bucket)
        refused = code in ("NotImplemented", "MethodNotAllowed")
        assert refused == state[name].startswith("not implemented"), f"{name} ({state[name]}) is answered by {code}"


def probe(t, operation, bucket):
    """The error code that a bare request of the operation's form gets; empty when it is none."""
    path = operation.http["requestUri"].replace("{Bucket}", bucket).replace("{Key+}", "key")
    headers = {}
    for member in operation.input_shape.required_members if operation.input_shape else []:
        shape = operation.input_shape.members[member]
        if shape.serialization.get("location") == "querystring":
            path += ("&" if "?" in path else "?") + shape.serialization["name"] + "=1"
        elif shape.serialization.get("location") == "header":
            headers[shape.serialization["name"]] = "bucket/key"
    request = AWSRequest(operation.http["method"], t.endpoint + path, headers, b"")
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(t.s3._request_signer._credentials, "s3", "us-east-1").add_auth(request)
    status, _, body = fetch(t, operation.http["method"], request.prepare().url, dict(request.prepare().headers), b"")
    if operation.http["method"] == "HEAD":
        return "" if status in (200, 404) else str(status)
    found = re.search(r"<Code>(\w+)</Code>", body)
    return found.group(1) if found and status >= 400 else ""


def fetch(t, method, url, headers, data=None):
    """Status, headers and text of a bare request."""
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, context=t.context()) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()
