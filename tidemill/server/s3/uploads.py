"""Multipart uploads: begun, filled in any order and over any time, completed or aborted."""

from http import HTTPStatus
from itertools import pairwise
from typing import Final
from uuid import UUID

from tidemill.db import object_checksums
from tidemill.db.uploads import StoredPart
from tidemill.engine.checksums import HEADER
from tidemill.engine.s3_faults import S3Fault
from tidemill.model.object_address import Address
from tidemill.server.objects.body import Body as ReadingBody
from tidemill.server.objects.ranges import read_range
from tidemill.server.s3 import xml
from tidemill.server.s3.answers import Answer, document, iso_date, nothing
from tidemill.server.s3.attributes import for_upload, read_attributes
from tidemill.server.s3.body import read_small
from tidemill.server.s3.call import Call
from tidemill.server.s3.conditions import check_read, require_no_condition, write_condition
from tidemill.server.s3.listings import shown_key
from tidemill.server.s3.parts import element_of
from tidemill.server.s3.upload_checksums import facts_of_parts, kind_of
from tidemill.server.s3.writing import Source
from tidemill.stores.objects.port import MAX_PARTS

_PAGE: Final = 1000


async def create_upload(call: Call) -> Answer:
    """Begin an upload; its id is what everything else of it names."""
    call.require_key()
    attributes = read_attributes(call.request.headers)
    algorithm = call.header("x-amz-checksum-algorithm").lower()
    headers = []
    if algorithm:
        kind = kind_of(algorithm, call.header("x-amz-checksum-type").upper())
        attributes = for_upload(attributes, algorithm, kind)
        headers = [("x-amz-checksum-algorithm", algorithm.upper()), ("x-amz-checksum-type", kind)]
    upload = await call.objects.uploads.start(call.caller, call.at, attributes=attributes, waits_for=call.waits_for)
    return document(
        "InitiateMultipartUploadResult",
        xml.text("Bucket", call.request.bucket),
        xml.text("Key", call.request.key),
        xml.text("UploadId", upload),
        headers=tuple(headers),
    )


async def upload_part(call: Call) -> Answer:
    """Store a part from the body."""
    upload, number = _upload(call), _number(call)
    part = await call.objects.uploads.put_part(
        call.caller, call.at, upload, number, call.body, size_bytes=call.body.size_bytes
    )
    for algorithm, value in call.body.checksums.items():
        await object_checksums.keep_part(
            call.parts.database.single, call.caller.workspace, upload, number=number, algorithm=algorithm, value=value
        )
    told = [(HEADER + name, value) for name, value in call.body.checksums.items()]
    return nothing(("etag", f'"{part.etag}"'), *told)


async def upload_part_copy(call: Call) -> Answer:
    """Store a part from an object, or a range of one, that the caller may read."""
    upload, number, source = _upload(call), _number(call), Source.of(call)
    given = call.header("x-amz-copy-source-range")
    wanted = read_range(given) if given else (0, None)
    if wanted is None or wanted[0] < 0:
        raise S3Fault("InvalidArgument", "x-amz-copy-source-range must be bytes=first-last.")
    reading = await call.objects.get(call.caller, source.at, start=wanted[0], end=wanted[1])
    body = reading.body
    assert isinstance(body, ReadingBody)
    try:
        check_read(reading.info, call.request.headers, prefix="x-amz-copy-source-")
        if wanted[1] is not None and wanted[1] > reading.info.size_bytes:
            raise S3Fault("InvalidRange", "The specified copy range is not satisfiable.")
        part = await call.objects.uploads.put_part(
            call.caller, call.at, upload, number, body, size_bytes=reading.end - reading.start
        )
    finally:
        await body.aclose()
    modified = iso_date(reading.info.modified_at)
    return document("CopyPartResult", xml.text("LastModified", modified), xml.text("ETag", f'"{part.etag}"'))


async def complete_upload(call: Call) -> Answer:
    """Make the object of the parts that the body names."""
    upload = _upload(call)
    wanted = xml.read(await read_small(call.body), "CompleteMultipartUpload")
    chosen = [_chosen(each) for each in wanted.all("Part")]
    if not 1 <= len(chosen) <= MAX_PARTS:
        raise S3Fault("MalformedXML", f"An upload is completed with 1 to {MAX_PARTS} parts.")
    if any(later[0] <= earlier[0] for earlier, later in pairwise(chosen)):
        raise S3Fault("InvalidPartOrder")
    if call.waits_for is not None:
        require_no_condition(call.request.headers)
        await call.objects.uploads.choose(call.caller, call.at, upload, chosen)
        return _completed(call, chosen[-1][1])
    checksum, layout = await facts_of_parts(call, upload, [number for number, _ in chosen], list(wanted.all("Part")))
    info = await call.objects.uploads.complete(
        call.caller, call.at, upload, chosen, condition=write_condition(call.request.headers)
    )
    if layout is not None:
        await object_checksums.keep(
            call.parts.database.single,
            call.caller.workspace,
            call.at.place,
            call.at.key,
            etag=info.etag,
            checksum=checksum,
            layout=layout,
        )
    told = []
    if checksum is not None:
        told = [xml.text(element_of(checksum.algorithm), checksum.value), xml.text("ChecksumType", checksum.kind)]
    return _completed(call, info.etag, *told)


def _completed(call: Call, etag: str, *told: str) -> Answer:
    return document(
        "CompleteMultipartUploadResult",
        xml.text("Location", f"/{call.request.bucket}/{call.request.key}"),
        xml.text("Bucket", call.request.bucket),
        xml.text("Key", call.request.key),
        xml.text("ETag", f'"{etag}"'),
        *told,
    )


def _chosen(part: xml.Element) -> tuple[int, str]:
    number, etag = part.value("PartNumber").strip(), part.value("ETag").strip().strip('"')
    if not number.isascii() or not number.isdigit() or len(number) > 5 or not etag:
        raise S3Fault("MalformedXML", "A Part needs a PartNumber and an ETag.")
    return int(number), etag


async def abort_upload(call: Call) -> Answer:
    """Remove an upload with its parts."""
    await call.objects.uploads.abort(call.caller, call.at, _upload(call))
    return nothing(status=HTTPStatus.NO_CONTENT)


async def list_parts(call: Call) -> Answer:
    """The parts of an upload that are stored, by number."""
    upload = _upload(call)
    most = min(call.request.number("max-parts", _PAGE), _PAGE)
    after = call.request.number("part-number-marker", 0)
    parts = await call.objects.uploads.parts(call.caller, call.at, upload, after=after, limit=most + 1)
    shown = parts[:most]
    return document(
        "ListPartsResult",
        xml.text("Bucket", call.request.bucket),
        shown_key(call, "Key", call.request.key),
        xml.text("UploadId", upload),
        xml.text("PartNumberMarker", after),
        xml.text("NextPartNumberMarker", shown[-1].number if shown else 0),
        xml.text("MaxParts", most),
        xml.text("IsTruncated", len(parts) > most),
        *(_shown_part(part) for part in shown),
        xml.text("StorageClass", "STANDARD"),
    )


def _shown_part(part: StoredPart) -> str:
    return xml.element(
        "Part",
        xml.text("PartNumber", part.number),
        xml.text("LastModified", iso_date(part.stored_at)),
        xml.text("ETag", f'"{part.etag}"'),
        xml.text("Size", part.size_bytes),
    )


async def list_uploads(call: Call) -> Answer:
    """Uploads under way below a prefix, by key and then by age."""
    query = call.request.query
    if query.get("delimiter"):
        raise S3Fault("NotImplemented", "Uploads are listed without a delimiter.")
    prefix, most = query.get("prefix", ""), min(call.request.number("max-uploads", _PAGE), _PAGE)
    after_key = query.get("key-marker", "")
    after_id = _marker(query.get("upload-id-marker", "")) if after_key else UUID(int=0)
    at = Address(call.at.storage, prefix)
    page = await call.objects.uploads.page(call.caller, at, after_key=after_key, after_id=after_id, limit=most + 1)
    shown = page[:most]
    following = (
        [xml.text("NextKeyMarker", shown[-1].key), xml.text("NextUploadIdMarker", shown[-1].id)] if shown else []
    )
    return document(
        "ListMultipartUploadsResult",
        xml.text("Bucket", call.request.bucket),
        shown_key(call, "KeyMarker", after_key),
        xml.text("UploadIdMarker", query.get("upload-id-marker", "")),
        *(following if len(page) > most else ()),
        shown_key(call, "Prefix", prefix),
        xml.text("MaxUploads", most),
        xml.text("IsTruncated", len(page) > most),
        *(
            xml.element(
                "Upload",
                shown_key(call, "Key", each.key),
                xml.text("UploadId", each.id),
                xml.text("StorageClass", "STANDARD"),
                xml.text("Initiated", iso_date(each.started_at)),
            )
            for each in shown
        ),
    )


def _marker(text: str) -> UUID:
    """Without an id, all uploads of the key are behind us."""
    if not text:
        return UUID(int=(1 << 128) - 1)
    try:
        return UUID(text)
    except ValueError as error:
        raise S3Fault("InvalidArgument", "Invalid uploadId marker.") from error


def _upload(call: Call) -> UUID:
    try:
        return UUID(call.request.query["uploadId"])
    except ValueError as error:
        raise S3Fault("NoSuchUpload") from error


def _number(call: Call) -> int:
    number = call.request.number("partNumber", 0)
    if not 1 <= number <= MAX_PARTS:
        raise S3Fault("InvalidArgument", f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive.")
    return number
