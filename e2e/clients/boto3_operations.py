"""boto3, any version."""

import hashlib
import io
import urllib.error
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

from operations import BUCKET, ENDPOINT, KEY, LARGE, ODD, SECRET, SMALL, Lacking, key, run, same


def client(secret=SECRET, **config):
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}, **config)
    return boto3.client(
        "s3", endpoint_url=ENDPOINT, aws_access_key_id=KEY, aws_secret_access_key=secret,
        region_name="us-east-1", config=config)


s3 = client(signature_version="s3v4")
PARTS = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=2)


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        same(error.response["Error"]["Code"], code, "code")
        return
    raise AssertionError(f"not refused with {code}")


def body(name):
    return s3.get_object(Bucket=BUCKET, Key=key(name))["Body"].read()


def list_buckets():
    names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert BUCKET in names, names


def head_bucket():
    s3.head_bucket(Bucket=BUCKET)


def bucket_location():
    s3.get_bucket_location(Bucket=BUCKET)


def put_object():
    told = s3.put_object(Bucket=BUCKET, Key=key("small"), Body=SMALL, ContentType="text/x-matrix",
                         CacheControl="max-age=60", ContentDisposition="inline", Metadata={"color": "blue"})
    assert told["ETag"].startswith('"'), told


def put_empty():
    s3.put_object(Bucket=BUCKET, Key=key("empty"), Body=b"")
    same(body("empty"), b"")


def get_object():
    told = s3.get_object(Bucket=BUCKET, Key=key("small"))
    same(told["Body"].read(), SMALL)
    same(told["ContentLength"], len(SMALL), "length")


def head_object():
    told = s3.head_object(Bucket=BUCKET, Key=key("small"))
    same(told["ContentLength"], len(SMALL), "length")
    same(told["ContentType"], "text/x-matrix", "type")


def metadata():
    told = s3.head_object(Bucket=BUCKET, Key=key("small"))
    same(told["Metadata"], {"color": "blue"}, "metadata")
    same(told["CacheControl"], "max-age=60", "cache control")
    same(told["ContentDisposition"], "inline", "disposition")


def get_range():
    told = s3.get_object(Bucket=BUCKET, Key=key("small"), Range="bytes=2-6")
    same(told["Body"].read(), SMALL[2:7])
    same(told["ResponseMetadata"]["HTTPStatusCode"], 206, "status")
    same(s3.get_object(Bucket=BUCKET, Key=key("small"), Range="bytes=-5")["Body"].read(), SMALL[-5:])


def range_beyond_the_end():
    refused("InvalidRange", s3.get_object, Bucket=BUCKET, Key=key("small"), Range="bytes=999999-")


def response_overrides():
    told = s3.get_object(Bucket=BUCKET, Key=key("small"), ResponseContentType="text/other",
                         ResponseContentDisposition="attachment")
    same((told["ContentType"], told["ContentDisposition"]), ("text/other", "attachment"), "headers")


def conditional_get():
    etag = s3.head_object(Bucket=BUCKET, Key=key("small"))["ETag"]
    refused("304", s3.get_object, Bucket=BUCKET, Key=key("small"), IfNoneMatch=etag)
    refused("PreconditionFailed", s3.get_object, Bucket=BUCKET, Key=key("small"), IfMatch='"other"')


def put_if_absent():
    name = key("absent")
    try:
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"1", IfNoneMatch="*")
    except ParamValidationError as error:
        raise Lacking from error
    refused("PreconditionFailed", s3.put_object, Bucket=BUCKET, Key=name, Body=b"2", IfNoneMatch="*")
    same(body("absent"), b"1")


def odd_key():
    s3.put_object(Bucket=BUCKET, Key=key(ODD), Body=b"odd")
    same(body(ODD), b"odd")
    names = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=key("with"))["Contents"]]
    same(names, [key(ODD)], "listed")


def content_md5():
    import base64
    md5 = base64.b64encode(hashlib.md5(SMALL).digest()).decode()
    s3.put_object(Bucket=BUCKET, Key=key("md5"), Body=SMALL, ContentMD5=md5)
    refused("BadDigest", s3.put_object, Bucket=BUCKET, Key=key("md5wrong"), Body=b"other", ContentMD5=md5)
    refused("404", s3.head_object, Bucket=BUCKET, Key=key("md5wrong"))


def checksum_crc32():
    s3.put_object(Bucket=BUCKET, Key=key("crc"), Body=SMALL, ChecksumAlgorithm="CRC32")


def checksum_sha256():
    s3.put_object(Bucket=BUCKET, Key=key("sha"), Body=SMALL, ChecksumAlgorithm="SHA256")


def wrong_checksum():
    refused("BadDigest", s3.put_object, Bucket=BUCKET, Key=key("crcwrong"), Body=SMALL,
            ChecksumSHA256="47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
    refused("404", s3.head_object, Bucket=BUCKET, Key=key("crcwrong"))


def multipart_upload():
    s3.upload_fileobj(io.BytesIO(LARGE), BUCKET, key("large"), Config=PARTS)


def multipart_download():
    into = io.BytesIO()
    s3.download_fileobj(BUCKET, key("large"), into, Config=PARTS)
    same(into.getvalue(), LARGE)


def list_parts():
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key("parts"))["UploadId"]
    which = {"Bucket": BUCKET, "Key": key("parts"), "UploadId": upload}
    try:
        etag = s3.upload_part(**which, PartNumber=1, Body=LARGE[: 5 << 20])["ETag"]
        parts = s3.list_parts(**which)["Parts"]
        same([(part["PartNumber"], part["Size"]) for part in parts], [(1, 5 << 20)], "parts")
        s3.complete_multipart_upload(**which, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    except BaseException:
        s3.abort_multipart_upload(**which)
        raise
    same(body("parts"), LARGE[: 5 << 20])


def multipart_abort():
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key("aborted"))["UploadId"]
    which = {"Bucket": BUCKET, "Key": key("aborted"), "UploadId": upload}
    s3.upload_part(**which, PartNumber=1, Body=b"x" * (5 << 20))
    s3.abort_multipart_upload(**which)
    refused("404", s3.head_object, Bucket=BUCKET, Key=key("aborted"))


def list_uploads():
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key("listed-upload"))["UploadId"]
    try:
        told = s3.list_multipart_uploads(Bucket=BUCKET, Prefix=key("listed-upload"))
        same([item["Key"] for item in told["Uploads"]], [key("listed-upload")], "uploads")
    finally:
        s3.abort_multipart_upload(Bucket=BUCKET, Key=key("listed-upload"), UploadId=upload)


def object_tagging():
    which = {"Bucket": BUCKET, "Key": key("tagged")}
    s3.put_object(**which, Body=SMALL)
    s3.put_object_tagging(**which, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    same(s3.get_object_tagging(**which)["TagSet"], [{"Key": "a", "Value": "1"}], "set")
    s3.put_object_tagging(**which, Tagging={"TagSet": [{"Key": "b", "Value": "2"}]})
    same(s3.get_object_tagging(**which)["TagSet"], [{"Key": "b", "Value": "2"}], "replaced")
    s3.delete_object_tagging(**which)
    same(s3.get_object_tagging(**which)["TagSet"], [], "taken away")
    same(body("tagged"), SMALL)


def put_with_tags():
    which = {"Bucket": BUCKET, "Key": key("tagged-along")}
    s3.put_object(**which, Body=SMALL, Tagging="a=1")
    same(s3.get_object_tagging(**which)["TagSet"], [{"Key": "a", "Value": "1"}], "stored along")


def kept_checksum():
    s3.put_object(Bucket=BUCKET, Key=key("kept"), Body=SMALL, ChecksumAlgorithm="SHA256")
    told = s3.head_object(Bucket=BUCKET, Key=key("kept"), ChecksumMode="ENABLED")
    import base64
    same(told.get("ChecksumSHA256"), base64.b64encode(hashlib.sha256(SMALL).digest()).decode(), "checksum")


def upload_part_copy():
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key("pieced"))["UploadId"]
    which = {"Bucket": BUCKET, "Key": key("pieced"), "UploadId": upload}
    try:
        told = s3.upload_part_copy(**which, PartNumber=1, CopySource={"Bucket": BUCKET, "Key": key("small")},
                                   CopySourceRange="bytes=0-99")
        parts = [{"PartNumber": 1, "ETag": told["CopyPartResult"]["ETag"]}]
        s3.complete_multipart_upload(**which, MultipartUpload={"Parts": parts})
    except BaseException:
        s3.abort_multipart_upload(**which)
        raise
    same(body("pieced"), SMALL[:100])


def copy_object():
    s3.copy_object(Bucket=BUCKET, Key=key("copy"), CopySource={"Bucket": BUCKET, "Key": key("small")})
    same(body("copy"), SMALL)
    same(s3.head_object(Bucket=BUCKET, Key=key("copy"))["Metadata"], {"color": "blue"}, "metadata")


def copy_with_new_metadata():
    s3.copy_object(Bucket=BUCKET, Key=key("copy2"), CopySource={"Bucket": BUCKET, "Key": key("small")},
                   MetadataDirective="REPLACE", Metadata={"color": "red"})
    same(s3.head_object(Bucket=BUCKET, Key=key("copy2"))["Metadata"], {"color": "red"}, "metadata")


def object_attributes():
    told = s3.get_object_attributes(Bucket=BUCKET, Key=key("small"), ObjectAttributes=["ETag", "ObjectSize"])
    same(told["ObjectSize"], len(SMALL), "size")


def list_objects():
    for name in ["l/a", "l/b/1", "l/b/2", "l/c"]:
        s3.put_object(Bucket=BUCKET, Key=key(name), Body=b"x")
    told = s3.list_objects(Bucket=BUCKET, Prefix=key("l/"))
    same([item["Key"] for item in told["Contents"]], [key(name) for name in ["l/a", "l/b/1", "l/b/2", "l/c"]], "v1")
    told = s3.list_objects_v2(Bucket=BUCKET, Prefix=key("l/"), Delimiter="/")
    same([item["Key"] for item in told["Contents"]], [key("l/a"), key("l/c")], "v2")
    same([item["Prefix"] for item in told["CommonPrefixes"]], [key("l/b/")], "prefixes")


def list_pages():
    names = []
    for page in s3.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=key("l/"), PaginationConfig={"PageSize": 1}):
        names += [item["Key"] for item in page.get("Contents", [])]
    same(names, [key(name) for name in ["l/a", "l/b/1", "l/b/2", "l/c"]], "pages")
    told = s3.list_objects_v2(Bucket=BUCKET, Prefix=key("l/"), StartAfter=key("l/b/1"))
    same([item["Key"] for item in told["Contents"]], [key("l/b/2"), key("l/c")], "start after")


def list_versions():
    told = s3.list_object_versions(Bucket=BUCKET, Prefix=key("l/"))
    same([item["Key"] for item in told["Versions"]], [key(name) for name in ["l/a", "l/b/1", "l/b/2", "l/c"]], "versions")


def presigned_get():
    url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": key("small")}, ExpiresIn=60)
    with urllib.request.urlopen(url) as answer:
        same(answer.read(), SMALL)


def presigned_put():
    url = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": key("presigned")}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(url, data=b"presigned", method="PUT")).close()
    same(body("presigned"), b"presigned")


def post(posted, content, **fields):
    """Sends a form as a browser does. Returns the status, or the code of the error."""
    boundary = "----MatrixFormBoundary"
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
             for name, value in (posted["fields"] | fields).items()]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="cat.jpg"\r\n\r\n')
    body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(
        posted["url"], data=body, headers={"Content-Type": f"multipart/form-data; boundary={boundary}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.read().decode().split("<Code>")[1].split("</Code>")[0]


def presigned_post():
    posted = s3.generate_presigned_post(
        BUCKET, key("posted/${filename}"), Fields={"acl": "private", "Content-Type": "image/jpeg"},
        Conditions=[{"acl": "private"}, ["starts-with", "$Content-Type", "image/"],
                    ["content-length-range", 1, len(SMALL)]],
        ExpiresIn=60)
    same(post(posted, SMALL), 204, "status")
    same(body("posted/cat.jpg"), SMALL)
    same(s3.head_object(Bucket=BUCKET, Key=key("posted/cat.jpg"))["ContentType"], "image/jpeg", "type")
    same(post(posted, SMALL + b"x"), "EntityTooLarge", "code")
    same(post(posted, SMALL, **{"x-amz-meta-a": "1"}), "AccessDenied", "code")
    same(post(posted, SMALL, key=key("elsewhere")), "AccessDenied", "code")
    same(post(posted, SMALL, **{"x-amz-signature": "0" * 64}), "SignatureDoesNotMatch", "code")


def presigned_post_of_a_large_file():
    posted = s3.generate_presigned_post(
        BUCKET, key("posted/large"), Fields={"success_action_status": "201"},
        Conditions=[{"success_action_status": "201"}], ExpiresIn=60)
    same(post(posted, LARGE), 201, "status")
    same(body("posted/large"), LARGE)


def missing_object():
    refused("NoSuchKey", s3.get_object, Bucket=BUCKET, Key=key("none"))
    refused("404", s3.head_object, Bucket=BUCKET, Key=key("none"))


def missing_bucket():
    refused("NoSuchBucket", s3.list_objects_v2, Bucket="there-is-no-such-bucket")


def wrong_secret():
    refused("SignatureDoesNotMatch", client("wrong", signature_version="s3v4").get_object, Bucket=BUCKET, Key=key("small"))


def delete_object():
    s3.delete_object(Bucket=BUCKET, Key=key("copy"))
    refused("404", s3.head_object, Bucket=BUCKET, Key=key("copy"))
    s3.delete_object(Bucket=BUCKET, Key=key("copy"))


def delete_objects():
    names = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=key("l/"))["Contents"]]
    told = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": name} for name in names]})
    same(sorted(item["Key"] for item in told["Deleted"]), names, "deleted")
    same(s3.list_objects_v2(Bucket=BUCKET, Prefix=key("l/")).get("KeyCount"), 0, "left")


run([list_buckets, head_bucket, bucket_location, put_object, put_empty, get_object, head_object, metadata, get_range,
     range_beyond_the_end, response_overrides, conditional_get, put_if_absent, odd_key, content_md5, checksum_crc32,
     checksum_sha256, wrong_checksum, multipart_upload, multipart_download, list_parts, multipart_abort, list_uploads,
     object_tagging, put_with_tags, kept_checksum, upload_part_copy, copy_object, copy_with_new_metadata,
     object_attributes, list_objects, list_pages, list_versions, presigned_get, presigned_put,
     presigned_post, presigned_post_of_a_large_file, missing_object,
     missing_bucket, wrong_secret, delete_object, delete_objects])
