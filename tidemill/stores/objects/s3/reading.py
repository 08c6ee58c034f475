"""Reads objects of a bucket of S3."""

from collections.abc import Mapping
from contextlib import suppress

import aiohttp

from tidemill.model.errors import (
    NotFound,
    PreconditionFailed,
    RangeUnsatisfiable,
    StorageMisconfigured,
    TidemillError,
    Unsupported,
)
from tidemill.stores.objects.checks import resolve_range
from tidemill.stores.objects.port import ObjectInfo, Reading
from tidemill.stores.objects.remote.bodies import Held
from tidemill.stores.objects.remote.download import Download
from tidemill.stores.objects.remote.http import headers_of
from tidemill.stores.objects.s3.client import S3Client
from tidemill.stores.objects.s3.headers import range_header, read_etag, read_info, read_range


async def head(client: S3Client, key: str) -> ObjectInfo:
    """See `ObjectStore.head`."""
    try:
        answer = await client.call("HEAD", key, what=_what(key))
    except TidemillError as error:
        if not (isinstance(error, NotFound) and client.bucket_is_there):
            await _explain(client, key)
        raise
    return read_info(key, answer.headers, size_bytes=int(answer.headers.get("content-length", "0")))


async def get(client: S3Client, key: str, *, start: int = 0, end: int | None = None, etag: str = "") -> Reading:
    """See `ObjectStore.get`."""
    if end is not None and (start < 0 or end <= start):  # nothing that one range of HTTP says
        start, end = resolve_range((await head(client, key)).size_bytes, start, end)
    wanted = range_header(start, end) if end != 0 else ""
    try:
        response = await _open(client, key, wanted, etag)
    except RangeUnsatisfiable:
        return await _read_nothing(client, key, start, end)
    first, last, size = _span(response, wanted)
    info = read_info(key, headers_of(response), size_bytes=size)

    async def reopen(place: int) -> aiohttp.ClientResponse:
        return await _open(client, key, range_header(place, last), info.etag)

    return Reading(info, first, last, Download(response, reopen, start=first, end=last))


async def _open(client: S3Client, key: str, wanted: str, etag: str) -> aiohttp.ClientResponse:
    """An answer with bytes of the version `etag`, if it is not ""; not every server knows conditions on reads."""
    response = await client.open(key, what=_what(key), headers=_range(wanted))
    found = read_etag(headers_of(response))
    if etag and found != etag:
        response.close()
        raise PreconditionFailed(f"The object {key!r} has the ETag {found}, not {etag}.")
    return response


async def _read_nothing(client: S3Client, key: str, start: int, end: int | None) -> Reading:
    """The server finds no byte in a range: right for an empty object, where any range is empty."""
    info = await head(client, key)
    first, last = resolve_range(info.size_bytes, start, end)
    if first < last:
        raise PreconditionFailed(f"The object {key!r} was replaced while it was being read: read it again.")
    return Reading(info, first, last, Held().pieces())


async def _explain(client: S3Client, key: str) -> None:
    """Raise what lies behind an error of a HEAD, whose answer has no room for a reason."""
    with suppress(RangeUnsatisfiable):
        (await client.open(key, what=_what(key), headers=_range("bytes=0-0"))).close()


def _span(response: aiohttp.ClientResponse, wanted: str) -> tuple[int, int, int]:
    """See `read_range`; the answer is closed where it cannot be used."""
    try:
        first, last, size = read_range(headers_of(response))
    except ValueError as error:
        response.close()
        raise StorageMisconfigured(
            "The storage does not tell the length of what it sends: is there a proxy in between?"
        ) from error
    if wanted and size and response.status != 206:
        response.close()
        raise Unsupported("The storage ignores that only a range of an object was asked for.")
    return first, last, size


def _range(wanted: str) -> Mapping[str, str]:
    return {"range": wanted} if wanted else {}


def _what(key: str) -> str:
    return f"read the object {key!r}"
