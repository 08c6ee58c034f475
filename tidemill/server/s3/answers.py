"""What the S3 endpoint answers: documents, objects on their way, and faults, each with the id of its request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from starlette.types import Receive, Send

from tidemill.engine.s3_faults import S3Fault
from tidemill.model.errors import (
    BadRequest,
    Denied,
    InvalidKey,
    InvalidName,
    InvalidPart,
    LeaseLost,
    NotFound,
    PartTooSmall,
    PreconditionFailed,
    RangeUnsatisfiable,
    StorageDenied,
    StorageFull,
    StorageMisconfigured,
    TidemillError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from tidemill.server.s3 import xml

Header = tuple[str, str]

_FAULTS: Final[tuple[tuple[type[TidemillError], str], ...]] = (
    (InvalidKey, "InvalidArgument"),
    (InvalidName, "InvalidBucketName"),
    (InvalidPart, "InvalidPart"),
    (PartTooSmall, "EntityTooSmall"),
    (BadRequest, "InvalidRequest"),
    (LeaseLost, "ExpiredToken"),
    (Unauthenticated, "ExpiredToken"),
    (Denied, "AccessDenied"),
    (NotFound, "NoSuchKey"),
    (PreconditionFailed, "PreconditionFailed"),
    (RangeUnsatisfiable, "InvalidRange"),
    (StorageDenied, "StorageUnusable"),
    (StorageMisconfigured, "StorageUnusable"),
    (StorageFull, "InsufficientStorage"),
    (TooManyRequests, "SlowDown"),
    (Unavailable, "ServiceUnavailable"),
    (Unsupported, "NotImplemented"),
)
"""The first class that an error is of gives its code."""

_HELD_BYTES: Final = 64 * 1024
"""Up to here an object is read whole before its head is sent: both go out together, and what fails is told."""
_SOON_SENT_BYTES: Final = 1024 * 1024
"""Up to here it is not worth the while to listen for a client that goes away."""
_SANDBOX: Final = (b"content-security-policy", b"sandbox")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `size_bytes` is that of a `body` that is streamed."""

    status: HTTPStatus = HTTPStatus.OK
    headers: tuple[Header, ...] = ()
    body: bytes | AsyncIterator[bytes] = b""
    size_bytes: int = 0


def document(root: str, *content: str, headers: tuple[Header, ...] = ()) -> Answer:
    """An answer that is XML."""
    return Answer(headers=(("content-type", "application/xml"), *headers), body=xml.document(root, *content))


def nothing(*headers: Header, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """An answer without a body."""
    return Answer(status, headers)


def fault_of(error: TidemillError) -> S3Fault:
    """How S3 would say it."""
    if isinstance(error, S3Fault):
        return error
    for kind, code in _FAULTS:
        if isinstance(error, kind):
            return S3Fault(code, str(error))
    return S3Fault("InternalError")


def answer_fault(fault: S3Fault, *, resource: str, request_id: str) -> Answer:
    """The document that tells a fault."""
    if fault.status is HTTPStatus.NOT_MODIFIED:
        return nothing(*((("etag", f'"{fault.etag}"'),) if fault.etag else ()), status=fault.status)
    body = xml.document(
        "Error",
        xml.text("Code", fault.s3_code),
        xml.text("Message", str(fault)),
        xml.text("Resource", resource),
        xml.text("RequestId", request_id),
        namespace=False,
    )
    return Answer(fault.status, (("content-type", "application/xml"),), body)


@lru_cache(maxsize=1024)
def http_date(moment: datetime) -> str:
    """As `Last-Modified` has it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def iso_date(moment: datetime) -> str:
    """As documents have it."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat("T", "milliseconds")[:-6] + "Z"


def without_body(answer: Answer) -> Answer:
    """What `HEAD` gets."""
    if isinstance(answer.body, bytes):
        return replace(
            answer, body=b"", headers=tuple(h for h in answer.headers if answer.status < 400 or h[0] != "content-type")
        )
    return answer


async def with_small_body(answer: Answer) -> Answer:
    """An answer whose body, where it is small, is no stream any more; raises what reading it does."""
    body = answer.body
    if isinstance(body, bytes) or answer.size_bytes > _HELD_BYTES:
        return answer
    try:
        pieces = [piece async for piece in body]
    finally:
        await _close(body)
    return replace(answer, body=b"".join(pieces))


async def send_answer(answer: Answer, send: Send, receive: Receive, *, request_id: str) -> None:
    """Send it, piece by piece; a client that goes away ends the reading of the object."""
    streamed = not isinstance(answer.body, bytes)
    size = answer.size_bytes if streamed else len(answer.body)  # type: ignore[arg-type]
    headers = [(name.encode(), value.encode()) for name, value in answer.headers]
    if answer.status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED} and not any(
        name == b"content-length" for name, _ in headers
    ):
        headers.append((b"content-length", b"%d" % size))
    headers += [(b"x-amz-request-id", request_id.encode()), _SANDBOX]
    await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
    if isinstance(answer.body, bytes):
        await send({"type": "http.response.body", "body": answer.body})
        return
    if size <= _SOON_SENT_BYTES:
        await _send_pieces(answer.body, send)
    else:
        await _stream(answer.body, send, receive)


async def _send_pieces(body: AsyncIterator[bytes], send: Send) -> None:
    try:
        async for piece in body:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        await _close(body)


async def _close(body: AsyncIterator[bytes]) -> None:
    if (close := getattr(body, "aclose", None)) is not None:
        await close()


async def _stream(body: AsyncIterator[bytes], send: Send, receive: Receive) -> None:
    leaving = asyncio.create_task(_left(receive))
    try:
        async for piece in body:
            if leaving.done():
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        await _close(body)


async def _left(receive: Receive) -> None:
    """Ends when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
