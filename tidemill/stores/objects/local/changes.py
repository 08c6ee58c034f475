"""The changes of a local store's index. Each runs inside of a transaction that the writer opens and commits.

Blobs that no row names any more are given back as `Freed`; the writer has them removed after the commit.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from sqlite3 import Connection

from tidemill.model.errors import NotFound, Unavailable
from tidemill.stores.objects.checks import check_condition, check_parts, multipart_etag
from tidemill.stores.objects.local import rows
from tidemill.stores.objects.local.blobs import Blob
from tidemill.stores.objects.local.folder import StoreFolder
from tidemill.stores.objects.port import NO_ATTRIBUTES, Attributes, Condition, ObjectInfo, Part


@dataclass(frozen=True, slots=True)
class Freed:
    """Blobs that nothing names any more, and the content that they were of; 0 for parts."""

    content: int
    blobs: list[str]


def put_small(
    connection: Connection, key: str, content: bytes, *, attributes: Attributes, condition: Condition
) -> tuple[ObjectInfo, list[Freed]]:
    """An object whose bytes are kept in the index."""
    freed = _make_room(connection, key, condition)
    digest = md5(content, usedforsecurity=False).hexdigest()
    number = _insert_content(connection, digest, content)
    return _insert_object(connection, key, number, len(content), etag=digest, attributes=attributes), freed


def put_blob(
    connection: Connection, folder: StoreFolder, key: str, blob: Blob, *, attributes: Attributes, condition: Condition
) -> tuple[ObjectInfo, list[Freed]]:
    """An object whose bytes are in one blob."""
    freed = _make_room(connection, key, condition)
    _check_blob(folder, blob)
    number = _insert_content(connection, None, None)
    _insert_segments(connection, number, [blob])
    return _insert_object(connection, key, number, blob.size_bytes, etag=blob.md5, attributes=attributes), freed


def delete(connection: Connection, keys: Sequence[str]) -> tuple[None, list[Freed]]:
    """Those that are there."""
    return None, [freed for key in keys for freed in _remove(connection, key)]


def delete_one(connection: Connection, key: str, *, etag: str) -> tuple[None, list[Freed]]:
    """The object that has this etag."""
    return None, _make_room(connection, key, Condition(etag=etag))


def copy(
    connection: Connection, source: str, target: str, *, attributes: Attributes | None, condition: Condition
) -> tuple[ObjectInfo, list[Freed]]:
    """Both keys lead to one content afterwards, which is held first: the target may be the source."""
    found = rows.find(connection, source)
    if found is None:
        raise NotFound(f"There is no object {source!r}.")
    connection.execute("update content set refs = refs + 1 where id = ?", (found.content,))
    freed = _make_room(connection, target, condition)
    beside = found.info.attributes or NO_ATTRIBUTES if attributes is None else attributes
    size_bytes, etag = found.info.size_bytes, found.info.etag
    return _insert_object(connection, target, found.content, size_bytes, etag=etag, attributes=beside), freed


def start_upload(connection: Connection, key: str, *, attributes: Attributes) -> tuple[str, list[Freed]]:
    """The id of a new upload."""
    upload = secrets.token_hex(16)
    connection.execute(
        "insert into upload (id, key, attributes, started_us) values (?, ?, ?, ?)",
        (upload, key, rows.attributes_to(attributes), _now_us()),
    )
    return upload, []


def check_upload(connection: Connection, key: str, upload: str) -> Attributes:
    """What the upload was begun with; raises NotFound unless it is one of this key."""
    row = connection.execute("select attributes from upload where id = ? and key = ?", (upload, key)).fetchone()
    if row is None:
        raise NotFound(f"There is no upload {upload[:80]!r} for the key {key!r}: begin one.")
    return rows.attributes_from(row[0])


def put_part(
    connection: Connection, folder: StoreFolder, key: str, upload: str, number: int, *, blob: Blob
) -> tuple[Part, list[Freed]]:
    """In place of the part of this number, where there is one."""
    check_upload(connection, key, upload)
    _check_blob(folder, blob)
    replaced = connection.execute(
        "delete from part where upload = ? and number = ? returning blob", (upload, number)
    ).fetchall()
    connection.execute(
        "insert into part (upload, number, blob, size_bytes, md5) values (?, ?, ?, ?, ?)",
        (upload, number, blob.name, blob.size_bytes, blob.md5),
    )
    part = Part(number=number, size_bytes=blob.size_bytes, etag=blob.md5)
    return part, [Freed(0, [name for (name,) in replaced])]


def complete_upload(
    connection: Connection, key: str, upload: str, parts: Sequence[Part], *, condition: Condition
) -> tuple[ObjectInfo, list[Freed]]:
    """The blobs of the parts become the segments of the object; no byte is moved."""
    attributes = check_upload(connection, key, upload)
    stored = _parts(connection, upload)
    check_parts(parts, {number: blob.md5 for number, blob in stored.items()})
    freed = _make_room(connection, key, condition)
    blobs = [stored.pop(part.number) for part in parts]
    _remove_upload(connection, upload)
    number = _insert_content(connection, None, None)
    empty = [blob.name for blob in blobs if not blob.size_bytes]
    _insert_segments(connection, number, [blob for blob in blobs if blob.size_bytes])
    size_bytes = sum(blob.size_bytes for blob in blobs)
    etag = multipart_etag([blob.md5 for blob in blobs])
    info = _insert_object(connection, key, number, size_bytes, etag=etag, attributes=attributes)
    return info, [*freed, Freed(0, [*empty, *(blob.name for blob in stored.values())])]


def abort_upload(connection: Connection, key: str, upload: str) -> tuple[None, list[Freed]]:
    """Nothing happens where there is no such upload of this key."""
    if connection.execute("select 1 from upload where id = ? and key = ?", (upload, key)).fetchone() is None:
        return None, []
    stored = _parts(connection, upload)
    _remove_upload(connection, upload)
    return None, [Freed(0, [blob.name for blob in stored.values()])]


def _make_room(connection: Connection, key: str, condition: Condition) -> list[Freed]:
    """Decide whether the object may be written, and remove the one that is there."""
    row = connection.execute("select etag from object where key = ?", (key,)).fetchone()
    check_condition(key, None if row is None else row[0], condition)
    return [] if row is None else _remove(connection, key)


def _remove(connection: Connection, key: str) -> list[Freed]:
    row = connection.execute("delete from object where key = ? returning content", (key,)).fetchone()
    if row is None:
        return []
    (content,) = row
    (refs,) = connection.execute(
        "update content set refs = refs - 1 where id = ? returning refs", (content,)
    ).fetchone()
    if refs:
        return []
    blobs = connection.execute("delete from segment where content = ? returning blob", (content,)).fetchall()
    connection.execute("delete from content where id = ?", (content,))
    return [Freed(content, [name for (name,) in blobs])]


def _insert_content(connection: Connection, digest: str | None, content: bytes | None) -> int:
    cursor = connection.execute("insert into content (refs, md5, bytes) values (1, ?, ?)", (digest, content))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _insert_segments(connection: Connection, content: int, blobs: Sequence[Blob]) -> None:
    start = 0
    for blob in blobs:
        connection.execute(
            "insert into segment (content, start, blob, size_bytes, md5) values (?, ?, ?, ?, ?)",
            (content, start, blob.name, blob.size_bytes, blob.md5),
        )
        start += blob.size_bytes


def _insert_object(
    connection: Connection, key: str, content: int, size_bytes: int, *, etag: str, attributes: Attributes
) -> ObjectInfo:
    now_us = _now_us()
    connection.execute(
        "insert into object (key, content, size_bytes, modified_us, etag, attributes) values (?, ?, ?, ?, ?, ?)",
        (key, content, size_bytes, now_us, etag, rows.attributes_to(attributes)),
    )
    return rows.info(key, size_bytes, now_us, etag, attributes=attributes)


def _parts(connection: Connection, upload: str) -> dict[int, Blob]:
    found = connection.execute("select number, blob, size_bytes, md5 from part where upload = ?", (upload,))
    return {number: Blob(name, size_bytes, digest) for number, name, size_bytes, digest in found}


def _remove_upload(connection: Connection, upload: str) -> None:
    connection.execute("delete from part where upload = ?", (upload,))
    connection.execute("delete from upload where id = ?", (upload,))


def _check_blob(folder: StoreFolder, blob: Blob) -> None:
    """It may have been taken for garbage by another process; garbage is collected in transactions as well."""
    try:
        folder.blob_status(blob.name)
    except FileNotFoundError as error:
        raise Unavailable("The upload took so long that it was given up; send it again.") from error


def _now_us() -> int:
    return time.time_ns() // 1000
