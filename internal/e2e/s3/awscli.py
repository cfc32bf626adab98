"""The AWS CLI with its defaults."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from harness import MIB, pattern

AWS = str(pathlib.Path(sys.executable).parent / "aws")


def aws(t, *arguments, text=None):
    done = subprocess.run([AWS, "--endpoint-url", t.endpoint, *arguments], input=text, capture_output=True, timeout=120)
    assert done.returncode == 0, f"aws {' '.join(arguments)}: {done.stderr.decode()}"
    return done.stdout


def test_cp_up_and_down(t):
    bucket = t.name()
    aws(t, "s3", "mb", f"s3://{bucket}")
    with tempfile.TemporaryDirectory() as folder:
        for size in [0, 1000, 20 * MIB + 1]:  # the last one is multipart, in parallel
            up, down = os.path.join(folder, "up"), os.path.join(folder, "down")
            pathlib.Path(up).write_bytes(pattern(size))
            aws(t, "s3", "cp", up, f"s3://{bucket}/dir/{size}")
            aws(t, "s3", "cp", f"s3://{bucket}/dir/{size}", down)
            assert pathlib.Path(down).read_bytes() == pattern(size)
    assert aws(t, "s3", "ls", f"s3://{bucket}/dir/").decode().count("\n") == 3
    aws(t, "s3", "rb", "--force", f"s3://{bucket}")
    assert bucket not in [b["Name"] for b in t.s3.list_buckets()["Buckets"]]


def test_a_stream(t):
    bucket, body = t.bucket(), pattern(9 * MIB)
    aws(t, "s3", "cp", "-", f"s3://{bucket}/stream", text=body)
    assert aws(t, "s3", "cp", f"s3://{bucket}/stream", "-") == body


def test_sync_mv_and_rm(t):
    bucket = t.bucket()
    with tempfile.TemporaryDirectory() as folder:
        for name in ["a", "b/c", "b/d e+&"]:
            path = pathlib.Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(name.encode())
        aws(t, "s3", "sync", folder, f"s3://{bucket}/tree")
        assert t.keys(bucket) == ["tree/a", "tree/b/c", "tree/b/d e+&"]
        assert aws(t, "s3", "sync", folder, f"s3://{bucket}/tree") == b""
        back = os.path.join(folder, "back")
        aws(t, "s3", "sync", f"s3://{bucket}/tree", back)
        assert pathlib.Path(back, "b/d e+&").read_bytes() == b"b/d e+&"
    aws(t, "s3", "mv", f"s3://{bucket}/tree/a", f"s3://{bucket}/moved")
    aws(t, "s3", "cp", f"s3://{bucket}/moved", f"s3://{bucket}/copy")
    aws(t, "s3", "rm", "--recursive", f"s3://{bucket}/tree")
    assert t.keys(bucket) == ["copy", "moved"] and t.get(bucket, "copy") == b"a"


def test_the_api_commands(t):
    bucket = t.bucket()
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"content")
        file.flush()
        put = json.loads(aws(t, "s3api", "put-object", "--bucket", bucket, "--key", "key", "--body", file.name, "--if-none-match", "*"))
        assert put["ETag"]
        got = json.loads(aws(t, "s3api", "get-object", "--bucket", bucket, "--key", "key", "--range", "bytes=0-2", file.name))
        assert got["ContentRange"] == "bytes 0-2/7" and pathlib.Path(file.name).read_bytes() == b"con"
    listed = json.loads(aws(t, "s3api", "list-objects-v2", "--bucket", bucket))
    assert [o["Key"] for o in listed["Contents"]] == ["key"]
    aws(t, "configure", "set", "default.s3.signature_version", "s3v4")
    url = aws(t, "s3", "presign", f"s3://{bucket}/key").decode().strip()
    from presigned import HTTP

    assert HTTP.request("GET", url).data == b"content"
