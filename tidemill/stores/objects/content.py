"""The instance's store for large values, in a folder or a bucket: compressed, named by the digest of what they hold."""

import asyncio
import hashlib
import io
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

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

if TYPE_CHECKING:
    from typing_extensions import Buffer

_LEVEL: Final = 3
_BLOCK_BYTES: Final = 128 * 1024
_MOST_BLOCKS: Final = 1024
_MOST_OF_A_BLOCK: Final = 128 * 1024
"""Within a frame, by the format of Zstandard."""
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

    async def pack(self, *raw: bytes) -> Packed:
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
            packed = await answer.bytes_async()
        except (NotFoundError, FileNotFoundError) as error:
            raise NotFound(f"The object store has no value {digest}.") from error
        except (BaseError, OSError) as error:
            raise Unavailable(f"The object store does not answer now: {error}") from error
        return await asyncio.to_thread(_unpack, digest, packed)

    async def get_blocks(self, digest: str, blocks: Blocks, first: int, last: int) -> bytes:
        """See `Content.get_blocks`."""
        start, end = _range(blocks, first, last)
        try:
            stored = await obstore.get_range_async(self._store, _key(digest), start=start, end=end)
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

    async def pack(self, *raw: bytes) -> Packed:
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


def _pack(pieces: Sequence[bytes]) -> Packed:
    """Frames of Zstandard, one behind the other: any tool of its own reads them as the value."""
    size, digest = sum(map(len, pieces)), hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    block_bytes, compressor = max(_BLOCK_BYTES, -(-size // _MOST_BLOCKS)), zstandard.ZstdCompressor(level=_LEVEL)
    kept, stored_bytes, digests = io.BytesIO(), [], []
    for block in _blocks(pieces, block_bytes):
        packed = compressor.compress(block)
        stored_bytes.append(kept.write(packed))
        digests.append(_digest_of(packed))
    blocks = Blocks(
        size_bytes=size, block_bytes=block_bytes, stored_bytes=tuple(stored_bytes), digests=b"".join(digests)
    )
    return Packed(digest.hexdigest(), size, kept.getvalue(), blocks)


def _blocks(pieces: Sequence[bytes], size: int) -> Iterator[bytes | bytearray | memoryview]:
    """All of the pieces in blocks of `size` bytes, the last one of what is left; of nothing one without a byte."""
    begun = bytearray()
    for piece in pieces:
        view, at = memoryview(piece), 0
        if begun:
            at = size - len(begun)
            begun += view[:at]
            if len(begun) < size:
                continue
            yield begun
            begun = bytearray()
        whole = at + (len(view) - at) // size * size
        for start in range(at, whole, size):
            yield view[start : start + size]
        begun += view[whole:]
    if begun or not any(pieces):
        yield begun


def _digest_of(stored: bytes | memoryview) -> bytes:
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


def _unpack_blocks(digest: str, blocks: Blocks, first: int, last: int, stored: "Buffer") -> bytes:
    whole = _room((last - first + 1) * blocks.block_bytes)
    view, position = memoryview(stored), 0
    for number in range(first, last + 1):
        packed = view[position : position + blocks.stored_bytes[number]]
        position += len(packed)
        if _digest_of(packed) != blocks.digests[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES]:
            raise ContentDamaged(f"Block {number} of the stored value {digest} has other bytes than were put.")
        whole.write(zstandard.ZstdDecompressor().decompress(packed))
    whole.truncate()
    return whole.getvalue()


def _unpack(digest: str, packed: "Buffer") -> bytes:
    try:
        whole = _room(_most_bytes(packed))
        with zstandard.ZstdDecompressor().stream_reader(memoryview(packed), read_across_frames=True) as frames:
            while piece := frames.read(_BLOCK_BYTES):
                whole.write(piece)
    except zstandard.ZstdError as error:
        raise ContentDamaged(f"The stored value {digest} is damaged: {error}. Restore it from a backup.") from error
    whole.truncate()
    raw = whole.getvalue()
    if hashlib.sha256(raw).hexdigest() != digest:
        raise ContentDamaged(f"The stored value {digest} has other bytes than were put. Restore it from a backup.")
    return raw


def _room(size: int) -> io.BytesIO:
    """A buffer of so many bytes, to be written from its start: one that grows takes twice the memory in a thread."""
    whole = io.BytesIO()
    if size:
        whole.seek(size - 1)
        whole.write(b"\0")
        whole.seek(0)
    return whole


def _most_bytes(packed: "Buffer") -> int:
    """How much frames of Zstandard unpack to, as each tells, and never more than its blocks can hold.

    Raises:
        ZstdError: what is there does not begin like a frame.
    """
    view, at, total = memoryview(packed), 0, 0
    while at < len(view):
        head, held, is_last = zstandard.get_frame_parameters(view[at:]), 0, False
        at += zstandard.frame_header_size(view[at:])
        while not is_last and at < len(view):
            block = int.from_bytes(view[at : at + 3], "little")
            is_last, is_repeated = bool(block & 1), block >> 1 & 3 == 1
            held += _MOST_OF_A_BLOCK
            at += 3 + (1 if is_repeated else block >> 3)
        at += 4 if head.has_checksum else 0
        total += min(head.content_size, held)
    return total


def _sync(path: Path) -> None:
    """Make a file that was just renamed into its place, and the names that lead to it, survive a power cut."""
    for each in (path, path.parent, path.parent.parent, path.parent.parent.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
