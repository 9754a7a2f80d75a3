"""Command-line clients: aws, s5cmd, rclone, s3cmd. The first argument names one."""

import os
import subprocess
import sys

from operations import BUCKET, ENDPOINT, KEY, LARGE, ROOM, SECRET, SMALL, key, path, read, run, same, write

PROGRAMS = os.environ["BUCKETRY_TEST_PROGRAMS"]
HOST = ENDPOINT.removeprefix("http://")
ENVIRONMENT = {
    "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "HOME": ROOM, "LANG": "C.UTF-8",
    "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": path("aws.conf"), "S3_ENDPOINT_URL": ENDPOINT,
    "RCLONE_CONFIG": path("rclone.conf"),
}


def call(*command, fails=False):
    done = subprocess.run(command, env=ENVIRONMENT, cwd=ROOM, capture_output=True, timeout=120)
    if (done.returncode != 0) != fails:
        said = (done.stdout[-300:] + done.stderr[-600:]).decode(errors="replace")
        raise AssertionError(f"exit {done.returncode}: {said}")
    return done.stdout.decode()


class Aws:
    url = staticmethod(lambda name: f"s3://{BUCKET}/{key(name)}")

    @staticmethod
    def prepare():
        write("aws.conf", b"[default]\ns3 =\n  addressing_style = path\n  multipart_threshold = 5MB\n  multipart_chunksize = 5MB\n")

    @staticmethod
    def s3(*arguments, **how):
        return call("aws", "--endpoint-url", ENDPOINT, "s3", *arguments, **how)

    @classmethod
    def upload(cls, file, name):
        cls.s3("cp", file, cls.url(name))

    @classmethod
    def download(cls, name, file):
        cls.s3("cp", cls.url(name), file)

    @classmethod
    def names(cls, under):
        lines = cls.s3("ls", "--recursive", cls.url(under)).splitlines()
        return [line.split(maxsplit=3)[3] for line in lines]

    @classmethod
    def buckets(cls):
        return cls.s3("ls")

    @classmethod
    def copy(cls, source, name):
        cls.s3("cp", cls.url(source), cls.url(name))

    @classmethod
    def remove(cls, name):
        cls.s3("rm", cls.url(name))

    @classmethod
    def remove_all(cls, under):
        cls.s3("rm", "--recursive", cls.url(under))

    @classmethod
    def sync(cls, folder, name):
        cls.s3("sync", folder, cls.url(name))

    @classmethod
    def missing(cls):
        cls.s3("cp", cls.url("none"), path("none"), fails=True)


class S5cmd(Aws):
    @staticmethod
    def prepare():
        pass

    @staticmethod
    def s3(*arguments, **how):
        return call("s5cmd", *arguments, **how)

    @classmethod
    def upload(cls, file, name):
        cls.s3("cp", "--part-size", "5", file, cls.url(name))

    @classmethod
    def names(cls, under):
        # Date, time, size, and a name under the prefix that may contain spaces.
        return [key(under) + line.split(maxsplit=3)[3] for line in cls.s3("ls", cls.url(under) + "*").splitlines()]

    @classmethod
    def remove_all(cls, under):
        cls.s3("rm", cls.url(under) + "*")

    @classmethod
    def sync(cls, folder, name):
        cls.s3("sync", folder + "/", cls.url(name) + "/")


class Rclone(Aws):
    url = staticmethod(lambda name: f"it:{BUCKET}/{key(name)}")

    @staticmethod
    def prepare():
        write("rclone.conf", f"[it]\ntype = s3\nprovider = Other\naccess_key_id = {KEY}\nsecret_access_key = {SECRET}\n"
              f"endpoint = {ENDPOINT}\nregion = us-east-1\nupload_cutoff = 5M\nchunk_size = 5M\n".encode())

    @staticmethod
    def s3(*arguments, **how):
        return call("rclone", "--retries", "1", "--low-level-retries", "2", *arguments, **how)

    @classmethod
    def upload(cls, file, name):
        cls.s3("copyto", file, cls.url(name))

    @classmethod
    def download(cls, name, file):
        cls.s3("copyto", cls.url(name), file)

    @classmethod
    def names(cls, under):
        return [key(under) + line for line in sorted(cls.s3("lsf", "-R", "--files-only", cls.url(under)).splitlines())]

    @classmethod
    def buckets(cls):
        return cls.s3("lsd", "it:")

    @classmethod
    def copy(cls, source, name):
        cls.s3("copyto", cls.url(source), cls.url(name))

    @classmethod
    def remove(cls, name):
        cls.s3("deletefile", cls.url(name))

    @classmethod
    def remove_all(cls, under):
        cls.s3("delete", cls.url(under))

    @classmethod
    def sync(cls, folder, name):
        cls.s3("sync", folder, cls.url(name))
        cls.s3("check", "--download", folder, cls.url(name))

    @classmethod
    def missing(cls):
        cls.s3("deletefile", cls.url("none"), fails=True)


class S3cmd(Aws):
    @staticmethod
    def prepare():
        write(".s3cfg", f"[default]\naccess_key = {KEY}\nsecret_key = {SECRET}\nhost_base = {HOST}\nhost_bucket = {HOST}\n"
              "use_https = False\nbucket_location = us-east-1\nmultipart_chunk_size_mb = 5\n".encode())

    @staticmethod
    def s3(*arguments, **how):
        return call("s3cmd", "--no-progress", *arguments, **how)

    @classmethod
    def upload(cls, file, name):
        cls.s3("put", file, cls.url(name))

    @classmethod
    def download(cls, name, file):
        cls.s3("get", "--force", cls.url(name), file)

    @classmethod
    def names(cls, under):
        lines = cls.s3("ls", "--recursive", cls.url(under)).splitlines()
        return [line.split(maxsplit=3)[3].removeprefix(f"s3://{BUCKET}/") for line in lines]

    @classmethod
    def remove(cls, name):
        cls.s3("del", cls.url(name))

    @classmethod
    def remove_all(cls, under):
        cls.s3("del", "--recursive", "--force", cls.url(under))

    @classmethod
    def sync(cls, folder, name):
        cls.s3("sync", folder + "/", cls.url(name) + "/")

    @classmethod
    def missing(cls):
        cls.s3("get", "--force", cls.url("none"), path("none"), fails=True)


tool = {"aws": Aws, "s5cmd": S5cmd, "rclone": Rclone, "s3cmd": S3cmd}[sys.argv[1]]
tool.prepare()
TREE = {"a.txt": b"a" * 10, "sub/b c.txt": b"b" * 20, "sub/d\u00e9.txt": b"c" * 30, "z": b""}


def list_buckets():
    assert BUCKET in tool.buckets()


def put_object():
    tool.upload(write("small", SMALL), "small")


def get_object():
    tool.download("small", path("small.back"))
    same(read("small.back"), SMALL)


def multipart_upload():
    tool.upload(write("large", LARGE), "large")


def multipart_download():
    tool.download("large", path("large.back"))
    same(read("large.back"), LARGE)


def copy_object():
    tool.copy("small", "copy")
    tool.download("copy", path("copy.back"))
    same(read("copy.back"), SMALL)


def sync_up():
    for name, content in TREE.items():
        write(f"tree/{name}", content)
    tool.sync(path("tree"), "tree")


def list_objects():
    same(sorted(tool.names("tree/")), sorted(key(f"tree/{name}") for name in TREE), "names")


def missing_object():
    tool.missing()


def delete_object():
    tool.remove("copy")


def delete_objects():
    tool.remove_all("tree/")


run([list_buckets, put_object, get_object, multipart_upload, multipart_download, copy_object, sync_up, list_objects,
     missing_object, delete_object, delete_objects])
