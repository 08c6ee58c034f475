"""Objects as HTTP answers: always closed off from our own pages, whatever they hold."""

from collections.abc import Mapping
from email.utils import format_datetime
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from tidemill.model.identity import Principal
from tidemill.model.object_address import Address
from tidemill.server.objects.ranges import read_range
from tidemill.server.objects.service import Objects
from tidemill.stores.objects.port import NO_ATTRIBUTES, ObjectInfo

DEFAULT_TYPE: Final = "application/octet-stream"
CLOSED_OFF: Final = {"Content-Security-Policy": "sandbox; default-src 'none'"}
"""What a user stored may be a page with scripts: it must never act as one of ours. `nosniff` is on every answer."""


async def object_answer(
    objects: Objects, caller: Principal, at: Address, *, headers: Mapping[str, str], head: bool = False
) -> Response:
    """The object, or the range of it that `headers` ask for; not its bytes where `head`, or where they are known.

    Raises:
        NotFound, Denied, RangeUnsatisfiable: see `Objects.get`.
    """
    if head:
        info = await objects.head(caller, at)
        return Response(headers={**_about(info), "Content-Length": str(info.size_bytes)})
    wanted = read_range(headers.get("range", ""))
    start, end = wanted or (0, None)
    reading = await objects.get(caller, at, start=start, end=end)
    info = reading.info
    if info.etag and f'"{info.etag}"' in headers.get("if-none-match", ""):
        await reading.body.aclose()  # type: ignore[attr-defined]
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": f'"{info.etag}"'})
    told = {**_about(info), "Content-Length": str(reading.end - reading.start)}
    status = HTTPStatus.OK
    if wanted is not None:
        status = HTTPStatus.PARTIAL_CONTENT
        told["Content-Range"] = f"bytes {reading.start}-{reading.end - 1}/{info.size_bytes}"
    return StreamingResponse(reading.body, status_code=status, headers=told)


def _about(info: ObjectInfo) -> dict[str, str]:
    attributes = info.attributes or NO_ATTRIBUTES
    told = {
        "Content-Type": attributes.content_type or DEFAULT_TYPE,
        "Content-Disposition": attributes.content_disposition or attachment(PurePosixPath(info.key).name or "object"),
        "Last-Modified": format_datetime(info.modified_at, usegmt=True),
        "Accept-Ranges": "bytes",
        **CLOSED_OFF,
    }
    optional = {
        "ETag": f'"{info.etag}"' if info.etag else "",
        "Content-Encoding": attributes.content_encoding,
        "Content-Language": attributes.content_language,
        "Cache-Control": attributes.cache_control,
    }
    return {**told, **{name: value for name, value in optional.items() if value}}


def attachment(name: str) -> str:
    """A `Content-Disposition` that saves under `name`, in the form of RFC 6266."""
    plain = "".join(letter if " " <= letter <= "~" and letter not in '"\\' else "_" for letter in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
