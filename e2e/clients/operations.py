"""The operations that every client of the matrix runs. Prints one JSON object that maps each operation to "ok" or the
reason of the failure. Operations that a client doesn't have are omitted."""

import hashlib
import json
import os
import sys
import traceback

ENDPOINT = os.environ["MATRIX_ENDPOINT"]
KEY = os.environ["MATRIX_KEY"]
SECRET = os.environ["MATRIX_SECRET"]
BUCKET = os.environ["MATRIX_BUCKET"]
ROOM = os.environ["MATRIX_ROOM"]  # a separate directory for the client
PREFIX = os.environ["MATRIX_PREFIX"]  # a separate prefix for the client's keys

SMALL = b"first light\n" * 50
# Two parts of 5 MiB and a remainder.
LARGE = hashlib.sha256(b"large").digest() * (11 * 1024 * 1024 // 32) + b"rest"
ODD = "with space/plus+and%25/\u00e9\u4e2d \U0001f600/a=b&c.txt"


def key(name):
    return f"{PREFIX}/{name}"


def path(name):
    return os.path.join(ROOM, name)


def write(name, content):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), "wb") as file:
        file.write(content)
    return path(name)


def read(name):
    with open(path(name), "rb") as file:
        return file.read()


def same(got, wanted, what="content"):
    if got != wanted:
        shown = got if len(repr(got)) < 300 else f"{len(got)} long"
        expected = wanted if len(repr(wanted)) < 300 else f"{len(wanted)} long"
        raise AssertionError(f"{what}: got {shown!r}, expected {expected!r}")


class Lacking(Exception):
    """The client doesn't have this operation."""


def run(operations):
    """Runs functions in order; one that fails doesn't stop the others."""
    told = {}
    for operation in operations:
        name = operation.__name__
        try:
            operation()
            told[name] = "ok"
        except Lacking:
            pass
        except Exception as error:  # any exception of a client is a finding
            if os.environ.get("MATRIX_TRACE"):
                traceback.print_exc()
            text = " ".join(f"{type(error).__name__}: {error}".split())
            told[name] = text.replace(SECRET, "***")[-400:]
    json.dump(told, sys.stdout)
