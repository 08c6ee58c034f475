"""Reads objects of a local store: their version stays readable, whatever is written meanwhile."""

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from sqlite3 import Connection
from threading import Lock
from typing import Final, Self

from tidemill.model.errors import ContentDamaged, NotFound, Unavailable
from tidemill.stores.objects.checks import check_condition, resolve_range
from tidemill.stores.objects.local import rows
from tidemill.stores.objects.local.changes import Freed
from tidemill.stores.objects.local.folder import StoreFolder
from tidemill.stores.objects.local.rows import Segment
from tidemill.stores.objects.local.threads import Threads
from tidemill.stores.objects.port import Condition, ObjectInfo, Reading

_PIECE_BYTES: Final = 1024 * 1024
_TRIES: Final = 20
"""How often an object may be replaced between the look into the index and the opening of its file."""


class Holds:
    """Which contents are being read, blob after blob: their files stay until the last reader is through.

    Readers in other processes hold none: they get an error when a file that they have not opened yet is gone.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._readers: Counter[int] = Counter()
        self._kept: dict[int, list[str]] = {}

    def hold(self, content: int) -> None:
        """One more reader."""
        with self._lock:
            self._readers[content] += 1

    def let_go(self, content: int) -> list[str]:
        """One reader less; gives the blobs that may be removed now."""
        with self._lock:
            self._readers[content] -= 1
            if self._readers[content]:
                return []
            del self._readers[content]
            return self._kept.pop(content, [])

    def free(self, freed: Freed) -> list[str]:
        """Nothing names these any more; gives those that may be removed now."""
        with self._lock:
            if not self._readers[freed.content]:
                del self._readers[freed.content]
                return freed.blobs
            self._kept.setdefault(freed.content, []).extend(freed.blobs)
            return []

    def kept(self) -> frozenset[str]:
        """Blobs that are there for readers only."""
        with self._lock:
            return frozenset(name for names in self._kept.values() for name in names)


class OpenSegments:
    """The bytes of some segments, one piece after the other. Its methods block; any thread may call them."""

    def __init__(
        self, folder: StoreFolder, segments: Sequence[Segment], start: int, end: int, *, holds: Holds, content: int
    ) -> None:
        """Opens the first file, so that one segment needs nothing more; several hold the content as well."""
        self._folder = folder
        self._segments = segments
        self._place, self._end = start, end
        self._holds = holds
        self._content = content
        self._lock = Lock()
        self._index = 0
        self._descriptor: int | None = self._open(0)
        self._is_held = len(segments) > 1
        if self._is_held:
            holds.hold(content)

    def is_over(self) -> bool:
        """Whether there is nothing more to read; then all is closed."""
        return self._place >= self._end

    def read(self) -> bytes:
        """The next piece, b"" at the end.

        Raises:
            Unavailable: another process has replaced the object meanwhile.
            ContentDamaged: a file is shorter than it was.
        """
        with self._lock:
            if self.is_over():
                return b""
            segment = self._segments[self._index]
            end = min(self._end, segment.start + segment.blob.size_bytes)
            piece = self._read_at(self._place - segment.start, min(_PIECE_BYTES, end - self._place))
            self._place += len(piece)
            if self._place == end:
                self._close_file()
                self._index += 1
            if self.is_over():
                self._close()
            return piece

    def close(self) -> None:
        """Let go of the file; again does nothing, and there is nothing to read any more."""
        with self._lock:
            self._place = self._end
            self._close()

    def _read_at(self, place: int, size: int) -> bytes:
        if self._descriptor is None:
            try:
                self._descriptor = self._open(self._index)
            except FileNotFoundError as error:
                raise Unavailable("The object was replaced while it was read; read it again.") from error
        piece = os.pread(self._descriptor, size, place)
        if not piece:
            raise ContentDamaged(
                f"A part of the object is missing on the disk (blob {self._segments[self._index].blob.name}). "
                "Restore it from a backup."
            )
        return piece

    def _open(self, index: int) -> int:
        return self._folder.open_blob(self._segments[index].blob.name)

    def _close_file(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _close(self) -> None:
        self._close_file()
        if self._is_held:
            self._is_held = False
            for name in self._holds.let_go(self._content):
                self._folder.remove_blob(name)

    def __del__(self) -> None:
        """Who forgets to close a reading does not keep its file open for ever."""
        if hasattr(self, "_is_held"):
            with suppress(OSError):
                self._close()


class Body:
    """`Reading.body`. The first piece is there already; most objects are no longer than that."""

    def __init__(self, first: bytes, rest: OpenSegments | None, threads: Threads) -> None:
        self._first = first
        self._rest = rest
        self._threads = threads

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._first:
            piece, self._first = self._first, b""
            return piece
        if self._rest is None or self._rest.is_over():
            raise StopAsyncIteration
        return await self._threads.run(self._rest.read)

    async def aclose(self) -> None:
        """Read no further."""
        self._first = b""
        if self._rest is not None:
            rest, self._rest = self._rest, None
            await self._threads.run_surely(rest.close)


class Reader:
    """Opens objects for reading. Its methods block; they are for threads of the store."""

    def __init__(self, folder: StoreFolder, threads: Threads, holds: Holds) -> None:
        self._folder = folder
        self._threads = threads
        self._holds = holds

    def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        return _find(self._threads.reader(), key).info

    def open(self, key: str, start: int, end: int | None, etag: str) -> Reading:
        """See `ObjectStore.get`."""
        for _ in range(_TRIES):
            reading = self._try_open(key, start, end, etag)
            if reading is not None:
                return reading
        raise ContentDamaged(f"The bytes of {key!r} are missing on the disk. Restore them from a backup.")

    def _try_open(self, key: str, start: int, end: int | None, etag: str) -> Reading | None:
        """None where the object was replaced between the look into the index and the opening of its file."""
        connection = self._threads.reader()
        connection.execute("begin")
        try:
            found = _find(connection, key)
            if etag:
                check_condition(key, found.info.etag, Condition(etag=etag))
            first, last = resolve_range(found.info.size_bytes, start, end)
            small = rows.small_bytes(connection, found.content)
            if small is not None:
                return Reading(found.info, first, last, Body(small[first:last], None, self._threads))
            segments = rows.segments(connection, found.content, first, last)
        finally:
            connection.execute("commit")
        if not segments:
            return Reading(found.info, first, last, Body(b"", None, self._threads))
        try:
            opened = OpenSegments(self._folder, segments, first, last, holds=self._holds, content=found.content)
        except FileNotFoundError:
            return None
        if len(segments) > 1 and not rows.is_named(connection, segments[-1].blob.name):
            opened.close()
            return None
        return Reading(found.info, first, last, Body(opened.read(), opened, self._threads))


def _find(connection: Connection, key: str) -> rows.Found:
    found = rows.find(connection, key)
    if found is None:
        raise NotFound(f"There is no object {key!r}.")
    return found
