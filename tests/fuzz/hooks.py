"""What schemathesis cannot know of the service (loaded by tests/fuzz/api)."""
import os

import schemathesis

OWN_TOKEN = os.environ.get("BALEEN_FUZZ_TOKEN_ID")
FILE = os.environ.get("BALEEN_FUZZ_FILE")  # One that may be ingested, in the pass with ids that exist.


@schemathesis.serializer("application/offset+octet-stream")
def piece(ctx, value):
    """Bytes of an upload."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def filter_case(ctx, case):
    """A header that nobody knows is no fault of a request, and an empty parameter is one that is not there."""
    is_unknown = "x-schemathesis-unknown-property" in (case.headers or {})
    return not is_unknown and all(value not in ("", [], {}) for value in (case.query or {}).values())


@schemathesis.hook
def map_body(ctx, body):
    """Else nothing would ever be ingested."""
    if FILE and isinstance(body, dict) and isinstance(body.get("source_path"), str):
        body = {**body, "source_path": FILE}
    return body


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Whoever revokes the own token learns nothing any more."""
    if OWN_TOKEN and (case.path_parameters or {}).get("token_id") == OWN_TOKEN:
        case.path_parameters["token_id"] = "none"
