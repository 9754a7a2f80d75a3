"""Sends presigned URLs of boto3 that must be refused. Prints one JSON object, case -> [status, code, message]. The first
argument is a key that exists, the second a key that doesn't."""

import datetime
import json
import os
import sys
import urllib.error
import urllib.request
import xml.etree.ElementTree

import boto3
import botocore.auth
from botocore.config import Config

BUCKET = os.environ["MATRIX_BUCKET"]
there, missing = sys.argv[1:]
told = {}


def client(**config):
    return boto3.client(
        "s3", endpoint_url=os.environ["MATRIX_ENDPOINT"], aws_access_key_id=os.environ["MATRIX_KEY"],
        aws_secret_access_key=os.environ["MATRIX_SECRET"], region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, **config))


def presigned(of, operation="get_object", key=there, expires=60, **more):
    return of.generate_presigned_url(operation, {"Bucket": BUCKET, "Key": key, **more}, ExpiresIn=expires)


def ask(case, url, method="GET"):
    body = b"forged" if method == "PUT" else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method)) as answer:
            told[case] = [answer.status, None, answer.read().decode()]
    except urllib.error.HTTPError as error:
        document = xml.etree.ElementTree.fromstring(error.read())
        told[case] = [error.code, document.findtext("Code"), document.findtext("Message")]


class AnHourAgo:
    """Makes boto3 sign with an old date."""

    def __enter__(self):
        self.now = botocore.auth.get_current_datetime
        botocore.auth.get_current_datetime = lambda *a, **k: self.now(*a, **k) - datetime.timedelta(hours=1)

    def __exit__(self, *_):
        botocore.auth.get_current_datetime = self.now


v2, v4 = client(signature_version="s3"), client(signature_version="s3v4")
ask("good", presigned(v4))

ask("v2 get", presigned(v2))
ask("v2 put", presigned(v2, "put_object", missing), "PUT")
url = presigned(client())
told["usual form"] = "v2" if "AWSAccessKeyId=" in url else "v4"

with AnHourAgo():
    ask("old and alive", presigned(v4, expires=7_200))
    ask("expired get", presigned(v4, expires=1))
    ask("expired put", presigned(v4, "put_object", missing, expires=1), "PUT")

ask("other key", presigned(v4).replace(f"/{there}?", f"/{there}-2?"))
ask("longer life", presigned(v4).replace("X-Amz-Expires=60", "X-Amz-Expires=600"))
ask("parameter added", presigned(v4) + "&response-content-type=text%2Fhtml")
ask("parameter changed", presigned(v4, ResponseContentType="text/plain").replace("text%2Fplain", "text%2Fhtml"))
ask("other method", presigned(v4), "DELETE")
ask("put to another key", presigned(v4, "put_object", missing).replace(f"/{missing}?", f"/{missing}-2?"), "PUT")
ask("get as put", presigned(v4, key=missing), "PUT")
print(json.dumps(told))
