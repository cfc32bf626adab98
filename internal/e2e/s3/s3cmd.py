"""s3cmd: told the endpoint by its configuration file, with its defaults for the rest."""

import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

from harness import MIB, pattern

S3CMD = str(pathlib.Path(sys.executable).parent / "s3cmd")


def s3cmd(t, *arguments, text=None, code=0):
    with tempfile.NamedTemporaryFile("w", suffix=".s3cfg") as config:
        host = urllib.parse.urlsplit(t.endpoint).netloc
        config.write(f"""[default]
access_key = {os.environ["AWS_ACCESS_KEY_ID"]}
secret_key = {os.environ["AWS_SECRET_ACCESS_KEY"]}
host_base = {host}
host_bucket = {host}
use_https = {t.secure}
ca_certs_file = {os.environ.get("AWS_CA_BUNDLE", "")}
""")
        config.flush()
        done = subprocess.run([S3CMD, "-c", config.name, "--no-progress", *arguments], input=text, capture_output=True, timeout=120)
    assert done.returncode == code, f"s3cmd {' '.join(arguments)}: {done.returncode} {done.stderr.decode()}"
    return (done.stdout if code == 0 else done.stderr).decode()


def test_put_and_get(t):
    bucket = t.name()
    s3cmd(t, "mb", f"s3://{bucket}")
    with tempfile.TemporaryDirectory() as folder:
        up, down = os.path.join(folder, "up"), os.path.join(folder, "down")
        for size in [0, 1000, 12 * MIB + 1]:
            pathlib.Path(up).write_bytes(pattern(size))
            s3cmd(t, "put", "--multipart-chunk-size-mb=5", "--mime-type=text/x-one", "--add-header=x-amz-meta-colour:blue", up, f"s3://{bucket}/a dir/{size}")
            s3cmd(t, "get", "--force", f"s3://{bucket}/a dir/{size}", down)
            assert pathlib.Path(down).read_bytes() == pattern(size)
    head = t.s3.head_object(Bucket=bucket, Key="a dir/1000")
    assert head["ContentType"] == "text/x-one" and head["Metadata"]["colour"] == "blue"
    info = s3cmd(t, "info", f"s3://{bucket}/a dir/1000")
    assert "File size: 1000" in info and "colour" in info
    assert "us-east-1" in s3cmd(t, "info", f"s3://{bucket}")
    assert s3cmd(t, "ls", f"s3://{bucket}/a dir/").count("\n") == 3
    assert "3 objects" in s3cmd(t, "du", f"s3://{bucket}")
    s3cmd(t, "del", "--recursive", "--force", f"s3://{bucket}")
    s3cmd(t, "rb", f"s3://{bucket}")


def test_sync_mv_and_modify(t):
    bucket = t.bucket()
    with tempfile.TemporaryDirectory() as folder:
        for name in ["a", "b/c", "b/d e+&ä"]:
            path = pathlib.Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(name.encode())
        s3cmd(t, "sync", folder + "/", f"s3://{bucket}/tree/")
        assert t.keys(bucket) == ["tree/a", "tree/b/c", "tree/b/d e+&ä"]
        pathlib.Path(folder, "a").unlink()
        s3cmd(t, "sync", "--delete-removed", folder + "/", f"s3://{bucket}/tree/")
        assert t.keys(bucket) == ["tree/b/c", "tree/b/d e+&ä"]
        back = os.path.join(folder, "back") + "/"
        s3cmd(t, "sync", f"s3://{bucket}/tree/", back)
        assert pathlib.Path(back, "b/d e+&ä").read_bytes() == "b/d e+&ä".encode()
    s3cmd(t, "mv", f"s3://{bucket}/tree/b/c", f"s3://{bucket}/moved")
    s3cmd(t, "cp", f"s3://{bucket}/moved", f"s3://{bucket}/copy")
    s3cmd(t, "modify", "--add-header=Cache-Control:no-store", f"s3://{bucket}/copy")
    head = t.s3.head_object(Bucket=bucket, Key="copy")
    assert head["CacheControl"] == "no-store" and t.get(bucket, "copy") == b"b/c"


def test_uploads_are_listed_and_aborted(t):
    bucket = t.bucket()
    ident = t.s3.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
    etag = t.s3.upload_part(Bucket=bucket, Key="key", UploadId=ident, PartNumber=1, Body=b"part")["ETag"]
    assert ident in s3cmd(t, "multipart", f"s3://{bucket}")
    assert etag in s3cmd(t, "listmp", f"s3://{bucket}/key", ident)
    s3cmd(t, "abortmp", f"s3://{bucket}/key", ident)
    t.refused("NoSuchUpload", lambda: t.s3.list_parts(Bucket=bucket, Key="key", UploadId=ident))


def test_what_is_not_there(t):
    bucket = t.bucket()
    with tempfile.TemporaryDirectory() as folder:
        s3cmd(t, "get", f"s3://{bucket}/absent", os.path.join(folder, "down"), code=64)
    assert "NoSuchBucket" in s3cmd(t, "ls", f"s3://{t.name()}", code=12)
