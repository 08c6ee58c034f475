"""Looks after a local store: removes what nothing names, verifies every byte, tells what takes up room.

Everything here blocks; it is for threads of the store.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import md5
from sqlite3 import Connection
from typing import Final

from tidemill.model.errors import StorageMisconfigured
from tidemill.stores.objects.folding import summed
from tidemill.stores.objects.local import rows
from tidemill.stores.objects.local.blobs import Blob
from tidemill.stores.objects.local.changes import Freed
from tidemill.stores.objects.local.folder import StoreFolder
from tidemill.stores.objects.port import Usage

GARBAGE_AGE_S: Final = 3600.0
"""What nothing names and was not written to for so long is garbage; younger blobs may still get a name."""

_PIECE_BYTES: Final = 1024 * 1024
_PAGES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as it must be. `keys` are those of the objects that it concerns, at most a hundred."""

    problem: str
    blob: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a collection of garbage removed."""

    blobs: int = 0
    size_bytes: int = 0


def stale_blobs(folder: StoreFolder, connection: Connection, *, age_s: float) -> list[tuple[str, int]]:
    """Blobs that no row names and that were not written to for `age_s` seconds, each with its size."""
    latest = time.time() - age_s
    return [
        (name, status.st_size)
        for name, status in folder.blobs()
        if status.st_mtime <= latest and not rows.is_named(connection, name)
    ]


def collect(
    folder: StoreFolder, names: list[tuple[str, int]], *, age_s: float
) -> Callable[[Connection], tuple[Collected, list[Freed]]]:
    """A change that removes those of `names` that are still garbage: nobody can give them a name meanwhile."""

    def apply(connection: Connection) -> tuple[Collected, list[Freed]]:
        # A write of its own comes first: it overwrites what a commit whose sync failed may have left in the log.
        connection.execute("update content set refs = refs where id = (select max(id) from content)")
        removed = [size for name, size in names if _remove_garbage(connection, folder, name, age_s=age_s)]
        return Collected(blobs=len(removed), size_bytes=sum(removed)), []

    return apply


def shrink(connection: Connection) -> tuple[int, list[Freed]]:
    """A change that gives free pages of the index back to the disk, as many as are quickly done; how many are left."""
    (free,) = connection.execute("pragma freelist_count").fetchone()
    for _ in range(min(free, _PAGES)):
        connection.execute("pragma incremental_vacuum(1)")  # Python ends the statement after its first page anyway
    (left,) = connection.execute("pragma freelist_count").fetchone()
    return int(left), []


def _remove_garbage(connection: Connection, folder: StoreFolder, name: str, *, age_s: float) -> bool:
    try:
        is_old = folder.blob_status(name).st_mtime <= time.time() - age_s
    except FileNotFoundError:
        return False
    if not is_old or rows.is_named(connection, name):
        return False
    folder.remove_blob(name)
    return True


def verify_index(connection: Connection) -> Iterator[Finding]:
    """The index in itself: its pages, and how many objects lead to each content."""
    for (said,) in connection.execute("pragma quick_check(20)"):
        if said != "ok":
            yield Finding(problem=f"the index is damaged: {said}")
    for content, refs, real in connection.execute(
        "with leading as materialized (select content, count(*) as number from object group by content)"
        " select c.id, c.refs, coalesce(l.number, 0) as real from content c left join leading l on l.content = c.id"
        " where c.refs <> real"
    ).fetchall():
        yield Finding(
            problem=f"content {content} counts {refs} objects and has {real}", keys=_keys(connection, content)
        )
    for key, content in connection.execute(
        "select key, content from object where content not in (select id from content)"
    ).fetchall():
        yield Finding(problem=f"its content {content} is not there", keys=(key,))
    for key, size, real in connection.execute(
        "select o.key, o.size_bytes, coalesce(length(c.bytes), (select sum(s.size_bytes) from segment s where"
        " s.content = c.id), 0) as real from object o join content c on c.id = o.content where real <> o.size_bytes"
    ).fetchall():
        yield Finding(problem=f"it should have {size} bytes and has {real}", keys=(key,))


def verify_small(connection: Connection, after: int, most: int) -> tuple[int | None, list[Finding]]:
    """Some of the contents that are kept in the index, and where to go on; None at the end."""
    found: list[Finding] = []
    last: int | None = None
    rest = connection.execute(
        "select id, md5, bytes from content where id > ? and bytes is not null order by id limit ?", (after, most)
    )
    for last, digest, content in rest:
        if md5(content, usedforsecurity=False).hexdigest() != digest:
            found.append(Finding(problem="its bytes are not those that were put", keys=_keys(connection, last)))
    return last, found


def named_blobs(connection: Connection, after: str, most: int) -> list[Blob]:
    """Some of the blobs that rows name, in the order of their names."""
    found = connection.execute(
        "select blob, size_bytes, md5 from segment where blob > ?1 union all"
        " select blob, size_bytes, md5 from part where blob > ?1 order by blob limit ?2",
        (after, most),
    )
    return [Blob(name, size_bytes, digest) for name, size_bytes, digest in found]


def verify_blob(folder: StoreFolder, connection: Connection, blob: Blob) -> Finding | None:
    """None where its file has the bytes that were put, or nothing names it any more."""
    problem = _problem(folder, blob)
    if problem is None or not rows.is_named(connection, blob.name):
        return None
    content = connection.execute("select content from segment where blob = ?", (blob.name,)).fetchone()
    return Finding(problem=problem, blob=blob.name, keys=_keys(connection, content[0]) if content else ())


def usage(connection: Connection, prefix: str, *, depth: int, delimiter: str) -> list[Usage]:
    """See `Counting.usage`."""
    with closing(rows.walk(connection, prefix)) as objects:
        return summed(((each.key, each.size_bytes) for each in objects), prefix, depth=depth, delimiter=delimiter)


def _problem(folder: StoreFolder, blob: Blob) -> str | None:
    digest, size = md5(usedforsecurity=False), 0
    try:
        with os.fdopen(folder.open_blob(blob.name), "rb", buffering=0) as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
                size += len(piece)
    except FileNotFoundError:
        return "its file is not there"
    except StorageMisconfigured:
        return "something else lies where its file was"
    if size != blob.size_bytes:
        return f"its file should have {blob.size_bytes} bytes and has {size}"
    return None if digest.hexdigest() == blob.md5 else "its bytes are not those that were put"


def _keys(connection: Connection, content: int) -> tuple[str, ...]:
    rows_found = connection.execute("select key from object where content = ? limit 100", (content,))
    return tuple(key for (key,) in rows_found)
