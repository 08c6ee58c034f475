"""The local store: an `ObjectStore` in a folder of this machine."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Final, Self, TypeVar

from tidemill.engine.egress import EVERYWHERE, Egress
from tidemill.model.errors import InvalidKey, StorageFull, StorageMisconfigured, TidemillError, Unavailable, Unsupported
from tidemill.stores.objects.checks import check_batch, check_key, check_limit, check_part_number, check_text
from tidemill.stores.objects.local import changes, rows, upkeep
from tidemill.stores.objects.local.blobs import Blob, Draft
from tidemill.stores.objects.local.changes import Freed
from tidemill.stores.objects.local.folder import StoreFolder
from tidemill.stores.objects.local.reading import Holds, Reader
from tidemill.stores.objects.local.receiving import SMALL_BYTES, Receiver
from tidemill.stores.objects.local.threads import Threads
from tidemill.stores.objects.local.upkeep import GARBAGE_AGE_S, Collected, Finding
from tidemill.stores.objects.local.writer import Writer
from tidemill.stores.objects.port import (
    ALWAYS,
    NO_ATTRIBUTES,
    PAGE,
    Attributes,
    Capabilities,
    Condition,
    Folder,
    ObjectInfo,
    Part,
    Reading,
    Usage,
)
from tidemill.stores.objects.remote.identity import Prove, nobody

T = TypeVar("T")
_BATCH: Final = 500
"""Blobs that are looked at in one go by what looks after the store."""


@dataclass(frozen=True, slots=True)
class LocalConfig:
    """Where the folder is: an absolute path. It is made where it is missing."""

    root_path: Path

    @classmethod
    def from_value(cls, value: Mapping[str, object]) -> Self:
        """Raises StorageMisconfigured where `root_path` is missing or not absolute."""
        root_path = value.get("root_path")
        if not isinstance(root_path, str) or "\0" in root_path or not Path(root_path).is_absolute():
            raise StorageMisconfigured("A local storage needs `root_path`, the absolute path of its folder.")
        return cls(Path(root_path))


class LocalStore:
    """See `ObjectStore`. Several processes may have one folder open at the same time."""

    def __init__(self, config: LocalConfig) -> None:
        """Touches nothing yet: the folder is made and looked at when it is first used."""
        self._folder = StoreFolder(config.root_path)
        self._threads = Threads(self._folder)
        self._holds = Holds()
        self._reader = Reader(self._folder, self._threads, self._holds)
        self._writer = Writer(self._folder, self._remove)

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress = EVERYWHERE, prove: Prove = nobody) -> Self:
        """See `Backend.open`."""
        del egress, prove  # nothing is connected to
        return cls(LocalConfig.from_value(value))

    @property
    def can(self) -> Capabilities:
        """All but addresses that lead past us."""
        return Capabilities()

    async def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        check_key(key)
        return await self._threads.run(self._reader.head, key)

    async def get(self, key: str, *, start: int = 0, end: int | None = None, etag: str = "") -> Reading:
        """See `ObjectStore.get`."""
        check_key(key)
        return await self._threads.run(self._reader.open, key, start, end, etag)

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        *,
        size_bytes: int | None = None,
        attributes: Attributes = NO_ATTRIBUTES,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """See `ObjectStore.put`."""
        check_key(key)
        received = Receiver(self._folder, self._threads)
        await received.receive(body, size_bytes, small_bytes=SMALL_BYTES)
        if (small := received.small) is not None:
            return await self._change(
                lambda connection: changes.put_small(connection, key, small, attributes=attributes, condition=condition)
            )
        blob = received.blob
        assert blob is not None
        return await self._change(
            lambda connection: changes.put_blob(
                connection, self._folder, key, blob, attributes=attributes, condition=condition
            ),
            draft=received.draft,
        )

    async def delete(self, key: str, *, etag: str = "") -> None:
        """See `ObjectStore.delete`."""
        check_key(key)
        if etag:
            await self._change(lambda connection: changes.delete_one(connection, key, etag=etag), frees=True)
        else:
            await self._change(lambda connection: changes.delete(connection, [key]), frees=True)

    async def delete_many(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        """See `ObjectStore.delete_many`. One transaction, or one each where the disk is too full for that."""
        check_batch(keys)
        failed: dict[str, Exception] = {}
        valid = [key for key in keys if _is_valid(key, failed)]
        try:
            await self._change(lambda connection: changes.delete(connection, valid), frees=True)
        except StorageFull:
            for key in valid:
                try:
                    await self.delete(key)
                except TidemillError as error:
                    failed[key] = error
        return failed

    async def copy(
        self, source: str, target: str, *, attributes: Attributes | None = None, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        """See `ObjectStore.copy`. No byte is moved, however large the object is."""
        check_key(source)
        check_key(target)
        return await self._change(
            lambda connection: changes.copy(connection, source, target, attributes=attributes, condition=condition)
        )

    async def scan(self, prefix: str, *, after: str = "", limit: int = PAGE) -> list[ObjectInfo]:
        """See `ObjectStore.scan`."""
        check_limit(limit)
        check_text(prefix + after)
        return await self._read(lambda connection: rows.scan(connection, prefix, after=after, limit=limit))

    async def scan_folder(
        self, prefix: str, *, delimiter: str = "/", after: str = "", limit: int = PAGE
    ) -> list[ObjectInfo | Folder]:
        """See `ObjectStore.scan_folder`."""
        check_limit(limit)
        check_text(prefix + after + delimiter)
        return await self._read(
            lambda connection: rows.scan_folder(connection, prefix, delimiter=delimiter, after=after, limit=limit)
        )

    async def start_upload(self, key: str, *, attributes: Attributes = NO_ATTRIBUTES) -> str:
        """See `ObjectStore.start_upload`."""
        check_key(key)
        return await self._change(lambda connection: changes.start_upload(connection, key, attributes=attributes))

    async def put_part(
        self, key: str, upload: str, number: int, body: AsyncIterable[bytes], *, size_bytes: int | None = None
    ) -> Part:
        """See `ObjectStore.put_part`."""
        check_part_number(number)
        await self._read(lambda connection: changes.check_upload(connection, key, upload))
        received = Receiver(self._folder, self._threads)
        await received.receive(body, size_bytes, small_bytes=-1)
        blob = received.blob
        assert blob is not None
        return await self._change(
            lambda connection: changes.put_part(connection, self._folder, key, upload, number, blob=blob),
            draft=received.draft,
        )

    async def complete_upload(
        self,
        key: str,
        upload: str,
        parts: Sequence[Part],
        *,
        attributes: Attributes = NO_ATTRIBUTES,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """See `ObjectStore.complete_upload`. The attributes are those that the upload was begun with."""
        return await self._change(
            lambda connection: changes.complete_upload(connection, key, upload, parts, condition=condition)
        )

    async def abort_upload(self, key: str, upload: str) -> None:
        """See `ObjectStore.abort_upload`."""
        await self._change(lambda connection: changes.abort_upload(connection, key, upload), frees=True)

    async def sign(self, method: str, key: str, *, expires_s: int) -> str:
        """Raises Unsupported: a folder has no address."""
        raise Unsupported("Objects in a folder have no address of their own; read them through Tidemill.")

    async def close(self) -> None:
        """See `ObjectStore.close`. Waits for what was begun."""
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._threads.close)

    async def usage(self, prefix: str = "", *, depth: int = 1, delimiter: str = "/") -> list[Usage]:
        """See `Counting.usage`. Reads the index of all objects below `prefix`: a million takes some seconds."""
        check_text(prefix + delimiter)
        return await self._read(lambda connection: upkeep.usage(connection, prefix, depth=depth, delimiter=delimiter))

    async def collect_garbage(self, *, age_s: float = GARBAGE_AGE_S) -> Collected:
        """Remove blobs that nothing names and nobody wrote to for so long: what a crash left. Safe at any time.

        The index gives the room of what was deleted back to the disk as well.
        """
        kept = self._holds.kept()
        stale = await self._read(lambda connection: upkeep.stale_blobs(self._folder, connection, age_s=age_s))
        names = [each for each in stale if each[0] not in kept]
        total = Collected()
        for place in range(0, max(1, len(names)), _BATCH):
            done = await self._change(
                upkeep.collect(self._folder, names[place : place + _BATCH], age_s=age_s), frees=True
            )
            total = Collected(blobs=total.blobs + done.blobs, size_bytes=total.size_bytes + done.size_bytes)
        while await self._change(upkeep.shrink, frees=True):
            pass
        return total

    async def scrub(self) -> AsyncIterator[Finding]:
        """Verify the index, every byte and every file against each other; gives what is wrong, and changes nothing."""
        for finding in await self._read(lambda connection: list(upkeep.verify_index(connection))):
            yield finding
        last: int | None = 0
        while last is not None:
            last, found = await self._verify_small(last)
            for finding in found:
                yield finding
        blobs = await self._named_blobs("")
        while blobs:
            for blob in blobs:
                problem = await self._verify_blob(blob)
                if problem is not None:
                    yield problem
            blobs = await self._named_blobs(blobs[-1].name)
        kept = self._holds.kept()
        stale = await self._read(lambda connection: upkeep.stale_blobs(self._folder, connection, age_s=GARBAGE_AGE_S))
        for name, size_bytes in stale:
            if name not in kept:
                yield Finding(problem=f"nothing names this file of {size_bytes} bytes: collect garbage", blob=name)

    async def _verify_small(self, after: int) -> tuple[int | None, list[Finding]]:
        return await self._read(lambda connection: upkeep.verify_small(connection, after, _BATCH))

    async def _named_blobs(self, after: str) -> list[Blob]:
        return await self._read(lambda connection: upkeep.named_blobs(connection, after, _BATCH))

    async def _verify_blob(self, blob: Blob) -> Finding | None:
        return await self._read(lambda connection: upkeep.verify_blob(self._folder, connection, blob))

    async def _read(self, look: Callable[[Connection], T]) -> T:
        return await self._threads.run(lambda: look(self._threads.reader()))

    async def _change(
        self,
        apply: Callable[[Connection], tuple[T, list[Freed]]],
        *,
        draft: Draft | None = None,
        frees: bool = False,
    ) -> T:
        """Have it done by the writer. `draft` is removed where it is not; it may be done although we are canceled."""

        def undo() -> None:
            if draft is not None:
                with suppress(Unavailable):
                    self._threads.start(draft.discard)

        return await asyncio.wrap_future(self._writer.submit(apply, undo=undo, frees=frees))

    def _remove(self, freed: list[Freed]) -> None:
        names = [name for each in freed for name in self._holds.free(each)]
        if names:
            self._threads.start(self._unlink, names)

    def _unlink(self, names: Sequence[str]) -> None:
        for name in names:
            self._folder.remove_blob(name)


def _is_valid(key: str, failed: dict[str, Exception]) -> bool:
    try:
        check_key(key)
    except InvalidKey as error:
        failed[key] = error
        return False
    return True
