"""What is kept beside the bytes of an object: from the headers that S3 clients send, and back.

Tags and checksums are kept in the metadata under names of our own, which no client may use or sees as metadata.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, quote

from tidemill.db.object_checksums import KeptChecksum
from tidemill.engine.checksums import ALGORITHMS, FULL_OBJECT, HEADER
from tidemill.engine.s3_faults import S3Fault
from tidemill.server.s3.answers import Header, http_date
from tidemill.stores.objects.port import NO_ATTRIBUTES, Attributes, ObjectInfo

META: Final = "x-amz-meta-"
DEFAULT_TYPE: Final = "binary/octet-stream"
_OURS: Final = "tidemill-s3-"
_TAGS: Final = f"{_OURS}tags"
_UPLOAD: Final = f"{_OURS}upload-checksum"
_MAX_METADATA_BYTES: Final = 2048
_MAX_TAGS: Final = 10
_NAMED: Final = {
    "content-disposition": "content_disposition",
    "content-language": "content_language",
    "cache-control": "cache_control",
}


def read_attributes(headers: Mapping[str, str], *, checksums: Mapping[str, str] | None = None) -> Attributes:
    """What the headers of an upload say of the object; `checksums` are those of the whole of it.

    Raises:
        S3Fault: the metadata is too large, or uses a name of ours; a tag is not valid.
    """
    metadata = {name.removeprefix(META): value for name, value in headers.items() if name.startswith(META)}
    if sum(len(name) + len(value.encode()) for name, value in metadata.items()) > _MAX_METADATA_BYTES:
        raise S3Fault("MetadataTooLarge")
    if any(name.startswith(_OURS) for name in metadata):
        raise S3Fault("InvalidArgument", f"Metadata may not be called {META}{_OURS}….")
    if headers.get("x-amz-tagging"):
        metadata[_TAGS] = write_tags(parse_tags(headers["x-amz-tagging"]))
    metadata |= {_OURS + name: value for name, value in (checksums or {}).items()}
    return Attributes(
        content_type=headers.get("content-type", ""),
        content_encoding=_without_chunked(headers.get("content-encoding", "")),
        metadata=MappingProxyType(metadata),
        **{field: headers.get(name, "") for name, field in _NAMED.items()},
    )


def shown_attributes(info: ObjectInfo) -> list[Header]:
    """The headers that tell of an object, but for its length."""
    attributes = info.attributes or NO_ATTRIBUTES
    headers = [
        ("content-type", attributes.content_type or DEFAULT_TYPE),
        ("last-modified", http_date(info.modified_at)),
        ("accept-ranges", "bytes"),
    ]
    if info.etag:
        headers.append(("etag", f'"{info.etag}"'))
    if attributes.content_encoding:
        headers.append(("content-encoding", attributes.content_encoding))
    headers += [(name, value) for name, field in _NAMED.items() if (value := getattr(attributes, field))]
    headers += [(META + name, value) for name, value in attributes.metadata.items() if not name.startswith(_OURS)]
    if tags := tags_of(attributes):
        headers.append(("x-amz-tagging-count", str(len(tags))))
    return headers


def shown_checksums(attributes: Attributes) -> list[Header]:
    """The headers with the checksums that are kept beside the object."""
    found = [(HEADER + each.algorithm, each.value) for each in kept_checksums(attributes)]
    return [*found, (f"{HEADER}type", FULL_OBJECT)] if found else []


def kept_checksums(attributes: Attributes) -> list[KeptChecksum]:
    """Those that are kept beside the object, in its metadata."""
    found = ((name, attributes.metadata.get(_OURS + name)) for name in ALGORITHMS)
    return [KeptChecksum(name, FULL_OBJECT, value) for name, value in found if value is not None]


def replaced_attributes(old: Attributes, new: Attributes, *, replace_metadata: bool, replace_tags: bool) -> Attributes:
    """Those of a copy: the bytes are the same, so checksums stay."""
    chosen = new if replace_metadata else old
    metadata = {name: value for name, value in chosen.metadata.items() if not name.startswith(_OURS)}
    kept = {name: value for name, value in old.metadata.items() if name.startswith(_OURS) and name != _TAGS}
    tagged = new if replace_tags else old
    tags = {_TAGS: tagged.metadata[_TAGS]} if _TAGS in tagged.metadata else {}
    return replace(chosen, metadata=MappingProxyType({**metadata, **kept, **tags}))


def with_tags(attributes: Attributes, tags: Mapping[str, str]) -> Attributes:
    """The same with other tags."""
    metadata = {name: value for name, value in attributes.metadata.items() if name != _TAGS}
    if tags:
        metadata[_TAGS] = write_tags(tags)
    return replace(attributes, metadata=MappingProxyType(metadata))


def tags_of(attributes: Attributes) -> dict[str, str]:
    """Its tags, in their order."""
    return dict(parse_qsl(attributes.metadata.get(_TAGS, ""), keep_blank_values=True))


def parse_tags(text: str) -> dict[str, str]:
    """The tags in `a=1&b=2`.

    Raises:
        S3Fault: there are too many, one comes twice, or is too long.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as error:
        raise S3Fault("InvalidArgument", "The tags are not of the form name=value&name=value.") from error
    return check_tags(pairs)


def check_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The tags in `pairs`; raises S3Fault as `parse_tags` does."""
    tags = dict(pairs)
    if len(tags) != len(pairs):
        raise S3Fault("InvalidTag", "Cannot provide multiple tags with the same key.")
    if len(tags) > _MAX_TAGS:
        raise S3Fault("BadRequest", f"Object tags cannot be greater than {_MAX_TAGS}.")
    if any(not 1 <= len(name) <= 128 or len(value) > 256 for name, value in tags.items()):
        raise S3Fault("InvalidTag", "A tag's key has 1 to 128 characters, its value at most 256.")
    return tags


def write_tags(tags: Mapping[str, str]) -> str:
    """As they are kept: ASCII."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in tags.items())


def for_upload(attributes: Attributes, algorithm: str, kind: str) -> Attributes:
    """Those of an upload whose parts come with checksums of this algorithm."""
    return replace(attributes, metadata=MappingProxyType({**attributes.metadata, _UPLOAD: f"{algorithm} {kind}"}))


def upload_checksum(attributes: Attributes) -> tuple[str, str]:
    """The algorithm and kind of checksum that an upload was begun with, ("", "") for none."""
    algorithm, _, kind = attributes.metadata.get(_UPLOAD, "").partition(" ")
    return algorithm, kind


def _without_chunked(encoding: str) -> str:
    """`aws-chunked` is how the body travels, not how the object is encoded."""
    parts = [part.strip() for part in encoding.split(",")]
    return ", ".join(part for part in parts if part and part.lower() != "aws-chunked")
