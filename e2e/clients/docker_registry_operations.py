"""docker-registry, which stores images in the bucket. Images are pushed and pulled by the registry's HTTP API, as docker does.
The registry redirects downloads to presigned URLs of the gateway."""

import ctypes
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from operations import BUCKET, ENDPOINT, KEY, LARGE, SECRET, SMALL, key, path, run, same, write

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
OCTETS = "application/octet-stream"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


ADDRESS = f"127.0.0.1:{free_port()}"
CONFIGURATION = {
    "version": "0.1",
    "log": {"level": "error"},
    "storage": {
        "s3": {"regionendpoint": ENDPOINT, "region": "us-east-1", "bucket": BUCKET, "accesskey": KEY, "secretkey": SECRET,
               "secure": False, "v4auth": True, "chunksize": 5 * 1024 * 1024, "rootdirectory": "/" + key("images")},
        "delete": {"enabled": True},
        "maintenance": {"uploadpurging": {"enabled": False}},
    },
    "http": {"addr": ADDRESS},
}


def start():
    """Starts the registry, which ends with this program."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    log = open(path("registry.log"), "wb")
    registry = subprocess.Popen(
        ["docker-registry", "serve", write("registry.json", json.dumps(CONFIGURATION).encode())], env=environment,
        stdout=log, stderr=log, preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL))
    deadline = time.monotonic() + 30
    while registry.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(ADDRESS.split(":"), 1).close()
            return registry
        except OSError:
            time.sleep(0.1)
    registry.kill()
    raise SystemExit(open(path("registry.log")).read()[-1000:])


class SameMethod(urllib.request.HTTPRedirectHandler):
    """Presigned URLs are valid for one method, but the library would turn a HEAD into a GET."""

    def redirect_request(self, request, fp, code, message, headers, url):
        return urllib.request.Request(url, method=request.get_method())


opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), SameMethod())


def call(method, where, body=None, kind=None, expected=200):
    """Sends a request, and returns the headers and the body of the response. Redirects are followed."""
    url = where if where.startswith("http") else f"http://{ADDRESS}/v2/{where}"
    headers = {"Accept": MANIFEST} | ({"Content-Type": kind} if kind else {})
    try:
        with opener.open(urllib.request.Request(url, body, headers, method=method), timeout=60) as response:
            status, answer, content = response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        status, answer, content = error.code, error.headers, error.read()
    assert status == expected, f"{method} {where}: {status} {content.decode(errors='replace')}"
    return answer, content


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def push(content, *pieces):
    """Pushes a layer: in one request, or in pieces, each of which continues the upload."""
    location = call("POST", "app/blobs/uploads/", b"", expected=202)[0]["Location"]
    for piece in pieces:
        location = call("PATCH", location, piece, OCTETS, 202)[0]["Location"]
    rest = b"" if pieces else content
    call("PUT", f"{location}&digest={digest_of(content)}", rest, OCTETS, 201)


def pull(content, image="app"):
    length = call("HEAD", f"{image}/blobs/{digest_of(content)}")[0]["Content-Length"]
    same(length, str(len(content)), "length")
    same(call("GET", f"{image}/blobs/{digest_of(content)}")[1], content)


def described(content, kind):
    return {"mediaType": kind, "size": len(content), "digest": digest_of(content)}


IMAGE = json.dumps({
    "schemaVersion": 2, "mediaType": MANIFEST, "config": described(CONFIG, "application/vnd.docker.container.image.v1+json"),
    "layers": [described(layer, "application/vnd.docker.image.rootfs.diff.tar.gzip") for layer in (SMALL, LARGE)],
}).encode()


def push_layer():
    push(CONFIG)
    push(SMALL)
    pull(SMALL)


def push_large_layer_in_pieces():
    pieces = LARGE[:100], LARGE[100:7_000_000], LARGE[7_000_000:]
    push(LARGE, *pieces)


def pull_large_layer():
    pull(LARGE)


def push_empty_layer():
    push(b"")
    pull(b"")


def cancel_upload():
    location = call("POST", "app/blobs/uploads/", b"", expected=202)[0]["Location"]
    location = call("PATCH", location, SMALL, OCTETS, 202)[0]["Location"]
    call("DELETE", location, expected=204)
    call("GET", location, expected=404)


def push_image():
    call("PUT", "app/manifests/latest", IMAGE, MANIFEST, 201)


def pull_image():
    same(call("GET", "app/manifests/latest")[1], IMAGE, "manifest")
    for layer in json.loads(IMAGE)["layers"]:
        same(digest_of(call("GET", f"app/blobs/{layer['digest']}")[1]), layer["digest"], "layer")


def list_images():
    same(json.loads(call("GET", "_catalog")[1]), {"repositories": ["app"]}, "images")
    same(json.loads(call("GET", "app/tags/list")[1])["tags"], ["latest"], "tags")


def share_layer():
    call("POST", f"other/blobs/uploads/?mount={digest_of(LARGE)}&from=app", b"", expected=201)
    pull(LARGE, "other")


def delete_image():
    call("DELETE", f"app/manifests/{digest_of(IMAGE)}", expected=202)
    call("GET", "app/manifests/latest", expected=404)


if shutil.which("docker-registry"):
    registry = start()
    try:
        run([push_layer, push_large_layer_in_pieces, pull_large_layer, push_empty_layer, cancel_upload, push_image, pull_image,
             list_images, share_layer, delete_image])
    finally:
        registry.terminate()
        registry.wait(10)
else:
    run([])  # counted as not installed
