"""What schemathesis cannot know of the service (loaded by tests/fuzz/api)."""
import os

import schemathesis

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
