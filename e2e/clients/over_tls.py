"""What people do through TLS or a reverse proxy: S3 with boto3, a sign-in at the dashboard, and a live page.

Takes JSON: `site` (URL of the dashboard and the API), `gateway`, `authorities` (PEM file), `email`, `password`, `key`,
`secret`, `bucket`, `bucketId`, `prefix`. Every host name is taken for this machine. Prints JSON: what was seen.
"""

import http.client
import json
import socket
import ssl
import sys
import time
import urllib.parse

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

given = json.loads(sys.argv[1])
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, port, *rest, **more: resolve("127.0.0.1", port, *rest, **more)
site = urllib.parse.urlsplit(given["site"])
context = ssl.create_default_context(cafile=given["authorities"])
PATIENCE = 60


def call(method, path, headers=None, body=None):
    """Sends a request on its own connection. The caller reads the response."""
    if site.scheme == "https":
        connection = http.client.HTTPSConnection(site.hostname, site.port, context=context, timeout=PATIENCE)
    else:
        connection = http.client.HTTPConnection(site.hostname, site.port, timeout=PATIENCE)
    connection.request(method, site.path.rstrip("/") + path, body=body, headers=headers or {})
    return connection.getresponse()


def s3():
    client = boto3.client(
        "s3", endpoint_url=given["gateway"], aws_access_key_id=given["key"], aws_secret_access_key=given["secret"],
        region_name="us-east-1", verify=given["authorities"],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}),
    )
    bucket, seen = given["bucket"], {}
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            client.list_buckets()
            break
        except ClientError as error:
            # A key reaches the gateway soon after it was made.
            if error.response["Error"]["Code"] != "InvalidAccessKeyId" or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    # Names that a proxy must not tidy up, since they are signed.
    odd = ["a space+plus.txt", "ünïcödé.txt", "percent%2Fslash.txt", "semi;colon&and=is.txt", "two//slashes.txt"]
    for name in ["plain.txt", *odd]:
        key, content = f"{given['prefix']}/{name}", f"contents of {name}".encode()
        try:
            client.put_object(Bucket=bucket, Key=key, Body=content)
            read = client.get_object(Bucket=bucket, Key=key)["Body"].read()
            seen[name] = "ok" if read == content else f"other contents: {read!r}"
        except ClientError as error:
            seen[name] = str(error)
    large = bytes(5 << 20)
    client.put_object(Bucket=bucket, Key=f"{given['prefix']}/large", Body=large)
    read = client.get_object(Bucket=bucket, Key=f"{given['prefix']}/large")["Body"].read()
    seen["5 MiB"] = "ok" if read == large else "other contents"
    return seen


def sign_in():
    """Signs in as a browser does, and returns the cookie as it was set, and where the browser is led."""
    form = urllib.parse.urlencode({"email": given["email"], "password": given["password"], "to": ""})
    origin = f"{site.scheme}://{site.netloc}"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
    response = call("POST", "/ui/sign-in", headers, form)
    response.read()
    return response.status, response.getheader("Set-Cookie") or "", response.getheader("Location") or ""


def live(cookie):
    """Opens a live page's stream, changes something, and returns the first event about it."""
    stream = call("GET", "/ui/live", {"Cookie": cookie})
    first = stream.readline().decode().strip()
    login = call("POST", "/user/login", {"Content-Type": "application/json"},
                 json.dumps({"email": given["email"], "password": given["password"]}))
    token = json.load(login)["accessToken"]
    change = call("PUT", f"/bucket/{given['bucketId']}",
                  {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
                  json.dumps({"name": f"Renamed {time.time_ns()}"}))
    change.read()
    while line := stream.readline().decode():
        if line.startswith("data:"):
            return {"status": stream.status, "first": first, "change": change.status, "event": line.strip()}
    return {"status": stream.status, "first": first, "change": change.status, "event": "the stream ended"}


status, cookie, location = sign_in()
pair = cookie.split(";")[0]
page = call("GET", "/ui", {"Cookie": pair})
text = page.read().decode()
print(json.dumps({
    "s3": s3(),
    "signIn": {"status": status, "cookie": cookie.replace(pair, pair.split("=")[0]), "location": location},
    "page": {"status": page.status, "isSignedIn": "/ui/sign-out" in text},
    "live": live(pair),
}))
