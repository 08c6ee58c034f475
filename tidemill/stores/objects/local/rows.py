"""What the index of a local store tells, as values; everything here only reads."""

import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import islice
from sqlite3 import Connection
from typing import Any, Final

from tidemill.stores.objects.folding import LAST, folder_of, skipped_folder
from tidemill.stores.objects.local.blobs import Blob
from tidemill.stores.objects.port import NO_ATTRIBUTES, Attributes, Folder, ObjectInfo

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES: Final = tuple(field.name for field in fields(Attributes))
_SURROGATES: Final = (0xD800, 0xDFFF)


@dataclass(frozen=True, slots=True)
class Found:
    """An object, and the content that has its bytes."""

    info: ObjectInfo
    content: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A whole blob, which holds the bytes of a content from `start` on."""

    start: int
    blob: Blob


def find(connection: Connection, key: str) -> Found | None:
    """The object at `key`, with its attributes."""
    row = connection.execute(
        "select size_bytes, modified_us, etag, attributes, content from object where key = ?", (key,)
    ).fetchone()
    if row is None:
        return None
    size_bytes, modified_us, etag, attributes, content = row
    return Found(info(key, size_bytes, modified_us, etag, attributes=attributes_from(attributes)), content)


def small_bytes(connection: Connection, content: int) -> bytes | None:
    """The bytes of a content that are kept in the index; None where they are in its segments."""
    row = connection.execute("select bytes from content where id = ?", (content,)).fetchone()
    return row[0] if row is not None else None


def segments(connection: Connection, content: int, start: int, end: int) -> list[Segment]:
    """The segments that hold the bytes from `start` up to `end`, in order."""
    rows = connection.execute(
        "select start, blob, size_bytes, md5 from segment"
        " where content = ? and start < ? and start + size_bytes > ? order by start",
        (content, end, start),
    )
    return [Segment(first, Blob(name, size_bytes, digest)) for first, name, size_bytes, digest in rows]


def is_named(connection: Connection, blob: str) -> bool:
    """Whether a row of the index needs this blob."""
    row = connection.execute(
        "select exists (select 1 from segment where blob = ?) or exists (select 1 from part where blob = ?)",
        (blob, blob),
    ).fetchone()
    return bool(row[0])


def scan(connection: Connection, prefix: str, *, after: str, limit: int) -> list[ObjectInfo]:
    """See `ObjectStore.scan`."""
    with closing(walk(connection, prefix, start=_next(after))) as objects:
        return list(islice(objects, limit))


def scan_folder(
    connection: Connection, prefix: str, *, delimiter: str, after: str, limit: int
) -> list[ObjectInfo | Folder]:
    """See `ObjectStore.scan_folder`. Each folder costs one look into the index, however much it holds."""
    page: list[ObjectInfo | Folder] = []
    skipped = skipped_folder(after, prefix, delimiter)
    start: str | None = _next(after) if skipped is None else behind(skipped)
    while start is not None and len(page) < limit:
        folder = None
        with closing(walk(connection, prefix, start=start)) as objects:
            for found in objects:
                folder = folder_of(found.key, prefix, delimiter)
                page.append(found if folder is None else Folder(folder))
                if folder is not None or len(page) == limit:
                    break
        start = None if folder is None else behind(folder)
    return page


def walk(connection: Connection, prefix: str, *, start: str = "") -> Generator[ObjectInfo]:
    """All objects whose key starts with `prefix` and is not less than `start`, as far as they are asked for."""
    end = behind(prefix)
    cursor = connection.execute(
        "select key, size_bytes, modified_us, etag from object where key >= ? and key < ? order by key",
        (max(prefix, start), b"" if end is None else end),  # to SQLite every blob is greater than every text
    )
    try:
        for row in cursor:
            yield info(*row)
    finally:
        cursor.close()


def _next(after: str) -> str:
    """The least text that a key greater than `after` can be: no key holds NUL."""
    return after + "\x01"


def behind(prefix: str) -> str | None:
    """The least text that is greater than all that start with `prefix`; None where there is none."""
    for place in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[place]) + 1
        if code == _SURROGATES[0]:
            code = _SURROGATES[1] + 1
        if code <= ord(LAST):
            return prefix[:place] + chr(code)
    return None


def info(key: str, size_bytes: int, modified_us: int, etag: str, *, attributes: Attributes | None = None) -> ObjectInfo:
    """An object from the columns of its row."""
    modified_at = _EPOCH + timedelta(microseconds=modified_us)
    return ObjectInfo(key=key, size_bytes=size_bytes, modified_at=modified_at, etag=etag, attributes=attributes)


def attributes_to(attributes: Attributes) -> str | None:
    """As they are kept: only what was given."""
    given = {name: getattr(attributes, name) for name in _NAMES if getattr(attributes, name)}
    if "metadata" in given:
        given["metadata"] = dict(attributes.metadata)
    return json.dumps(given, ensure_ascii=False, separators=(",", ":")) if given else None


def attributes_from(text: str | None) -> Attributes:
    """The other way round."""
    if text is None:
        return NO_ATTRIBUTES
    given: dict[str, Any] = json.loads(text)
    return Attributes(**given)
