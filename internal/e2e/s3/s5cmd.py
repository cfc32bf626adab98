"""s5cmd with its defaults: many objects at a time, patterns, parts in parallel."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from harness import MIB, pattern

S5CMD = str(pathlib.Path(sys.executable).parent / "s5cmd")


def s5cmd(t, *arguments, text=None, code=0):
    done = subprocess.run([S5CMD, "--endpoint-url", t.endpoint, *arguments], input=text, capture_output=True, timeout=120)
    assert done.returncode == code, f"s5cmd {' '.join(arguments)}: {done.stderr.decode()}"
    return done.stdout if code == 0 else done.stderr


def lines(output):
    return sorted(output.decode().splitlines())


def test_cp_of_one_file_in_parts(t):
    bucket = t.name()
    s5cmd(t, "mb", f"s3://{bucket}")
    with tempfile.TemporaryDirectory() as folder:
        up, down = pathlib.Path(folder, "up"), pathlib.Path(folder, "down")
        for size in [0, 1000, 20 * MIB + 1]:
            up.write_bytes(pattern(size))
            s5cmd(t, "cp", "--part-size", "5", "--content-type", "text/x-one", "--metadata", "colour=blue", str(up), f"s3://{bucket}/dir/{size}")
            s5cmd(t, "cp", "--part-size", "5", f"s3://{bucket}/dir/{size}", str(down))
            assert down.read_bytes() == pattern(size)
    head = t.s3.head_object(Bucket=bucket, Key="dir/1000")
    assert head["ContentType"] == "text/x-one" and head["Metadata"] == {"colour": "blue"}
    assert s5cmd(t, "cat", f"s3://{bucket}/dir/{20 * MIB + 1}") == pattern(20 * MIB + 1)
    s5cmd(t, "rm", f"s3://{bucket}/*")
    s5cmd(t, "rb", f"s3://{bucket}")
    assert bucket not in [b["Name"] for b in t.s3.list_buckets()["Buckets"]]


def test_a_stream(t):
    bucket, body = t.bucket(), pattern(7 * MIB)
    s5cmd(t, "pipe", f"s3://{bucket}/stream", text=body)
    assert t.get(bucket, "stream") == body


def test_patterns_and_sync(t):
    bucket = t.bucket()
    with tempfile.TemporaryDirectory() as folder:
        for name in ["a.txt", "b/c.txt", "b/d e+&ä.bin"]:
            path = pathlib.Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(name.encode())
        s5cmd(t, "sync", folder + "/", f"s3://{bucket}/tree/")
        assert t.keys(bucket) == ["tree/a.txt", "tree/b/c.txt", "tree/b/d e+&ä.bin"]
        assert s5cmd(t, "sync", folder + "/", f"s3://{bucket}/tree/") == b""
        s5cmd(t, "cp", f"s3://{bucket}/tree/*", os.path.join(folder, "back") + "/")
        assert pathlib.Path(folder, "back/b/d e+&ä.bin").read_bytes() == "b/d e+&ä.bin".encode()
    listed = [json.loads(line) for line in lines(s5cmd(t, "--json", "ls", f"s3://{bucket}/*.txt"))]
    assert sorted((o["key"].split(bucket)[1], o["size"]) for o in listed) == [("/tree/a.txt", 5), ("/tree/b/c.txt", 7)]
    assert b"3 objects" in s5cmd(t, "du", f"s3://{bucket}/*")
    s5cmd(t, "mv", f"s3://{bucket}/tree/a.txt", f"s3://{bucket}/moved")
    s5cmd(t, "rm", f"s3://{bucket}/tree/*")
    assert t.keys(bucket) == ["moved"] and t.get(bucket, "moved") == b"a.txt"


def test_a_presigned_url(t):
    from presigned import HTTP

    bucket = t.bucket()
    t.put(bucket, "a key")
    url = s5cmd(t, "presign", "--expire", "1h", f"s3://{bucket}/a key").decode().strip()
    assert HTTP.request("GET", url).data == b"content"


def test_what_is_not_there(t):
    assert b"NoSuchBucket" in s5cmd(t, "ls", f"s3://{t.name()}/*", code=1)
    assert b"not found" in s5cmd(t, "cat", f"s3://{t.bucket()}/absent", code=1)
