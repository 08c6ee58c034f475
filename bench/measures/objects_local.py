"""Objects in a local folder: small and large ones, and a listing of many."""

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable
from hashlib import md5
from pathlib import Path

from bench.figures import Figure
from bench.instance import Instance
from tidemill.stores.objects.local.store import LocalConfig, LocalStore

_SMALL, _PIECE = 1000, 1024 * 1024
_AGAINST = "a file each: write, MD5, sync of file and directory"


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """In the instance's directory, which is on a disk. Every put is durable when it is answered."""
    small, large, listed, rounds = (100, 64, 2000, 2) if quick else (1000, 1024, 100_000, 3)
    folder = instance.directory / "objects"
    (folder / "raw").mkdir(parents=True)
    store = LocalStore(LocalConfig(folder / "ours"))
    ours: dict[str, list[float]] = {"put": [], "get": [], "at once": [], "large": []}
    raw: dict[str, list[float]] = {"put": [], "get": [], "large": []}
    for number in range(rounds):
        names = [f"{number}/{each}" for each in range(small)]
        raw["put"].append(small / timed(lambda: write_files(folder / "raw", small, _SMALL, 1)))
        ours["put"].append(small / await put_all(store, names, 1))
        ours["at once"].append(small / await put_all(store, [f"at-once/{name}" for name in names], 16))
        raw["get"].append(small / timed(lambda: read_files(folder / "raw")))
        ours["get"].append(small / await get_all(store, names))
        empty(folder / "raw")
        raw["large"].append(large / timed(lambda: write_files(folder / "raw", 1, _PIECE, large)))
        empty(folder / "raw")
        ours["large"].append(large / await put_large(store, large))
    await put_all(store, [f"list/{secrets.token_hex(8)}" for _ in range(listed)], 64)
    pages = await walk(store, "list/")
    await store.close()
    return [
        Figure(name="objects_local_put", title="puts of 1 kB, one by one", unit="/s", ours=ours["put"], raw=raw["put"],
               against=_AGAINST, floor=0.5),
        Figure(name="objects_local_put_16", title="puts of 1 kB, 16 at once", unit="/s", ours=ours["at once"],
               raw=raw["put"], against=f"{_AGAINST}, one by one", floor=0.5),
        Figure(name="objects_local_get", title="gets of 1 kB, one by one", unit="/s", ours=ours["get"], raw=raw["get"],
               against="open and read a file each"),
        Figure(name="objects_local_large", title=f"put of {large} MiB", unit="MiB/s", ours=ours["large"],
               raw=raw["large"], against=_AGAINST, aim=0.8),
        Figure(name="objects_local_page", title=f"page of 1,000 keys of {listed:,}, the slowest", unit="ms",
               ours=[max(pages) * 1000], more_is_better=False, aim=200),
        Figure(name="objects_local_walk", title=f"all pages of {listed:,} keys", unit="s", ours=[sum(pages)],
               more_is_better=False, aim=30),
    ]  # fmt: skip


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def write_files(folder: Path, count: int, piece_bytes: int, pieces: int) -> None:
    piece = os.urandom(piece_bytes)
    for number in range(count):
        descriptor = os.open(folder / str(number), os.O_CREAT | os.O_WRONLY)
        digest = md5(usedforsecurity=False)
        for _ in range(pieces):
            os.write(descriptor, piece)
            digest.update(piece)
        os.fsync(descriptor)
        os.close(descriptor)
        directory = os.open(folder, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)


def read_files(folder: Path) -> None:
    for path in folder.iterdir():
        path.read_bytes()


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


async def pieces_of(piece: bytes, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield piece


async def put_all(store: LocalStore, names: list[str], at_once: int) -> float:
    """Seconds for objects of 1 kB, by so many at once."""
    content, left = os.urandom(_SMALL), iter(names)

    async def put_some() -> None:
        for name in left:
            await store.put(name, pieces_of(content, 1))

    start = time.perf_counter()
    await asyncio.gather(*(put_some() for _ in range(at_once)))
    return time.perf_counter() - start


async def get_all(store: LocalStore, names: list[str]) -> float:
    start = time.perf_counter()
    for name in names:
        async for _ in (await store.get(name)).body:
            pass
    return time.perf_counter() - start


async def put_large(store: LocalStore, mebibytes: int) -> float:
    start = time.perf_counter()
    await store.put("large", pieces_of(os.urandom(_PIECE), mebibytes))
    return time.perf_counter() - start


async def walk(store: LocalStore, prefix: str) -> list[float]:
    """Seconds for each page."""
    seconds: list[float] = []
    after = ""
    while True:
        start = time.perf_counter()
        page = await store.scan(prefix, after=after)
        seconds.append(time.perf_counter() - start)
        if len(page) < 1000:
            return seconds
        after = page[-1].key
