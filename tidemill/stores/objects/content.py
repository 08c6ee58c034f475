"""The instance's object store for large values: compressed, named by the digest of what they hold."""

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
from obstore.store import LocalStore, ObjectStore, from_url

from tidemill.model.content import Packed
from tidemill.model.errors import ConfigurationError, ContentDamaged, NotFound, Unavailable

_LEVEL: Final = 3
_FOLDER: Final = "values"
_SUFFIX: Final = ".zst"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class ContentStore:
    """`Content` on any store that obstore knows."""

    def __init__(self, store: ObjectStore, *, folder: Path | None = None) -> None:
        """`folder`: where the store keeps its files, when it is a local one: they are then synced to disk."""
        self._store = store
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
        if self._folder is not None:
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
                    digest = meta["path"].rpartition("/")[2].removesuffix(_SUFFIX)
                    if _DIGEST.fullmatch(digest):
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


def open_content(url: str, *, default_folder: Path) -> ContentStore:
    """The store at `url` (`s3://bucket/prefix`, `az://…`, `gs://…`, `file:///folder`), or in `default_folder` for "".

    Credentials come from the environment variables of each cloud.

    Raises:
        ConfigurationError: `url` is not one that leads to an object store.
    """
    folder = Path(url.removeprefix("file://")) if url.startswith("file://") else default_folder
    if url and not url.startswith("file://"):
        try:
            return ContentStore(from_url(url))
        except (BaseError, ValueError) as error:
            raise ConfigurationError(f"TIDEMILL_OBJECTS_URL={url!r} leads to no object store: {error}") from error
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ContentStore(LocalStore(folder), folder=folder)


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
