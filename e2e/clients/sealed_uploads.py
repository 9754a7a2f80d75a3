"""Does one step of a multipart upload through the gateway and prints the upload ids that the client received.

arguments: begin KEY | list KEY | part KEY ID NUMBER | complete KEY ID"""

import json
import os
import sys

import boto3
from botocore.config import Config

BUCKET = os.environ["MATRIX_BUCKET"]
client = boto3.client(
    "s3", endpoint_url=os.environ["MATRIX_ENDPOINT"], region_name="us-east-1",
    aws_access_key_id=os.environ["MATRIX_KEY"], aws_secret_access_key=os.environ["MATRIX_SECRET"],
    config=Config(s3={"addressing_style": "path"}),
)
step, key, *rest = sys.argv[1:]
place = {"Bucket": BUCKET, "Key": key}
if step == "begin":
    told = [client.create_multipart_upload(**place)["UploadId"]]
elif step == "list":
    listed = client.list_multipart_uploads(Bucket=BUCKET, Prefix=key)
    told = [one["UploadId"] for one in listed.get("Uploads", [])]
elif step == "part":
    upload, number = rest
    client.upload_part(**place, UploadId=upload, PartNumber=int(number), Body=b"x" * (5 << 20))
    told = [client.list_parts(**place, UploadId=upload)["UploadId"]]
else:
    (upload,) = rest
    parts = client.list_parts(**place, UploadId=upload)["Parts"]
    parts = [{"PartNumber": one["PartNumber"], "ETag": one["ETag"]} for one in parts]
    client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})
    told = [str(client.head_object(**place)["ContentLength"])]
print(json.dumps(told))
