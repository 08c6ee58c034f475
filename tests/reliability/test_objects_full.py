"""A16: on a full disk, puts fail by name and leave nothing; reads and deletes go on, and nothing need be restarted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.contracts.objects.bytes_of import MIB, all_keys, body, noise, put, read
from tests.contracts.objects.in_folder import check_folder
from tests.small_disk import small_disk
from tidemill.model.errors import StorageFull
from tidemill.stores.objects.local.blobs import Draft
from tidemill.stores.objects.local.store import LocalConfig, LocalStore

LARGE, SMALL = 2 * MIB, 50_000
DISKS = {"few bytes": "size=16m", "few inodes": "size=64m,nr_inodes=50"}


@pytest.fixture(params=list(DISKS))
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    with small_disk(tmp_path / "disk", DISKS[request.param]) as place:
        yield place


@pytest.fixture
async def store(disk: Path) -> AsyncIterator[LocalStore]:
    opened = LocalStore(LocalConfig(disk / "storage"))
    yield opened
    await opened.close()
    await check_folder(disk / "storage")


async def fill(store: LocalStore, size: int, start: int = 0) -> list[str]:
    """Put objects of this size until there is no room for another; the keys of those that are there."""
    keys: list[str] = []
    for number in range(start, start + 1000):
        try:
            await put(store, f"k{number:04}", noise(size, number))
        except StorageFull:
            return keys
        keys.append(f"k{number:04}")
    raise AssertionError("the disk is not small at all")


async def all_of(calls: Iterable[Awaitable[object]]) -> None:
    """One after the other."""
    for call in calls:
        await call


async def blob_count(store: LocalStore) -> int:
    """Files below `blobs`, once everything is removed that was to be: garbage collection finds none."""
    assert (await store.collect_garbage(age_s=0)).blobs == 0
    return sum(1 for _ in store._folder.blobs())


async def test_a_full_disk_takes_nothing_in_part_and_recovers(store: LocalStore) -> None:
    keys = await fill(store, LARGE)
    assert len(keys) > 2
    for attempt in (put(store, "new", noise(LARGE)), put(store, keys[0], noise(20 * MIB, 1))):
        with pytest.raises(StorageFull):
            await attempt
    assert await all_keys(store) == keys
    assert await blob_count(store) == len(keys)
    for number, key in enumerate(keys):
        assert await read(store, key) == noise(LARGE, number)
    for key in keys[: len(keys) // 2 + 1]:
        await store.delete(key)
    await store.collect_garbage(age_s=0)
    await put(store, "new", noise(LARGE))
    assert await read(store, "new") == noise(LARGE)


async def test_a_part_that_has_no_room_does_not_spoil_the_upload(store: LocalStore) -> None:
    upload = await store.start_upload("a")
    first = await store.put_part("a", upload, 1, body(noise(MIB)))
    keys = await fill(store, LARGE)
    parts = (store.put_part("a", upload, number, body(noise(LARGE))) for number in range(2, 80))
    with pytest.raises(StorageFull):
        await all_of(parts)
    await store.delete_many(keys[: len(keys) // 2 + 1])
    await store.collect_garbage(age_s=0)
    await store.complete_upload("a", upload, [first])
    assert await read(store, "a") == noise(MIB)


async def test_all_can_be_deleted_from_a_full_disk(store: LocalStore) -> None:
    keys = [*await fill(store, LARGE), *await fill(store, SMALL, start=2000)]
    half = len(keys) // 2
    for key in keys[:half]:
        await store.delete(key)
    assert await store.delete_many(keys[half:]) == {}
    assert await all_keys(store) == []
    await store.collect_garbage(age_s=0)
    await put(store, "new", noise(LARGE))


@pytest.mark.parametrize("disk", ["few bytes"], indirect=True)
async def test_a_restart_on_a_full_disk_reads_and_deletes(disk: Path) -> None:
    """Even when others took the last byte while nothing ran."""
    first = LocalStore(LocalConfig(disk / "storage"))
    keys = [*await fill(first, LARGE), *await fill(first, SMALL, start=2000)]
    await first.close()
    with contextlib.suppress(OSError), (disk / "others").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    second = LocalStore(LocalConfig(disk / "storage"))
    assert await all_keys(second) == keys
    assert await read(second, keys[0]) == noise(LARGE, 0)
    with pytest.raises(StorageFull):
        await put(second, "new", noise(LARGE))
    for key in keys[:3]:
        await second.delete(key)
    await second.close()
    third = LocalStore(LocalConfig(disk / "storage"))
    await put(third, "new", noise(LARGE))
    await third.close()


async def test_puts_at_once_on_a_full_disk_succeed_or_fail_each_for_itself(store: LocalStore) -> None:
    contents = {f"p{number:03}": noise(LARGE if number % 3 == 0 else SMALL, number) for number in range(90)}
    ends = await asyncio.gather(
        *(put(store, key, content) for key, content in contents.items()), return_exceptions=True
    )
    assert {type(end) for end in ends if isinstance(end, BaseException)} == {StorageFull}
    there = [key for key, end in zip(contents, ends, strict=True) if not isinstance(end, BaseException)]
    assert await all_keys(store) == there
    for key in there:
        assert await read(store, key) == contents[key]


@pytest.mark.parametrize("disk", ["few bytes"], indirect=True)
async def test_what_a_failed_put_leaves_is_noticed(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: nobody removes what was written so far."""
    monkeypatch.setattr(Draft, "discard", Draft._close)
    careless = LocalStore(LocalConfig(disk / "storage"))
    await fill(careless, LARGE)
    with pytest.raises(StorageFull):
        await put(careless, "new", noise(20 * MIB))
    left = await careless.collect_garbage(age_s=0)
    await careless.close()
    assert left.blobs > 0
