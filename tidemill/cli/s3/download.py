"""Downloads an object into a file, which is there whole or not at all: a large one by ranges, some at once."""

import asyncio
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Final

from tidemill.cli.s3.endpoint import Endpoint
from tidemill.cli.s3.items import Item
from tidemill.cli.s3.lanes import fill_slots
from tidemill.cli.s3.places import local_errors
from tidemill.cli.s3.progress import Meter
from tidemill.model.errors import PreconditionFailed
from tidemill.model.object_address import Address
from tidemill.stores.objects.s3.store import S3Store

_RANGE_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Downloader:
    """`slots`: requests for bytes that are under way at once, of all downloads together."""

    endpoint: Endpoint
    slots: asyncio.Semaphore
    meter: Meter

    async def file(self, at: Address, item: Item, target: Path) -> int:
        """Download the object that `item` tells of; its size. The file gets the time of the object.

        Raises:
            PreconditionFailed: it was written meanwhile.
        """
        store = await self.endpoint.store(at)
        with local_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _replacing(target) as file:
                await self._fill(store, at, item, file)
                moment = item.modified_at.timestamp()
                os.utime(file.fileno(), (moment, moment))
        return item.size_bytes

    async def pipe(self, at: Address) -> int:
        """Write the object to standard output; its size."""
        store = await self.endpoint.store(at)
        reading = await store.get(at.key)
        async for piece in reading.body:
            await asyncio.to_thread(sys.stdout.buffer.write, piece)
        sys.stdout.buffer.flush()
        return reading.end

    async def _fill(self, store: S3Store, at: Address, item: Item, file: FileIO) -> None:
        if not item.size_bytes:
            return
        starts = range(0, item.size_bytes, _RANGE_BYTES)
        try:
            await fill_slots(self.slots, (partial(self._range, store, at, item, file, start) for start in starts))
        except PreconditionFailed as error:
            raise PreconditionFailed(f"{at} was written while it was downloaded: download it again.") from error

    async def _range(self, store: S3Store, at: Address, item: Item, file: FileIO, start: int) -> None:
        """Written in line: to a page of the cache that costs less than handing it to a thread."""
        end = min(start + _RANGE_BYTES, item.size_bytes)
        whole = start == 0 and end == item.size_bytes
        reading = await store.get(at.key, start=start, end=None if whole else end, etag=item.etag)
        if reading.info.size_bytes != item.size_bytes:
            await reading.body.aclose()  # type: ignore[attr-defined]
            raise PreconditionFailed(f"{at} has another size than it had.")
        async for piece in reading.body:
            os.pwrite(file.fileno(), piece, start)
            start += len(piece)
            self.meter.moved(len(piece))


@contextmanager
def _replacing(target: Path) -> Iterator[FileIO]:
    """A file beside `target` that takes its place when the block ends well, with its rights, and goes otherwise."""
    beside = target.with_name(f".{secrets.token_hex(8)}.part")
    mode = target.stat().st_mode & 0o777 if target.is_file() else None
    try:
        with beside.open("xb", buffering=0) as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            yield file
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
