"""Reads objects over HTTP by ranges, as all vendors have them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from tidemill.model.errors import PreconditionFailed, RangeUnsatisfiable, StorageMisconfigured, Unsupported
from tidemill.stores.objects.checks import resolve_range
from tidemill.stores.objects.port import ObjectInfo, Reading
from tidemill.stores.objects.remote.bodies import Held
from tidemill.stores.objects.remote.connections import Response
from tidemill.stores.objects.remote.download import Download
from tidemill.stores.objects.remote.headers import range_header, read_range


class Bucket(Protocol):
    """What a vendor's client gives to read with.

    Attributes:
        has_suffix_ranges: the last bytes can be asked for without knowing the size.
    """

    has_suffix_ranges: bool

    async def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        ...

    async def open(self, key: str, *, what: str, headers: Mapping[str, str]) -> Response:
        """The answer to a GET, whose body is still to be read; what is not a success is raised."""
        ...

    def info(self, key: str, headers: Mapping[str, str], *, size_bytes: int) -> ObjectInfo:
        """What the headers of an answer tell of the object."""
        ...


async def get(bucket: Bucket, key: str, *, start: int = 0, end: int | None = None, etag: str = "") -> Reading:
    """See `ObjectStore.get`."""
    if (start < 0 and (end is not None or not bucket.has_suffix_ranges)) or (end is not None and end <= start):
        # nothing that one range of HTTP says
        start, end = resolve_range((await bucket.head(key)).size_bytes, start, end)
        end = end or None  # of an empty object, which has no range
    wanted = range_header(start, end)
    try:
        response, info = await _open(bucket, key, wanted, etag)
    except RangeUnsatisfiable:
        return await _read_nothing(bucket, key, start, end)
    first, last, size = _span(response, start, end)

    async def reopen(place: int) -> Response:
        return (await _open(bucket, key, range_header(place, last), info.etag))[0]

    return Reading(replace(info, size_bytes=size), first, last, Download(response, reopen, start=first, end=last))


async def _open(bucket: Bucket, key: str, wanted: str, etag: str) -> tuple[Response, ObjectInfo]:
    """An answer with bytes of the version `etag`, if it is not "", and what it tells of the object but for its size.

    Not every server knows conditions on reads.
    """
    response = await bucket.open(key, what=f"read the object {key!r}", headers=_range(wanted))
    info = bucket.info(key, response.headers, size_bytes=0)
    if etag and info.etag != etag:
        response.close()
        raise PreconditionFailed(f"The object {key!r} has the ETag {info.etag}, not {etag}.")
    return response, info


async def _read_nothing(bucket: Bucket, key: str, start: int, end: int | None) -> Reading:
    """The server finds no byte in a range: right for an empty object, where any range is empty."""
    info = await bucket.head(key)
    first, last = resolve_range(info.size_bytes, start, end)
    if first < last:
        raise PreconditionFailed(f"The object {key!r} was replaced while it was being read: read it again.")
    return Reading(info, first, last, Held().pieces())


def _span(response: Response, start: int, end: int | None) -> tuple[int, int, int]:
    """See `read_range`, where it is the range that was asked for; the answer is closed where it cannot be used."""
    try:
        first, last, size = read_range(response.headers)
        is_right = (first, last) == resolve_range(size, start, end)
    except ValueError as error:
        response.close()
        raise StorageMisconfigured(
            "The storage does not tell the length of what it sends: is there a proxy in between?"
        ) from error
    except RangeUnsatisfiable:
        response.close()
        raise
    if not is_right:
        response.close()
        raise Unsupported("The storage answers with another range of the object than was asked for.")
    return first, last, size


def _range(wanted: str) -> Mapping[str, str]:
    return {"range": wanted} if wanted else {}
