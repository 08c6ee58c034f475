"""A request to the S3 endpoint, read from what the client really sent: nothing on its way here was decoded before."""

import secrets
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_plus, unquote_to_bytes

from starlette.types import Receive, Scope

from tidemill.engine.s3_faults import S3Fault
from tidemill.engine.sigv4 import Request

SDK_PREFIX: Final = "_wm_bucket_/_default_/"
"""What Windmill's Python client puts before the bucket: see docs/reference/s3-api.md."""

_MAX_QUERY: Final = 100


@dataclass(frozen=True, slots=True)
class S3Request:
    """A request.

    Attributes:
        signed: what its signature covers.
        bucket: "" where it is for the service itself.
        key: "" where it is for the bucket. Decoded once: the same text is signed, decided on and stored.
        id: what answers and logs call it.
    """

    signed: Request
    bucket: str
    key: str
    id: str
    receive: Receive = field(repr=False)
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)

    @property
    def method(self) -> str:
        """`GET`, `PUT`, …"""
        return self.signed.method

    @property
    def resource(self) -> str:
        """How errors name what it is about."""
        return f"/{self.bucket}/{self.key}" if self.key else f"/{self.bucket}"

    def number(self, name: str, default: int, *, least: int = 0) -> int:
        """A query parameter that is a whole number.

        Raises:
            S3Fault: it is none, or under `least`.
        """
        given = self.query.get(name, "")
        if not given:
            return default
        if not given.isascii() or not given.isdigit() or len(given) > 10 or int(given) < least:
            raise S3Fault("InvalidArgument", f"The parameter {name} must be a whole number from {least} on.")
        return int(given)


def new_request_id() -> str:
    """An id as S3 has them."""
    return secrets.token_hex(8).upper()


def read_request(scope: Scope, receive: Receive, *, below: str, request_id: str) -> S3Request:
    """The request in `scope`; `below` is the path that buckets are under, ending with `/`.

    Raises:
        S3Fault: its path, query or headers are not text that UTF-8 can hold, or one of the query's names comes twice.
    """
    path = decode_path(scope["raw_path"])
    if not path.startswith(below) and path + "/" != below:
        raise S3Fault("InvalidURI")
    bucket, _, key = path[len(below) :].removeprefix(SDK_PREFIX).partition("/")
    query = decode_query(scope["query_string"])
    headers = [(name.decode("latin-1").lower(), _text(value)) for name, value in scope["headers"]]
    return S3Request(
        signed=Request(scope["method"], path, query, headers),
        bucket=bucket,
        key=key,
        id=request_id,
        receive=receive,
        query=_unique(query),
        headers=dict(headers),
    )


def decode_path(raw: bytes) -> str:
    """The path behind percent-encoding.

    Raises:
        S3Fault: it is not UTF-8, or holds the character NUL.
    """
    path = _text(unquote_to_bytes(raw))
    if "\0" in path:
        raise S3Fault("InvalidURI", "The path holds the character NUL.")
    return path


def decode_query(raw: bytes) -> list[tuple[str, str]]:
    """The names and values of a query, in their order; what has no `=` has the value "".

    Raises:
        S3Fault: it is not UTF-8, or has more than 100 names.
    """
    parts = [part for part in raw.decode("latin-1").split("&") if part]
    if len(parts) > _MAX_QUERY:
        raise S3Fault("InvalidURI", "The query has too many parameters.")
    try:
        return [
            (unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict"))
            for name, _, value in (part.partition("=") for part in parts)
        ]
    except UnicodeDecodeError as error:
        raise S3Fault("InvalidURI") from error


def _unique(query: list[tuple[str, str]]) -> dict[str, str]:
    found = dict(query)
    if len(found) != len(query):
        raise S3Fault("InvalidArgument", "A query parameter comes twice.")
    return found


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise S3Fault("InvalidURI", "The path or a header is not UTF-8.") from error
