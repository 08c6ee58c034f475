"""Attributes and facts of objects in headers of HTTP, which vendors name alike."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

from tidemill.model.errors import BadRequest
from tidemill.stores.objects.port import Attributes, ObjectInfo

NAMES: Final = {
    "content_type": "content-type",
    "content_disposition": "content-disposition",
    "content_encoding": "content-encoding",
    "content_language": "content-language",
    "cache_control": "cache-control",
}


def attribute_headers(attributes: Attributes, *, metadata: str, others: str = "") -> dict[str, str]:
    """To send with a new object. `metadata` and `others` stand in front of the names of headers.

    Raises:
        BadRequest: a value holds what no header carries.
    """
    headers = {others + header: value for name, header in NAMES.items() if (value := getattr(attributes, name))}
    headers |= {metadata + name: value for name, value in attributes.metadata.items()}
    for name, value in headers.items():
        check_header(name, value)
    return headers


def check_header(name: str, value: str) -> None:
    """Raises BadRequest unless a header of HTTP carries this value as it is: printable ASCII, no blanks around it."""
    if not (name + value).isascii() or not (name + value).isprintable() or value != value.strip() or "  " in value:
        raise BadRequest(
            f"This storage keeps {name!r} in a header, which carries printable ASCII with single blanks, not {value!r}."
        )


def read_attributes(headers: Mapping[str, str], *, metadata: str) -> Attributes:
    """Of an answer; names of headers in lower case."""
    return Attributes(
        **{name: headers.get(header, "") for name, header in NAMES.items()},
        metadata={name.removeprefix(metadata): value for name, value in headers.items() if name.startswith(metadata)},
    )


def read_info(key: str, headers: Mapping[str, str], *, size_bytes: int, metadata: str) -> ObjectInfo:
    """Of the answer to a read."""
    return ObjectInfo(
        key=key,
        size_bytes=size_bytes,
        modified_at=read_time(headers.get("last-modified", "")),
        etag=read_etag(headers),
        attributes=read_attributes(headers, metadata=metadata),
    )


def read_etag(headers: Mapping[str, str]) -> str:
    """Without quotes."""
    return headers.get("etag", "").removeprefix("W/").strip('"')


def read_time(text: str) -> datetime:
    """Of a header; the present where it says none."""
    try:
        return _parse_time(text)
    except ValueError:
        return datetime.now(UTC)


@lru_cache(maxsize=1024)
def _parse_time(text: str) -> datetime:
    """Takes longer than all else in a header, and the same seconds come again and again."""
    return parsedate_to_datetime(text).replace(tzinfo=UTC)


def range_header(start: int, end: int | None) -> str:
    """`Range` for what `ObjectStore.get` asks for, "" for the whole."""
    if start < 0:
        return f"bytes={start}"
    if end is not None:
        return f"bytes={start}-{end - 1}"
    return f"bytes={start}-" if start else ""


def read_range(headers: Mapping[str, str]) -> tuple[int, int, int]:
    """First byte, the one behind the last, and the size of the object, of an answer to a read.

    Raises:
        ValueError: there is neither a range nor a length.
    """
    told = headers.get("content-range", "")
    if not told:
        size = int(headers.get("content-length", ""))
        return 0, size, size
    span, _, size_text = told.removeprefix("bytes ").partition("/")
    first, _, last = span.partition("-")
    return int(first), int(last) + 1, int(size_text)
