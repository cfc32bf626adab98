"""Tables in parquet files: DuckDB and pyarrow write, read and list them. Both speak S3 with clients of their own."""

import glob
import os
import urllib.parse

import duckdb
import duckdb_ext
import pyarrow
import pyarrow.fs
import pyarrow.parquet

ROWS = 300_000


def duck(t):
    """A DuckDB that reads s3:// addresses. Its extension comes as a package; by default it is downloaded."""
    [httpfs] = glob.glob(os.path.join(next(iter(duckdb_ext.__path__)), "extensions/*/*/httpfs.duckdb_extension"))
    db = duckdb.connect(config={"autoinstall_known_extensions": False})
    db.execute(f"LOAD '{httpfs}'")
    if t.secure:
        db.execute(f"SET ca_cert_file = '{os.environ['AWS_CA_BUNDLE']}'")
        db.execute("SET enable_server_cert_verification = true")
    db.execute(f"""CREATE SECRET zas (TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}', SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
        REGION 'us-east-1', ENDPOINT '{urllib.parse.urlsplit(t.endpoint).netloc}', URL_STYLE 'path', USE_SSL {t.secure})""")
    return db


def arrow(t, **more):
    where = urllib.parse.urlsplit(t.endpoint)
    return pyarrow.fs.S3FileSystem(region="us-east-1", scheme=where.scheme, endpoint_override=where.netloc,
                                   tls_ca_file_path=os.environ.get("AWS_CA_BUNDLE"), **more)


def test_duckdb_writes_and_reads_a_table(t):
    bucket, db = t.bucket(), duck(t)
    db.execute(f"COPY (SELECT i, i * i AS square, 'text ' || i AS text FROM range({ROWS * 5}) r(i)) TO 's3://{bucket}/a dir/t.parquet'")
    assert t.s3.head_object(Bucket=bucket, Key="a dir/t.parquet")["ContentLength"] > 10 << 20, "too small for parts"
    count, total = db.execute(f"SELECT count(*), sum(i) FROM 's3://{bucket}/a dir/t.parquet'").fetchone()
    assert (count, total) == (ROWS * 5, ROWS * 5 * (ROWS * 5 - 1) // 2)
    row = db.execute(f"SELECT square, text FROM 's3://{bucket}/a dir/*.parquet' WHERE i = 1234").fetchone()
    assert row == (1234 * 1234, "text 1234")


def test_duckdb_finds_partitions_by_listing(t):
    bucket, db = t.bucket(), duck(t)
    db.execute(f"COPY (SELECT i, i % 3 AS part FROM range(3000) r(i)) TO 's3://{bucket}/parts' (FORMAT parquet, PARTITION_BY part)")
    found = db.execute(f"SELECT part, count(*) FROM read_parquet('s3://{bucket}/parts/*/*.parquet') GROUP BY part ORDER BY part").fetchall()
    assert found == [(0, 1000), (1, 1000), (2, 1000)]


def test_duckdb_says_what_is_missing(t):
    bucket, db = t.bucket(), duck(t)
    try:
        db.execute(f"SELECT * FROM 's3://{bucket}/absent.parquet'")
    except duckdb.Error as error:
        assert "404" in str(error), error
    else:
        raise AssertionError("read what is not there")


def test_pyarrow_writes_and_reads_a_table(t):
    bucket, fs = t.bucket(), arrow(t)
    table = pyarrow.table({"i": list(range(ROWS)), "text": [f"text {i}" for i in range(ROWS)]})
    pyarrow.parquet.write_table(table, f"{bucket}/one/t.parquet", filesystem=fs)
    assert pyarrow.parquet.read_table(f"{bucket}/one/t.parquet", filesystem=fs).equals(table)
    pyarrow.parquet.write_to_dataset(table.append_column("p", pyarrow.array([i % 2 for i in range(ROWS)])), f"{bucket}/many", ["p"], filesystem=fs)
    assert pyarrow.parquet.read_table(f"{bucket}/many", filesystem=fs, filters=[("p", "=", 1)]).num_rows == ROWS // 2
    column = pyarrow.parquet.read_table(f"{bucket}/one/t.parquet", filesystem=fs, columns=["i"])
    assert column["i"][ROWS - 1].as_py() == ROWS - 1


def test_pyarrow_handles_files_and_folders(t):
    bucket, fs = t.bucket(), arrow(t)
    with fs.open_output_stream(f"{bucket}/dir/big", metadata={"Content-Type": "text/x-one"}) as out:
        for part in range(12):
            out.write(bytes([part]) * (1 << 20))
    assert t.s3.head_object(Bucket=bucket, Key="dir/big")["ContentType"] == "text/x-one"
    with fs.open_input_file(f"{bucket}/dir/big") as file:
        file.seek(5 << 20)
        assert file.size() == 12 << 20 and file.read(2) == b"\x05\x05"
    fs.copy_file(f"{bucket}/dir/big", f"{bucket}/dir/copy")
    fs.move(f"{bucket}/dir/copy", f"{bucket}/moved")
    fs.create_dir(f"{bucket}/empty")
    found = {i.path.removeprefix(bucket + "/"): i.type.name for i in fs.get_file_info(pyarrow.fs.FileSelector(bucket, recursive=True))}
    assert found == {"dir": "Directory", "dir/big": "File", "moved": "File", "empty": "Directory"}, found
    fs.delete_dir(f"{bucket}/dir")
    assert fs.get_file_info(f"{bucket}/dir/big").type.name == "NotFound" and t.keys(bucket) == ["empty/", "moved"]
