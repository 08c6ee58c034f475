"""The instance's store for large values, in a folder or a bucket: compressed, named by the digest of what they hold."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Final

import obstore
import zstandard
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore

from tidemill.model.content import Packed
from tidemill.model.errors import (
    ContentDamaged,
    NotFound,
    PreconditionFailed,
    StorageDenied,
    StorageFull,
    StorageMisconfigured,
    Unavailable,
)
from tidemill.stores.objects.port import PAGE, ObjectStore

_LEVEL: Final = 3
_FOLDER: Final = "values"
_SUFFIX: Final = ".zst"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NOT_NOW: Final = (StorageDenied, StorageFull, StorageMisconfigured, Unavailable)
"""What whoever runs the instance can mend: until then a value waits."""


class FolderContent:
    """`Content` in a folder, a file each; what was put is synced to disk."""

    def __init__(self, folder: Path) -> None:
        self._store = LocalStore(folder)
        self._folder = folder

    async def pack(self, raw: bytes) -> Packed:
        """See `Content.pack`."""
        return await asyncio.to_thread(_pack, raw)

    async def put(self, packed: Packed) -> None:
        """See `Content.put`. An object that is there already is written again: it may be half of one after a crash."""
        key = _key(packed.digest)
        try:
            await obstore.put_async(self._store, key, packed.content)
        except (BaseError, OSError) as error:
            size = packed.size_bytes
            raise Unavailable(f"The object store does not take a value of {size} bytes now: {error}") from error
        await asyncio.to_thread(_sync, self._folder / key)

    async def get(self, digest: str) -> bytes:
        """See `Content.get`."""
        try:
            answer = await obstore.get_async(self._store, _key(digest))
            packed = bytes(await answer.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise NotFound(f"The object store has no value {digest}.") from error
        except (BaseError, OSError) as error:
            raise Unavailable(f"The object store does not answer now: {error}") from error
        return await asyncio.to_thread(_unpack, digest, packed)

    async def stored(self) -> AsyncIterator[tuple[str, datetime]]:
        """See `Content.stored`."""
        try:
            async for page in obstore.list(self._store, prefix=_FOLDER):
                for meta in page:
                    if (digest := _digest(meta["path"])) is not None:
                        yield digest, meta["last_modified"]
        except (BaseError, OSError) as error:
            raise Unavailable(f"The object store does not answer now: {error}") from error

    async def delete(self, digest: str) -> None:
        """See `Content.delete`."""
        try:
            await obstore.delete_async(self._store, _key(digest))
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise Unavailable(f"The object store does not answer now: {error}") from error


def open_folder(folder: Path) -> FolderContent:
    """The store in a folder, which is made where it is missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return FolderContent(folder)


class BucketContent:
    """`Content` in a bucket of any kind. Whoever opened the store closes it."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def pack(self, raw: bytes) -> Packed:
        """See `Content.pack`."""
        return await asyncio.to_thread(_pack, raw)

    async def put(self, packed: Packed) -> None:
        """See `Content.put`."""
        try:
            await self._store.put(_key(packed.digest), _whole(packed.content), size_bytes=len(packed.content))
        except _NOT_NOW as error:
            size = packed.size_bytes
            raise Unavailable(f"The object store does not take a value of {size} bytes now: {error}") from error

    async def get(self, digest: str) -> bytes:
        """See `Content.get`."""
        try:
            reading = await self._store.get(_key(digest))
            packed = b"".join([piece async for piece in reading.body])
        except NotFound as error:
            raise NotFound(f"The object store has no value {digest}.") from error
        except (*_NOT_NOW, PreconditionFailed) as error:
            raise Unavailable(f"The object store does not answer now: {error}") from error
        return await asyncio.to_thread(_unpack, digest, packed)

    async def stored(self) -> AsyncIterator[tuple[str, datetime]]:
        """See `Content.stored`."""
        after, page = "", None
        try:
            while page is None or len(page) == PAGE:
                page = await self._store.scan(f"{_FOLDER}/", after=after)
                for info in page:
                    if (digest := _digest(info.key)) is not None:
                        yield digest, info.modified_at
                    after = info.key
        except _NOT_NOW as error:
            raise Unavailable(f"The object store does not answer now: {error}") from error

    async def delete(self, digest: str) -> None:
        """See `Content.delete`."""
        try:
            await self._store.delete(_key(digest))
        except _NOT_NOW as error:
            raise Unavailable(f"The object store does not answer now: {error}") from error


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _digest(key: str) -> str | None:
    """The digest that a key is made of; None where it is another's."""
    digest = key.rpartition("/")[2].removesuffix(_SUFFIX)
    return digest if _DIGEST.fullmatch(digest) else None


def _key(digest: str) -> str:
    if _DIGEST.fullmatch(digest) is None:
        raise NotFound(f"{digest[:80]!r} is not the digest of a value.")
    return f"{_FOLDER}/{digest[:2]}/{digest}{_SUFFIX}"


def _pack(raw: bytes) -> Packed:
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(raw)
    return Packed(hashlib.sha256(raw).hexdigest(), len(raw), packed)


def _unpack(digest: str, packed: bytes) -> bytes:
    try:
        raw = zstandard.ZstdDecompressor().decompress(packed)
    except zstandard.ZstdError as error:
        raise ContentDamaged(f"The stored value {digest} is damaged: {error}. Restore it from a backup.") from error
    if hashlib.sha256(raw).hexdigest() != digest:
        raise ContentDamaged(f"The stored value {digest} has other bytes than were put. Restore it from a backup.")
    return raw


def _sync(path: Path) -> None:
    """Make a file that was just renamed into its place, and the names that lead to it, survive a power cut."""
    for each in (path, path.parent, path.parent.parent, path.parent.parent.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
