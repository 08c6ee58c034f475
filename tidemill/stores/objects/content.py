"""The instance's store for large values, in a folder or a bucket: compressed, named by the digest of what they hold."""

import asyncio
import hashlib
import io
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

from tidemill.model.content import DIGEST_BYTES, Blocks, Packed
from tidemill.model.errors import (
    ContentDamaged,
    NotFound,
    PreconditionFailed,
    RangeUnsatisfiable,
    StorageDenied,
    StorageFull,
    StorageMisconfigured,
    Unavailable,
)
from tidemill.stores.objects.port import PAGE, ObjectStore

_LEVEL: Final = 3
_BLOCK_BYTES: Final = 128 * 1024
_MOST_BLOCKS: Final = 1024
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

    async def get_blocks(self, digest: str, blocks: Blocks, first: int, last: int) -> bytes:
        """See `Content.get_blocks`."""
        start, end = _range(blocks, first, last)
        try:
            stored = bytes(await obstore.get_range_async(self._store, _key(digest), start=start, end=end))
        except (NotFoundError, FileNotFoundError) as error:
            raise NotFound(f"The object store has no value {digest}.") from error
        except (BaseError, OSError) as error:
            if await asyncio.to_thread(_is_shorter, self._folder / _key(digest), end):
                raise ContentDamaged(f"The stored value {digest} has other bytes than were put.") from error
            raise Unavailable(f"The object store does not answer now: {error}") from error
        return await asyncio.to_thread(_unpack_blocks, digest, blocks, first, last, stored)

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

    async def get_blocks(self, digest: str, blocks: Blocks, first: int, last: int) -> bytes:
        """See `Content.get_blocks`."""
        start, end = _range(blocks, first, last)
        try:
            reading = await self._store.get(_key(digest), start=start, end=end)
            stored = b"".join([piece async for piece in reading.body])
        except NotFound as error:
            raise NotFound(f"The object store has no value {digest}.") from error
        except RangeUnsatisfiable as error:
            raise ContentDamaged(f"The stored value {digest} has other bytes than were put.") from error
        except (*_NOT_NOW, PreconditionFailed) as error:
            raise Unavailable(f"The object store does not answer now: {error}") from error
        return await asyncio.to_thread(_unpack_blocks, digest, blocks, first, last, stored)

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
    """Frames of Zstandard, one behind the other: any tool of its own reads them as the value."""
    view, compressor = memoryview(raw), zstandard.ZstdCompressor(level=_LEVEL)
    block_bytes = max(_BLOCK_BYTES, -(-len(raw) // _MOST_BLOCKS))
    kept = [compressor.compress(view[at : at + block_bytes]) for at in range(0, max(len(raw), 1), block_bytes)]
    blocks = Blocks(
        size_bytes=len(raw),
        block_bytes=block_bytes,
        stored_bytes=tuple(map(len, kept)),
        digests=b"".join(map(_digest_of, kept)),
    )
    return Packed(hashlib.sha256(raw).hexdigest(), len(raw), b"".join(kept), blocks)


def _digest_of(stored: bytes) -> bytes:
    return hashlib.sha256(stored).digest()[:DIGEST_BYTES]


def _range(blocks: Blocks, first: int, last: int) -> tuple[int, int]:
    """Where blocks lie in what is kept."""
    start = sum(blocks.stored_bytes[:first])
    return start, start + sum(blocks.stored_bytes[first : last + 1])


def _is_shorter(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size < size
    except OSError:
        return False


def _unpack_blocks(digest: str, blocks: Blocks, first: int, last: int, stored: bytes) -> bytes:
    parts, position = [], 0
    for number in range(first, last + 1):
        packed = stored[position : position + blocks.stored_bytes[number]]
        position += len(packed)
        if _digest_of(packed) != blocks.digests[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES]:
            raise ContentDamaged(f"Block {number} of the stored value {digest} has other bytes than were put.")
        parts.append(zstandard.ZstdDecompressor().decompress(packed))
    return b"".join(parts)


def _unpack(digest: str, packed: bytes) -> bytes:
    try:
        whole = io.BytesIO()
        zstandard.ZstdDecompressor().copy_stream(io.BytesIO(packed), whole)
        raw = whole.getvalue()
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
