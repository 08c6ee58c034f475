"""Which operation a request asks for. What is not in the table, or asks for more than it can do, is NotImplemented.

A request never falls through to another operation: each takes the query parameters that are written down for it, and
headers that would change its meaning are refused where we cannot do as they say.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tidemill.engine.s3_faults import S3Fault
from tidemill.server.policy import Policy, member
from tidemill.server.s3 import buckets, listings, parts, reading, tags, uploads, writing
from tidemill.server.s3.answers import Answer
from tidemill.server.s3.call import Call
from tidemill.server.s3.request import S3Request

Handler = Callable[[Call], Awaitable[Answer]]

READ: Final = member("job_helpers:read")
WRITE: Final = member("job_helpers:write", writes=True)

_OVERRIDES: Final = frozenset(
    f"response-{name}"
    for name in (
        "content-type",
        "content-language",
        "expires",
        "cache-control",
        "content-disposition",
        "content-encoding",
    )
)
_LIST: Final = frozenset({"prefix", "delimiter", "max-keys", "encoding-type"})
_ALWAYS: Final = frozenset({"x-id"})
"""What SDKs add to tell operations apart in logs."""
_SIGNATURE: Final = "X-Amz-"
_UNSUPPORTED_HEADERS: Final = (
    "x-amz-server-side-encryption",
    "x-amz-copy-source-server-side-encryption",
    "x-amz-grant-",
    "x-amz-object-lock-",
    "x-amz-bucket-object-lock-",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
    "x-amz-if-match-",
    "x-amz-mfa",
    "x-amz-rename-source",
    "x-amz-expected-bucket-owner",
    "x-amz-source-expected-bucket-owner",
)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation.

    Attributes:
        policy: what it asks of its caller, whatever the key.
        query: the parameters that it takes; those in `wants` must be there.
        copies: whether it is the one with `x-amz-copy-source`.
    """

    handler: Handler
    policy: Policy
    wants: frozenset[str] = frozenset()
    query: frozenset[str] = frozenset()
    copies: bool = False


def _operation(
    handler: Handler, policy: Policy, *, wants: str = "", query: frozenset[str] = frozenset(), copies: bool = False
) -> Operation:
    needed = frozenset(wants.split())
    return Operation(handler, policy, needed, query | needed, copies)


_OF_SERVICE: Final = {"GET": (_operation(buckets.list_buckets, READ),)}
_OF_BUCKET: Final = {
    "HEAD": (_operation(buckets.head_bucket, READ),),
    "PUT": (_operation(buckets.create_bucket, WRITE),),
    "DELETE": (_operation(buckets.delete_bucket, WRITE),),
    "POST": (_operation(writing.delete_objects, WRITE, wants="delete"),),
    "GET": (
        _operation(buckets.bucket_location, READ, wants="location"),
        _operation(tags.get_acl, READ, wants="acl"),
        _operation(
            uploads.list_uploads,
            WRITE,
            wants="uploads",
            query=frozenset({"prefix", "delimiter", "max-uploads", "key-marker", "upload-id-marker", "encoding-type"}),
        ),
        _operation(
            listings.list_objects_v2,
            READ,
            wants="list-type",
            query=_LIST | {"continuation-token", "start-after", "fetch-owner"},
        ),
        _operation(listings.list_objects, READ, query=_LIST | {"marker"}),
    ),
}
_OF_OBJECT: Final = {
    "HEAD": (_operation(reading.head_object, READ, query=_OVERRIDES | {"versionId", "partNumber"}),),
    "GET": (
        _operation(tags.get_tags, READ, wants="tagging", query=frozenset({"versionId"})),
        _operation(tags.get_acl, READ, wants="acl", query=frozenset({"versionId"})),
        _operation(parts.get_attributes, READ, wants="attributes", query=frozenset({"versionId"})),
        _operation(
            uploads.list_parts,
            WRITE,
            wants="uploadId",
            query=frozenset({"max-parts", "part-number-marker", "encoding-type"}),
        ),
        _operation(reading.get_object, READ, query=_OVERRIDES | {"versionId", "partNumber"}),
    ),
    "PUT": (
        _operation(tags.put_tags, WRITE, wants="tagging", query=frozenset({"versionId"})),
        _operation(uploads.upload_part_copy, WRITE, wants="partNumber uploadId", copies=True),
        _operation(uploads.upload_part, WRITE, wants="partNumber uploadId"),
        _operation(writing.copy_object, WRITE, copies=True),
        _operation(writing.put_object, WRITE),
    ),
    "POST": (
        _operation(uploads.create_upload, WRITE, wants="uploads"),
        _operation(uploads.complete_upload, WRITE, wants="uploadId"),
    ),
    "DELETE": (
        _operation(tags.delete_tags, WRITE, wants="tagging", query=frozenset({"versionId"})),
        _operation(uploads.abort_upload, WRITE, wants="uploadId"),
        _operation(writing.delete_object, WRITE, query=frozenset({"versionId"})),
    ),
}


def operation_of(request: S3Request) -> Operation:
    """What the request asks for.

    Raises:
        S3Fault: something that there is not here.
    """
    table = _OF_OBJECT if request.key else _OF_BUCKET if request.bucket else _OF_SERVICE
    given = {name for name in request.query if not name.startswith(_SIGNATURE)} - _ALWAYS
    copies = "x-amz-copy-source" in request.headers
    for operation in table.get(request.method, ()):
        if operation.wants <= given and operation.copies == copies:
            _check_query(request, operation, given)
            _check_headers(request)
            return operation
    if request.method not in {"GET", "HEAD", "PUT", "POST", "DELETE"}:
        raise S3Fault("MethodNotAllowed")
    raise S3Fault(
        "NotImplemented", f"{request.method} with {', '.join(sorted(given)) or 'nothing'} is not implemented."
    )


def _check_query(request: S3Request, operation: Operation, given: set[str]) -> None:
    if beyond := sorted(given - operation.query):
        raise S3Fault("NotImplemented", f"The query parameter {beyond[0][:60]!r} is not implemented here.")
    if request.query.get("list-type", "2") != "2":
        raise S3Fault("InvalidArgument", "list-type must be 2.")
    if request.query.get("versionId", "null") != "null":
        raise S3Fault("NotImplemented", "Versions of objects are not supported.")


def _check_headers(request: S3Request) -> None:
    for name, value in request.headers.items():
        if name.startswith(_UNSUPPORTED_HEADERS) and value.lower() != "false":
            raise S3Fault("NotImplemented", f"The header {name} implies functionality that is not implemented.")
        if name == "x-amz-acl" and value not in {"private", "bucket-owner-full-control"}:
            raise S3Fault("NotImplemented", "There is no access list but 'private': rules of the storage decide.")
        if name == "x-amz-storage-class" and value not in {"STANDARD", ""}:
            raise S3Fault("NotImplemented", "There is no storage class but STANDARD.")
        if name == "x-amz-tagging" and request.method not in {"PUT", "POST"}:
            raise S3Fault("InvalidRequest", "x-amz-tagging goes with writes.")
