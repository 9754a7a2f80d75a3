"""Uses boto3 and prints what it sent and received as one JSON object, to compare it with a gateway's statistics."""

import json
import os
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET = os.environ["MATRIX_BUCKET"]
READS = {"GetObject", "HeadObject"}
LISTS = {"ListObjects", "ListObjectsV2", "ListMultipartUploads", "ListParts"}
OTHERS = {"HeadBucket", "GetBucketLocation"}
FIGURES = ["requests", "errors", "reads", "writes", "lists", "uploaded", "downloaded", "stored"]
told = dict.fromkeys(FIGURES, 0)

s3 = boto3.client(
    "s3", endpoint_url=os.environ["MATRIX_ENDPOINT"], aws_access_key_id=os.environ["MATRIX_KEY"],
    aws_secret_access_key=os.environ["MATRIX_SECRET"], region_name="us-east-1",
    config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, signature_version="s3v4"))


def sent(request, event_name, **_):
    operation = event_name.rsplit(".", 1)[1]
    told["requests"] += 1
    kind = "reads" if operation in READS else "lists" if operation in LISTS else None if operation in OTHERS else "writes"
    if kind:
        told[kind] += 1
    headers = request.headers
    told["uploaded"] += int(headers.get("X-Amz-Decoded-Content-Length") or headers.get("Content-Length") or 0)


def received(response_dict, **_):
    if response_dict is None:
        return
    told["errors"] += response_dict["status_code"] >= 400
    if isinstance(response_dict["body"], bytes):
        told["downloaded"] += len(response_dict["body"])


s3.meta.events.register("before-send.s3", sent)
s3.meta.events.register("response-received.s3", received)


def read(name, **more):
    body = s3.get_object(Bucket=BUCKET, Key=name, **more)["Body"].read()
    told["downloaded"] += len(body)
    return body


def refused(code, call, **arguments):
    try:
        call(Bucket=BUCKET, **arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
    else:
        raise AssertionError(f"not refused with {code}")


put = lambda name, size: s3.put_object(Bucket=BUCKET, Key=name, Body=b"x" * size)

s3.head_bucket(Bucket=BUCKET)
put("a", 10_000)
put("folder/b", 777)
put("empty", 0)
put("a", 4_000)                        # smaller than before
put("folder/b", 1_777)                 # larger than before
assert len(read("a")) == 4_000
assert len(read("a", Range="bytes=100-299")) == 200
s3.head_object(Bucket=BUCKET, Key="folder/b")
s3.list_objects_v2(Bucket=BUCKET)
s3.list_objects(Bucket=BUCKET, Prefix="folder/")
s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "folder/b"})
refused("NoSuchKey", s3.get_object, Key="there-is-none")
refused("404", s3.head_object, Key="there-is-none")
refused("BadDigest", s3.put_object, Key="damaged", Body=b"damaged", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
s3.upload_file(
    sys.argv[0], BUCKET, "whole", Config=TransferConfig(multipart_threshold=1 << 30, use_threads=False))
if sys.argv[1:] == ["without multipart"]:  # not supported by the Google emulator
    refused("InvalidRequest", s3.create_multipart_upload, Key="parts")
    put("parts", (5 << 20) + 3_000)
else:
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    which = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload}
    parts = [{"PartNumber": number, "ETag": s3.upload_part(**which, PartNumber=number, Body=b"p" * size)["ETag"]}
             for number, size in [(1, 5 << 20), (2, 3_000)]]
    s3.complete_multipart_upload(**which, MultipartUpload={"Parts": parts})
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="given-up")["UploadId"]
    s3.upload_part(Bucket=BUCKET, Key="given-up", UploadId=upload, PartNumber=1, Body=b"g" * 1_000)
    s3.abort_multipart_upload(Bucket=BUCKET, Key="given-up", UploadId=upload)
put("c", 60)
put("d", 70)
s3.delete_object(Bucket=BUCKET, Key="empty")
s3.delete_object(Bucket=BUCKET, Key="copy")
s3.delete_object(Bucket=BUCKET, Key="was-never-there")
s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "c"}, {"Key": "d"}, {"Key": "none"}]})
listed = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
sizes = {item["Key"]: item["Size"] for item in listed}
wanted = {"a": 4_000, "folder/b": 1_777, "parts": (5 << 20) + 3_000, "whole": os.path.getsize(sys.argv[0])}
assert sizes == wanted, sizes
told["stored"] = sum(wanted.values())
print(json.dumps(told))
