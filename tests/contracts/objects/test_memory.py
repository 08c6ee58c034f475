"""Large objects pass through in bounded memory."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.contracts.objects.buckets import BUCKETS, KEPT_IN_MEMORY
from tests.contracts.objects.bytes_of import MIB, noise
from tidemill.stores.objects.port import ObjectStore

LARGE = 64
BOUND_MIB = 24


@pytest.mark.parametrize("open_store", sorted(BUCKETS.keys() - KEPT_IN_MEMORY), indirect=True)
async def test_a_large_object_passes_through_in_bounded_memory(store: ObjectStore) -> None:
    await through(store, "warm", 2)
    risen_mib = rise()
    await through(store, "large", LARGE)
    assert risen_mib() < BOUND_MIB


@pytest.mark.parametrize("open_store", sorted(BUCKETS.keys() - KEPT_IN_MEMORY), indirect=True)
async def test_some_large_objects_at_once_need_some_mebibytes_each(store: ObjectStore) -> None:
    await through(store, "warm", 2)
    risen_mib = rise()
    await asyncio.gather(*(through(store, f"large{number}", LARGE // 4) for number in range(4)))
    assert risen_mib() < 2 * BOUND_MIB


async def through(store: ObjectStore, key: str, mebibytes: int) -> None:
    """Put and get, by pieces that nobody keeps."""
    piece, expected = noise(MIB), hashlib.md5(usedforsecurity=False)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(mebibytes):
            expected.update(piece)
            yield piece

    await store.put(key, pieces(), size_bytes=mebibytes * MIB)
    found = hashlib.md5(usedforsecurity=False)
    async for part in (await store.get(key)).body:
        found.update(part)
    assert found.digest() == expected.digest()


def rise() -> Callable[[], float]:
    """Tells how far the memory of this process rose since now at most, in MiB."""
    Path("/proc/self/clear_refs").write_text("5")  # forgets the highest value so far
    before = resident_mib("VmRSS")
    return lambda: resident_mib("VmHWM") - before


def resident_mib(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024
