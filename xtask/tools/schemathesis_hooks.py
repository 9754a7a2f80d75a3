"""No request of the OpenAPI check may make the server under test call anybody but the test S3 server.

Bodies that name a place to connect to are turned there: made-up endpoints would otherwise be looked up and dialled, and
a bucket without an endpoint means the public cloud. Values of other types stay, since they are refused unread.
"""

import os

import schemathesis

ENDPOINT = os.environ["BUCKETRY_TEST_S3_ENDPOINT"]


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.path.startswith("/bucket") and isinstance(case.body, dict):
        if isinstance(case.body.get("endpoint"), (str, type(None))):
            case.body["endpoint"] = ENDPOINT
