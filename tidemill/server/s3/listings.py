"""Listing objects: ListObjects in its two versions."""

import base64
import binascii
import re
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from tidemill.engine.s3_faults import S3Fault
from tidemill.model.object_address import Address
from tidemill.server.objects.listing import Listing
from tidemill.server.s3 import xml
from tidemill.server.s3.answers import Answer, document, iso_date
from tidemill.server.s3.call import Call
from tidemill.stores.objects.port import PAGE, Folder, ObjectInfo

Page = Listing[ObjectInfo] | Listing[ObjectInfo | Folder]

_PLAIN: Final = re.compile(r"[A-Za-z0-9/._~*-]*")
_NOTHING: Final[Listing[ObjectInfo]] = Listing([], "", restricted=False)


async def list_objects_v2(call: Call) -> Answer:
    """A page of objects; a continuation token names where the next begins."""
    query = call.request.query
    token, start_after = query.get("continuation-token"), query.get("start-after", "")
    if token == "":
        raise S3Fault("InvalidArgument", "The continuation token provided is incorrect.")
    page, most = await _page(call, after=start_after if token is None else _decoded(token))
    owner = query.get("fetch-owner") == "true"
    return document(
        "ListBucketResult",
        *_head(call, page, most),
        *((xml.text("ContinuationToken", token),) if token is not None else ()),
        *((shown_key(call, "StartAfter", start_after),) if start_after else ()),
        *((xml.text("NextContinuationToken", _encoded(page.marker)),) if page.marker else ()),
        xml.text("KeyCount", len(page.entries)),
        *_entries(call, page, owner=owner),
    )


async def list_objects(call: Call) -> Answer:
    """The older version: a marker names where the next page begins."""
    marker = call.request.query.get("marker", "")
    page, most = await _page(call, after=marker)
    return document(
        "ListBucketResult",
        *_head(call, page, most),
        shown_key(call, "Marker", marker),
        *((shown_key(call, "NextMarker", page.marker),) if page.marker else ()),
        *_entries(call, page, owner=True),
    )


def shown_key(call: Call, name: str, value: str) -> str:
    """A key, or a part of one, as the client wants it encoded."""
    return xml.text(name, _quoted(value) if _is_encoded(call) else value)


def _quoted(value: str) -> str:
    """Percent-encoded; nothing of it has to be escaped in XML."""
    return value if _PLAIN.fullmatch(value) else quote(value, safe="/-._~*")


async def _page(call: Call, *, after: str) -> tuple[Page, int]:
    query = call.request.query
    most = min(call.request.number("max-keys", PAGE), PAGE)
    at = Address(call.at.storage, query.get("prefix", ""))
    if most == 0:
        await call.objects.scan(call.caller, at, limit=1)  # no such bucket, or not for this caller
        return _NOTHING, 0
    page = await _scan(call, at, after=after, limit=most)
    is_open = page.marker and not page.goes_on and len(page.entries) == PAGE
    if is_open and not (await _scan(call, at, after=page.marker, limit=1)).entries:
        page = replace(page, marker="")  # clients expect something on every page but the first
    return page, most


async def _scan(call: Call, at: Address, *, after: str, limit: int) -> Page:
    if delimiter := call.request.query.get("delimiter", ""):
        return await call.objects.scan_folder(call.caller, at, delimiter=delimiter, after=after, limit=limit)
    return await call.objects.scan(call.caller, at, after=after, limit=limit)


def _head(call: Call, page: Page, most: int) -> list[str]:
    query = call.request.query
    head = [
        xml.text("Name", call.request.bucket),
        shown_key(call, "Prefix", query.get("prefix", "")),
        xml.text("MaxKeys", most),
        xml.text("IsTruncated", page.marker != ""),
    ]
    if query.get("delimiter"):
        head.append(shown_key(call, "Delimiter", query["delimiter"]))
    return [*head, xml.text("EncodingType", "url")] if _is_encoded(call) else head


def _entries(call: Call, page: Page, *, owner: bool) -> list[str]:
    encode = _quoted if _is_encoded(call) else xml.escaped
    rest = xml.text("StorageClass", "STANDARD") + (shown_owner(call) if owner else "")
    return [
        f"<CommonPrefixes><Prefix>{encode(entry.prefix)}</Prefix></CommonPrefixes>"
        if isinstance(entry, Folder)
        else f"<Contents><Key>{encode(entry.key)}</Key><LastModified>{iso_date(entry.modified_at)}</LastModified>"
        f"<ETag>&quot;{xml.escaped(entry.etag)}&quot;</ETag><Size>{entry.size_bytes}</Size>{rest}</Contents>"
        for entry in page.entries
    ]


def shown_owner(call: Call, name: str = "Owner") -> str:
    """Objects belong to the workspace."""
    workspace = call.caller.workspace
    return xml.element(name, xml.text("ID", workspace), xml.text("DisplayName", workspace))


def _is_encoded(call: Call) -> bool:
    encoding = call.request.query.get("encoding-type", "")
    if encoding not in {"", "url"}:
        raise S3Fault("InvalidArgument", "Invalid Encoding Method specified in Request.")
    return encoding == "url"


def _encoded(marker: str) -> str:
    return base64.urlsafe_b64encode(marker.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise S3Fault("InvalidArgument", "The continuation token provided is incorrect.") from error
