"""What a multipart upload leaves behind: the checksum of the whole, from those of its parts, and where these lie."""

from collections.abc import Sequence
from uuid import UUID

from tidemill.db import object_checksums
from tidemill.db.object_checksums import KeptChecksum, Layout, PartChecksum
from tidemill.db.uploads import StoredPart
from tidemill.engine import checksums
from tidemill.engine.checksums import ALGORITHMS, COMPOSITE, FULL_OBJECT, HEADER
from tidemill.engine.s3_faults import S3Fault
from tidemill.model.errors import NotFound
from tidemill.server.objects.uploads import attributes_of
from tidemill.server.s3 import xml
from tidemill.server.s3.attributes import upload_checksum
from tidemill.server.s3.call import Call
from tidemill.server.s3.parts import element_of
from tidemill.stores.objects.port import MAX_PARTS


def kind_of(algorithm: str, wanted: str) -> str:
    """The kind of checksum of an upload that is begun with `wanted`, "" for the usual one; raises S3Fault."""
    if algorithm not in ALGORITHMS:
        raise S3Fault("InvalidRequest", f"Checksum algorithm must be one of {', '.join(ALGORITHMS)}.")
    kind = wanted or (FULL_OBJECT if algorithm == "crc64nvme" else COMPOSITE)
    possible = {FULL_OBJECT} if algorithm == "crc64nvme" else {COMPOSITE, FULL_OBJECT}
    if not checksums.can_combine(algorithm):
        possible = {COMPOSITE}
    if kind not in possible:
        raise S3Fault("InvalidRequest", f"The {kind} checksum type cannot be used with {algorithm}.")
    return kind


async def facts_of_parts(
    call: Call, upload: UUID, numbers: Sequence[int], named: Sequence[xml.Element]
) -> tuple[KeptChecksum | None, Layout | None]:
    """The checksum of the whole, where all of its parts came with one, and how the parts lie in it.

    The checksum is compared with what the client says it is. No layout: the upload is not under way.

    Raises:
        S3Fault: the client says another, of the whole or of a part.
    """
    try:
        found = await call.objects.uploads.find(call.caller, call.at, upload)
    except NotFound:
        return None, None  # completed before, or never begun: `complete` tells which
    parts = await call.objects.uploads.parts(call.caller, call.at, upload, limit=MAX_PARTS)
    _check_size(call, numbers, parts)
    sizes = {part.number: part.size_bytes for part in parts}
    algorithm, kind = upload_checksum(attributes_of(found))
    sent = {
        part.number: part
        for part in await object_checksums.parts(call.parts.database.single, call.caller.workspace, upload)
    }
    right = {number: part.value for number, part in sent.items() if part.algorithm == algorithm}
    values = [right.get(number, "") for number in numbers]
    layout = Layout([sizes.get(number, 0) for number in numbers], values)
    if not algorithm:
        return None, layout
    _compare_parts(algorithm, sent, numbers, named)
    if not all(values):
        return None, layout
    value = _whole(algorithm, kind, [sent[number] for number in numbers], sizes)
    given = call.header(HEADER + algorithm)
    if given and given not in {value, value.partition("-")[0]}:
        raise S3Fault("BadDigest", f"The {algorithm} that you specified is not that of the parts.")
    return KeptChecksum(algorithm, kind, value), layout


def _check_size(call: Call, numbers: Sequence[int], parts: Sequence[StoredPart]) -> None:
    given = call.header("x-amz-mp-object-size")
    if given and given != str(sum(part.size_bytes for part in parts if part.number in set(numbers))):
        raise S3Fault("InvalidRequest", "The x-amz-mp-object-size is not the size of all parts together.")


def _compare_parts(
    algorithm: str, sent: dict[int, PartChecksum], numbers: Sequence[int], named: Sequence[xml.Element]
) -> None:
    for number, element in zip(numbers, named, strict=True):
        told = element.value(element_of(algorithm)).strip()
        if told and (number not in sent or sent[number].value != told):
            raise S3Fault("InvalidPart", f"Part {number} has another {algorithm}.")


def _whole(algorithm: str, kind: str, sent: Sequence[PartChecksum], sizes: dict[int, int]) -> str:
    values = [checksums.parse(algorithm, part.value) or b"" for part in sent]
    if kind == COMPOSITE:
        return checksums.composite(algorithm, values)
    return checksums.combined(algorithm, [(v, sizes[p.number]) for v, p in zip(values, sent, strict=True)])
