"""Reading objects: GetObject and HeadObject."""

from dataclasses import replace
from http import HTTPStatus
from typing import Final

from tidemill.db import object_checksums
from tidemill.engine.checksums import HEADER
from tidemill.engine.s3_faults import S3Fault
from tidemill.model.errors import PreconditionFailed
from tidemill.server.objects.ranges import read_range
from tidemill.server.s3.answers import Answer, Header
from tidemill.server.s3.attributes import shown_attributes, shown_checksums
from tidemill.server.s3.call import Call
from tidemill.server.s3.conditions import check_read
from tidemill.server.s3.parts import Part, asked_part
from tidemill.stores.objects.port import NO_ATTRIBUTES, ObjectInfo

_OVERRIDES: Final = (
    "content-type",
    "content-language",
    "expires",
    "cache-control",
    "content-disposition",
    "content-encoding",
)
TOO_LATE_BYTES: Final = 1024 * 1024
"""Of objects up to this size, checksums are always kept beside the bytes."""


async def get_object(call: Call) -> Answer:
    """The object, or a range of it. One look at the store serves the conditions and the bytes."""
    if "partNumber" in call.request.query:
        return await _get_part(call)
    wanted = read_range(call.header("range"))
    start, end = wanted or (0, None)
    reading = await call.objects.get(call.caller, call.at, start=start, end=end)
    try:
        check_read(reading.info, call.request.headers)
        if wanted is not None:
            _resolved(wanted, reading.info.size_bytes)
        headers = [*_overridden(call, reading.info), *await _checksums(call, reading.info)]
    except BaseException:
        await reading.body.aclose()  # type: ignore[attr-defined]
        raise
    size = reading.end - reading.start
    if wanted is None:
        return Answer(HTTPStatus.OK, tuple(headers), reading.body, size)
    headers.append(("content-range", f"bytes {reading.start}-{reading.end - 1}/{reading.info.size_bytes}"))
    return Answer(HTTPStatus.PARTIAL_CONTENT, tuple(headers), reading.body, size)


async def _get_part(call: Call) -> Answer:
    """Of the version whose parts were looked up; where it was written meanwhile, the client is to ask again."""
    answer, part, etag = await _head_part(call)
    if part.start == part.end:
        return answer
    try:
        reading = await call.objects.get(call.caller, call.at, start=part.start, end=part.end, etag=etag)
    except PreconditionFailed as error:
        raise S3Fault("ServiceUnavailable", "The object was written meanwhile: please try again.") from error
    return replace(answer, body=reading.body, size_bytes=part.end - part.start)


async def _head_part(call: Call) -> tuple[Answer, Part, str]:
    """What is told of the part that is asked for, where it lies, and the ETag of its object."""
    info = await call.objects.head(call.caller, call.at)
    check_read(info, call.request.headers)
    part = await asked_part(call, info)
    assert part is not None
    headers = [*_overridden(call, info), ("content-length", str(part.end - part.start))]
    if part.count:
        headers += [("x-amz-mp-parts-count", str(part.count)), *await _checksum_of_part(call, info, part)]
    else:
        headers += await _checksums(call, info)
    if part.start == part.end:
        return Answer(HTTPStatus.OK, tuple(headers)), part, info.etag
    headers.append(("content-range", f"bytes {part.start}-{part.end - 1}/{info.size_bytes}"))
    return Answer(HTTPStatus.PARTIAL_CONTENT, tuple(headers)), part, info.etag


async def head_object(call: Call) -> Answer:
    """As `get_object`, without the bytes."""
    if "partNumber" in call.request.query:
        return (await _head_part(call))[0]
    wanted = read_range(call.header("range"))
    info = await call.objects.head(call.caller, call.at)
    check_read(info, call.request.headers)
    headers = [*_overridden(call, info), *await _checksums(call, info)]
    if wanted is None:
        return Answer(HTTPStatus.OK, (*headers, ("content-length", str(info.size_bytes))))
    start, end = _resolved(wanted, info.size_bytes)
    headers += [("content-length", str(end - start)), ("content-range", f"bytes {start}-{end - 1}/{info.size_bytes}")]
    return Answer(HTTPStatus.PARTIAL_CONTENT, tuple(headers))


def _resolved(wanted: tuple[int, int | None], size: int) -> tuple[int, int]:
    start, end = wanted
    start = max(size + start, 0) if start < 0 else start
    if start >= size:
        raise S3Fault("InvalidRange")
    return start, size if end is None else min(end, size)


def _overridden(call: Call, info: ObjectInfo) -> list[Header]:
    given = {
        name: call.request.query[f"response-{name}"] for name in _OVERRIDES if f"response-{name}" in call.request.query
    }
    if any("\r" in value or "\n" in value for value in given.values()):
        raise S3Fault("InvalidArgument", "A response- parameter holds a line break.")
    return [*(header for header in shown_attributes(info) if header[0] not in given), *given.items()]


async def _checksums(call: Call, info: ObjectInfo) -> list[Header]:
    """Those that are kept, where they are asked for and bytes are not cut."""
    if not _wants_checksums(call) or call.header("range"):
        return []
    found = shown_checksums(info.attributes or NO_ATTRIBUTES)
    if found or (info.size_bytes <= TOO_LATE_BYTES and "-" not in info.etag):
        return found
    kept = await object_checksums.find(
        call.parts.database.single, call.caller.workspace, call.at.place, key=call.at.key, etag=info.etag
    )
    return [] if kept is None else [(HEADER + kept.algorithm, kept.value), (f"{HEADER}type", kept.kind)]


async def _checksum_of_part(call: Call, info: ObjectInfo, part: Part) -> list[Header]:
    if not part.checksum or not _wants_checksums(call):
        return []
    kept = await object_checksums.find(
        call.parts.database.single, call.caller.workspace, call.at.place, key=call.at.key, etag=info.etag
    )
    return [] if kept is None else [(HEADER + kept.algorithm, part.checksum)]


def _wants_checksums(call: Call) -> bool:
    return call.header("x-amz-checksum-mode").upper() == "ENABLED"
