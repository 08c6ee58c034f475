"""Uploads a file: whole, or in parts, some at once, that are gone on with after a break."""

import asyncio
import mimetypes
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

from tidemill.cli.s3.endpoint import Endpoint
from tidemill.cli.s3.lanes import fill_slots
from tidemill.cli.s3.places import local_errors
from tidemill.cli.s3.progress import Meter
from tidemill.cli.s3.resume import Bookmark
from tidemill.cli.s3.sums import WHOLE_BYTES, part_bytes_of, pieces_of
from tidemill.model.errors import Conflict, NotFound, Unavailable
from tidemill.model.object_address import Address
from tidemill.stores.objects.port import Attributes, Part
from tidemill.stores.objects.s3.store import S3Store

_ATTEMPTS: Final = 3
_PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Uploader:
    """`slots`: requests with bytes that are under way at once, of all uploads together."""

    endpoint: Endpoint
    slots: asyncio.Semaphore
    meter: Meter
    content_type: str = ""

    async def file(self, source: Path, at: Address) -> int:
        """Upload a file; its size.

        Raises:
            Conflict: it changed meanwhile. What was uploaded in parts is not there then.
        """
        store = await self.endpoint.store(at)
        found = _look_at(source)
        if found.st_size <= WHOLE_BYTES:
            async with self.slots:
                body = self.body(source, 0, found.st_size)
                await store.put(at.key, body, size_bytes=found.st_size, attributes=self.attributes(source))
                _require_unchanged(source, found)
        else:
            await _Parts(self, store, source, at, found).send()
        return found.st_size

    async def pipe(self, at: Address) -> int:
        """Upload standard input, of any length; its size. The first bytes are awaited before anything is begun."""
        store = await self.endpoint.store(at)
        info = await store.put(at.key, self._standard_input(), attributes=Attributes(content_type=self.content_type))
        return info.size_bytes

    async def body(self, source: Path, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes of a file, which are counted, and discounted where they have to be sent again.

        Read in line: a page of the cache costs less than handing it to a thread.
        """
        moved = 0
        try:
            for piece in pieces_of(source, start, end):
                yield piece
                moved += len(piece)
                self.meter.moved(len(piece))
        except BaseException:
            self.meter.moved(-moved)
            raise

    async def _standard_input(self) -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(sys.stdin.buffer.read, _PIECE_BYTES):
            yield piece
            self.meter.moved(len(piece))

    def attributes(self, source: Path) -> Attributes:
        """As they were asked for, or as the name of the file tells."""
        guessed, encoding = mimetypes.guess_type(source.name)
        told = "" if encoding else guessed or ""  # x.csv.gz is not text
        return Attributes(content_type=self.content_type or told)


class _Parts:
    """One large upload."""

    def __init__(self, uploader: Uploader, store: S3Store, source: Path, at: Address, found: os.stat_result) -> None:
        self._uploader = uploader
        self._store = store
        self._source = source
        self._at = at
        self._found = found
        self._part_bytes = part_bytes_of(found.st_size)
        self._bookmark = Bookmark(uploader.endpoint.server, at, source)

    async def send(self) -> None:
        """Send what is missing, and make the object."""
        upload, parts = await self._begun()
        missing = [number for number in self._numbers() if number not in parts]
        try:
            sends = (partial(self._send, upload, number, parts) for number in missing)
            await fill_slots(self._uploader.slots, sends)
        except NotFound:  # it was given up elsewhere: the next run begins anew
            self._bookmark.remove()
            raise
        if _has_changed(self._source, self._found):
            await self._store.abort_upload(self._at.key, str(upload))
            self._bookmark.remove()
            raise _changed(self._source)
        await self._store.complete_upload(self._at.key, str(upload), [parts[number] for number in self._numbers()])
        self._bookmark.remove()

    async def _begun(self) -> tuple[UUID, dict[int, Part]]:
        """The upload that was broken off, with the parts that it has, or a new one."""
        upload = self._bookmark.read(self._found)
        kept = None if upload is None else await self._uploader.endpoint.parts(self._at, upload)
        if upload is not None and kept is not None:
            parts = {part.number: part for part in kept if part.size_bytes == self._size_of(part.number)}
            self._uploader.meter.moved(sum(part.size_bytes for part in parts.values()))
            return upload, parts
        attributes = self._uploader.attributes(self._source)
        upload = UUID(await self._store.start_upload(self._at.key, attributes=attributes))
        self._bookmark.write(upload, self._found)
        return upload, {}

    async def _send(self, upload: UUID, number: int, parts: dict[int, Part]) -> None:
        start = (number - 1) * self._part_bytes
        size = self._size_of(number)
        for attempt in range(1, _ATTEMPTS + 1):
            body = self._uploader.body(self._source, start, start + size)
            try:
                parts[number] = await self._store.put_part(self._at.key, str(upload), number, body, size_bytes=size)
            except Unavailable:
                if attempt == _ATTEMPTS:
                    raise
            else:
                return

    def _numbers(self) -> range:
        return range(1, -(-self._found.st_size // self._part_bytes) + 1)

    def _size_of(self, number: int) -> int:
        return min(self._part_bytes, self._found.st_size - (number - 1) * self._part_bytes)


def _has_changed(source: Path, before: os.stat_result) -> bool:
    now = _look_at(source)
    return (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns)


def _look_at(source: Path) -> os.stat_result:
    with local_errors(source):
        return source.stat()


def _require_unchanged(source: Path, before: os.stat_result) -> None:
    if _has_changed(source, before):
        raise _changed(source)


def _changed(source: Path) -> Conflict:
    return Conflict(f"{source} was written while it was uploaded: upload it again once nobody writes it.")
