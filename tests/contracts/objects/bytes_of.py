"""Bodies to put and to read, for the tests of object stores."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterable
from typing import Final

from tidemill.stores.objects.port import Attributes, Folder, ObjectInfo, ObjectStore, Reading

MIB: Final = 1024 * 1024
PART_BYTES: Final = 5 * MIB


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def broken_body(*pieces: bytes) -> AsyncIterator[bytes]:
    """Ends with an error that is not ours, as a client does that goes away."""
    for piece in pieces:
        yield piece
    raise ConnectionResetError("the client went away")


async def endless_body(gone: asyncio.Event) -> AsyncIterator[bytes]:
    """Gives two pieces, sets `gone` and then nothing more for ever."""
    yield noise(MIB)
    yield noise(MIB)
    gone.set()
    await asyncio.Event().wait()


def noise(size_bytes: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


async def put(
    store: ObjectStore, key: str, content: bytes = b"x", *, attributes: Attributes | None = None
) -> ObjectInfo:
    return await store.put(key, body(content), size_bytes=len(content), attributes=attributes or Attributes())


async def content_of(reading: Reading) -> bytes:
    return b"".join([piece async for piece in reading.body])


async def read(store: ObjectStore, key: str, *, start: int = 0, end: int | None = None) -> bytes:
    """The bytes of a range, after checking that they are as many as the reading said."""
    reading = await store.get(key, start=start, end=end)
    content = await content_of(reading)
    assert len(content) == reading.end - reading.start
    return content


def keys_of(page: Iterable[ObjectInfo | Folder]) -> list[str]:
    """Keys and prefixes of folders, as they come."""
    return [entry.prefix if isinstance(entry, Folder) else entry.key for entry in page]


async def all_keys(store: ObjectStore, prefix: str = "") -> list[str]:
    """By as many pages as it takes."""
    found: list[str] = []
    while True:
        page = await store.scan(prefix, after=found[-1] if found else "")
        found += keys_of(page)
        if len(page) < 1000:
            return found


async def remove_all(store: ObjectStore, keys: list[str]) -> None:
    for place in range(0, len(keys), 1000):
        assert await store.delete_many(keys[place : place + 1000]) == {}
