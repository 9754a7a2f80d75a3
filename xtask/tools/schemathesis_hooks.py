"""Keeps the server under test from connecting to anything but the test S3 server during the OpenAPI check.

Endpoints in request bodies are replaced by that server's: random endpoints would otherwise be resolved and connected to,
and a bucket without an endpoint means the public cloud. Regions that a bucket is pinned to are replaced by that of the
server's node: a bucket that no node may serve is answered with 503, as documented. Values of other types remain, because
they are refused anyway.
"""

import os

import schemathesis

ENDPOINT = os.environ["BUCKETRY_TEST_S3_ENDPOINT"]
# Of the embedded node.
REGION = "local"


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.path.startswith("/bucket") and isinstance(case.body, dict):
        if isinstance(case.body.get("endpoint"), (str, type(None))):
            case.body["endpoint"] = ENDPOINT
        pins = case.body.get("pinnedTo")
        if isinstance(pins, dict) and isinstance(pins.get("regions"), list):
            if pins["regions"] and all(isinstance(region, str) for region in pins["regions"]):
                pins["regions"] = [REGION]
