"""Parts of objects that are complete: reads of one of them, and what GetObjectAttributes tells."""

from dataclasses import dataclass
from typing import Final

from tidemill.db import object_checksums
from tidemill.db.object_checksums import KeptChecksum, Layout
from tidemill.engine.s3_faults import S3Fault
from tidemill.server.s3 import xml
from tidemill.server.s3.answers import Answer, document, http_date
from tidemill.server.s3.attributes import kept_checksums
from tidemill.server.s3.call import Call
from tidemill.stores.objects.port import MAX_PARTS, NO_ATTRIBUTES, ObjectInfo

_PAGE: Final = 1000
_ATTRIBUTES: Final = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})


@dataclass(frozen=True, slots=True)
class Part:
    """Where a part lies in its object. `count` of them are known; 0: the object is read as the one part that it is."""

    start: int
    end: int
    count: int = 0
    checksum: str = ""


async def asked_part(call: Call, info: ObjectInfo) -> Part | None:
    """The part that `partNumber` names; None where it names none. An object whose parts are not known is one part.

    Raises:
        S3Fault: there is no such part.
    """
    if "partNumber" not in call.request.query:
        return None
    if call.header("range"):
        raise S3Fault("InvalidRequest", "Cannot specify both Range header and partNumber query parameter.")
    number = call.request.number("partNumber", 0)
    if not 1 <= number <= MAX_PARTS:
        raise S3Fault("InvalidArgument", f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive.")
    layout = await layout_of(call, info)
    if number > (len(layout.sizes) if layout else 1):
        raise S3Fault("InvalidPartNumber")
    if layout is None:
        return Part(0, info.size_bytes)
    start = sum(layout.sizes[: number - 1])
    return Part(start, start + layout.sizes[number - 1], len(layout.sizes), layout.checksums[number - 1])


async def layout_of(call: Call, info: ObjectInfo) -> Layout | None:
    """The parts of the object, where it was uploaded in parts through here. Only such an ETag has a hyphen, or none."""
    found = await object_checksums.find_layout(
        call.parts.database.single, call.caller.workspace, call.at.place, key=call.at.key, etag=info.etag
    )
    return found if found is not None and sum(found.sizes) == info.size_bytes else None


async def get_attributes(call: Call) -> Answer:
    """What the header names of ETag, checksums, parts and size."""
    given = [value for name, value in call.request.signed.headers if name == "x-amz-object-attributes"]
    wanted = {name.strip() for name in ",".join(given).split(",")}
    if not wanted <= _ATTRIBUTES:
        raise S3Fault("InvalidArgument", f"x-amz-object-attributes names some of {', '.join(sorted(_ATTRIBUTES))}.")
    info = await call.objects.head(call.caller, call.at)
    told = []
    if "ETag" in wanted:
        told.append(xml.text("ETag", info.etag))
    kept = await _checksums(call, info) if wanted & {"Checksum", "ObjectParts"} else []
    if "Checksum" in wanted and kept:
        shown = [xml.text(element_of(each.algorithm), each.value) for each in kept]
        told.append(xml.element("Checksum", *shown, xml.text("ChecksumType", kept[0].kind)))
    if "ObjectParts" in wanted and (layout := await layout_of(call, info)) is not None:
        told.append(_shown_parts(call, layout, kept[0].algorithm if kept else ""))
    if "StorageClass" in wanted:
        told.append(xml.text("StorageClass", "STANDARD"))
    if "ObjectSize" in wanted:
        told.append(xml.text("ObjectSize", info.size_bytes))
    return document("GetObjectAttributesResponse", *told, headers=(("last-modified", http_date(info.modified_at)),))


async def _checksums(call: Call, info: ObjectInfo) -> list[KeptChecksum]:
    if found := kept_checksums(info.attributes or NO_ATTRIBUTES):
        return found
    kept = await object_checksums.find(
        call.parts.database.single, call.caller.workspace, call.at.place, key=call.at.key, etag=info.etag
    )
    return [] if kept is None else [kept]


def _shown_parts(call: Call, layout: Layout, algorithm: str) -> str:
    after = _number(call, "x-amz-part-number-marker", 0)
    most = min(_number(call, "x-amz-max-parts", _PAGE), _PAGE)
    shown = list(enumerate(zip(layout.sizes, layout.checksums, strict=True), start=1))[after : after + most]
    return xml.element(
        "ObjectParts",
        xml.text("PartsCount", len(layout.sizes)),
        xml.text("PartNumberMarker", after),
        xml.text("NextPartNumberMarker", shown[-1][0] if shown else after),
        xml.text("MaxParts", most),
        xml.text("IsTruncated", after + len(shown) < len(layout.sizes)),
        *(
            xml.element(
                "Part",
                xml.text("PartNumber", number),
                xml.text("Size", size),
                xml.text(element_of(algorithm), checksum) if algorithm and checksum else "",
            )
            for number, (size, checksum) in shown
        ),
    )


def _number(call: Call, header: str, default: int) -> int:
    given = call.header(header)
    if not given:
        return default
    if not given.isascii() or not given.isdigit() or len(given) > 10:
        raise S3Fault("InvalidArgument", f"{header} must be a whole number.")
    return int(given)


def element_of(algorithm: str) -> str:
    """What documents call a checksum."""
    return f"Checksum{algorithm.upper()}"
