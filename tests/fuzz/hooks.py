"""What schemathesis cannot know of the service (loaded by tests/fuzz/api)."""
import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def piece(ctx, value):
    """Bytes of an upload."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def filter_case(ctx, case):
    """A header that nobody knows is no fault of a request."""
    return "x-schemathesis-unknown-property" not in (case.headers or {})
