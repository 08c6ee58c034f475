"""Takes a body in: small ones stay in memory, others become a blob while they still come."""

import asyncio
from collections.abc import AsyncIterable
from typing import Final

from tidemill.stores.objects.checks import measured
from tidemill.stores.objects.local.blobs import Blob, Draft
from tidemill.stores.objects.local.folder import StoreFolder
from tidemill.stores.objects.local.threads import Threads

SMALL_BYTES: Final = 64 * 1024
"""Up to here a row of the index is faster than a file: one sync instead of three (docs/decisions/0014)."""

_PIECE_BYTES: Final = 1024 * 1024


class Receiver:
    """One body on its way in. Afterwards there is `small`, or a `blob` that survives a crash, with its `draft`."""

    def __init__(self, folder: StoreFolder, threads: Threads) -> None:
        self.draft = Draft(folder)
        self.small: bytes | None = None
        self.blob: Blob | None = None
        self._threads = threads
        self._buffer = bytearray()
        self._writing: asyncio.Future[None] | None = None

    async def receive(self, body: AsyncIterable[bytes], size_bytes: int | None, *, small_bytes: int) -> None:
        """Read `body` to its end, while the piece before is written. Whatever it raises, nothing is left of it."""
        try:
            async for piece in measured(body, size_bytes):
                self._buffer += piece
                if len(self._buffer) >= _PIECE_BYTES:
                    await self._write()
            if self._writing is None and len(self._buffer) <= small_bytes:
                self.small = bytes(self._buffer)
                return
            await self._written()
            self.blob = await self._threads.run(self.draft.finish, self._buffer)
        except BaseException:
            await self._threads.run_surely(self.draft.discard)
            raise

    async def _write(self) -> None:
        """Begin to write what is there as soon as the piece before is written."""
        await self._written()
        self._writing = asyncio.wrap_future(self._threads.start(self.draft.write, self._buffer))
        self._writing.add_done_callback(_noticed)  # where the body fails, nobody asks any more
        self._buffer = bytearray()

    async def _written(self) -> None:
        if self._writing is not None:
            await self._writing


def _noticed(writing: asyncio.Future[None]) -> None:
    if not writing.cancelled():
        writing.exception()
