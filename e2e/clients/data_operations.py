"""Clients of data tools and backup programs: pyarrow (AWS SDK for C++), duckdb, polars, s3fs, awscrt, minio, litestream,
restic. The first argument names one. Each writes, reads, lists and deletes as its users do."""

import io
import os
import shutil
import sqlite3
import subprocess
import sys

from operations import BUCKET, ENDPOINT, KEY, LARGE, ROOM, SECRET, SMALL, key, path, read, run, same, write

HOST = ENDPOINT.removeprefix("http://")
for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
    os.environ.pop(proxy, None)
os.environ.update(NO_PROXY="*", AWS_EC2_METADATA_DISABLED="true", HOME=ROOM, AWS_ACCESS_KEY_ID=KEY,
                  AWS_SECRET_ACCESS_KEY=SECRET, AWS_DEFAULT_REGION="us-east-1")
ROWS = {"id": list(range(1000)), "name": [f"row {number}" for number in range(1000)]}
FULL = f"{BUCKET}/{key('')}"  # with a slash at its end


def pyarrow():
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq
    from pyarrow import fs
    s3 = fs.S3FileSystem(access_key=KEY, secret_key=SECRET, endpoint_override=HOST, scheme="http", region="us-east-1")

    def put_object():
        with s3.open_output_stream(FULL + "small") as file:
            file.write(SMALL)

    def get_object():
        with s3.open_input_stream(FULL + "small") as file:
            same(file.read(), SMALL)

    def head_object():
        same(s3.get_file_info(FULL + "small").size, len(SMALL), "size")

    def missing_object():
        same(s3.get_file_info(FULL + "none").type, fs.FileType.NotFound, "type")

    def multipart_upload():
        with s3.open_output_stream(FULL + "large") as file:
            file.write(LARGE)

    def multipart_download():
        with s3.open_input_file(FULL + "large") as file:
            same(file.read_at(100, 6 * 1024 * 1024), LARGE[6 * 1024 * 1024:][:100], "range")
            same(file.read(), LARGE)

    def copy_object():
        s3.copy_file(FULL + "small", FULL + "copy")
        same(s3.get_file_info(FULL + "copy").size, len(SMALL), "size")

    def list_objects():
        found = s3.get_file_info(fs.FileSelector(FULL.rstrip("/"), recursive=True))
        assert FULL + "copy" in [entry.path for entry in found], found

    def parquet():
        pq.write_table(pa.table(ROWS), FULL + "table.parquet", filesystem=s3)
        same(pq.read_table(FULL + "table.parquet", columns=["id"], filesystem=s3).num_rows, 1000, "rows")

    def dataset():
        ds.write_dataset(pa.table(ROWS), FULL + "set", format="parquet", filesystem=s3, max_rows_per_file=400,
                         max_rows_per_group=400)
        same(ds.dataset(FULL + "set", format="parquet", filesystem=s3).count_rows(), 1000, "rows")

    def delete_object():
        s3.delete_file(FULL + "copy")
        same(s3.get_file_info(FULL + "copy").type, fs.FileType.NotFound, "type")

    def delete_objects():
        s3.delete_dir_contents(FULL + "set")

    return [put_object, get_object, head_object, missing_object, multipart_upload, multipart_download, copy_object,
            list_objects, parquet, dataset, delete_object, delete_objects]


def duckdb():
    import duckdb as engine
    import duckdb_extension_httpfs
    extension = os.path.join(os.path.dirname(duckdb_extension_httpfs.__file__), "extensions", f"v{engine.__version__}",
                             "httpfs.duckdb_extension")
    base = engine.connect()
    base.execute(f"LOAD '{extension}'")
    base.execute(f"CREATE SECRET (TYPE s3, KEY_ID '{KEY}', SECRET '{SECRET}', ENDPOINT '{HOST}', URL_STYLE 'path', "
                 "USE_SSL false, REGION 'us-east-1')")

    def parquet():
        base.execute(f"COPY (SELECT range AS id FROM range(1000)) TO 's3://{FULL}duck.parquet'")
        same(base.execute(f"SELECT sum(id) FROM 's3://{FULL}duck.parquet'").fetchone()[0], 499500, "sum")

    def csv():
        base.execute(f"COPY (SELECT range AS id FROM range(1000)) TO 's3://{FULL}duck.csv'")
        same(base.execute(f"SELECT count(*) FROM 's3://{FULL}duck.csv'").fetchone()[0], 1000, "rows")

    def multipart_upload():
        base.execute(f"COPY (SELECT md5(range::VARCHAR) AS id FROM range(600000)) TO 's3://{FULL}large.csv'")
        same(base.execute(f"SELECT count(*) FROM 's3://{FULL}large.csv'").fetchone()[0], 600000, "rows")

    def partitions():
        base.execute(f"COPY (SELECT range AS id, range % 4 AS part FROM range(1000)) TO 's3://{FULL}parts' "
                     "(FORMAT parquet, PARTITION_BY (part))")
        rows = base.execute(f"SELECT count(*) FROM read_parquet('s3://{FULL}parts/*/*.parquet')").fetchone()[0]
        same(rows, 1000, "rows")

    def list_objects():
        names = base.execute(f"SELECT file FROM glob('s3://{FULL}duck.*')").fetchall()
        same(len(names), 2, "names")

    def missing_object():
        try:
            base.execute(f"SELECT * FROM 's3://{FULL}none.parquet'")
        except engine.Error:
            return
        raise AssertionError("a missing object can be read")

    return [parquet, csv, multipart_upload, partitions, list_objects, missing_object]


def polars():
    import polars as pl
    options = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "aws_endpoint_url": ENDPOINT,
               "aws_region": "us-east-1", "aws_allow_http": "true"}

    def parquet():
        pl.DataFrame(ROWS).write_parquet(f"s3://{FULL}polars/a.parquet", storage_options=options)
        same(pl.read_parquet(f"s3://{FULL}polars/a.parquet", storage_options=options).height, 1000, "rows")

    def csv():
        pl.DataFrame(ROWS).write_csv(f"s3://{FULL}polars.csv", storage_options=options)
        same(pl.scan_csv(f"s3://{FULL}polars.csv", storage_options=options).collect().height, 1000, "rows")

    def multipart_upload():
        frame = pl.DataFrame({"id": [os.urandom(16).hex() for _ in range(400000)]})
        frame.write_parquet(f"s3://{FULL}large.parquet", storage_options=options, compression="uncompressed")
        same(pl.read_parquet(f"s3://{FULL}large.parquet", storage_options=options).height, 400000, "rows")

    def list_objects():
        same(pl.scan_parquet(f"s3://{FULL}polars/*.parquet", storage_options=options).collect().height, 1000, "rows")

    def missing_object():
        try:
            pl.read_parquet(f"s3://{FULL}none.parquet", storage_options=options)
        except Exception:  # its type differs between versions
            return
        raise AssertionError("a missing object can be read")

    return [parquet, csv, multipart_upload, list_objects, missing_object]


def s3fs():
    import s3fs as client
    s3 = client.S3FileSystem(key=KEY, secret=SECRET, endpoint_url=ENDPOINT, use_listings_cache=False,
                             config_kwargs={"s3": {"addressing_style": "path"}})

    def list_buckets():
        assert BUCKET in s3.ls("")

    def put_object():
        s3.pipe(FULL + "small", SMALL)

    def get_object():
        same(s3.cat(FULL + "small"), SMALL)

    def head_object():
        same(s3.info(FULL + "small")["size"], len(SMALL), "size")

    def missing_object():
        assert not s3.exists(FULL + "none")

    def multipart_upload():
        with s3.open(FULL + "large", "wb", block_size=5 * 1024 * 1024) as file:
            file.write(LARGE)

    def multipart_download():
        with s3.open(FULL + "large", "rb") as file:
            file.seek(6 * 1024 * 1024)
            same(file.read(100), LARGE[6 * 1024 * 1024:][:100], "range")

    def append():
        with s3.open(FULL + "small", "ab") as file:
            file.write(b"more")
        same(s3.cat(FULL + "small"), SMALL + b"more")

    def copy_object():
        s3.copy(FULL + "small", FULL + "copy")
        assert s3.exists(FULL + "copy")

    def list_objects():
        same(sorted(s3.find(FULL.rstrip("/"))), sorted(FULL + name for name in ("small", "large", "copy")), "names")

    def walk():
        s3.pipe(FULL + "tree/sub/a", SMALL)
        same([entry[1] for entry in s3.walk(FULL + "tree")], [["sub"], []], "folders")

    def delete_object():
        s3.rm(FULL + "copy")
        assert not s3.exists(FULL + "copy")

    def delete_objects():
        s3.rm(FULL + "tree", recursive=True)
        # Not the folder: SeaweedFS lists an empty one for a while.
        assert not s3.exists(FULL + "tree/sub/a")

    return [list_buckets, put_object, get_object, head_object, missing_object, multipart_upload, multipart_download,
            append, copy_object, list_objects, walk, delete_object, delete_objects]


def awscrt():
    from awscrt.auth import AwsCredentialsProvider
    from awscrt.http import HttpHeaders, HttpRequest
    from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup
    from awscrt.s3 import (S3ChecksumAlgorithm, S3ChecksumConfig, S3ChecksumLocation, S3Client, S3RequestTlsMode,
                           S3RequestType)
    group = EventLoopGroup(1)
    client = S3Client(bootstrap=ClientBootstrap(group, DefaultHostResolver(group)), region="us-east-1",
                      credential_provider=AwsCredentialsProvider.new_static(KEY, SECRET),
                      part_size=5 * 1024 * 1024, tls_mode=S3RequestTlsMode.DISABLED)

    def send(kind, method, name, content=None, **more):
        headers = HttpHeaders([("host", HOST)])
        if content is not None:
            headers.add("content-length", str(len(content)))
        request = HttpRequest(method, f"/{BUCKET}/{key(name)}", headers, io.BytesIO(content) if content else None)
        got = bytearray(len(LARGE) + 100)
        size = [0]

        def body(chunk, offset, **_):
            got[offset:offset + len(chunk)] = chunk
            size[0] = max(size[0], offset + len(chunk))
        client.make_request(request=request, type=kind, on_body=body, **more).finished_future.result(60)
        return bytes(got[:size[0]])

    checksum = S3ChecksumConfig(algorithm=S3ChecksumAlgorithm.CRC32C, location=S3ChecksumLocation.TRAILER)

    def put_object():
        send(S3RequestType.PUT_OBJECT, "PUT", "small", SMALL)

    def put_with_checksum():
        send(S3RequestType.PUT_OBJECT, "PUT", "summed", SMALL, checksum_config=checksum)

    def get_object():
        same(send(S3RequestType.GET_OBJECT, "GET", "small"), SMALL)

    def multipart_upload():
        send(S3RequestType.PUT_OBJECT, "PUT", "large", LARGE)

    def multipart_upload_with_checksums():
        send(S3RequestType.PUT_OBJECT, "PUT", "large-summed", LARGE, checksum_config=checksum)

    def multipart_download():
        same(send(S3RequestType.GET_OBJECT, "GET", "large"), LARGE)

    return [put_object, put_with_checksum, get_object, multipart_upload, multipart_upload_with_checksums,
            multipart_download]


def minio():
    from minio import Minio
    from minio.commonconfig import CopySource
    from minio.deleteobjects import DeleteObject
    from minio.error import S3Error
    client = Minio(HOST, access_key=KEY, secret_key=SECRET, secure=False, region="us-east-1")

    def list_buckets():
        assert BUCKET in [bucket.name for bucket in client.list_buckets()]

    def bucket_exists():
        assert client.bucket_exists(BUCKET)

    def put_object():
        client.put_object(BUCKET, key("small"), io.BytesIO(SMALL), len(SMALL), metadata={"colour": "blue"})

    def get_object():
        with client.get_object(BUCKET, key("small")) as response:
            same(response.read(), SMALL)

    def head_object():
        found = client.stat_object(BUCKET, key("small"))
        same(found.metadata["x-amz-meta-colour"], "blue", "metadata")

    def missing_object():
        try:
            client.stat_object(BUCKET, key("none"))
        except S3Error as error:
            return same(error.code, "NoSuchKey", "code")
        raise AssertionError("a missing object is found")

    def multipart_upload():
        client.put_object(BUCKET, key("large"), io.BytesIO(LARGE), -1, part_size=5 * 1024 * 1024)

    def multipart_download():
        with client.get_object(BUCKET, key("large"), offset=6 * 1024 * 1024, length=100) as response:
            same(response.read(), LARGE[6 * 1024 * 1024:][:100], "range")

    def presigned():
        import urllib.request
        with urllib.request.urlopen(client.presigned_get_object(BUCKET, key("small"))) as response:
            same(response.read(), SMALL)

    def copy_object():
        client.copy_object(BUCKET, key("copy"), CopySource(BUCKET, key("small")))

    def list_objects():
        names = [item.object_name for item in client.list_objects(BUCKET, prefix=key(""), recursive=True)]
        same(sorted(names), sorted(key(name) for name in ("small", "large", "copy")), "names")

    def delete_object():
        client.remove_object(BUCKET, key("copy"))

    def delete_objects():
        errors = client.remove_objects(BUCKET, [DeleteObject(key("small")), DeleteObject(key("large"))])
        same(list(errors), [], "errors")

    return [list_buckets, bucket_exists, put_object, get_object, head_object, missing_object, multipart_upload,
            multipart_download, presigned, copy_object, list_objects, delete_object, delete_objects]


def call(*command, **environment):
    done = subprocess.run(command, env={**os.environ, **environment}, cwd=ROOM, capture_output=True, timeout=120)
    if done.returncode != 0:
        said = (done.stdout[-300:] + done.stderr[-600:]).decode(errors="replace")
        raise AssertionError(f"exit {done.returncode}: {said}")
    return done.stdout.decode()


def litestream():
    program = os.path.join(os.path.dirname(sys.executable), "litestream")
    write("litestream.yml", f"""dbs:
  - path: {path("app.db")}
    replicas:
      - type: s3
        bucket: {BUCKET}
        path: {key("litestream")}
        endpoint: {ENDPOINT}
        region: us-east-1
        force-path-style: true
        access-key-id: {KEY}
        secret-access-key: {SECRET}
""".encode())

    def fill(number):
        database = sqlite3.connect(path("app.db"))
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
        database.executemany("INSERT INTO notes VALUES (?)", [(f"note {n}",) for n in range(number)])
        database.commit()
        database.close()

    def replicate():
        fill(1000)
        call(program, "replicate", "-config", path("litestream.yml"), "-once")

    def replicate_again():
        fill(500)
        call(program, "replicate", "-config", path("litestream.yml"), "-once")

    def restore():
        call(program, "restore", "-config", path("litestream.yml"), "-o", path("back.db"), path("app.db"))
        same(sqlite3.connect(path("back.db")).execute("SELECT count(*) FROM notes").fetchone()[0], 1500, "rows")

    return [replicate, replicate_again, restore]


def restic():
    if not shutil.which("restic"):
        return []  # counted as not installed
    repository = {"RESTIC_REPOSITORY": f"s3:{ENDPOINT}/{FULL}restic", "RESTIC_PASSWORD": "backup",
                  "RESTIC_CACHE_DIR": path("cache")}

    def restic_call(*arguments):
        return call("restic", "--quiet", *arguments, **repository)

    def init():
        restic_call("init")

    def backup():
        write("files/small", SMALL)
        write("files/large", LARGE)
        restic_call("backup", path("files"))

    def check():
        restic_call("check", "--read-data")

    def restore():
        restic_call("restore", "latest", "--target", path("restored"))
        same(read(os.path.join("restored", path("files/large").lstrip("/"))), LARGE)

    def prune():
        os.remove(path("files/large"))
        restic_call("backup", path("files"))
        restic_call("forget", "--keep-last", "1", "--prune")
        restic_call("check")

    return [init, backup, check, restore, prune]


clients = {"pyarrow": pyarrow, "duckdb": duckdb, "polars": polars, "s3fs": s3fs, "awscrt": awscrt, "minio-py": minio,
           "litestream": litestream, "restic": restic}
run(clients[sys.argv[1]]())
