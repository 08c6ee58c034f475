"""A process that writes objects and tells what it begins and what it was told is done; for tests that kill it.

`python -m tests.reliability.object_writer ROOT SEED` writes all keys at once until it is killed; with `told` in place
of the seed it writes one after the other, as lines of its input say (`key version`). It puts out lines of JSON:
`["begin", key, version]`, `["done", key, version]`, `["failed", key, version, code]`. The content of each version is
known (`content_of`). `FAILPOINT` arms failpoints, `FAULT` breaks the store in a way that the tests must notice.
"""

import asyncio
import hashlib
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tidemill.model.errors import TidemillError
from tidemill.model.failpoint import arm
from tidemill.stores.objects.local import blobs, changes, index, writer
from tidemill.stores.objects.local.store import LocalConfig, LocalStore

SIZES = (0, 100, 65_000, 200_000, 1_500_000)
PARTS = 3
KEYS = ("a", "b", "c", "multi/a", "multi/b")


def content_of(key: str, version: int) -> bytes:
    """What `version` of `key` holds."""
    chosen = random.Random(f"{key} {version}")
    return chosen.randbytes(chosen.choice(SIZES))


def versions_of_size(key: str, size: int, count: int) -> list[int]:
    """The first versions of `key` that are so large."""
    found: list[int] = []
    version = 0
    while len(found) < count:
        version += 1
        if len(content_of(key, version)) == size:
            found.append(version)
    return found


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tell(*values: object) -> None:
    os.write(1, json.dumps(values).encode() + b"\n")


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for place in range(0, len(content), 300_000):
        yield content[place : place + 300_000]


async def change(store: LocalStore, key: str, version: int) -> None:
    """Write a version, by parts where the key says so, and tell of it."""
    content = content_of(key, version)
    tell("begin", key, version)
    try:
        if key.startswith("multi/"):
            await put_parts(store, key, content)
        else:
            await store.put(key, pieces(content), size_bytes=len(content))
    except TidemillError as error:
        tell("failed", key, version, error.code)
    else:
        tell("done", key, version)


async def put_parts(store: LocalStore, key: str, content: bytes) -> None:
    upload = await store.start_upload(key)
    size = len(content) // PARTS + 1
    parts = [
        await store.put_part(key, upload, number + 1, pieces(content[number * size : (number + 1) * size]))
        for number in range(PARTS)
    ]
    await store.complete_upload(key, upload, parts)


async def write_all_the_time(store: LocalStore, seed: int) -> None:
    """All keys at once, one version after the other."""

    async def one(key: str) -> None:
        version = seed * 1_000_000
        while True:
            version += 1
            await change(store, key, version)

    await asyncio.gather(*(one(key) for key in KEYS))


async def write_when_told(store: LocalStore) -> None:
    """`key version` on a line of input."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        key, version = line.split()
        await change(store, key, int(version))
    await store.close()


def break_it(fault: str) -> None:
    """Make the store do what it must not, so that tests can show that they would notice."""
    match fault:
        case "removes-too-early":
            remove = changes._remove

            def remove_now(connection, key):
                freed = remove(connection, key)
                for each in freed:
                    for name in each.blobs:
                        (ROOT / "blobs" / name[:2] / name[2:]).unlink()
                return freed

            changes._remove = remove_now
        case "syncs-nothing":
            os.fsync = lambda descriptor: None
            blobs.sync_directory = lambda path: None
            connect = index.connect

            def connect_carelessly(folder):
                connection = connect(folder)
                connection.execute("pragma synchronous = off")
                return connection

            writer.connect = connect_carelessly


if __name__ == "__main__":
    ROOT = Path(sys.argv[1])
    arm(os.environ.get("FAILPOINT", ""))
    break_it(os.environ.get("FAULT", ""))
    opened = LocalStore(LocalConfig(ROOT))
    asyncio.run(write_when_told(opened) if sys.argv[2] == "told" else write_all_the_time(opened, int(sys.argv[2])))
