"""Writing objects: PutObject, CopyObject, DeleteObject, DeleteObjects."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote
from uuid import UUID

from tidemill.db import object_checksums
from tidemill.db.object_checksums import KeptChecksum
from tidemill.engine.checksums import FULL_OBJECT, HEADER
from tidemill.engine.s3_faults import S3Fault
from tidemill.model.errors import NotFound, PreconditionFailed, TidemillError
from tidemill.model.object_address import Address, named
from tidemill.server.s3 import xml
from tidemill.server.s3.answers import Answer, Header, document, fault_of, iso_date, nothing
from tidemill.server.s3.attributes import read_attributes, replaced_attributes
from tidemill.server.s3.body import read_small
from tidemill.server.s3.call import Call
from tidemill.server.s3.conditions import check_read, require_no_condition, write_condition
from tidemill.server.s3.reading import TOO_LATE_BYTES
from tidemill.stores.objects.port import NO_ATTRIBUTES, Attributes, ObjectInfo

MAX_DELETED: Final = 1000
_SOURCE: Final = "x-amz-copy-source"


async def put_object(call: Call) -> Answer:
    """Write an object. A small body with its checksum in a trailer is read first, to keep it beside the bytes."""
    call.require_key()
    if call.waits_for is not None:
        return await _put_waiting(call, call.waits_for)
    body: AsyncIterable[bytes] = call.body
    if call.body.trailer and call.body.size_bytes is not None and call.body.size_bytes <= TOO_LATE_BYTES:
        body = _pieces(await read_small(call.body, TOO_LATE_BYTES))
    info = await call.objects.put(
        call.caller,
        call.at,
        body,
        size_bytes=call.body.size_bytes,
        attributes=read_attributes(call.request.headers, checksums=call.body.checksums),
        condition=write_condition(call.request.headers),
    )
    if call.body.trailer and info.size_bytes > TOO_LATE_BYTES:
        await _keep_late(call, info)
    return nothing(*_told(call, info))


async def _put_waiting(call: Call, statement: UUID) -> Answer:
    """As an upload of one part, which becomes an object once the statement has succeeded."""
    require_no_condition(call.request.headers)
    uploads, caller, at = call.objects.uploads, call.caller, call.at
    attributes = read_attributes(call.request.headers)
    upload = await uploads.start(caller, at, attributes=attributes, waits_for=statement)
    if call.body.size_bytes == 0:
        return nothing(("etag", '""'))
    part = await uploads.put_part(caller, at, upload, 1, call.body, size_bytes=call.body.size_bytes)
    await uploads.choose(caller, at, upload, [(1, part.etag)])
    return nothing(("etag", f'"{part.etag}"'))


async def _keep_late(call: Call, info: ObjectInfo) -> None:
    checksum = KeptChecksum(call.body.trailer, FULL_OBJECT, call.body.checksums[call.body.trailer])
    await object_checksums.keep(
        call.parts.database.single, call.caller.workspace, call.at.place, call.at.key, etag=info.etag, checksum=checksum
    )


def _told(call: Call, info: ObjectInfo) -> list[Header]:
    headers = [(HEADER + name, value) for name, value in call.body.checksums.items()]
    kind = [(f"{HEADER}type", FULL_OBJECT)] if headers else []
    return [("etag", f'"{info.etag}"'), *headers, *kind]


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    if content:
        yield content


@dataclass(frozen=True, slots=True)
class Source:
    """What `x-amz-copy-source` names."""

    at: Address

    @classmethod
    def of(cls, call: Call) -> "Source":
        """Raises S3Fault where it names nothing, or a version."""
        path, _, version = call.header(_SOURCE).partition("?")
        try:
            decoded = unquote(path, errors="strict").removeprefix("/")
        except UnicodeDecodeError as error:
            raise S3Fault("InvalidArgument", f"{_SOURCE} is not UTF-8.") from error
        bucket, _, key = decoded.partition("/")
        if not bucket or not key:
            raise S3Fault("InvalidArgument", f"{_SOURCE} must be /bucket/key.")
        if version and version != "versionId=null":
            raise S3Fault("NotImplemented", "Versions of objects are not supported.")
        return cls(Address(named(bucket), key))


async def copy_object(call: Call) -> Answer:
    """Copy an object, also from another storage; what its attributes become is told by two directives."""
    call.require_key()
    source = Source.of(call)
    replace_metadata = _directive(call, "x-amz-metadata-directive")
    replace_tags = _directive(call, "x-amz-tagging-directive")
    if source.at == call.at and not (replace_metadata or replace_tags):
        raise S3Fault(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing anything.",
        )
    attributes = None
    if replace_metadata or replace_tags or any(name.startswith(f"{_SOURCE}-if-") for name in call.request.headers):
        info = await call.objects.head(call.caller, source.at)
        check_read(info, call.request.headers, prefix=f"{_SOURCE}-")
        attributes = _replaced(call, info, replace_metadata=replace_metadata, replace_tags=replace_tags)
    made = await call.objects.copy(
        call.caller, source.at, call.at, attributes=attributes, condition=write_condition(call.request.headers)
    )
    return document(
        "CopyObjectResult", xml.text("LastModified", iso_date(made.modified_at)), xml.text("ETag", f'"{made.etag}"')
    )


def _replaced(call: Call, info: ObjectInfo, *, replace_metadata: bool, replace_tags: bool) -> Attributes | None:
    if not (replace_metadata or replace_tags):
        return None
    return replaced_attributes(
        info.attributes or NO_ATTRIBUTES,
        read_attributes(call.request.headers),
        replace_metadata=replace_metadata,
        replace_tags=replace_tags,
    )


def _directive(call: Call, name: str) -> bool:
    value = call.header(name) or "COPY"
    if value not in {"COPY", "REPLACE"}:
        raise S3Fault("InvalidArgument", f"{name} must be COPY or REPLACE.")
    return value == "REPLACE"


async def delete_object(call: Call) -> Answer:
    """Remove an object; fine where there is none, unless `If-Match` wants one.

    A statement whose uploads wait removes by this what it has begun to write, and that is no object yet.
    """
    if call.waits_for is not None:
        return nothing(status=HTTPStatus.NO_CONTENT)
    await _delete_if(call, call.at, call.header("if-match"))
    await object_checksums.forget(call.parts.database.single, call.caller.workspace, call.at.place, keys=[call.at.key])
    return nothing(status=HTTPStatus.NO_CONTENT)


async def _delete_if(call: Call, at: Address, match: str) -> None:
    """`match`: the ETag that the object must have, `*` for any, "" where it need not be there."""
    etag = match.strip().strip('"')
    if etag == "*":
        try:
            await call.objects.head(call.caller, at)
        except NotFound as error:
            raise PreconditionFailed(f"There is no object {at.key!r}.") from error
        etag = ""
    elif match and (not etag or "," in etag):
        raise S3Fault("NotImplemented", "A delete takes one ETag in If-Match.")
    await call.objects.delete(call.caller, at, etag=etag)


async def delete_objects(call: Call) -> Answer:
    """Remove up to 1000 objects that the body names; tells of each what became of it."""
    wanted = xml.read(await read_small(call.body), "Delete")
    named_keys = [(_key_to_delete(each), each.value("ETag").strip()) for each in wanted.all("Object")]
    keys = [key for key, _ in named_keys]
    if not 1 <= len(keys) <= MAX_DELETED:
        raise S3Fault("MalformedXML", f"A Delete names 1 to {MAX_DELETED} objects.")
    conditional = {key: etag for key, etag in named_keys if etag}
    failed = await _delete_conditionally(call, conditional)
    plain = [key for key in dict.fromkeys(keys) if key not in conditional]
    if plain:
        failed |= await call.objects.delete_many(call.caller, call.at, plain)
    gone = [key for key in keys if key not in failed]
    await object_checksums.forget(call.parts.database.single, call.caller.workspace, call.at.place, keys=gone)
    quiet = wanted.value("Quiet").strip().lower() == "true"
    deleted = [] if quiet else [xml.element("Deleted", xml.text("Key", key)) for key in gone]
    return document("DeleteResult", *deleted, *(_failure(key, error) for key, error in failed.items()))


async def _delete_conditionally(call: Call, etags: Mapping[str, str]) -> dict[str, Exception]:
    """One by one: no store decides conditions on many at once."""
    failed: dict[str, Exception] = {}
    for key, etag in etags.items():
        try:
            await _delete_if(call, call.at.at(key), etag)
        except TidemillError as error:
            failed[key] = error
    return failed


def _key_to_delete(each: xml.Element) -> str:
    if each.value("VersionId") not in {"", "null"}:
        raise S3Fault("NotImplemented", "Versions of objects are not supported.")
    if any(each.value(name) for name in ("LastModifiedTime", "Size")):
        raise S3Fault("NotImplemented", "Deletes take an ETag as their condition, as general purpose buckets do.")
    key = each.value("Key")
    if not key or len(key.encode()) > 1024:
        raise S3Fault("MalformedXML", "An Object to delete needs a Key of 1 to 1024 bytes.")
    return key


def _failure(key: str, error: Exception) -> str:
    fault = fault_of(error) if isinstance(error, TidemillError) else S3Fault("InternalError")
    return xml.element("Error", xml.text("Key", key), xml.text("Code", fault.s3_code), xml.text("Message", str(fault)))
