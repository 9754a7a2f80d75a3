"""Keeps the server under test from connecting to anything but the test S3 server during the OpenAPI check.

Endpoints in request bodies are replaced by that server's: random endpoints would otherwise be resolved and connected to,
and a bucket without an endpoint means the public cloud. Values of other types remain, because they are refused anyway.
"""

import os

import schemathesis

ENDPOINT = os.environ["BUCKETRY_TEST_S3_ENDPOINT"]


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.path.startswith("/bucket") and isinstance(case.body, dict):
        if isinstance(case.body.get("endpoint"), (str, type(None))):
            case.body["endpoint"] = ENDPOINT
